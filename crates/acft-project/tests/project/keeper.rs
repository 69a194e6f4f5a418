//! The thread that owns a project: shared commits, and nobody's failure is another's.

use std::sync::mpsc;

use acft::CandidateId;
use acft_project::{Error, EventId, Keeper, Project, Rules};
use tempfile::TempDir;

use super::{A, B, NOW, create, label};

fn keeper(folder: &TempDir) -> Keeper {
    Keeper::start(create(folder.path(), 300, Rules::default()))
}

/// Keeps the keeper busy until the sender is dropped, so that works pile up.
fn hold(keeper: &Keeper) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    let (busy, is_busy) = mpsc::channel();
    keeper.submit(
        move |_| {
            busy.send(()).unwrap();
            let _ = held.recv();
            Ok(())
        },
        |_| {},
    );
    is_busy.recv().unwrap();
    release
}

#[test]
fn works_that_wait_share_a_commit() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    let changes = keeper.changes();
    let release = hold(&keeper);
    let (sender, replies) = mpsc::channel();
    for id in 0..300 {
        let sender = sender.clone();
        keeper.submit(
            move |project| project.append(NOW, vec![label(id, A, "ada")]),
            move |outcome| sender.send(outcome.unwrap()[0]).unwrap(),
        );
    }
    drop((sender, release));
    let events: Vec<EventId> = replies.iter().collect();
    // In the order in which they came.
    assert_eq!(events.len(), 300);
    assert!(events.is_sorted());
    keeper.stop();
    // At most 256 a commit.
    let commits: Vec<EventId> = changes.iter().collect();
    assert_eq!(commits, [events[255], events[299]]);
}

#[test]
fn a_work_that_fails_leaves_nothing_and_harms_nobody() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    let release = hold(&keeper);
    let (sender, replies) = mpsc::channel();
    for id in 0..30 {
        let sender = sender.clone();
        keeper.submit(
            move |project| {
                project.append(NOW, vec![label(id, B, "ada")])?;
                match id % 3 {
                    0 => Ok(()),
                    1 => Err(Error::Conflict("changed its mind".to_owned())),
                    _ => panic!("at {id}"),
                }
            },
            move |outcome: Result<(), Error>| sender.send((id, outcome)).unwrap(),
        );
    }
    drop((sender, release));
    for (id, outcome) in &replies {
        match id % 3 {
            0 => assert_eq!(outcome, Ok(())),
            1 => assert_eq!(outcome, Err(Error::Conflict("changed its mind".to_owned()))),
            _ => assert_eq!(outcome, Err(Error::Defect(format!("at {id}")))),
        }
    }
    let live = keeper
        .call(|project| Ok(format!("{:?}", project.ledger())))
        .unwrap();
    keeper.stop();
    let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    assert_eq!(format!("{:?}", project.ledger()), live);
    for id in 0..30 {
        let expected = (id % 3 == 0).then_some(B);
        assert_eq!(project.ledger().label(CandidateId(id)), expected);
    }
}

/// A work that passes over a refusal keeps the rest.
#[test]
fn a_refused_append_is_undone_alone() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    keeper
        .call(|project| {
            project.append(NOW, vec![label(0, A, "ada")])?;
            let refused = project.append(NOW, vec![label(1, A, "ada"), label(9999, A, "ada")]);
            assert!(matches!(refused, Err(Error::Refused(_))));
            project.append(NOW, vec![label(2, A, "ada")])
        })
        .unwrap();
    keeper.stop();
    let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    let labels = [0, 1, 2].map(|id| project.ledger().label(CandidateId(id)));
    assert_eq!(labels, [Some(A), None, Some(A)]);
}

#[test]
fn a_change_is_heard_once_it_is_on_disk() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    let (one, other) = (keeper.changes(), keeper.changes());
    keeper.call(|project| Ok(project.ledger().spent())).unwrap();
    let event = keeper
        .call(|project| project.append(NOW, vec![label(0, A, "ada")]))
        .unwrap()[0];
    // What brought nothing was not announced: the label is the first heard.
    for heard in [one, other] {
        assert_eq!(heard.recv(), Ok(event));
        let project = Project::read(folder.path(), Rules::default()).unwrap();
        assert_eq!(project.ledger().last(), event);
    }
    keeper.stop();
}

#[test]
fn a_stopped_keeper_has_done_what_was_waiting_and_lets_go_of_the_project() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    let release = hold(&keeper);
    for id in 0..100 {
        keeper.submit(
            move |project| project.append(NOW, vec![label(id, A, "ada")]),
            |outcome| assert!(outcome.is_ok()),
        );
    }
    drop(release);
    keeper.stop();
    let late = keeper.call(|project| project.append(NOW, vec![label(200, A, "ada")]));
    assert_eq!(late, Err(Error::Stopped));
    // Nothing changes any more: whoever waits for it is let go.
    assert!(keeper.changes().recv().is_err());
    keeper.stop();
    let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    assert_eq!(project.ledger().spent(), 100);
}

#[test]
fn a_reply_that_panics_does_not_end_the_thread() {
    let folder = TempDir::new().unwrap();
    let keeper = keeper(&folder);
    keeper.submit(|_| Ok(()), |_| panic!("cannot take it"));
    keeper
        .call(|project| project.append(NOW, vec![label(0, A, "ada")]))
        .unwrap();
}
