//! Who is served what.

use std::collections::BTreeSet;

use acft::CandidateId;
use acft_project::{Candidate, ClassId, Draw, Event, LabelOrigin, Member, Part, Rules, holdouts};

use super::{BENIGN, Desk, MALIGNANT, candidate, plain};

#[test]
fn asking_again_gives_the_same_in_the_same_order() {
    let mut desk = Desk::new(20, plain());
    let first = desk.served("ada", 3);
    assert_eq!(desk.served("ada", 3), first);
    desk.label("ada", first[0], BENIGN).unwrap();
    let second = desk.served("ada", 3);
    assert_eq!(second[..2], first[1..]);
    assert_eq!(desk.served("ada", 1), second[..1]);
    assert_eq!(desk.served("ada", 3), second);
}

#[test]
fn two_annotators_never_have_the_same() {
    let mut desk = Desk::new(40, plain());
    let mut seen = BTreeSet::new();
    for name in ["ada", "bob", "cem"] {
        for id in desk.served(name, 5) {
            assert!(seen.insert(id), "{id:?} twice");
        }
    }
    assert_eq!(seen.len(), 15);
}

#[test]
fn what_is_drawn_first_is_in_no_order_of_the_folder() {
    let mut desk = Desk::new(1000, plain());
    let served = desk.served("ada", 12);
    let mut sorted = served.clone();
    sorted.sort_unstable();
    assert_ne!(served, sorted);
    assert!(served.iter().any(|id| id.0 > 500), "{served:?}");
}

#[test]
fn a_restart_serves_what_the_unbroken_server_would_have() {
    let mut desk = Desk::new(60, Rules::default());
    for _ in 0..11 {
        desk.label_next("ada", BENIGN);
    }
    let ahead = desk.served("ada", 3);
    let mut desk = desk.restart();
    assert_eq!(desk.served("ada", 3), ahead);
}

#[test]
fn one_in_ten_is_drawn_for_the_holdout_though_batches_never_run_out() {
    let alone = |at| Candidate {
        group: None,
        ..candidate(at, Part::Pool)
    };
    let desk = Desk::with((0..300).map(alone).collect(), Rules::default());
    assert_eq!(holdouts_of_fifty(desk), [9, 19, 29, 39, 49]);
    // With groups there is one before a batch has something of each.
    let desk = Desk::new(300, Rules::default());
    assert_eq!(holdouts_of_fifty(desk), [0, 19, 29, 39, 49]);
}

/// At which of fifty labels a holdout is served.
fn holdouts_of_fifty(mut desk: Desk) -> Vec<usize> {
    let mut holdouts = Vec::new();
    for round in 0..50 {
        if round % 10 == 0 {
            // As a worker that trains faster than anyone labels.
            let ledger = desk.project.ledger();
            let members: Vec<Member> = ledger.pool().take(25).map(Member::unscored).collect();
            let batch = ledger.batches().len() as u32 + 1;
            desk.append(vec![Event::BatchDrawn {
                batch,
                draw: Draw::Query,
                ranking: None,
                members,
            }]);
        }
        let one = desk.next("ada", 1).assignments[0];
        if one.draw == Draw::Holdout {
            holdouts.push(round);
        }
        desk.label("ada", one.candidate, BENIGN).unwrap();
        if round == 24 {
            desk = desk.restart();
        }
    }
    assert_eq!(desk.project.ledger().holdout().len(), 5);
    assert_eq!(desk.project.ledger().lesson().len(), 45);
    holdouts
}

/// A pool of groups of these sizes.
fn groups(sizes: &[usize]) -> Desk {
    let of = sizes
        .iter()
        .enumerate()
        .flat_map(|(group, size)| vec![group; *size]);
    let rows = of.enumerate().map(|(at, group)| Candidate {
        group: Some(format!("patient {group}")),
        ..candidate(at, Part::Pool)
    });
    Desk::with(rows.collect(), Rules::default())
}

/// Labels all that is served; says how many are to be learned from, held out, and were set aside.
fn labeled_to_the_end(mut desk: Desk) -> [usize; 3] {
    while let Some(one) = desk.next("ada", 1).assignments.first().copied() {
        desk.label("ada", one.candidate, BENIGN).unwrap();
    }
    assert!(desk.next("ada", 1).exhausted);
    let ledger = desk.project.ledger();
    [
        ledger.lesson().len(),
        ledger.holdout().len(),
        ledger.set_aside(),
    ]
}

#[test]
fn holdouts_never_take_what_there_is_to_learn_from() {
    // One patient: whom would a model be judged on?
    assert_eq!(labeled_to_the_end(groups(&[40])), [40, 0, 0]);
    // The smaller of two, however likely a candidate of the larger is.
    assert_eq!(labeled_to_the_end(groups(&[200, 10])), [200, 10, 0]);
    assert_eq!(labeled_to_the_end(groups(&[10, 200])), [200, 10, 0]);
    // One of four, and not another for each holdout.
    let [lesson, holdout, aside] = labeled_to_the_end(groups(&[50, 50, 50, 50]));
    assert_eq!((lesson, holdout + aside), (150, 50));
    assert!((15..=17).contains(&holdout), "{holdout}");
    // More than half is never set aside.
    assert_eq!(labeled_to_the_end(groups(&[30, 20, 1])), [50, 1, 0]);
}

#[test]
fn more_of_a_group_is_held_out_before_a_large_one_is() {
    let desk = groups(&[9, 41, 50]);
    let rules = Rules::default();
    let drawn = holdouts(desk.project.ledger(), &rules, 9);
    assert!(
        drawn.iter().all(|member| member.candidate.0 < 9),
        "{drawn:?}"
    );
    let ids: BTreeSet<CandidateId> = drawn.iter().map(|member| member.candidate).collect();
    assert_eq!(ids.len(), 9);
    // Then the smaller of the others, and never most.
    let drawn = holdouts(desk.project.ledger(), &rules, 100);
    assert_eq!(drawn.len(), 50);
    assert!(
        drawn.iter().all(|member| member.candidate.0 < 50),
        "{drawn:?}"
    );
}

#[test]
fn a_candidate_whose_file_is_away_is_served_later() {
    let mut desk = Desk::new(60, plain());
    let first = desk.served("ada", 1)[0];
    assert!(desk.project.put_off(first, desk.now));
    assert_eq!(desk.project.progress().away, 1);
    let other = desk.served("ada", 1)[0];
    assert_ne!(other, first);
    assert_ne!(desk.served("ben", 1)[0], first);
    // It is in its batch all the time, and back before anything new.
    desk.now.0 += 60_000;
    desk.label("ada", other, BENIGN).unwrap();
    assert_eq!(desk.served("ada", 1), [first]);

    // Where all are away, their disk is: U is not drawn empty over it.
    let mut passed = 0;
    loop {
        let served = desk.served("ada", 1)[0];
        if !desk.project.put_off(served, desk.now) {
            break;
        }
        passed += 1;
        assert!(passed < 30);
    }
    assert!(desk.project.ledger().pool().len() > 10);
}

/// Those of which nothing can judge do not stand for a holdout.
#[test]
fn a_group_that_cannot_judge_gives_way_to_another() {
    // All of the patient who was drawn first is broken.
    let mut desk = groups(&[10; 10]);
    let first = desk.served("ada", 1)[0].0 / 10;
    for id in first * 10..first * 10 + 10 {
        desk.append(vec![Event::Unreadable {
            candidate: CandidateId(id),
            reason: "broken".to_owned(),
        }]);
    }
    assert!(!holdouts(desk.project.ledger(), &Rules::default(), 1).is_empty());

    // All the others of the patient were labeled elsewhere.
    let mut desk = groups(&[10; 10]);
    let first = desk.label_next("ada", BENIGN).0;
    for id in (first / 10 * 10..first / 10 * 10 + 10).filter(|id| *id != first) {
        desk.append(vec![Event::Labeled {
            candidate: CandidateId(id),
            class: BENIGN,
            annotator: "eve".to_owned(),
            seconds: None,
            supersedes: None,
            origin: LabelOrigin::Import,
        }]);
    }
    assert!(!holdouts(desk.project.ledger(), &Rules::default(), 1).is_empty());
}

#[test]
fn holdouts_are_of_as_many_groups_as_one_in_ten_candidates_make() {
    let mut desk = groups(&[4; 50]);
    while let Some(one) = desk.next("ada", 1).assignments.first().copied() {
        desk.label("ada", one.candidate, BENIGN).unwrap();
    }
    let ledger = desk.project.ledger();
    let held: BTreeSet<u32> = ledger.holdout().iter().map(|(id, _)| id.0 / 4).collect();
    assert_eq!(held.len(), 5);
    assert_eq!(ledger.lesson().len(), 180);
}

#[test]
fn boxes_of_one_image_alone_are_all_learned_from() {
    let boxes = (0..30).map(|at| Candidate {
        group: None,
        path: "images/slide.png".to_owned(),
        ..candidate(at, Part::Pool)
    });
    let desk = Desk::with(boxes.collect(), Rules::default());
    assert_eq!(labeled_to_the_end(desk), [30, 0, 0]);
}

#[test]
fn no_group_is_both_learned_from_and_judged_on() {
    // Eight videos of five: something of most is soon learned from.
    let mut desk = Desk::new(40, Rules::default());
    let groups = |found: Vec<(CandidateId, ClassId)>| -> BTreeSet<u32> {
        found.into_iter().map(|(id, _)| id.0 / 5).collect()
    };
    let mut served = 0;
    while let Some(one) = desk.next("ada", 1).assignments.first().copied() {
        desk.label("ada", one.candidate, BENIGN).unwrap();
        served += 1;
        if served % 7 == 0 {
            desk = desk.restart();
        }
    }
    let ledger = desk.project.ledger();
    assert!(groups(ledger.lesson()).is_disjoint(&groups(ledger.holdout())));
    assert_eq!(ledger.lesson().len() + ledger.holdout().len(), served);
    assert_eq!(served + ledger.set_aside(), 40);
    assert!(ledger.holdout().len() >= served / 10);
}

#[test]
fn no_holdout_is_drawn_where_the_data_have_a_validation_part() {
    let mut rows: Vec<_> = (0..60).map(|at| candidate(at, Part::Pool)).collect();
    rows.push(candidate(60, Part::Validation));
    let mut desk = Desk::with(rows, Rules::default());
    for _ in 0..30 {
        assert_eq!(desk.next("ada", 1).assignments[0].draw, Draw::Random);
        desk.label_next("ada", BENIGN);
    }
}

#[test]
fn the_next_best_of_the_last_ranking_comes_first_and_few_of_a_group() {
    let rules = Rules {
        max_per_group: Some(1),
        ..plain()
    };
    let mut desk = Desk::new(40, rules);
    // Candidates 0 to 4 are one video, 5 to 9 the next.
    desk.rank([3, 1, 8, 0, 12, 9, 20]);
    desk.append(vec![Event::BatchDrawn {
        batch: 1,
        draw: Draw::Query,
        ranking: Some(1),
        members: vec![Member::unscored(CandidateId(3))],
    }]);
    // A clock that is set back changes nothing.
    desk.later(-5000);
    let served = desk.served("ada", 4);
    assert_eq!(served, [3, 8, 12, 20].map(CandidateId));
    let draws: Vec<Draw> = desk
        .next("ada", 5)
        .assignments
        .iter()
        .map(|one| one.draw)
        .collect();
    assert_eq!(
        draws,
        [
            Draw::Query,
            Draw::Ahead,
            Draw::Ahead,
            Draw::Ahead,
            Draw::Random
        ]
    );
}

#[test]
fn an_unreadable_candidate_is_never_served() {
    let mut desk = Desk::new(12, plain());
    let served = desk.served("ada", 3);
    for candidate in [served[1], CandidateId(11)] {
        desk.append(vec![Event::Unreadable {
            candidate,
            reason: "images/x.png: no image".to_owned(),
        }]);
    }
    let mut seen = Vec::new();
    while let Some(one) = desk.next("ada", 1).assignments.first().copied() {
        seen.push(one.candidate);
        desk.label("ada", one.candidate, BENIGN).unwrap();
    }
    assert!(!seen.contains(&served[1]) && !seen.contains(&CandidateId(11)));
    let dropped = BTreeSet::from([served[1], CandidateId(11)]).len();
    assert_eq!(seen.len(), 12 - dropped);
    assert!(desk.next("ada", 1).exhausted);
}

#[test]
fn the_budget_is_kept_with_several_annotators_and_prefetching() {
    let rules = Rules {
        budget: Some(7),
        ..Rules::default()
    };
    let mut desk = Desk::new(40, rules);
    let mut given = 0;
    loop {
        let mut idle = 0;
        for name in ["ada", "bob", "cem"] {
            match desk.served(name, 3).first() {
                Some(id) => {
                    let id = *id;
                    desk.label(name, id, MALIGNANT).unwrap();
                    given += 1;
                }
                None => idle += 1,
            }
        }
        if idle == 3 {
            break;
        }
    }
    assert_eq!((given, desk.project.ledger().spent()), (7, 7));
    let next = desk.next("ada", 3);
    assert!(next.advice.unwrap().contains("budget of 7"));
    assert!(!next.exhausted);

    // What is taken back may be given again, and no more.
    let undone = desk.project.undo("ada", desk.now).unwrap();
    assert_eq!(desk.served("ada", 3), [undone.candidate]);
    desk.label("ada", undone.candidate, BENIGN).unwrap();

    desk.project.go_on("ada", desk.now).unwrap();
    let mut desk = desk.restart();
    assert_eq!(desk.served("ada", 3).len(), 3);
    assert_eq!(desk.next("ada", 3).advice, None);
}

#[test]
fn a_late_label_may_take_the_last_of_the_budget() {
    let rules = Rules {
        budget: Some(1),
        ..plain()
    };
    let mut desk = Desk::new(20, rules);
    let late = desk.served("ada", 1)[0];
    assert!(desk.served("bob", 1).is_empty());
    desk.later(plain().lease_ms + 1);
    assert_eq!(desk.served("bob", 1), [late]);
    desk.later(plain().lease_ms + 1);
    let other = desk.served("ada", 2);
    assert_eq!(other, [late]);
    desk.append(vec![Event::BatchDrawn {
        batch: desk.project.ledger().batches().len() as u32 + 1,
        draw: Draw::Query,
        ranking: None,
        members: desk
            .project
            .ledger()
            .pool()
            .take(1)
            .map(Member::unscored)
            .collect(),
    }]);
    // Bob knows a candidate that nobody has, and was not asked about it.
    let drawn = desk.project.ledger().batches().last().unwrap().members[0].candidate;
    desk.label("bob", drawn, BENIGN).unwrap();
    assert!(desk.served("ada", 2).is_empty());
    assert!(desk.next("ada", 2).advice.is_some());
}

#[test]
fn against_advice_only_half_labeled_ones_are_served() {
    let rules = Rules {
        overlap: 2,
        ..plain()
    };
    let mut desk = Desk::new(20, rules);
    let half: Vec<_> = (0..3).map(|_| desk.label_next("ada", BENIGN)).collect();
    desk.append(vec![Event::StopAdvised {
        reason: "the curve is flat".to_owned(),
    }]);
    assert_eq!(desk.served("bob", 5), half);
    let next = desk.next("ada", 2);
    assert!(next.assignments.is_empty() && !next.exhausted);
    assert_eq!(next.advice.as_deref(), Some("the curve is flat"));
}

#[test]
fn a_pool_that_is_empty_is_exhausted() {
    let mut desk = Desk::new(3, plain());
    for _ in 0..3 {
        desk.label_next("ada", BENIGN);
    }
    let next = desk.next("ada", 1);
    assert!(next.exhausted && next.assignments.is_empty());
}
