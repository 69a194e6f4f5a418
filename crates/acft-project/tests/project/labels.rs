//! What counts of what was said.

use acft::CandidateId;
use acft_project::{
    ClassId, Contradiction, Draw, Event, EventId, LabelOrigin, Ledger, Moment, Origin, Part, Stamp,
};

use super::{A, B, C, NOW, candidate, drawn, label, said, skip};

/// A ledger of classes a, b, c, twenty candidates of the pool (0–19), one of
/// the validation part (20) and one of the test part (21).
pub(super) fn ledger(overlap: usize) -> Ledger {
    let mut ledger = Ledger::new(overlap);
    let mut events = vec![Event::Created {
        seed: 1,
        version: "0.1.0".to_owned(),
    }];
    events.extend(
        (0..)
            .zip(["a", "b", "c"])
            .map(|(class, name)| Event::ClassAdded {
                class: ClassId(class),
                name: name.to_owned(),
            }),
    );
    for event in &events {
        apply(&mut ledger, event).unwrap();
    }
    let rows: Vec<_> = (0..22)
        .map(|at| match at {
            20 => candidate(at, Part::Validation),
            21 => candidate(at, Part::Test),
            _ => candidate(at, Part::Pool),
        })
        .collect();
    let added = Event::CandidatesAdded {
        origin: Origin::Listed,
        count: rows.len(),
        stamps: Vec::new(),
    };
    ledger.apply(next(&ledger), NOW, &added, &rows).unwrap();
    ledger
}

fn next(ledger: &Ledger) -> EventId {
    EventId(ledger.last().0 + 1)
}

pub(super) fn apply(ledger: &mut Ledger, event: &Event) -> Result<EventId, Contradiction> {
    let id = next(ledger);
    ledger.apply(id, Moment(id.0), event, &[])?;
    Ok(id)
}

fn undone(event: EventId, annotator: &str) -> Event {
    Event::Undone {
        event,
        annotator: annotator.to_owned(),
    }
}

/// Checks what counts of candidate 0 after some words, and whether it is disputed.
#[track_caller]
fn check(overlap: usize, words: &[Event], label: Option<ClassId>, disputed: bool) {
    let mut ledger = ledger(overlap);
    for word in words {
        apply(&mut ledger, word).unwrap();
    }
    let id = CandidateId(0);
    assert_eq!(ledger.label(id), label);
    assert_eq!(
        ledger.votes().is_disputed(id, ledger.classes()),
        disputed,
        "disputed"
    );
    assert_eq!(ledger.standing().disputed().contains(&id), disputed);
    let lesson: Vec<_> = label.map(|class| (id, class)).into_iter().collect();
    assert_eq!(ledger.lesson(), lesson);
}

#[test]
fn a_label_counts_once_enough_agree() {
    let (ada, ben, cy) = ("ada", "ben", "cy");
    let review = |class| said(0, class, "head", LabelOrigin::Review);
    check(1, &[label(0, B, ada)], Some(B), false);
    check(1, &[skip(0, ada)], None, false);
    check(1, &[label(0, A, ada), label(0, B, ada)], Some(B), false);
    check(2, &[label(0, B, ada)], None, false);
    check(2, &[label(0, B, ada), label(0, A, ada)], None, false);
    check(2, &[label(0, B, ada), label(0, B, ben)], Some(B), false);
    check(2, &[label(0, B, ada), skip(0, ben)], Some(B), false);
    check(2, &[label(0, B, ada), label(0, A, ben)], None, true);
    let two_of_three = [label(0, B, ada), label(0, A, ben), label(0, B, cy)];
    check(3, &two_of_three, Some(B), true);
    let all_differ = [label(0, A, ada), label(0, B, ben), label(0, C, cy)];
    check(3, &all_differ, None, true);
    // A second look settles it, whatever is said before or after.
    check(2, &[label(0, B, ada), review(C)], Some(C), false);
    let settled = [label(0, B, ada), label(0, A, ben), review(A)];
    check(2, &settled, Some(A), false);
    check(
        2,
        &[review(C), label(0, B, ada), label(0, B, ben)],
        Some(C),
        false,
    );
    check(2, &[review(C), review(A)], Some(A), false);
    // What did not come from labeling a batch needs no second word.
    check(2, &[said(0, B, ada, LabelOrigin::Import)], Some(B), false);
    check(2, &[said(0, B, ada, LabelOrigin::Feedback)], Some(B), false);
}

#[test]
fn undo_restores_what_was_said_before() {
    let mut ledger = ledger(1);
    let id = CandidateId(0);
    let first = apply(&mut ledger, &label(0, A, "ada")).unwrap();
    let second = apply(&mut ledger, &label(0, B, "ada")).unwrap();
    assert_eq!(ledger.label(id), Some(B));
    apply(&mut ledger, &undone(second, "ada")).unwrap();
    assert_eq!(ledger.label(id), Some(A));
    assert!(!ledger.in_pool(id));
    assert_eq!(ledger.spent(), 1);
    apply(&mut ledger, &undone(first, "ada")).unwrap();
    assert_eq!(ledger.label(id), None);
    assert!(ledger.in_pool(id));
    assert_eq!((ledger.spent(), ledger.lesson()), (0, vec![]));
    // Nothing is undone twice, and nobody undoes another's word.
    let third = apply(&mut ledger, &label(0, C, "ada")).unwrap();
    for event in [
        undone(first, "ada"),
        undone(third, "ben"),
        undone(EventId(1), "ada"),
        undone(EventId(99), "ada"),
    ] {
        assert!(apply(&mut ledger, &event).is_err(), "{event:?}");
    }
    assert_eq!(ledger.label(id), Some(C));
}

/// Drawn, it goes back to its batch and not to U: a draw is not taken back.
#[test]
fn undo_of_what_was_drawn_leaves_it_in_its_batch() {
    let mut ledger = ledger(1);
    apply(&mut ledger, &drawn(1, Draw::Random, &[3, 4])).unwrap();
    assert_eq!(ledger.waiting(), 2);
    let event = apply(&mut ledger, &skip(3, "ada")).unwrap();
    assert_eq!(ledger.waiting(), 1);
    apply(&mut ledger, &undone(event, "ada")).unwrap();
    assert!(!ledger.in_pool(CandidateId(3)));
    assert_eq!(ledger.waiting(), 2);
    assert!(apply(&mut ledger, &drawn(2, Draw::Random, &[3])).is_err());
}

#[test]
fn a_holdout_is_never_learned_from() {
    let mut ledger = ledger(1);
    apply(&mut ledger, &drawn(1, Draw::Holdout, &[1])).unwrap();
    apply(&mut ledger, &drawn(2, Draw::Random, &[2])).unwrap();
    for id in [0, 1, 2, 20, 21] {
        apply(&mut ledger, &label(id, B, "ada")).unwrap();
    }
    let ids = |pairs: Vec<(CandidateId, ClassId)>| -> Vec<u32> {
        pairs.iter().map(|(id, _)| id.0).collect()
    };
    assert_eq!(ids(ledger.lesson()), [0, 2]);
    assert_eq!(ids(ledger.unlearned()), [0, 2]);
    assert_eq!(ids(ledger.holdout()), [1, 20]);
    assert_eq!(ledger.spent(), 5);
    // What cannot be read is neither.
    for id in [1, 2] {
        let unreadable = Event::Unreadable {
            candidate: CandidateId(id),
            reason: "cut off".to_owned(),
        };
        apply(&mut ledger, &unreadable).unwrap();
    }
    assert_eq!(ids(ledger.lesson()), [0]);
    assert_eq!(ids(ledger.unlearned()), [0]);
    assert_eq!(ids(ledger.holdout()), [20]);
}

/// Out of U and L when they are set aside, and where they were when they return.
#[test]
fn what_was_set_aside_returns_to_its_place() {
    let mut ledger = ledger(1);
    let id = CandidateId;
    apply(&mut ledger, &drawn(1, Draw::Random, &[1, 2])).unwrap();
    apply(&mut ledger, &label(1, B, "ada")).unwrap();
    let pool: Vec<_> = ledger.pool().collect();
    let returned = |at| Event::Returned { candidate: id(at) };
    assert!(apply(&mut ledger, &returned(0)).is_err());
    for at in [0, 1, 2] {
        let changed = Event::Changed {
            candidate: id(at),
            reason: "another image".to_owned(),
        };
        apply(&mut ledger, &changed).unwrap();
    }
    assert!(!ledger.in_pool(id(0)));
    assert_eq!((ledger.waiting(), ledger.lesson()), (0, vec![]));
    assert_eq!(ledger.changed().len(), 3);
    // Broken is another fault than changed.
    let broken = Event::Unreadable {
        candidate: id(2),
        reason: "cut off".to_owned(),
    };
    apply(&mut ledger, &broken).unwrap();
    assert_eq!((ledger.changed().len(), ledger.unreadable().len()), (2, 3));
    for at in [0, 1, 2] {
        apply(&mut ledger, &returned(at)).unwrap();
    }
    assert_eq!((ledger.changed().len(), ledger.unreadable().len()), (0, 0));
    assert_eq!(ledger.pool().collect::<Vec<_>>(), pool);
    assert_eq!(ledger.lesson(), [(id(1), B)]);
    assert_eq!(ledger.waiting(), 1);
}

#[test]
fn what_is_away_stays_where_it_is() {
    let mut ledger = ledger(1);
    let id = CandidateId;
    let pool: Vec<_> = ledger.pool().collect();
    let away = |ids: &[u32]| Event::Away {
        candidates: ids.iter().copied().map(CandidateId).collect(),
    };
    apply(&mut ledger, &away(&[1, 2])).unwrap();
    assert_eq!(ledger.pool().collect::<Vec<_>>(), pool);
    assert_eq!(ledger.away().len(), 2);
    // All of them are said anew each time.
    apply(&mut ledger, &away(&[2, 3])).unwrap();
    assert!(ledger.away().iter().eq(&[id(2), id(3)]));
    let broken = Event::Unreadable {
        candidate: id(3),
        reason: "cut off".to_owned(),
    };
    apply(&mut ledger, &broken).unwrap();
    assert!(ledger.away().iter().eq(&[id(2)]));
    assert!(apply(&mut ledger, &away(&[999])).is_err());
    apply(&mut ledger, &away(&[])).unwrap();
    assert!(ledger.away().is_empty());
}

#[test]
fn files_have_the_stamps_that_they_joined_with() {
    let mut ledger = Ledger::new(1);
    let created = Event::Created {
        seed: 1,
        version: "0.1.0".to_owned(),
    };
    apply(&mut ledger, &created).unwrap();
    let rows = |from: u32| -> Vec<_> {
        (from..from + 2)
            .map(|at| candidate(at, Part::Pool))
            .collect()
    };
    let added = |stamps| Event::CandidatesAdded {
        origin: Origin::Listed,
        count: 2,
        stamps,
    };
    let mut join = |from, stamps| {
        let id = next(&ledger);
        ledger.apply(id, NOW, &added(stamps), &rows(from))
    };
    // As an earlier version listed them.
    join(0, vec![]).unwrap();
    join(2, vec![Stamp(5, 6), Stamp(7, 8)]).unwrap();
    assert!(join(4, vec![Stamp(5, 6)]).is_err());
    let stamps: Vec<_> = (0..4).map(|at| ledger.stamp(CandidateId(at))).collect();
    assert_eq!(stamps, [None, None, Some(Stamp(5, 6)), Some(Stamp(7, 8))]);
}

#[test]
fn labels_follow_their_classes() {
    let mut ledger = ledger(2);
    let merged = |from, into| Event::ClassMerged { from, into };
    // They contradict each other until the two classes are one.
    apply(&mut ledger, &label(0, B, "ada")).unwrap();
    apply(&mut ledger, &label(0, C, "ben")).unwrap();
    assert_eq!(ledger.standing().disputed().len(), 1);
    apply(&mut ledger, &merged(C, B)).unwrap();
    assert_eq!(ledger.label(CandidateId(0)), Some(B));
    assert_eq!(ledger.lesson(), [(CandidateId(0), B)]);
    assert!(ledger.standing().disputed().is_empty());
    // The history stays as it was said.
    let said: Vec<_> = ledger
        .votes()
        .of(CandidateId(0))
        .map(|vote| vote.class)
        .collect();
    assert_eq!(said, [Some(B), Some(C)]);

    let renamed = |class, name: &str| Event::ClassRenamed {
        class,
        name: name.to_owned(),
    };
    let added = |class, name: &str| Event::ClassAdded {
        class: ClassId(class),
        name: name.to_owned(),
    };
    for (event, fits) in [
        (label(1, C, "ada"), false),
        (merged(B, A), false),
        (renamed(C, "z"), false),
        (renamed(A, "b"), false),
        (renamed(A, " "), false),
        (added(2, "d"), false),
        (renamed(A, "normal"), true),
        // The name of a class that is gone is free; its number is not.
        (added(3, "c"), true),
        (merged(B, ClassId(3)), true),
    ] {
        assert_eq!(apply(&mut ledger, &event).is_ok(), fits, "{event:?}");
    }
    assert_eq!(ledger.classes().names(), ["normal", "c"]);
    // Merged twice over.
    assert_eq!(ledger.label(CandidateId(0)), Some(ClassId(3)));
    assert_eq!(ledger.classes().today(C), ClassId(3));
}
