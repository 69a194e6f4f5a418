//! What only a look inside can bring about: a full disk, a changed row.

#![allow(clippy::unwrap_used)]

use acft::{CandidateId, CandidateKey};
use tempfile::TempDir;

use super::*;
use crate::ledger::Part;
use crate::{Keeper, LabelOrigin, check_database};

const NOW: Moment = Moment(1_000);

fn project(candidates: u8) -> (TempDir, Project) {
    let folder = TempDir::new().unwrap();
    let created = Created {
        seed: 3,
        version: "0.1.0".to_owned(),
        classes: vec!["benign".to_owned(), "malignant".to_owned()],
    };
    let mut project = Project::create(folder.path(), created, Rules::default(), NOW).unwrap();
    let rows = (0..candidates)
        .map(|at| Candidate {
            key: CandidateKey([at; 32]),
            name: format!("image {at}"),
            path: format!("images/{at}.png"),
            region: Some([0, 0, 8, 8]),
            group: None,
            part: Part::Pool,
            origin: Origin::Listed,
        })
        .collect();
    project.add_candidates(NOW, Origin::Listed, rows).unwrap();
    (folder, project)
}

/// An event that takes `size` bytes on disk.
fn note(id: u32, size: usize) -> Event {
    Event::Flagged {
        candidate: CandidateId(id),
        annotator: "ada".to_owned(),
        note: "x".repeat(size),
    }
}

fn label(id: u32, class: u16) -> Event {
    Event::Labeled {
        candidate: CandidateId(id),
        class: ClassId(class),
        annotator: "ada".to_owned(),
        seconds: Some(1.5),
        supersedes: None,
        origin: LabelOrigin::Expert,
    }
}

/// Checks that the ledger is what the database gives.
#[track_caller]
fn same_as_replayed(project: &Project) {
    let replayed = replay(&project.store, 1, replay::Trust::Intact)
        .unwrap()
        .ledger;
    assert_eq!(format!("{:?}", project.ledger), format!("{replayed:?}"));
}

#[test]
fn a_full_disk_takes_nothing_and_breaks_nothing() {
    let (folder, mut project) = project(4);
    project.append(NOW, vec![label(0, 1)]).unwrap();
    let last = project.ledger().last();
    project.store.limit_pages(1);
    let error = project
        .append(NOW, vec![label(1, 1), note(2, 100_000)])
        .unwrap_err();
    assert!(matches!(error, Error::Storage(_)), "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(project.ledger().last(), last);
    assert_eq!(project.ledger().label(CandidateId(1)), None);
    same_as_replayed(&project);

    project.store.limit_pages(1_000_000);
    project.append(NOW, vec![label(1, 1)]).unwrap();
    same_as_replayed(&project);
    drop(project);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

/// Within the keeper: those who share a transaction with the one that filled
/// the disk are either told so too, or their labels are kept.
#[test]
fn a_full_disk_is_told_to_all_whose_labels_it_took() {
    let (folder, project) = project(200);
    let keeper = Keeper::start(project);
    keeper
        .call(|project| {
            project.store.limit_pages(1);
            Ok(())
        })
        .unwrap();
    let (sender, outcomes) = std::sync::mpsc::channel();
    for id in 0..100 {
        let sender = sender.clone();
        keeper.submit(
            move |project| {
                let size = if id == 50 { 500_000 } else { 2_000 };
                project.append(NOW, vec![label(id, 0), note(id, size)])
            },
            move |outcome| sender.send((id, outcome)).unwrap(),
        );
    }
    drop(sender);
    let outcomes: Vec<(u32, Result<_, Error>)> = outcomes.iter().collect();
    assert_eq!(outcomes.len(), 100);
    keeper
        .call(|project| {
            project.store.limit_pages(1_000_000);
            same_as_replayed(project);
            project.append(NOW, vec![label(150, 1)])
        })
        .unwrap();
    keeper.stop();
    let project = Project::read(folder.path(), Rules::default()).unwrap();
    for (id, outcome) in outcomes {
        let kept = project.ledger().label(CandidateId(id));
        assert_eq!(kept.is_some(), outcome.is_ok(), "{id}: {outcome:?}");
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Storage(_)), "{error}");
        }
    }
    assert_eq!(project.ledger().label(CandidateId(50)), None);
    assert_eq!(project.ledger().label(CandidateId(150)), Some(ClassId(1)));
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

/// Runs some works as one group, of which one fails so, and checks that nothing of it was kept.
#[track_caller]
fn lost_together(at: u32, fail: fn(&mut Project)) {
    let (folder, project) = project(20);
    let keeper = Keeper::start(project);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (busy, is_busy) = std::sync::mpsc::channel();
    keeper.submit(
        move |_| {
            busy.send(()).unwrap();
            let _ = held.recv();
            Ok(())
        },
        |_| {},
    );
    // From here on, what comes waits for the next group.
    is_busy.recv().unwrap();
    let changes = keeper.changes();
    let (sender, outcomes) = std::sync::mpsc::channel();
    for id in 0..9 {
        let sender = sender.clone();
        keeper.submit(
            move |project| {
                if id == at {
                    fail(project);
                    // It goes on as if nothing had been.
                    let _ = project.append(NOW, vec![label(10, 0)]);
                }
                project.append(NOW, vec![label(id, 0)]).map(drop)
            },
            move |outcome: Result<(), Error>| sender.send(outcome).unwrap(),
        );
    }
    drop((sender, release));
    let outcomes: Vec<Result<(), Error>> = outcomes.iter().collect();
    assert_eq!(outcomes.len(), 9);
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Error::Storage(_))), "{outcome:?}");
    }
    assert!(changes.try_recv().is_err());
    let kept = keeper
        .call(|project| {
            same_as_replayed(project);
            assert_eq!(project.ledger().spent(), 0);
            project.append(NOW, vec![label(0, 1)])
        })
        .unwrap();
    assert_eq!(kept, [EventId(5)]);
    keeper.stop();
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

#[test]
fn where_a_commit_fails_everyone_is_told() {
    for at in [0, 4, 8] {
        lost_together(at, |project| project.store.spoil());
    }
}

#[test]
fn where_sqlite_drops_a_transaction_everyone_is_told() {
    for at in [0, 4, 8] {
        lost_together(at, |project| project.store.rollback());
    }
}

#[test]
fn a_changed_row_is_noticed() {
    for (sql, about) in [
        (
            "UPDATE events SET body = replace(body, '\"class\":1', '\"class\":0') WHERE id = 5",
            "event 5",
        ),
        ("UPDATE events SET at = at + 1 WHERE id = 2", "event 2"),
        (
            "UPDATE candidates SET name = 'other' WHERE id = 1",
            "event 4",
        ),
        ("UPDATE candidates SET grp = '' WHERE id = 1", "event 4"),
        (
            "DROP TRIGGER events_remain; DELETE FROM events WHERE id = 5",
            "event 6",
        ),
    ] {
        let (folder, mut project) = project(3);
        project
            .append(NOW, vec![label(0, 1), label(1, 1), label(2, 1)])
            .unwrap();
        drop(project);
        assert_eq!(check_database(folder.path()).unwrap(), []);
        Store::tamper(folder.path(), sql);
        let findings = check_database(folder.path()).unwrap();
        assert_eq!(findings[0].about, about, "{sql}: {findings:?}");
        let opened = Project::open(folder.path(), Rules::default(), "a test");
        assert!(matches!(opened, Err(Error::Damaged(_))), "{sql}");
        // The labels can still be read out.
        let read = Project::read(folder.path(), Rules::default()).unwrap();
        assert_eq!(read.ledger().label(CandidateId(2)), Some(ClassId(1)));
    }
}

/// A project of three candidates, each labeled by an event of its own (5, 6 and 7), after what `sql` does to it,
/// opened for reading.
fn read_after(sql: &str) -> (TempDir, Project) {
    let (folder, mut project) = project(3);
    project
        .append(NOW, vec![label(0, 1), label(1, 0), label(2, 1)])
        .unwrap();
    drop(project);
    Store::tamper(folder.path(), sql);
    let opened = Project::open(folder.path(), Rules::default(), "a test");
    assert!(matches!(opened, Err(Error::Damaged(_))), "{sql}");
    let read = Project::read(folder.path(), Rules::default()).unwrap();
    (folder, read)
}

fn labels(project: &Project) -> Vec<Option<u16>> {
    let of = |id| project.ledger().label(CandidateId(id)).map(|class| class.0);
    (0..3).map(of).collect()
}

#[test]
fn one_event_that_cannot_be_read_takes_no_other_label_with_it() {
    for sql in [
        r#"UPDATE events SET body = '{"kind":"labeled"}' WHERE id = 6"#,
        r#"UPDATE events SET body = replace(body, '"candidate":1', '"candidate":7') WHERE id = 6"#,
    ] {
        let (_folder, read) = read_after(sql);
        assert_eq!(labels(&read), [Some(1), None, Some(1)], "{sql}");
        // That it was changed, and that it cannot be.
        assert_eq!(read.damage().len(), 2, "{:?}", read.damage());
        assert!(read.damage().iter().all(|line| line.contains("event 6")));
    }
}

/// A bit that flips makes of a text what is none.
#[test]
fn a_text_that_is_none_any_more_takes_no_label_with_it() {
    for (sql, expected) in [
        (
            "UPDATE candidates SET name = CAST(x'ff31' AS TEXT) WHERE id = 1",
            [Some(1), Some(0), Some(1)],
        ),
        (
            "UPDATE events SET body = replace(body, 'ada', CAST(x'ff' AS TEXT)) WHERE id = 6",
            [Some(1), Some(0), Some(1)],
        ),
    ] {
        let (_folder, read) = read_after(sql);
        assert_eq!(labels(&read), expected, "{sql}");
        assert!(!read.damage().is_empty());
    }
}

#[test]
fn labels_are_read_where_what_they_rest_on_cannot_be() {
    // The project's first, a class, and the candidates.
    for id in 1..=4 {
        let (_folder, read) = read_after(&format!(
            "UPDATE events SET body = '{{\"kind\":\"torn\"}}' WHERE id = {id}"
        ));
        assert_eq!(labels(&read), [Some(1), Some(0), Some(1)]);
        assert!(
            read.damage()[0].contains(&format!("event {id}")),
            "{:?}",
            read.damage()
        );
    }
}

/// Candidates are numbered by their order: were one skipped, its labels would be read as another's.
#[test]
fn no_label_is_read_as_that_of_another_candidate() {
    let remain = "DROP TRIGGER candidates_remain; PRAGMA foreign_keys = OFF;";
    for (sql, about) in [
        (
            format!("{remain} DELETE FROM candidates WHERE id = 1"),
            "missing",
        ),
        (
            format!(
                "{remain} DELETE FROM candidates WHERE id = 1; \
                 UPDATE events SET body = '{{\"kind\":\"torn\"}}' WHERE id = 4"
            ),
            "missing",
        ),
        (
            format!(
                "{remain} DELETE FROM candidates; DROP TRIGGER candidates_follow; \
                     INSERT INTO candidates (id, event, key, name, path, part, origin) \
                     VALUES (1, 4, randomblob(32), '', '', 'pool', 'listed')"
            ),
            "missing",
        ),
    ] {
        let (_folder, read) = read_after(&sql);
        assert_eq!(labels(&read), [None, None, None]);
        let damage = read.damage().join("\n");
        assert!(damage.contains(about), "{damage}");
        assert!(damage.ends_with("all after event 4"), "{damage}");
    }
}

#[test]
fn what_a_newer_program_wrote_is_not_called_damaged() {
    let (folder, project) = project(3);
    let next = EventId(project.ledger().last().0 + 1);
    let body = r#"{"kind":"wondered","by":"x"}"#;
    project.store.append(next, NOW, body, &[], 0).unwrap();
    // What follows may rest on it: that is no damage either.
    let rests_on_it = store::body_of(&label(0, 7)).unwrap();
    let after = EventId(next.0 + 1);
    project
        .store
        .append(after, NOW, &rests_on_it, &[], 0)
        .unwrap();
    drop(project);
    let error = Project::open(folder.path(), Rules::default(), "a test").unwrap_err();
    assert!(matches!(error, Error::Unfamiliar(_)), "{error}");
    let read = Project::read(folder.path(), Rules::default()).unwrap();
    assert_eq!(read.newer(), Some(error));
    let findings = check_database(folder.path()).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].mend.contains("newer"), "{findings:?}");
}

#[test]
fn a_closed_project_is_one_file() {
    let (folder, mut project) = project(3);
    project.append(NOW, vec![label(0, 1)]).unwrap();
    assert!(folder.path().join("acft.db-wal").exists());
    project.close().unwrap();
    let elsewhere = TempDir::new().unwrap();
    std::fs::copy(
        folder.path().join("acft.db"),
        elsewhere.path().join("acft.db"),
    )
    .unwrap();
    assert!(!folder.path().join("acft.db-wal").exists());
    let moved = Project::read(elsewhere.path(), Rules::default()).unwrap();
    assert_eq!(moved.ledger().label(CandidateId(0)), Some(ClassId(1)));
}

/// What is left in the log, beside the file, is never taken for complete.
#[test]
fn a_project_that_could_not_be_completed_says_so() {
    let (folder, mut project) = project(3);
    let reader = rusqlite::Connection::open(folder.path().join("acft.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM events")
        .unwrap();
    project.append(NOW, vec![label(0, 1)]).unwrap();
    project.store.do_not_wait();
    let error = project.close().unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    drop(reader);
    let read = Project::read(folder.path(), Rules::default()).unwrap();
    assert_eq!(read.ledger().label(CandidateId(0)), Some(ClassId(1)));
}

/// Wherever a disk loses a page, nothing is built on what is left.
#[test]
fn lost_pages_are_noticed() {
    let (folder, mut project) = project(200);
    let class = |id: u32| u16::from(id.is_multiple_of(3));
    for id in 0..200 {
        project.append(NOW, vec![label(id, class(id))]).unwrap();
    }
    drop(project);
    let path = folder.path().join("acft.db");
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 10 * 4096);
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let opened = Project::open(folder.path(), Rules::default(), "a test");
        let error = opened.err().unwrap();
        assert!(matches!(error, Error::Damaged(_)), "page {page}: {error}");
        let findings = check_database(folder.path()).unwrap();
        assert_ne!(findings, [], "page {page}");
        // What can be read out of it was said so, and what was not read is told.
        let Ok(read) = Project::read(folder.path(), Rules::default()) else {
            continue;
        };
        let labels: Vec<_> = (0..200)
            .map(|id| (id, read.ledger().label(CandidateId(id))))
            .collect();
        for (id, label) in &labels {
            assert!(
                label.is_none_or(|label| label.0 == class(*id)),
                "page {page}: {id}"
            );
        }
        let all = labels.iter().all(|(_, label)| label.is_some());
        assert!(all || !read.damage().is_empty(), "page {page}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

#[test]
fn an_event_of_another_program_is_not_overwritten() {
    let (folder, mut project) = project(3);
    let last = project.ledger().last();
    let other = rusqlite::Connection::open(folder.path().join("acft.db")).unwrap();
    other
        .execute(
            "INSERT INTO events (id, at, body, hash) VALUES (?, 0, '{\"kind\":\"went-on\",\"by\":\"x\"}', zeroblob(32))",
            [last.0 + 1],
        )
        .unwrap();
    let error = project.append(NOW, vec![label(0, 1)]).unwrap_err();
    assert!(matches!(error, Error::TakenAway(_)), "{error}");
}

/// A bit may flip anywhere: what a check finds is refused by whoever would write.
#[test]
fn flipped_bits_that_a_check_finds_are_refused_by_writers() {
    let (folder, mut project) = project(100);
    for id in 0..100 {
        project.append(NOW, vec![label(id, 1)]).unwrap();
    }
    project.close().unwrap();
    let path = folder.path().join("acft.db");
    let whole = std::fs::read(&path).unwrap();
    let mut found = 0;
    for at in (100..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[at] ^= 16;
        std::fs::write(&path, &bytes).unwrap();
        let is_sound = check_database(folder.path()).is_ok_and(|findings| findings.is_empty());
        let opened = Project::open(folder.path(), Rules::default(), "a test");
        assert_eq!(is_sound, opened.is_ok(), "byte {at}: {opened:?}");
        found += usize::from(!is_sound);
        drop(opened);
        for log in ["acft.db-wal", "acft.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(log));
        }
    }
    assert!(found > 50, "{found}");
}

/// Where the disk does not take the head, what was committed counts, and
/// nothing more is taken before the head is.
#[test]
fn a_head_that_cannot_be_written_is_made_up_for_first() {
    let (folder, mut project) = project(5);
    project.store.set_head_writable(false);
    project.append(NOW, vec![label(0, 1)]).unwrap();
    for _ in 0..2 {
        let error = project.append(NOW, vec![label(1, 1)]).unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{error}");
        assert!(error.to_string().contains("acft.head"), "{error}");
        same_as_replayed(&project);
    }
    project.store.set_head_writable(true);
    project.append(NOW, vec![label(1, 0)]).unwrap();
    same_as_replayed(&project);
    drop(project);
    assert_eq!(check_database(folder.path()).unwrap(), []);
    let read = Project::read(folder.path(), Rules::default()).unwrap();
    assert_eq!(read.ledger().label(CandidateId(0)), Some(ClassId(1)));
    assert_eq!(read.ledger().label(CandidateId(1)), Some(ClassId(0)));
}

#[test]
fn a_project_of_before_gets_its_head_at_the_first_opening() {
    let (folder, project) = project(3);
    project.close().unwrap();
    std::fs::remove_file(folder.path().join("acft.head")).unwrap();
    let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    assert!(folder.path().join("acft.head").exists());
    drop(project);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}
