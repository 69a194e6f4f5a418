//! Appends the results of the worker to a project that has changed meanwhile.

use acft::Plan;
use acft_project::{Event, Project};
use acft_server::now;

use super::snapshot::evidence;
use crate::words::short;

/// Appends the events of a task that began when the model `began` was in use. Meanwhile the desk
/// may have drawn some of the same candidates, or other batches. Someone may have chosen
/// another model; that choice stays.
pub(super) fn append(
    project: &mut Project,
    began: &str,
    events: Vec<Event>,
) -> Result<(), acft_project::Error> {
    let draws = |event: &Event| matches!(event, Event::BatchDrawn { .. });
    if events.iter().any(draws) {
        project.hold_out(now())?;
    }
    let ledger = project.ledger();
    let next = ledger.batches().len() as u32 + 1;
    let current = ledger.models().current();
    let chosen = current
        .map(|made| made.model.hash.clone())
        .filter(|hash| hash != began);
    let events: Vec<Event> = events
        .into_iter()
        .filter_map(|event| match (event, &chosen) {
            // U is ranked anew by the model that was chosen.
            (Event::Ranked { .. } | Event::BatchDrawn { .. }, Some(_)) => None,
            (
                Event::BatchDrawn {
                    draw,
                    ranking,
                    mut members,
                    ..
                },
                None,
            ) => {
                members.retain(|member| ledger.in_pool(member.candidate));
                (!members.is_empty()).then_some(Event::BatchDrawn {
                    batch: next,
                    draw,
                    ranking,
                    members,
                })
            }
            (Event::ModelMade(mut made), Some(hash)) if made.adopted => {
                made.adopted = false;
                made.why = format!("while it was made, model {} was chosen", short(hash));
                Some(Event::ModelMade(made))
            }
            (other, _) => Some(other),
        })
        .collect();
    project.append(now(), events).map(drop)
}

/// Line 16, after a step: advises to stop if a rule holds.
pub(super) fn advise(project: &mut Project, plan: &Plan) -> Result<(), acft_project::Error> {
    let ledger = project.ledger();
    if ledger.advice().is_some() {
        return Ok(());
    }
    let classes = ledger.classes().current().count();
    let evidence = evidence(ledger);
    let reached = plan.stop.reached(&evidence, classes, plan.learning.start);
    let Some(reason) = reached.map(|reason| reason.to_string()) else {
        return Ok(());
    };
    let advised = Event::StopAdvised { reason };
    project.append(now(), vec![advised]).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use acft::CandidateId;
    use acft_project::{Draw, Member, ModelMade};

    use super::*;
    use crate::worker::tests::bench::Home;

    fn current(project: &Project) -> ModelMade {
        project.ledger().models().current().unwrap().model.clone()
    }

    fn made(hash: &str, parent: &ModelMade) -> Event {
        Event::ModelMade(ModelMade {
            hash: hash.repeat(64),
            parent: Some(parent.hash.clone()),
            step: 1,
            classes: parent.classes.clone(),
            adopted: true,
            why: "better".to_owned(),
            ..ModelMade::default()
        })
    }

    fn drawn(draw: Draw, batch: u32, members: &[u32]) -> Event {
        let members = members.iter().map(|id| Member::unscored(CandidateId(*id)));
        Event::BatchDrawn {
            batch,
            draw,
            ranking: None,
            members: members.collect(),
        }
    }

    #[test]
    fn a_model_that_was_chosen_meanwhile_stays() {
        let home = Home::new("");
        let mut project = home.open().project;
        let first = current(&project);
        append(&mut project, &first.hash, vec![made("a", &first)]).unwrap();
        assert_eq!(current(&project).hash, "a".repeat(64));

        // Another was being made from "a" when someone went back to the first.
        let (began, from_a) = ("a".repeat(64), made("b", &current(&project)));
        let chosen = Event::ModelUsed {
            model: first.hash.clone(),
            by: "ada".to_owned(),
        };
        project.append(now(), vec![chosen]).unwrap();
        append(&mut project, &began, vec![from_a]).unwrap();
        assert_eq!(current(&project), first);
        let last = &project.ledger().models().all().last().unwrap().model;
        assert!(!last.adopted);
        assert!(last.why.contains("was chosen"), "{}", last.why);
        assert!(last.why.contains(short(&first.hash)), "{}", last.why);

        // What was ranked by "a" then is of no use.
        let ranked = Event::Ranked {
            ranking: 1,
            model: Some(began.clone()),
            scored: 1,
            reserve: Vec::new(),
            short: false,
        };
        append(
            &mut project,
            &began,
            vec![ranked, drawn(Draw::Query, 1, &[3])],
        )
        .unwrap();
        assert!(project.ledger().ranking().is_none());
        assert!(project.ledger().batches().is_empty());
    }

    #[test]
    fn what_the_desk_drew_meanwhile_is_not_drawn_again() {
        let home = Home::new("");
        let mut project = home.open().project;
        let began = current(&project).hash;
        let meanwhile = vec![
            drawn(Draw::Random, 1, &[0, 1]),
            drawn(Draw::Holdout, 2, &[5]),
        ];
        project.append(now(), meanwhile).unwrap();
        append(
            &mut project,
            &began,
            vec![drawn(Draw::Query, 1, &[1, 2, 5, 7])],
        )
        .unwrap();
        let last = project.ledger().batches().last().unwrap().clone();
        assert_eq!((last.number, last.draw), (3, Draw::Query));
        let left: Vec<u32> = last.members.iter().map(|one| one.candidate.0).collect();
        assert_eq!(left, [2, 7]);
        // A batch of which nothing is left is none.
        append(&mut project, &began, vec![drawn(Draw::Query, 1, &[0, 5])]).unwrap();
        assert_eq!(project.ledger().batches().len(), 3);
    }
}
