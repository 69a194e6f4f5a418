//! A second look at what was labeled: which candidates deserve one.

use acft::CandidateId;

use crate::event::{ClassId, LabelOrigin};
use crate::ledger::Ledger;
use crate::project::Project;

/// What to look at; everything that was said, where nothing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those with this label.
    pub class: Option<ClassId>,
    /// Those of which this annotator has spoken.
    pub annotator: Option<String>,
    /// Those that someone is unsure about.
    pub flagged: bool,
    /// Those that the network would have labeled otherwise, before it could
    /// have learned the label; the least expected labels first.
    pub disagreed: bool,
    /// Those whose annotators contradict each other.
    pub disputed: bool,
}

/// A candidate to look at again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewed {
    /// Which.
    pub candidate: CandidateId,
    /// The label that counts.
    pub label: Option<ClassId>,
    /// What the network would have said.
    pub guess: Option<ClassId>,
    /// The probability that the network gave the label.
    pub trust: Option<f64>,
}

/// Some of those that match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewPage {
    /// How many match.
    pub total: usize,
    /// Those asked for.
    pub items: Vec<Reviewed>,
}

impl Project {
    /// Finds what deserves a second look: latest first, or, where the network
    /// disagreed, least expected first.
    pub fn review(&self, filter: &Filter, offset: usize, limit: usize) -> ReviewPage {
        let ledger = self.ledger();
        // What came with the data was not labeled here; it is shown once
        // someone has looked at it.
        let mut found: Vec<Reviewed> = candidates(ledger, filter)
            .filter(|id| matches(ledger, filter, *id))
            .map(|id| reviewed(ledger, id))
            .filter(|one| !filter.disagreed || disagrees(one))
            .collect();
        if filter.disagreed {
            found.sort_by(|a, b| {
                let trust = |one: &Reviewed| one.trust.unwrap_or(1.0);
                trust(a)
                    .total_cmp(&trust(b))
                    .then(a.candidate.cmp(&b.candidate))
            });
        }
        ReviewPage {
            total: found.len(),
            items: found.into_iter().skip(offset).take(limit).collect(),
        }
    }
}

/// Where to look, latest first.
fn candidates<'a>(
    ledger: &'a Ledger,
    filter: &Filter,
) -> Box<dyn Iterator<Item = CandidateId> + 'a> {
    if filter.flagged {
        Box::new(ledger.votes().flagged())
    } else if filter.disputed {
        Box::new(ledger.standing().disputed().iter().copied())
    } else {
        Box::new(ledger.votes().in_order().rev())
    }
}

fn matches(ledger: &Ledger, filter: &Filter, id: CandidateId) -> bool {
    let votes = ledger.votes();
    let by_hand = votes
        .history(id)
        .iter()
        .any(|vote| vote.origin != LabelOrigin::Manifest);
    let class = filter
        .class
        .is_none_or(|class| ledger.label(id) == Some(ledger.classes().today(class)));
    let annotator = filter
        .annotator
        .as_deref()
        .is_none_or(|name| votes.has_spoken(id, name));
    let flagged = !filter.flagged || !votes.flags(id).is_empty();
    let disputed = !filter.disputed || ledger.standing().disputed().contains(&id);
    (by_hand || filter.flagged) && class && annotator && flagged && disputed
}

fn reviewed(ledger: &Ledger, id: CandidateId) -> Reviewed {
    let label = ledger.label(id);
    let foreseen = ledger.foreseen(id);
    Reviewed {
        candidate: id,
        label,
        guess: foreseen.as_ref().and_then(|foreseen| foreseen.guess()),
        trust: foreseen
            .zip(label)
            .map(|(foreseen, label)| foreseen.probability(label).unwrap_or(0.0)),
    }
}

fn disagrees(one: &Reviewed) -> bool {
    one.label.is_some() && one.guess.is_some() && one.guess != one.label
}
