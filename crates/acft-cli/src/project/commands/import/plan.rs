//! From rows to events: each row checked against the project and the rows
//! before it.

use std::collections::HashMap;

use acft::CandidateId;
use acft_project::{ClassId, Event, LabelOrigin, Ledger};

use super::rows::Row;
use crate::project::commands::names::Names;

/// What is done with labels that stand already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// A row that contradicts one is refused.
    No,
    /// The row settles the label; the history keeps what was said.
    Yes,
}

/// What the rows come to.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub events: Vec<Event>,
    /// How many of the events replace a label.
    pub replaced: usize,
    /// Rows that say what stands already.
    pub unchanged: usize,
    /// Rows without a label.
    pub empty: usize,
    /// What is wrong with the rows that are left out, each with its line.
    pub wrong: Vec<String>,
}

/// Checks the rows and makes their events. `annotator` is whose labels they
/// are where the file does not say.
pub(crate) fn plan(ledger: &Ledger, rows: &[Row], annotator: &str, replace: Replace) -> Imported {
    let names = Names::of(ledger);
    let mut imported = Imported::default();
    let mut seen: HashMap<(CandidateId, String), u64> = HashMap::new();
    for row in rows {
        if row.label.is_empty() && !row.candidate.is_empty() {
            imported.empty += 1;
            continue;
        }
        let who = if row.annotator.is_empty() {
            annotator
        } else {
            &row.annotator
        };
        let checked = check(ledger, &names, row).and_then(|(id, class, seconds)| {
            match seen.insert((id, who.to_owned()), row.line) {
                Some(line) => Err(format!(
                    "candidate {:?} has a label of {who} in line {line} already; keep one",
                    row.candidate
                )),
                None => {
                    step(ledger, id, class, who, replace).map(|step| (id, class, seconds, step))
                }
            }
        });
        match checked {
            Err(problem) => imported.wrong.push(format!("line {}: {problem}", row.line)),
            Ok((_, _, _, Step::Stands)) => imported.unchanged += 1,
            Ok((candidate, class, seconds, Step::Say(origin, supersedes))) => {
                imported.replaced += usize::from(supersedes.is_some());
                imported.events.push(Event::Labeled {
                    candidate,
                    class,
                    annotator: who.to_owned(),
                    seconds,
                    supersedes,
                    origin,
                });
            }
        }
    }
    imported
}

type Checked = (CandidateId, ClassId, Option<f64>);

fn check(ledger: &Ledger, names: &Names<'_>, row: &Row) -> Result<Checked, String> {
    if row.candidate.is_empty() {
        return Err("names no candidate".to_owned());
    }
    let id = names
        .find(&row.candidate)
        .map_err(|problem| format!("candidate {problem}"))?;
    let class = ledger.classes().named(&row.label).ok_or_else(|| {
        format!(
            "label {:?} is no class; the classes are {}",
            row.label,
            ledger.classes().names().join(", ")
        )
    })?;
    let seconds = match row.seconds.as_str() {
        "" => None,
        text => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Some(seconds),
            _ => return Err(format!("seconds {text:?} is not a number of 0 or more")),
        },
    };
    Ok((id, class, seconds))
}

/// What a row comes to.
enum Step {
    /// Nothing: its label stands already.
    Stands,
    /// A label, of this origin, in place of that event.
    Say(LabelOrigin, Option<acft_project::EventId>),
}

fn step(
    ledger: &Ledger,
    id: CandidateId,
    class: ClassId,
    who: &str,
    replace: Replace,
) -> Result<Step, String> {
    let classes = ledger.classes();
    let label = ledger.label(id);
    let own = ledger.votes().of(id).find(|vote| vote.annotator == who);
    let own_class = own
        .and_then(|vote| vote.class)
        .map(|class| classes.today(class));
    // Where several annotators are asked, each one's word is of interest.
    let says_enough = own_class == Some(class) || ledger.votes().overlap() == 1;
    if says_enough && label.or(own_class) == Some(class) {
        return Ok(Step::Stands);
    }
    // A skip is no label: one may always follow, and so may agreement.
    let standing = label.or(own_class).filter(|standing| *standing != class);
    let Some(standing) = standing else {
        return Ok(Step::Say(LabelOrigin::Import, None));
    };
    if replace == Replace::No {
        return Err(format!(
            "candidate {:?} is labeled {:?} already; --replace lets the file win",
            ledger
                .candidate(id)
                .map_or("?", |candidate| &candidate.name),
            classes.name(standing)
        ));
    }
    let last = ledger.votes().history(id).last();
    let only_own = ledger.votes().of(id).all(|vote| vote.annotator == who);
    let settled = ledger
        .votes()
        .history(id)
        .iter()
        .any(|vote| vote.origin.settles());
    // Against the word of others a further vote would only make a dispute.
    let origin = if only_own && !settled {
        LabelOrigin::Import
    } else {
        LabelOrigin::Review
    };
    Ok(Step::Say(origin, own.or(last).map(|vote| vote.event)))
}
