//! What whole runs of the toy ask, get wrong and learn, to the last candidate. A change that is meant to change no
//! behaviour leaves the snapshot as it is.

use std::collections::BTreeSet;
use std::fmt::Write;

use acft::baselines::Baseline;
use acft::{CandidateId, Example, Plan, Queried, Query, Run, Stop};

use crate::world::{CANDIDATES, Outcome, Unit, World, baseline, go, new_run, plan, readable};

#[test]
fn whole_runs_are_as_they_were() {
    let mut text = String::new();
    for learn in ["reset-lq", "q", "lq", "hq", "hq-balanced"] {
        for active in [true, false] {
            let plan = plan(learn, active, 4, 7);
            let outcome = go(&plan, &readable(), new_run());
            record(&mut text, &format!("{learn}, active {active}"), &outcome);
        }
    }
    for rule in Baseline::names() {
        let outcome = go(&baseline(rule, 3, 5), &readable(), new_run());
        record(&mut text, rule, &outcome);
    }
    for (name, plan) in variants() {
        let world = World {
            unreadable: (0..CANDIDATES).step_by(11).collect(),
        };
        record(&mut text, name, &go(&plan, &world, grouped()));
    }
    insta::assert_snapshot!(text);
}

/// Groups, a first query of another kind, and a budget that cuts the last batch; some candidates cannot be read.
fn variants() -> Vec<(&'static str, Plan)> {
    let few_of_a_group = |plan: Plan| plan.with_max_per_group(Some(2));
    let random_first = plan("hq", true, 3, 2).with_first_query(Some(Query::Random));
    let last_is_cut = plan("lq", true, 1, 3).with_stop(Stop::default().after_labels(36));
    vec![
        ("groups", few_of_a_group(plan("hq", true, 3, 1))),
        ("groups, random", few_of_a_group(plan("hq", false, 3, 1))),
        ("groups, margin", few_of_a_group(baseline("margin", 3, 1))),
        ("random first", random_first),
        ("budget", last_is_cut),
        ("the whole pool", plan("lq", true, 100, 4)),
    ]
}

fn grouped() -> Run<Unit> {
    let mut run = new_run();
    run.groups = (0..CANDIDATES)
        .map(|id| (!id.is_multiple_of(5)).then_some(id / 9))
        .collect();
    run
}

fn record(text: &mut String, name: &str, outcome: &Outcome) {
    writeln!(text, "== {name}").unwrap();
    for (t, queried) in outcome.kept.batches.iter().enumerate() {
        let taught = &outcome.kept.taught[t];
        let h = taught.misclassified.as_deref().map(examples);
        writeln!(text, "{}: {}", t + 1, batch(queried)).unwrap();
        writeln!(
            text,
            "   H {}; lesson {}; slope {:.6}, threshold {:.6}",
            h.as_deref().unwrap_or("-"),
            examples(&taught.lesson),
            taught.model.slope,
            taught.model.threshold,
        )
        .unwrap();
    }
    let aside: Vec<CandidateId> = outcome.run.state.aside().collect();
    writeln!(
        text,
        "{:?} at t = {}; aside {}",
        outcome.reason,
        outcome.run.step,
        ids(aside)
    )
    .unwrap();
}

/// Candidate, rank and score of each, in draw order.
fn batch(queried: &Queried) -> String {
    let drawn: Vec<String> = queried
        .batch
        .iter()
        .map(|one| {
            let rank = one
                .rank
                .map_or_else(|| "-".to_owned(), |rank| rank.to_string());
            format!("{}@{rank}={:.5}", one.candidate.0, one.score.value)
        })
        .collect();
    let unread: BTreeSet<CandidateId> = queried.unreadable.iter().map(|(id, _)| *id).collect();
    format!(
        "{} of {}; unreadable {}",
        drawn.join(" "),
        queried.scored,
        ids(unread)
    )
}

fn examples(examples: &[Example]) -> String {
    ids(examples.iter().map(|example| example.candidate))
}

fn ids(ids: impl IntoIterator<Item = CandidateId>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.0.to_string()).collect();
    ids.join(" ")
}
