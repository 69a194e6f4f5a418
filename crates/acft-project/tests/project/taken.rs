//! What other programs do to the files of a project that is open.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use acft::CandidateId;
use acft_project::{Error, Keeper, Project, Rules, check_database};
use tempfile::TempDir;

use super::{A, NOW, create, label};

/// How soon it must be noticed.
const SOON: Duration = Duration::from_secs(1);

/// Labels five, has `harm` done to the folder, and checks that it is noticed
/// with nothing to do as well as with work, and that nothing is accepted then.
#[track_caller]
fn noticed(harm: fn(&Path)) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let keeper = open(&folder, |_| {});
    harm(folder.path());
    let refused = keeper.call(|project| project.append(NOW, vec![label(9, A, "ada")]));
    assert!(matches!(refused, Err(Error::TakenAway(_))), "{refused:?}");
    keeper.stop();

    let folder = TempDir::new().unwrap();
    let (alarm, told) = mpsc::channel();
    let keeper = open(&folder, move |error| alarm.send(error.clone()).unwrap());
    harm(folder.path());
    let since = Instant::now();
    let error = told.recv_timeout(4 * SOON).unwrap();
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    for id in 6..10 {
        let refused = keeper.call(move |project| project.append(NOW, vec![label(id, A, "ada")]));
        assert_eq!(refused, Err(error.clone()));
    }
    keeper.stop();
    assert!(told.try_recv().is_err(), "told once");
    (folder, error.to_string())
}

fn open(folder: &TempDir, alarm: impl FnOnce(&Error) + Send + 'static) -> Keeper {
    create(folder.path(), 20, Rules::default()).close().unwrap();
    fs::copy(folder.path().join("acft.db"), folder.path().join("old")).unwrap();
    let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
    let keeper = Keeper::start_watched(project, alarm);
    for id in 0..5 {
        keeper
            .call(move |project| project.append(NOW, vec![label(id, A, "ada")]))
            .unwrap();
    }
    keeper
}

fn labels(root: &Path) -> usize {
    let project = Project::read(root, Rules::default()).unwrap();
    (0..20)
        .filter(|id| project.ledger().label(CandidateId(*id)).is_some())
        .count()
}

/// What was accepted is saved beside the place that the database had.
#[track_caller]
fn saved(folder: &TempDir, error: &str) {
    assert!(error.contains("acft.db.rescued-1"), "{error}");
    let elsewhere = TempDir::new().unwrap();
    let (from, to) = (folder.path(), elsewhere.path());
    fs::copy(from.join("acft.db.rescued-1"), to.join("acft.db")).unwrap();
    assert_eq!(check_database(to).unwrap(), []);
    assert_eq!(labels(to), 5);
}

#[test]
fn a_database_that_is_removed_is_noticed_and_saved() {
    let (folder, error) = noticed(|root| fs::remove_file(root.join("acft.db")).unwrap());
    assert!(error.contains("acft.db was removed or replaced"), "{error}");
    saved(&folder, &error);
}

#[test]
fn a_database_that_is_replaced_is_noticed_and_saved() {
    let (folder, error) =
        noticed(|root| fs::rename(root.join("old"), root.join("acft.db")).unwrap());
    assert!(error.contains("acft.db was removed or replaced"), "{error}");
    saved(&folder, &error);
}

#[test]
fn a_log_that_is_removed_is_noticed_and_saved() {
    let (folder, error) = noticed(|root| fs::remove_file(root.join("acft.db-wal")).unwrap());
    assert!(error.contains("acft.db-wal was removed"), "{error}");
    saved(&folder, &error);
}

#[test]
fn a_database_that_is_written_over_is_noticed() {
    let (_folder, error) =
        noticed(|root| fs::write(root.join("acft.db"), vec![7; 100_000]).unwrap());
    assert!(error.contains("wrote into acft.db"), "{error}");
}

#[test]
fn a_log_that_is_cut_is_noticed() {
    let (_folder, error) = noticed(|root| {
        let log = fs::OpenOptions::new()
            .write(true)
            .open(root.join("acft.db-wal"));
        log.unwrap().set_len(5000).unwrap();
    });
    assert!(error.contains("wrote into acft.db-wal"), "{error}");
}

#[test]
fn a_lock_or_a_head_that_is_removed_is_noticed_and_costs_nothing() {
    let harms: [fn(&Path); 2] = [
        |root| fs::remove_file(root.join("acft.lock")).unwrap(),
        |root| fs::remove_file(root.join("acft.head")).unwrap(),
    ];
    for harm in harms {
        let (folder, error) = noticed(harm);
        assert!(error.contains("start it again"), "{error}");
        assert_eq!(check_database(folder.path()).unwrap(), []);
        assert_eq!(labels(folder.path()), 5);
        let mut project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
        project.append(NOW, vec![label(9, A, "ada")]).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn whoever_removes_the_lock_file_lets_nobody_in() {
    let folder = TempDir::new().unwrap();
    let first = create(folder.path(), 20, Rules::default());
    fs::remove_file(folder.path().join("acft.lock")).unwrap();
    let second = Project::open(folder.path(), Rules::default(), "a second");
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    drop(first);
    Project::open(folder.path(), Rules::default(), "a second").unwrap();
}

/// Another name, other rights, a reader, a copy: none of it is a harm.
#[cfg(unix)]
#[test]
fn what_does_no_harm_stops_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let keeper = open(&folder, |error| panic!("{error}"));
    for (id, file) in [(6, "acft.db"), (7, "acft.db-wal"), (8, "acft.head")] {
        let path = folder.path().join(file);
        fs::hard_link(&path, folder.path().join(format!("{file}.link"))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(check_database(folder.path()).unwrap(), []);
        keeper
            .call(move |project| project.append(NOW, vec![label(id, A, "ada")]))
            .unwrap();
    }
    std::thread::sleep(SOON);
    keeper
        .call(|project| project.append(NOW, vec![label(9, A, "ada")]))
        .unwrap();
    keeper.stop();
    assert_eq!(labels(folder.path()), 9);
    assert_eq!(check_database(folder.path()).unwrap(), []);
}
