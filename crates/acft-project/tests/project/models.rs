//! What is still to be learned, whichever model is in use.

use acft::CandidateId;
use acft_project::{ClassId, Event, Ledger, ModelMade};

use super::labels::{apply, ledger};
use super::{A, B, C, label};

fn made(hash: &str, parent: Option<&str>, learned: &[(u32, ClassId)], adopted: bool) -> Event {
    Event::ModelMade(ModelMade {
        hash: hash.to_owned(),
        parent: parent.map(str::to_owned),
        classes: vec![A, B, C],
        learned: learned
            .iter()
            .map(|(id, class)| (CandidateId(*id), *class))
            .collect(),
        adopted,
        ..ModelMade::default()
    })
}

fn used(hash: &str) -> Event {
    Event::ModelUsed {
        model: hash.to_owned(),
        by: "ada".to_owned(),
    }
}

/// Applies an event and checks Q after it.
#[track_caller]
fn then(ledger: &mut Ledger, event: Event, unlearned: &[(u32, ClassId)]) {
    apply(ledger, &event).unwrap();
    let expected: Vec<_> = unlearned
        .iter()
        .map(|(id, class)| (CandidateId(*id), *class))
        .collect();
    assert_eq!(ledger.unlearned(), expected, "after {event:?}");
    assert_eq!(ledger.unlearned_count(), expected.len());
}

#[test]
fn a_label_is_to_be_learned_until_a_model_in_use_has() {
    let ledger = &mut ledger(1);
    then(ledger, made("m0", None, &[], true), &[]);
    then(ledger, label(0, A, "ada"), &[(0, A)]);
    then(ledger, label(1, B, "ada"), &[(0, A), (1, B)]);
    then(ledger, made("m1", Some("m0"), &[(0, A), (1, B)], true), &[]);
    // Given another label, it is to be learned again, and not once it is back.
    then(ledger, label(0, B, "ada"), &[(0, B)]);
    then(ledger, label(0, A, "ada"), &[]);
    then(ledger, label(0, B, "ada"), &[(0, B)]);
    then(ledger, label(2, C, "ada"), &[(0, B), (2, C)]);
    // A model that was not adopted has learned in vain.
    let both = [(0, B), (2, C)];
    then(ledger, made("m2", Some("m1"), &both, false), &both);
    then(ledger, made("m3", Some("m1"), &both, true), &[]);
    // Back at an earlier one, what only later ones learned is to be learned.
    then(ledger, used("m1"), &both);
    then(ledger, used("m0"), &[(0, B), (1, B), (2, C)]);
    then(ledger, used("m2"), &[]);
    assert_eq!(
        ledger
            .models()
            .current()
            .map(|made| made.model.hash.as_str()),
        Some("m2")
    );
    let line: Vec<_> = ledger
        .models()
        .lineage()
        .iter()
        .map(|made| made.model.hash.clone())
        .collect();
    assert_eq!(line, ["m2", "m1", "m0"]);
    assert!(apply(ledger, &used("m9")).is_err());
    assert!(apply(ledger, &made("m4", Some("m9"), &[], true)).is_err());
}

/// Merging classes makes equal what was learned and what counts now.
#[test]
fn classes_that_are_merged_are_merged_in_what_was_learned() {
    let ledger = &mut ledger(1);
    let merged = Event::ClassMerged { from: C, into: B };
    then(ledger, label(0, C, "ada"), &[(0, C)]);
    then(ledger, made("m1", None, &[(0, C)], true), &[]);
    then(ledger, label(0, B, "ada"), &[(0, B)]);
    then(ledger, merged, &[]);
    // A new head knows nothing.
    then(ledger, made("m2", None, &[], true), &[(0, B)]);
}

#[test]
fn a_model_that_was_made_twice_is_one() {
    let ledger = &mut ledger(1);
    for event in [
        made("a1", None, &[], true),
        made("a2", Some("a1"), &[], false),
        made("a1", None, &[], true),
        made("b1", Some("a1"), &[], true),
    ] {
        apply(ledger, &event).unwrap();
    }
    let found = |start| -> Vec<(&str, i64)> {
        let found = ledger.models().starting_with(start).into_iter();
        found
            .map(|made| (made.model.hash.as_str(), made.event.0))
            .collect()
    };
    let last = ledger.models().all()[2].event.0;
    assert_eq!(found("a1"), [("a1", last)]);
    assert_eq!(found("a").len(), 2);
    assert_eq!(found("").len(), 3);
}
