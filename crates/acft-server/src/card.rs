//! A candidate as the page is told of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use acft::{CandidateId, CandidateKey};
use acft_project::ledger::{Flag, Vote};
use acft_project::{Candidate, ClassId, Draw, EventId, LabelOrigin, Ledger, Moment};
use serde::Serialize;

use crate::app::{App, Halt};
use crate::problem::Problem;
use crate::told::{self, Told};
use crate::why::may_see_votes;

/// The candidate of a key.
pub(crate) fn find(ledger: &Ledger, key: &CandidateKey) -> Result<CandidateId, Halt> {
    let found = ledger.find(key);
    found.ok_or_else(|| Halt::Problem(unknown_candidate()))
}

fn unknown_candidate() -> Problem {
    Problem::not_found(
        "the project has no such candidate",
        "ask for the next one, or list them with /api/review",
    )
}

/// What is known of an image once it was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Shape {
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) depth: Option<u8>,
    /// Why the image cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<Told>,
}

/// The shapes of some candidates. An image that cannot be read is no failure:
/// the expert is told, and skips it. Nor is one that a decoder panics at: it
/// would be served again each time the next one is asked for.
pub(crate) async fn shapes(
    app: &App,
    candidates: Vec<Arc<Candidate>>,
) -> Result<Vec<Shape>, Problem> {
    app.see(move |vision| {
        let info = |candidate: &Candidate| {
            catch_unwind(AssertUnwindSafe(|| vision.info(candidate))).unwrap_or_else(|_| {
                tracing::error!("the program failed while it read {}", candidate.path);
                Err(format!(
                    "the program failed while it read {}",
                    candidate.name
                ))
            })
        };
        let shape = |candidate: &Arc<Candidate>| match info(candidate) {
            Ok(info) => Shape {
                width: Some(info.width),
                height: Some(info.height),
                depth: Some(info.depth),
                problem: None,
            },
            Err(problem) => Shape {
                problem: Some(problem.into()),
                ..Shape::default()
            },
        };
        candidates.iter().map(shape).collect()
    })
    .await
}

/// What is the same in all views of a candidate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) candidate: String,
    pub(crate) name: String,
    pub(crate) region: Option<[u32; 4]>,
    pub(crate) group: Option<String>,
    pub(crate) batch: Option<u32>,
    pub(crate) draw: Option<Draw>,
    pub(crate) flags: Vec<FlagView>,
}

/// Someone was unsure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FlagView {
    annotator: String,
    note: String,
    at: Moment,
}

/// What someone said.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VoteView {
    event: EventId,
    annotator: String,
    class: Option<ClassId>,
    at: Moment,
    seconds: Option<f64>,
    origin: LabelOrigin,
}

impl From<&Vote> for VoteView {
    fn from(vote: &Vote) -> Self {
        Self {
            event: vote.event,
            annotator: vote.annotator.clone(),
            class: vote.class,
            at: vote.at,
            seconds: vote.seconds,
            origin: vote.origin,
        }
    }
}

impl From<&Flag> for FlagView {
    fn from(flag: &Flag) -> Self {
        Self {
            annotator: flag.annotator.clone(),
            note: flag.note.clone(),
            at: flag.at,
        }
    }
}

/// The head of a candidate, as this annotator may see it: a note of another
/// is a hint like their label.
pub(crate) fn head(ledger: &Ledger, id: CandidateId, annotator: &str) -> Result<Head, Halt> {
    let candidate = ledger.candidate(id);
    let candidate = candidate.ok_or_else(|| Halt::Problem(unknown_candidate()))?;
    let drawn = ledger.drawn(id).map(|(batch, _)| batch);
    let all = may_see_votes(ledger, id, annotator);
    let flags = ledger.votes().flags(id).iter();
    Ok(Head {
        candidate: candidate.key.to_string(),
        name: told::name(&candidate.name),
        region: candidate.region,
        group: candidate.group.clone(),
        batch: drawn.map(|batch| batch.number),
        draw: drawn.map(|batch| batch.draw),
        flags: flags
            .filter(|flag| all || flag.annotator == annotator)
            .map(FlagView::from)
            .collect(),
    })
}

/// What was said of a candidate, as this annotator may see it.
pub(crate) fn votes<'a>(
    ledger: &Ledger,
    id: CandidateId,
    annotator: &str,
    said: impl Iterator<Item = &'a Vote>,
) -> Vec<VoteView> {
    let all = may_see_votes(ledger, id, annotator);
    said.filter(|vote| all || vote.annotator == annotator)
        .map(VoteView::from)
        .collect()
}
