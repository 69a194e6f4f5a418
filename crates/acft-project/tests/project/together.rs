//! A group, or the candidates of one image, are learned from or judged on: not
//! both.

use acft::CandidateId;
use acft_project::ledger::Share;
use acft_project::{Candidate, Draw, Event, EventId, LabelOrigin, Ledger, Origin, Part};

use super::labels::apply;
use super::{A, B, NOW, candidate, drawn, label, said};

/// Candidates 0 to 2 are of one patient, 3 and 4 of another; 5 and 6 are boxes
/// of one image, and 7 is alone.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(1);
    let created = Event::Created {
        seed: 1,
        version: "0.1.0".to_owned(),
    };
    apply(&mut ledger, &created).unwrap();
    for (class, name) in [(A, "a"), (B, "b")] {
        let name = name.to_owned();
        apply(&mut ledger, &Event::ClassAdded { class, name }).unwrap();
    }
    let rows: Vec<Candidate> = (0..8)
        .map(|at| Candidate {
            group: match at {
                0..=2 => Some("one".to_owned()),
                3 | 4 => Some("other".to_owned()),
                _ => None,
            },
            path: format!("images/{}.png", if at == 6 { 5 } else { at }),
            ..candidate(at, Part::Pool)
        })
        .collect();
    let added = Event::CandidatesAdded {
        origin: Origin::Listed,
        count: rows.len(),
        stamps: Vec::new(),
    };
    let id = EventId(ledger.last().0 + 1);
    ledger.apply(id, NOW, &added, &rows).unwrap();
    ledger
}

fn ids(of: impl IntoIterator<Item = CandidateId>) -> Vec<u32> {
    of.into_iter().map(|id| id.0).collect()
}

fn holdable(ledger: &Ledger) -> Vec<u32> {
    ids(ledger.holdable().iter().copied())
}

#[test]
fn what_is_of_one_group_or_image_with_a_holdout_is_not_learned_from() {
    let ledger = &mut ledger();
    apply(ledger, &drawn(1, Draw::Holdout, &[1, 6])).unwrap();
    // The rest may only be held out too.
    assert_eq!(ids(ledger.pool()), [3, 4, 7]);
    assert_eq!(holdable(ledger), [0, 2, 3, 4, 5, 7]);
    assert_eq!(ledger.set_aside(), 3);
    for id in [0, 3, 5] {
        apply(ledger, &said(id, A, "ada", LabelOrigin::Import)).unwrap();
    }
    apply(ledger, &label(1, B, "ada")).unwrap();
    assert_eq!(ledger.lesson(), [(CandidateId(3), A)]);
    assert_eq!(ledger.unlearned(), [(CandidateId(3), A)]);
    assert_eq!(ledger.holdout(), [(CandidateId(1), B)]);
    assert_eq!(ledger.share(CandidateId(2)), Share::Beside);
    // And what is learned from is not held out.
    assert_eq!(holdable(ledger), [2, 7]);
}

#[test]
fn what_was_drawn_before_groups_were_kept_together_is_what_the_first_of_its_group_is() {
    let ledger = &mut ledger();
    apply(ledger, &drawn(1, Draw::Query, &[0])).unwrap();
    apply(ledger, &drawn(2, Draw::Holdout, &[1, 3])).unwrap();
    apply(ledger, &drawn(3, Draw::Query, &[4])).unwrap();
    let shares: Vec<Share> = [0, 1, 3, 4]
        .into_iter()
        .map(|id| ledger.share(CandidateId(id)))
        .collect();
    assert_eq!(
        shares,
        [Share::Queried, Share::Random, Share::Holdout, Share::Beside]
    );
    // What is beside a holdout is not waited for.
    assert_eq!(ledger.waiting(), 2);
    for id in [0, 1, 3, 4] {
        apply(ledger, &label(id, A, "ada")).unwrap();
    }
    assert_eq!(ids(ledger.lesson().into_iter().map(|(id, _)| id)), [0, 1]);
    assert_eq!(ids(ledger.holdout().into_iter().map(|(id, _)| id)), [3]);
}

#[test]
fn what_is_taken_back_is_again_where_its_group_lets_it() {
    let ledger = &mut ledger();
    let alone = apply(ledger, &said(7, A, "ada", LabelOrigin::Import)).unwrap();
    let of_one = apply(ledger, &said(0, A, "ada", LabelOrigin::Import)).unwrap();
    for event in [alone, of_one] {
        let annotator = "ada".to_owned();
        apply(ledger, &Event::Undone { event, annotator }).unwrap();
    }
    assert_eq!(ids(ledger.pool()), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(holdable(ledger), [3, 4, 5, 6]);
}
