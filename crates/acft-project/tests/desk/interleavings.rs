//! Whatever several annotators do at once, and whenever the server is started
//! again, no candidate has more than its due of words.

use std::collections::BTreeMap;

use acft::CandidateId;
use acft_project::ledger::Share;
use acft_project::{Draw, Event, Ledger, Member, ModelMade, Moment, Project, Rules};
use proptest::prelude::*;

use super::{BENIGN, Desk, MALIGNANT};

const ANNOTATORS: [&str; 4] = ["ada", "bob", "cem", "dov"];
const LEASE_MS: i64 = 1000;

/// What may happen. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Deed {
    Next(usize, usize),
    /// Labels one of those that the annotator was served, lately or long ago.
    Label(usize, usize, bool),
    Skip(usize, usize),
    Undo(usize),
    Correct(usize),
    Unreadable(usize),
    Query(usize),
    /// A model learns all that is new, and is used or not.
    Learn(bool),
    Later(i64),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = 0..ANNOTATORS.len();
    prop_oneof![
        6 => (who.clone(), 1..5usize).prop_map(|(who, count)| Deed::Next(who, count)),
        8 => (who.clone(), 0..4usize, any::<bool>()).prop_map(|(w, at, c)| Deed::Label(w, at, c)),
        2 => (who.clone(), 0..4usize).prop_map(|(who, at)| Deed::Skip(who, at)),
        3 => who.clone().prop_map(Deed::Undo),
        1 => (0..20usize).prop_map(Deed::Correct),
        1 => (0..20usize).prop_map(Deed::Unreadable),
        1 => (1..5usize).prop_map(Deed::Query),
        1 => any::<bool>().prop_map(Deed::Learn),
        2 => (1..LEASE_MS).prop_map(Deed::Later),
        1 => Just(Deed::Restart),
    ]
}

/// What a client remembers.
#[derive(Default)]
struct Seen {
    /// What each was served last, and until when it is theirs.
    served: BTreeMap<&'static str, Vec<CandidateId>>,
    leases: BTreeMap<(CandidateId, &'static str), Moment>,
}

fn act(desk: &mut Desk, seen: &mut Seen, deed: &Deed) {
    let now = desk.now;
    match *deed {
        Deed::Next(who, count) => {
            let who = ANNOTATORS[who];
            let next = desk.next(who, count);
            let again = desk.next(who, count);
            assert_eq!(next.assignments, again.assignments);
            for one in &next.assignments {
                seen.leases.insert((one.candidate, who), one.until);
            }
            let served = next.assignments.iter().map(|one| one.candidate);
            seen.served.insert(who, served.collect());
        }
        Deed::Label(who, at, malignant) => {
            let class = if malignant { MALIGNANT } else { BENIGN };
            speak(desk, seen, who, at, |project, name, id| {
                project.label(name, id, class, None, now).is_ok()
            });
        }
        Deed::Skip(who, at) => speak(desk, seen, who, at, |project, name, id| {
            project.skip(name, id, None, now).is_ok()
        }),
        Deed::Undo(who) => {
            let who = ANNOTATORS[who];
            if let Ok(undone) = desk.project.undo(who, now) {
                assert_eq!(desk.served(who, 1), [undone.candidate]);
                let until = Moment(now.0 + LEASE_MS);
                seen.leases.insert((undone.candidate, who), until);
            }
        }
        Deed::Correct(at) => {
            let id = desk.project.ledger().votes().in_order().nth(at);
            if let Some(id) = id {
                desk.project.correct("eve", id, Some(BENIGN), now).unwrap();
            }
        }
        Deed::Unreadable(at) => {
            let batches = desk.project.ledger().batches().iter();
            let mut members = batches.flat_map(|batch| &batch.members);
            if let Some(member) = members.nth(at) {
                let candidate = member.candidate;
                let reason = "no image".to_owned();
                desk.append(vec![Event::Unreadable { candidate, reason }]);
            }
        }
        Deed::Query(size) => {
            let ledger = desk.project.ledger();
            let members: Vec<Member> = ledger.pool().take(size).map(Member::unscored).collect();
            let batch = ledger.batches().len() as u32 + 1;
            desk.append(vec![Event::BatchDrawn {
                batch,
                draw: Draw::Query,
                ranking: None,
                members,
            }]);
        }
        Deed::Learn(adopted) => {
            let ledger = desk.project.ledger();
            let models = ledger.models();
            let made = ModelMade {
                hash: format!("model {}", models.all().len()),
                parent: models.current().map(|made| made.model.hash.clone()),
                classes: vec![BENIGN, MALIGNANT],
                learned: ledger.unlearned(),
                adopted,
                ..ModelMade::default()
            };
            desk.append(vec![Event::ModelMade(made)]);
            if adopted {
                assert_eq!(desk.project.ledger().unlearned(), []);
            }
        }
        Deed::Later(ms) => desk.later(ms),
        Deed::Restart => {}
    }
}

/// What the ledger keeps up to date is what walking through all of it gives.
fn check_indexes(ledger: &Ledger) {
    let votes = ledger.votes();
    let all = (0..ledger.candidates().len()).map(|at| CandidateId(at as u32));
    let mut spoken: Vec<CandidateId> = all.filter(|id| !votes.history(*id).is_empty()).collect();
    spoken.sort_by_key(|id| votes.history(*id)[0].event);
    assert!(votes.in_order().eq(spoken.iter().copied()));
    let labeled = spoken.iter().filter(|id| votes.is_labeled(**id));
    assert_eq!(ledger.spent(), labeled.count());

    let readable = |id: &CandidateId| !ledger.is_unreadable(*id);
    let counted = |id: CandidateId| Some((id, ledger.label(id)?));
    let (mut holdout, lesson): (Vec<_>, Vec<_>) = spoken
        .iter()
        .copied()
        .filter(readable)
        .filter(|id| ledger.share(*id) != Share::Beside)
        .filter_map(counted)
        .partition(|(id, _)| ledger.is_holdout(*id));
    holdout.sort_unstable();
    assert_eq!(ledger.lesson(), lesson);
    assert_eq!(ledger.holdout(), holdout);

    let mut known = BTreeMap::new();
    for made in ledger.models().lineage().into_iter().rev() {
        known.extend(made.model.learned.iter().copied());
    }
    let new = lesson
        .into_iter()
        .filter(|(id, class)| known.get(id) != Some(class));
    assert_eq!(ledger.unlearned(), new.collect::<Vec<_>>());

    for name in ANNOTATORS {
        let said = spoken.iter().flat_map(|id| votes.history(*id));
        let last = said
            .filter(|vote| vote.annotator == name)
            .max_by_key(|vote| vote.event);
        assert_eq!(votes.last_of(name), last);
    }
}

fn speak(
    desk: &mut Desk,
    seen: &mut Seen,
    who: usize,
    at: usize,
    say: impl FnOnce(&mut Project, &str, CandidateId) -> bool,
) {
    let who = ANNOTATORS[who];
    let id = seen.served.get(who).and_then(|served| served.get(at));
    if let Some(id) = id
        && say(&mut desk.project, who, *id)
    {
        seen.leases.remove(&(*id, who));
    }
}

/// What holds at every moment.
fn check(desk: &Desk, seen: &Seen, overlap: usize) {
    let ledger = desk.project.ledger();
    for at in 0..ledger.candidates().len() {
        let id = CandidateId(at as u32);
        let votes = ledger.votes();
        let spoken: Vec<&str> = votes
            .of(id)
            .map(|vote| vote.annotator.as_str())
            .filter(|name| *name != "eve")
            .collect();
        let looking = ANNOTATORS
            .iter()
            .filter(|name| !spoken.contains(name))
            .filter(|name| {
                seen.leases
                    .get(&(id, **name))
                    .is_some_and(|until| *until > desk.now)
            })
            .count();
        let live = if votes.is_done(id) || ledger.is_unreadable(id) {
            0
        } else {
            looking
        };
        assert!(
            spoken.len() + live <= overlap,
            "{id:?}: {spoken:?} have spoken, and {looking} look"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn words_and_leases_stay_within_the_overlap(
        overlap in 1..4usize,
        deeds in prop::collection::vec(deed(), 1..90),
    ) {
        let rules = Rules { overlap, lease_ms: LEASE_MS, holdout_one_in: 4, ..Rules::default() };
        let mut desk = Desk::new(30, rules);
        let mut seen = Seen::default();
        let mut pool = desk.project.ledger().pool().len();
        for deed in &deeds {
            if matches!(deed, Deed::Restart) {
                desk = desk.restart();
                seen.leases.clear();
            }
            act(&mut desk, &mut seen, deed);
            check(&desk, &seen, overlap);
            check_indexes(desk.project.ledger());
            let left = desk.project.ledger().pool().len();
            prop_assert!(left <= pool, "U grew");
            pool = left;
        }

        // Once all leases have lapsed, the server that went on and the one
        // that was started again serve the same.
        desk.later(LEASE_MS + 1);
        let copy = tempfile::TempDir::new().unwrap();
        for entry in std::fs::read_dir(desk.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let rules = desk.project.rules().clone();
        let mut again = Project::open(copy.path(), rules, "a test").unwrap();
        prop_assert_eq!(again.ledger().standing(), desk.project.ledger().standing());
        for name in ANNOTATORS {
            let next = desk.next(name, 3);
            prop_assert_eq!(again.next(name, 3, desk.now).unwrap(), next);
        }
    }
}
