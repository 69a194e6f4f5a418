//! Why a candidate was chosen, and who may know.

use acft::CandidateId;
use acft_project::desk::Foreseen;
use acft_project::{ClassId, Ledger};
use serde::Serialize;

use crate::settings::ShowGuess;

/// What the network made of a candidate when it was drawn: before anyone had
/// labeled it, so before it could be memorised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Why {
    /// Mean over the patches, a value a class of `classes`.
    pub(crate) mean: Vec<f64>,
    /// None where the scores were made elsewhere.
    pub(crate) dominant: Option<ClassId>,
    pub(crate) score: f64,
    pub(crate) entropy: f64,
    pub(crate) diversity: f64,
    pub(crate) rank: Option<usize>,
    /// How many candidates were ranked; known of the last ranking.
    pub(crate) ranking_size: Option<usize>,
    /// A row a patch.
    pub(crate) predictions: Vec<Vec<f32>>,
    /// The columns, as classes count today.
    pub(crate) classes: Vec<ClassId>,
    /// None where the scores were made elsewhere.
    pub(crate) model: Option<String>,
}

/// Why a candidate was chosen; none where no network was asked about it.
pub(crate) fn why(ledger: &Ledger, id: CandidateId) -> Option<Why> {
    let (batch, member) = ledger.drawn(id)?;
    let score = member.score?;
    let asked = batch.ranking.and_then(|number| ledger.asked(number));
    let foreseen = ledger.foreseen(id);
    // Scores that were made elsewhere say nothing of classes.
    let dominant = foreseen.as_ref().and_then(Foreseen::guess);
    let (classes, predictions, mean) = foreseen
        .map(|foreseen| (foreseen.classes, foreseen.rows, foreseen.mean))
        .unwrap_or_default();
    let last = ledger.ranking();
    let same = last.filter(|last| Some(last.number) == batch.ranking);
    Some(Why {
        mean,
        dominant,
        score: score.value,
        entropy: score.entropy,
        diversity: score.diversity,
        rank: member.rank,
        ranking_size: same.map(|last| last.scored),
        predictions,
        classes,
        model: asked.and_then(|asked| asked.model.clone()),
    })
}

/// The same where this annotator may know it: the guess must not sway them.
pub(crate) fn why_for(
    ledger: &Ledger,
    id: CandidateId,
    annotator: &str,
    show_guess: ShowGuess,
) -> Option<Why> {
    let may_know = show_guess == ShowGuess::Before || has_labeled(ledger, id, annotator);
    why(ledger, id).filter(|_| may_know)
}

/// Whether a label of theirs stands, replaced or not. A skip is none: a
/// skipped candidate may come back.
pub(crate) fn has_labeled(ledger: &Ledger, id: CandidateId, annotator: &str) -> bool {
    let mut history = ledger.votes().history(id).iter();
    history.any(|vote| vote.annotator == annotator && vote.class.is_some())
}

/// Whether this annotator may see what others said: not while their own,
/// independent word is still wanted.
pub(crate) fn may_see_votes(ledger: &Ledger, id: CandidateId, annotator: &str) -> bool {
    let votes = ledger.votes();
    votes.overlap() <= 1 || votes.is_done(id) || votes.has_spoken(id, annotator)
}
