//! What may be said, and what is refused.

use acft::CandidateId;
use acft_project::{ClassId, Error, Event, LabelOrigin, ModelMade, Rules};

use super::{BENIGN, Desk, MALIGNANT, conflict, plain};

#[test]
fn refusals_say_what_and_who_and_change_nothing() {
    let mut desk = Desk::new(20, plain());
    let mine = desk.served("ada", 2);
    let before = desk.project.ledger().last();

    let unknown = desk.label("ada", CandidateId(99), BENIGN);
    assert!(matches!(unknown, Err(Error::Unknown(_))));
    let class = desk.label("ada", mine[0], ClassId(9));
    assert!(matches!(class, Err(Error::Refused(_))), "{class:?}");
    let seconds = desk
        .project
        .label("ada", mine[0], BENIGN, Some(f64::NAN), desk.now);
    assert!(matches!(seconds, Err(Error::Refused(_))));
    let undrawn = desk.project.ledger().pool().next().unwrap();
    conflict(desk.label("ada", undrawn, BENIGN), &["not served"]);
    conflict(desk.label("bob", mine[0], BENIGN), &["with ada"]);
    conflict(desk.project.undo("ada", desk.now), &["ada"]);
    conflict(
        desk.project.correct("ada", mine[0], Some(BENIGN), desk.now),
        &["not labeled yet"],
    );
    conflict(desk.project.unflag("ada", mine[0], desk.now), &["ada"]);
    assert_eq!(desk.project.ledger().last(), before);

    desk.label("ada", mine[0], BENIGN).unwrap();
    conflict(desk.label("ada", mine[0], BENIGN), &["already"]);
    conflict(desk.label("bob", mine[0], BENIGN), &["labeled by ada"]);
    desk.append(vec![Event::Unreadable {
        candidate: mine[1],
        reason: "gone".to_owned(),
    }]);
    conflict(desk.label("ada", mine[1], BENIGN), &["cannot be read"]);
}

#[test]
fn a_merged_class_is_refused_by_name() {
    let mut desk = Desk::new(5, plain());
    desk.append(vec![
        Event::ClassAdded {
            class: ClassId(2),
            name: "spiculated".to_owned(),
        },
        Event::ClassMerged {
            from: ClassId(2),
            into: MALIGNANT,
        },
    ]);
    let id = desk.served("ada", 1)[0];
    let error = desk.label("ada", id, ClassId(2)).unwrap_err().to_string();
    assert!(
        error.contains("spiculated") && error.contains("malignant"),
        "{error}"
    );
}

#[test]
fn a_lapsed_lease_harms_nobody_unless_someone_else_has_the_candidate() {
    let mut desk = Desk::new(20, plain());
    let mine = desk.served("ada", 2);
    desk.later(plain().lease_ms + 1);
    desk.label("ada", mine[0], BENIGN).unwrap();
    assert_eq!(desk.served("bob", 1), [mine[1]]);
    conflict(desk.label("ada", mine[1], BENIGN), &["with bob"]);
    desk.label("bob", mine[1], BENIGN).unwrap();
    conflict(desk.label("ada", mine[1], BENIGN), &["labeled by bob"]);
    assert!(!desk.served("ada", 3).contains(&mine[1]));
}

#[test]
fn a_label_is_taken_after_a_restart_that_forgot_the_lease() {
    let mut desk = Desk::new(20, plain());
    let mine = desk.served("ada", 2);
    let mut desk = desk.restart();
    desk.label("ada", mine[0], BENIGN).unwrap();
    assert_eq!(desk.served("bob", 1), [mine[1]]);
}

#[test]
fn undo_goes_back_step_by_step() {
    let mut desk = Desk::new(20, plain());
    let one = desk.label_next("ada", BENIGN);
    let two = desk.served("ada", 1)[0];
    desk.project.skip("ada", two, None, desk.now).unwrap();
    desk.label_next("bob", MALIGNANT);
    let ahead = desk.served("ada", 1)[0];

    let undone = desk.project.undo("ada", desk.now).unwrap();
    assert_eq!((undone.candidate, undone.was), (two, None));
    let undone = desk.project.undo("ada", desk.now).unwrap();
    assert_eq!((undone.candidate, undone.was), (one, Some(BENIGN)));
    conflict(desk.project.undo("ada", desk.now), &["ada"]);
    assert_eq!(desk.served("ada", 3), [one, two, ahead]);
    assert_eq!(desk.project.ledger().spent(), 1);
    assert!(!desk.served("bob", 5).contains(&one));
    desk.label("ada", one, MALIGNANT).unwrap();
    assert_eq!(desk.project.ledger().label(one), Some(MALIGNANT));
}

#[test]
fn undo_passes_over_what_a_second_look_settled() {
    let mut desk = Desk::new(20, plain());
    let one = desk.label_next("ada", BENIGN);
    let two = desk.label_next("ada", BENIGN);
    let now = desk.now;
    desk.project
        .correct("bob", two, Some(MALIGNANT), now)
        .unwrap();
    assert_eq!(desk.project.undo("ada", now).unwrap().candidate, one);
    assert_eq!(desk.project.ledger().label(two), Some(MALIGNANT));
}

#[test]
fn what_undo_would_take_back_is_known_before() {
    let mut desk = Desk::new(20, plain());
    let word = |desk: &Desk| desk.project.last_word("ada").map(|vote| vote.candidate);
    assert_eq!(word(&desk), None);
    let one = desk.label_next("ada", BENIGN);
    let two = desk.label_next("ada", MALIGNANT);
    let three = desk.label_next("ada", BENIGN);
    desk.project.correct("bob", three, None, desk.now).unwrap();
    for expected in [two, one] {
        assert_eq!(word(&desk), Some(expected));
        let undone = desk.project.undo("ada", desk.now).unwrap();
        assert_eq!(undone.candidate, expected);
        assert_eq!(desk.project.word_on("ada", expected), None);
    }
    assert_eq!(word(&desk), None);
}

#[test]
fn a_word_on_a_candidate_is_the_last_and_came_by_being_served() {
    let mut desk = Desk::new(20, plain());
    let id = desk.served("ada", 1)[0];
    assert_eq!(desk.project.word_on("ada", id), None);
    desk.label("ada", id, MALIGNANT).unwrap();
    desk.project
        .correct("bob", id, Some(BENIGN), desk.now)
        .unwrap();
    let word = desk.project.word_on("ada", id).unwrap();
    assert_eq!(word.class, Some(MALIGNANT));
    assert_eq!(desk.project.word_on("bob", id), None);
    desk.project
        .correct("ada", id, Some(BENIGN), desk.now)
        .unwrap();
    assert_eq!(desk.project.word_on("ada", id), None);
}

#[test]
fn undoing_what_a_model_has_learned_breaks_nothing() {
    let mut desk = Desk::new(20, plain());
    let id = desk.label_next("ada", BENIGN);
    desk.append(vec![Event::ModelMade(ModelMade {
        hash: "m1".to_owned(),
        step: 1,
        classes: vec![BENIGN, MALIGNANT],
        learned: vec![(id, BENIGN)],
        labels: 1,
        adopted: true,
        ..ModelMade::default()
    })]);
    assert_eq!(desk.project.ledger().unlearned_count(), 0);
    desk.project.undo("ada", desk.now).unwrap();
    assert_eq!(desk.project.ledger().lesson(), []);
    desk.label("ada", id, MALIGNANT).unwrap();
    assert_eq!(desk.project.ledger().unlearned(), [(id, MALIGNANT)]);
    desk.project.undo("ada", desk.now).unwrap();
    desk.label("ada", id, BENIGN).unwrap();
    assert_eq!(desk.project.ledger().unlearned_count(), 0);
}

#[test]
fn with_overlap_each_speaks_once_and_the_label_counts_when_all_have() {
    let rules = Rules {
        overlap: 2,
        ..plain()
    };
    let mut desk = Desk::new(20, rules);
    let id = desk.label_next("ada", BENIGN);
    assert_eq!(desk.project.ledger().label(id), None);
    assert!(!desk.served("ada", 5).contains(&id));
    assert_eq!(desk.served("bob", 1), [id]);
    // Two of two: ada has spoken, and bob looks at it.
    assert!(!desk.served("cem", 10).contains(&id));
    conflict(desk.label("cem", id, BENIGN), &["bob"]);
    desk.label("bob", id, MALIGNANT).unwrap();
    assert_eq!(desk.project.ledger().label(id), None);
    assert!(desk.project.ledger().standing().disputed().contains(&id));

    let now = desk.now;
    desk.project
        .correct("eve", id, Some(MALIGNANT), now)
        .unwrap();
    assert_eq!(desk.project.ledger().label(id), Some(MALIGNANT));
    assert!(desk.project.ledger().standing().disputed().is_empty());
    desk.project.correct("eve", id, None, now).unwrap();
    assert_eq!(desk.project.ledger().label(id), None);
    let history = desk.project.ledger().votes().history(id);
    assert_eq!(history.len(), 4);
    assert_eq!(history[3].origin, LabelOrigin::Review);
}

#[test]
fn an_annotator_who_waits_for_a_second_one_is_served_on() {
    let rules = Rules {
        overlap: 2,
        ..plain()
    };
    let mut desk = Desk::new(30, rules);
    let mine: Vec<_> = (0..10).map(|_| desk.label_next("ada", BENIGN)).collect();
    // What was passed over comes back where it is taken back.
    let undone = desk.project.undo("ada", desk.now).unwrap().candidate;
    assert_eq!(undone, mine[9]);
    desk.later(desk.project.rules().lease_ms + 1);
    assert_eq!(desk.served("ada", 1), [undone]);
    assert_eq!(desk.served("bob", 10), mine);
}
