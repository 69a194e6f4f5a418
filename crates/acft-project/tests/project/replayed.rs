//! Whatever is sent, in whatever order: the state is what replaying gives, and
//! what is refused changes nothing.

use std::collections::BTreeSet;

use acft::{CandidateId, Score};
use acft_project::{
    ClassId, Draw, Event, EventId, LabelOrigin, Ledger, Member, ModelMade, Moment, Origin, Part,
    Project, Role, Rules,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::candidate;

/// Mostly what could be, and some of what cannot.
fn event() -> impl Strategy<Value = Event> {
    let id = || (0..14_u32).prop_map(CandidateId);
    let class = || (0..5_u16).prop_map(ClassId);
    let who = || prop::sample::select(vec!["ada", "ben", "cy"]).prop_map(str::to_owned);
    let name = || prop::sample::select(vec!["a", "b", "c", "d", ""]).prop_map(str::to_owned);
    let hash = || prop::sample::select(vec!["m0", "m1", "m2", "m3"]).prop_map(str::to_owned);
    let seconds = || prop::option::of(0.0..60.0_f64);
    let origin = || {
        prop::sample::select(vec![
            LabelOrigin::Expert,
            LabelOrigin::Expert,
            LabelOrigin::Expert,
            LabelOrigin::Review,
            LabelOrigin::Feedback,
            LabelOrigin::Import,
            LabelOrigin::Manifest,
        ])
    };
    let draw = prop::sample::select(vec![Draw::Query, Draw::Ahead, Draw::Random, Draw::Holdout]);
    let member = || {
        (id(), any::<f64>(), prop::collection::vec(any::<f32>(), 2)).prop_map(|(id, value, row)| {
            Member {
                candidate: id,
                rank: Some(1),
                score: Some(Score {
                    dominant: 0,
                    kept: 1,
                    entropy: value / 3.0,
                    diversity: 0.1,
                    value,
                }),
                predictions: vec![row],
            }
        })
    };
    let labeled = (
        id(),
        class(),
        who(),
        seconds(),
        prop::option::weighted(0.1, 1..40_i64),
        origin(),
    )
        .prop_map(
            |(candidate, class, annotator, seconds, supersedes, origin)| Event::Labeled {
                candidate,
                class,
                annotator,
                seconds,
                supersedes: supersedes.map(EventId),
                origin,
            },
        );
    let made = (
        hash(),
        prop::option::of(hash()),
        0..5_u32,
        prop::collection::vec((id(), class()), 0..5),
        any::<bool>(),
    )
        .prop_map(|(hash, parent, step, learned, adopted)| {
            Event::ModelMade(ModelMade {
                hash,
                parent,
                step,
                learned,
                adopted,
                ..ModelMade::default()
            })
        });
    prop_oneof![
        12 => labeled,
        3 => (id(), who(), seconds(), origin()).prop_map(|(candidate, annotator, seconds, origin)|
            Event::Skipped { candidate, annotator, seconds, origin }),
        6 => (1..60_i64, who()).prop_map(|(event, annotator)|
            Event::Undone { event: EventId(event), annotator }),
        2 => (id(), who()).prop_map(|(candidate, annotator)|
            Event::Flagged { candidate, annotator, note: "?".to_owned() }),
        2 => (id(), who()).prop_map(|(candidate, annotator)|
            Event::Unflagged { candidate, annotator }),
        1 => id().prop_map(|candidate|
            Event::Unreadable { candidate, reason: "cut off".to_owned() }),
        1 => id().prop_map(|candidate|
            Event::Changed { candidate, reason: "another image".to_owned() }),
        2 => id().prop_map(|candidate| Event::Returned { candidate }),
        1 => prop::collection::vec(id(), 0..4).prop_map(|candidates| Event::Away { candidates }),
        2 => (class(), name()).prop_map(|(class, name)| Event::ClassAdded { class, name }),
        1 => (class(), name()).prop_map(|(class, name)| Event::ClassRenamed { class, name }),
        1 => (class(), class()).prop_map(|(from, into)| Event::ClassMerged { from, into }),
        1 => (who(), name()).prop_map(|(name, token)| Event::AnnotatorAdded { name, token, role: Role::default() }),
        1 => who().prop_map(|name| Event::AnnotatorRevoked { name }),
        1 => (1..4_u32, prop::option::of(hash()), prop::collection::vec(member(), 0..4), any::<bool>())
            .prop_map(|(ranking, model, reserve, short)|
                Event::Ranked { ranking, model, scored: 9, reserve, short }),
        4 => (1..5_u32, draw, prop::collection::vec(member(), 0..4))
            .prop_map(|(batch, draw, members)|
                Event::BatchDrawn { batch, draw, ranking: None, members }),
        3 => made,
        1 => hash().prop_map(|model| Event::ModelUsed { model, by: "ada".to_owned() }),
        1 => Just(Event::StopAdvised { reason: "enough".to_owned() }),
        1 => Just(Event::WentOn { by: "ada".to_owned() }),
        1 => Just(Event::Created { seed: 2, version: "0.2.0".to_owned() }),
        1 => Just(Event::CandidatesAdded { origin: Origin::Listed, count: 1, stamps: vec![] }),
    ]
}

/// What every state must be, whatever led to it.
fn assert_holds(ledger: &Ledger) {
    let (lesson, holdout, unlearned) = (ledger.lesson(), ledger.holdout(), ledger.unlearned());
    for (id, class) in &lesson {
        assert!(!ledger.in_pool(*id) && !ledger.is_holdout(*id) && !ledger.is_unreadable(*id));
        assert_eq!(ledger.label(*id), Some(*class));
        assert!(ledger.classes().current().any(|current| current == *class));
    }
    for (id, class) in &holdout {
        assert!(!ledger.in_pool(*id) && ledger.is_holdout(*id));
        assert_eq!(ledger.label(*id), Some(*class));
        assert!(!lesson.iter().any(|(other, _)| other == id));
    }
    assert!(unlearned.iter().all(|pair| lesson.contains(pair)));
    // No model is judged on a group that it learned from.
    let group = |(id, _): &(CandidateId, ClassId)| ledger.candidates()[id.index()].group.clone();
    let learned: BTreeSet<String> = lesson.iter().filter_map(group).collect();
    let judged: BTreeSet<String> = holdout.iter().filter_map(group).collect();
    assert!(learned.is_disjoint(&judged), "{learned:?} and {judged:?}");
    assert!(ledger.changed().iter().all(|id| ledger.is_unreadable(*id)));
    assert!(!ledger.away().iter().any(|id| ledger.is_unreadable(*id)));
    for id in ledger.pool() {
        assert!(ledger.drawn(id).is_none() && ledger.votes().history(id).is_empty());
    }
}

const RULES: fn(usize) -> Rules = |overlap| Rules {
    overlap,
    ..Rules::default()
};

fn begun(folder: &TempDir, overlap: usize) -> Project {
    let created = acft_project::Created {
        seed: 1,
        version: "0.1.0".to_owned(),
        classes: vec!["a".to_owned(), "b".to_owned()],
    };
    let mut project = Project::create(folder.path(), created, RULES(overlap), Moment(0)).unwrap();
    let rows = (0..12)
        .map(|at| match at {
            10 => candidate(at, Part::Validation),
            11 => candidate(at, Part::Test),
            _ => candidate(at, Part::Pool),
        })
        .collect();
    project
        .add_candidates(Moment(0), Origin::Listed, rows)
        .unwrap();
    project
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The ledger alone, one event after the other, written and read as JSON.
    #[test]
    fn the_state_is_what_replaying_gives(
        overlap in 1..4_usize,
        events in prop::collection::vec(event(), 0..120),
    ) {
        let folder = TempDir::new().unwrap();
        let start = begun(&folder, overlap);
        let mut live = start.ledger().clone();
        let mut replayed = start.ledger().clone();
        for event in &events {
            let id = EventId(live.last().0 + 1);
            let before = format!("{live:?}");
            match live.apply(id, Moment(id.0), event, &[]) {
                Err(_) => prop_assert_eq!(format!("{live:?}"), before, "{:?}", event),
                Ok(()) => {
                    let kept = serde_json::to_string(event).unwrap();
                    let read: Event = serde_json::from_str(&kept).unwrap();
                    prop_assert_eq!(&read, event);
                    replayed.apply(id, Moment(id.0), &read, &[]).unwrap();
                    assert_holds(&live);
                }
            }
        }
        prop_assert_eq!(format!("{live:?}"), format!("{replayed:?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The project as a whole: several events at once, all or none, reopened.
    #[test]
    fn a_project_is_what_its_database_gives(
        overlap in 1..3_usize,
        appends in prop::collection::vec(prop::collection::vec(event(), 1..3), 0..25),
    ) {
        let folder = TempDir::new().unwrap();
        let mut project = begun(&folder, overlap);
        for events in appends {
            let before = format!("{:?}", project.ledger());
            if project.append(Moment(9), events).is_err() {
                prop_assert_eq!(format!("{:?}", project.ledger()), before);
            }
        }
        let live = format!("{:?}", project.ledger());
        drop(project);
        let project = Project::open(folder.path(), RULES(overlap), "a test").unwrap();
        prop_assert_eq!(format!("{:?}", project.ledger()), live);
    }
}
