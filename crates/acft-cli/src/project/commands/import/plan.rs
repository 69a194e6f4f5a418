//! From rows to events: each row checked against the project and the rows
//! before it.

use std::collections::HashMap;

use acft::CandidateId;
use acft_project::ledger::Vote;
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
    /// What is wrong with the rows that are left out, each with its number.
    pub wrong: Vec<String>,
}

/// Checks the rows and makes their events. `annotator` is whose labels they
/// are where the file does not say.
pub(crate) fn plan(ledger: &Ledger, rows: &[Row], annotator: &str, replace: Replace) -> Imported {
    let names = Names::of(ledger);
    let mut imported = Imported::default();
    let mut seen: HashMap<(CandidateId, String), u64> = HashMap::new();
    for row in rows {
        if row.label.is_empty() && !row.candidate().is_empty() {
            imported.empty += 1;
            continue;
        }
        let who = if row.annotator.is_empty() {
            annotator
        } else {
            &row.annotator
        };
        let checked = check(ledger, &names, row).and_then(|(id, class, seconds)| {
            match seen.insert((id, who.to_owned()), row.number) {
                Some(number) => Err(format!(
                    "candidate {:?} has a label of {who} in row {number} already; keep one",
                    row.candidate()
                )),
                None => {
                    step(ledger, id, class, who, replace).map(|step| (id, class, seconds, step))
                }
            }
        });
        match checked {
            Err(problem) => imported
                .wrong
                .push(format!("row {}: {problem}", row.number)),
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
    if row.candidate().is_empty() {
        return Err("names no candidate".to_owned());
    }
    let id = names
        .find(row.candidate())
        .map_err(|problem| format!("candidate {problem}"))?;
    require_one(ledger, id, row)?;
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

/// Refuses a row whose name and key are those of two candidates: one of its
/// columns was sorted without the other.
fn require_one(ledger: &Ledger, id: CandidateId, row: &Row) -> Result<(), String> {
    let Some(candidate) = ledger.candidate(id) else {
        return Ok(());
    };
    let is_key = row.name == candidate.key.to_string();
    if row.name.is_empty() || row.name == candidate.name.trim() || is_key {
        return Ok(());
    }
    Err(format!(
        "its name is {:?}, but its key is that of {:?}; correct one, or take its column out",
        row.name, candidate.name
    ))
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
    let (classes, votes) = (ledger.classes(), ledger.votes());
    let said = |vote: &Vote| vote.class.map(|class| classes.today(class));
    let label = ledger.label(id);
    let own = votes.of(id).find(|vote| vote.annotator == who);
    let own_class = own.and_then(said);
    // A second look may also have settled that there is no label.
    let mut settling = votes.history(id).iter().rev();
    let settled = settling.find(|vote| vote.origin.settles()).map(said);
    let settled_otherwise = settled.is_some_and(|word| word != Some(class));
    // Where several annotators are asked, each one's word is of interest.
    let says_enough = own_class == Some(class) || votes.overlap() == 1;
    let stands = match replace {
        Replace::No => !settled_otherwise && label.or(own_class) == Some(class),
        Replace::Yes => label == Some(class),
    };
    if says_enough && stands {
        return Ok(Step::Stands);
    }
    // A skip is no label: one may always follow, and so may agreement.
    let contradicted = label.or(own_class).filter(|standing| *standing != class);
    if replace == Replace::No && (contradicted.is_some() || settled_otherwise) {
        let standing = match contradicted.filter(|_| settled != Some(None)) {
            Some(standing) => format!("is labeled {:?} already", classes.name(standing)),
            None => "was settled to have no label".to_owned(),
        };
        return Err(format!(
            "candidate {:?} {standing}; --replace lets the file win",
            ledger
                .candidate(id)
                .map_or("?", |candidate| &candidate.name),
        ));
    }
    // Against the word of others a further vote would only make a dispute, and
    // against a second look it would not count.
    let mut others = votes.of(id).filter(|vote| vote.annotator != who);
    let disputed = others.any(|vote| said(vote).is_some_and(|other| other != class));
    let outvoted = label != Some(class) && (settled_otherwise || disputed);
    let origin = match replace {
        Replace::Yes if outvoted => LabelOrigin::Review,
        _ => LabelOrigin::Import,
    };
    let replaced = contradicted.is_some() || origin == LabelOrigin::Review;
    let last = votes.history(id).last();
    let supersedes = own.or(last).filter(|_| replaced).map(|vote| vote.event);
    Ok(Step::Say(origin, supersedes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft::CandidateKey;
    use acft_project::{Candidate, EventId, Moment, Origin, Part};

    use super::*;

    const A: ClassId = ClassId(0);
    const B: ClassId = ClassId(1);

    /// Applies events after those that a ledger has.
    fn extend(ledger: &mut Ledger, events: Vec<Event>, rows: &[Candidate]) {
        for event in events {
            let id = EventId(ledger.last().0 + 1);
            ledger.apply(id, Moment(0), &event, rows).unwrap();
        }
    }

    /// A project of classes a and b and the candidate "one", of which `said` was said.
    fn ledger(overlap: usize, said: &[(&str, Option<ClassId>, LabelOrigin)]) -> Ledger {
        let mut ledger = Ledger::new(overlap);
        let created = Event::Created {
            seed: 1,
            version: String::new(),
        };
        let class = |class, name: &str| Event::ClassAdded {
            class,
            name: name.to_owned(),
        };
        extend(
            &mut ledger,
            vec![created, class(A, "a"), class(B, "b")],
            &[],
        );
        let one = Candidate {
            key: CandidateKey([7; 32]),
            name: "one".to_owned(),
            path: "one.png".to_owned(),
            region: None,
            group: None,
            part: Part::Pool,
            origin: Origin::Listed,
        };
        let added = Event::CandidatesAdded {
            origin: Origin::Listed,
            count: 1,
            stamps: Vec::new(),
        };
        extend(&mut ledger, vec![added], &[one]);
        let word = |(annotator, class, origin): &(&str, Option<ClassId>, LabelOrigin)| {
            let (candidate, annotator) = (CandidateId(0), (*annotator).to_owned());
            match *class {
                Some(class) => Event::Labeled {
                    candidate,
                    class,
                    annotator,
                    seconds: None,
                    supersedes: None,
                    origin: *origin,
                },
                None => Event::Skipped {
                    candidate,
                    annotator,
                    seconds: None,
                    origin: *origin,
                },
            }
        };
        extend(&mut ledger, said.iter().map(word).collect(), &[]);
        ledger
    }

    fn import(ledger: &Ledger, label: &str, who: &str, replace: Replace) -> Imported {
        let row = Row {
            number: 2,
            name: "one".to_owned(),
            label: label.to_owned(),
            ..Row::default()
        };
        plan(ledger, &[row], who, replace)
    }

    #[test]
    fn a_row_that_is_imported_with_replace_is_the_label_that_counts() {
        use LabelOrigin::{Expert, Review};
        for (overlap, said) in [
            (1, vec![]),
            (1, vec![("ada", Some(B), Expert)]),
            (1, vec![("bob", Some(B), Expert)]),
            (1, vec![("bob", None, Expert)]),
            (1, vec![("ada", Some(A), Expert), ("bob", None, Review)]),
            (1, vec![("bob", Some(A), Expert), ("bob", None, Review)]),
            (1, vec![("ada", Some(A), Expert), ("bob", Some(B), Review)]),
            (2, vec![("ada", Some(A), Expert)]),
            (2, vec![("bob", Some(B), Expert)]),
            (2, vec![("ada", Some(A), Expert), ("bob", Some(B), Expert)]),
            (2, vec![("bob", Some(A), Expert), ("cy", Some(B), Expert)]),
            (2, vec![("bob", Some(B), Expert), ("cy", Some(B), Expert)]),
            (2, vec![("bob", None, Expert), ("cy", None, Review)]),
        ] {
            let mut ledger = ledger(overlap, &said);
            let imported = import(&ledger, "a", "ada", Replace::Yes);
            assert_eq!(imported.events.len(), 1, "{said:?}");
            extend(&mut ledger, imported.events, &[]);
            assert_eq!(ledger.label(CandidateId(0)), Some(A), "{said:?}");
            // A second time it says nothing new.
            let again = import(&ledger, "a", "ada", Replace::Yes);
            assert_eq!((again.unchanged, again.events.len()), (1, 0), "{said:?}");
        }
    }

    #[test]
    fn a_row_against_what_a_second_look_settled_is_refused() {
        use LabelOrigin::{Expert, Review};
        for (said, expected) in [
            (
                vec![("bob", Some(A), Expert), ("bob", None, Review)],
                "row 2: candidate \"one\" was settled to have no label; --replace lets the file win",
            ),
            (
                vec![("ada", Some(A), Expert), ("bob", None, Review)],
                "row 2: candidate \"one\" was settled to have no label; --replace lets the file win",
            ),
            (
                vec![("ada", Some(A), Expert), ("bob", Some(B), Review)],
                "row 2: candidate \"one\" is labeled \"b\" already; --replace lets the file win",
            ),
        ] {
            let imported = import(&ledger(1, &said), "a", "ada", Replace::No);
            assert_eq!(imported.wrong, [expected]);
            assert!(imported.events.is_empty());
        }
    }
}
