//! The end of what was acknowledged: where it is lost, that is noticed.

use std::fs;
use std::path::Path;

use acft::CandidateId;
use acft_project::{Error, Moment, Project, Rules, accept_loss, check_database, database_note};
use tempfile::TempDir;

use super::{A, B, NOW, create, label};

const LABELS: u32 = 40;

/// A project as a kill leaves it: 40 labels, most of them in the log alone.
fn killed() -> TempDir {
    let folder = TempDir::new().unwrap();
    create(folder.path(), LABELS, Rules::default())
        .close()
        .unwrap();
    let mut project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    for id in 0..LABELS {
        project.append(NOW, vec![label(id, A, "ada")]).unwrap();
    }
    // Its files as they are now: closing would bring the log into the database.
    let killed = TempDir::new().unwrap();
    copy(folder.path(), killed.path());
    killed
}

fn copy(from: &Path, to: &Path) {
    for name in ["acft.db", "acft.db-wal", "acft.head"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

fn labels(root: &Path) -> usize {
    let project = Project::read(root, Rules::default()).unwrap();
    (0..LABELS)
        .filter(|id| project.ledger().label(CandidateId(*id)).is_some())
        .count()
}

/// Checks that a project whose end is lost is called so by everyone, is not
/// written to, and gives what is left.
#[track_caller]
fn is_refused(root: &Path, what: &str) {
    // A reader may make a log with nothing in it.
    let files = || {
        ["acft.db", "acft.db-wal", "acft.head"]
            .map(|name| fs::read(root.join(name)).unwrap_or_default())
    };
    let before = files();
    let findings = check_database(root).unwrap();
    assert!(!findings.is_empty(), "{what}");
    let opened = Project::open(root, Rules::default(), "a test");
    assert!(
        matches!(opened, Err(Error::Damaged(_))),
        "{what}: {opened:?}"
    );
    let read = Project::read(root, Rules::default()).unwrap();
    assert!(!read.damage().is_empty(), "{what}");
    drop(read);
    // What is there may be all that a person can mend it from.
    assert!(files() == before, "{what}");
}

#[test]
fn a_log_that_is_damaged_cut_or_gone_is_noticed() {
    let whole = killed();
    let log = fs::read(whole.path().join("acft.db-wal")).unwrap();
    assert_eq!(check_database(whole.path()).unwrap(), []);
    assert_eq!(labels(whole.path()), LABELS as usize);
    let flipped = |at: usize| {
        let mut log = log.clone();
        log[at] ^= 1;
        Some(log)
    };
    let cases: Vec<(String, Option<Vec<u8>>)> = (0..20)
        .map(|part| part * log.len() / 20 + 40)
        .map(|at| (format!("a bit at {at}"), flipped(at)))
        .chain((0..5).map(|part| {
            let length = part * log.len() / 5;
            (format!("cut to {length}"), Some(log[..length].to_vec()))
        }))
        .chain([("removed".to_owned(), None)])
        .collect();
    let mut lost = 0;
    for (what, log) in cases {
        let damaged = TempDir::new().unwrap();
        copy(whole.path(), damaged.path());
        fs::remove_file(damaged.path().join("acft.db-wal")).unwrap();
        if let Some(log) = log {
            fs::write(damaged.path().join("acft.db-wal"), log).unwrap();
        }
        // A page that a later one replaced costs nothing.
        if labels(damaged.path()) < LABELS as usize {
            is_refused(damaged.path(), &what);
            lost += 1;
        }
    }
    assert!(lost > 20, "{lost}");
}

#[test]
fn an_older_database_in_the_place_of_the_last_one_is_noticed() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), LABELS, Rules::default());
    project.append(NOW, vec![label(0, A, "ada")]).unwrap();
    project.close().unwrap();
    let old = fs::read(folder.path().join("acft.db")).unwrap();
    let mut project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    project.append(NOW, vec![label(1, A, "ada")]).unwrap();
    project.close().unwrap();
    assert_eq!(check_database(folder.path()).unwrap(), []);
    fs::write(folder.path().join("acft.db"), old).unwrap();
    is_refused(folder.path(), "an older one");
    let findings = check_database(folder.path()).unwrap();
    assert!(
        findings[0]
            .wrong
            .contains("event 7 was accepted and is gone"),
        "{findings:?}"
    );
    assert!(findings[0].mend.contains("--accept-loss"), "{findings:?}");

    // Without the head, as of an older program or of a copy of one file.
    fs::remove_file(folder.path().join("acft.head")).unwrap();
    assert_eq!(check_database(folder.path()).unwrap(), []);
    let note = database_note(folder.path()).unwrap().unwrap();
    assert!(note.contains("acft.head is not there yet"), "{note}");
    drop(Project::open(folder.path(), Rules::default(), "a test").unwrap());
    assert_eq!(database_note(folder.path()).unwrap(), None);
}

#[test]
fn a_database_with_another_past_is_noticed() {
    let folder = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    for (root, class) in [(&folder, A), (&other, B)] {
        let mut project = create(root.path(), LABELS, Rules::default());
        project.append(NOW, vec![label(0, class, "ada")]).unwrap();
        project.append(Moment(9), vec![label(1, A, "ada")]).unwrap();
        project.close().unwrap();
    }
    fs::copy(other.path().join("acft.db"), folder.path().join("acft.db")).unwrap();
    is_refused(folder.path(), "another's");
    let findings = check_database(folder.path()).unwrap();
    assert!(
        findings[0].wrong.contains("is another than"),
        "{findings:?}"
    );
}

#[test]
fn what_is_lost_can_be_accepted() {
    let folder = killed();
    let log = fs::read(folder.path().join("acft.db-wal")).unwrap();
    fs::write(folder.path().join("acft.db-wal"), &log[..log.len() / 2]).unwrap();
    let left = labels(folder.path());
    assert!(left > 0 && left < LABELS as usize);
    let accepted = accept_loss(folder.path()).unwrap().unwrap();
    assert!(accepted.lost.contains("are gone"), "{accepted:?}");
    assert_eq!(
        fs::read(accepted.kept.join("acft.db-wal")).unwrap(),
        log[..log.len() / 2]
    );
    assert_eq!(check_database(folder.path()).unwrap(), []);
    let mut project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    project
        .append(NOW, vec![label(LABELS - 1, B, "ada")])
        .unwrap();
    project.close().unwrap();
    assert_eq!(check_database(folder.path()).unwrap(), []);
    assert_eq!(labels(folder.path()), left + 1);
    // Once is enough, and a whole project loses nothing by it.
    assert_eq!(accept_loss(folder.path()).unwrap(), None);
}

#[test]
fn a_head_that_cannot_be_read_is_no_head() {
    let folder = killed();
    fs::write(folder.path().join("acft.head"), b"torn").unwrap();
    is_refused(folder.path(), "a torn head");
    accept_loss(folder.path()).unwrap().unwrap();
    assert_eq!(labels(folder.path()), LABELS as usize);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

/// A kill between the commit and the head, or an older program: nobody was
/// told of more than the head says.
#[test]
fn a_head_that_is_behind_is_no_damage() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), LABELS, Rules::default());
    let early = fs::read(folder.path().join("acft.head")).unwrap();
    for id in 0..5 {
        project.append(NOW, vec![label(id, A, "ada")]).unwrap();
    }
    project.close().unwrap();
    fs::write(folder.path().join("acft.head"), early).unwrap();
    assert_eq!(check_database(folder.path()).unwrap(), []);
    drop(Project::open(folder.path(), Rules::default(), "a test").unwrap());
    assert_eq!(labels(folder.path()), 5);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

/// A stopped project is its folder.
#[test]
fn a_copy_of_the_folder_is_a_copy_of_the_project() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), LABELS, Rules::default());
    project.append(NOW, vec![label(0, A, "ada")]).unwrap();
    drop(project);
    let elsewhere = TempDir::new().unwrap();
    copy(folder.path(), elsewhere.path());
    assert_eq!(check_database(elsewhere.path()).unwrap(), []);
    let mut project = Project::open(elsewhere.path(), Rules::default(), "a test").unwrap();
    project.append(NOW, vec![label(1, A, "ada")]).unwrap();
}

/// The log is brought into the database from time to time.
#[test]
fn the_log_does_not_grow_for_ever() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), LABELS, Rules::default());
    let mut longest = 0;
    for turn in 0..400 {
        let events = vec![acft_project::Event::Flagged {
            candidate: CandidateId(turn % LABELS),
            annotator: "ada".to_owned(),
            note: "x".repeat(40_000),
        }];
        project.append(NOW, events).unwrap();
        longest = longest.max(
            fs::metadata(folder.path().join("acft.db-wal"))
                .unwrap()
                .len(),
        );
    }
    assert!(longest < 5 << 20, "{longest}");
    assert!(fs::metadata(folder.path().join("acft.db")).unwrap().len() > 10 << 20);
    drop(project);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}
