//! Backups of a project while it is served, and its files in other hands.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::json;

use crate::server::{Server, honest};
use crate::site::Site;

/// The names of the candidates that have a label.
fn labeled(site: &Site, project: &str) -> BTreeSet<String> {
    let exported = site.told(&format!("export labels {project}"));
    exported
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect()
}

#[test]
fn what_was_answered_before_a_backup_began_is_in_it() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    let (answered, done) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let Some(one) = server.next() else { break };
                server.label(&one, honest(&one));
                answered.lock().unwrap().insert(one.name);
            }
        });
        for turn in 0..5 {
            let before = answered.lock().unwrap().clone();
            site.told(&format!("backup safe/{turn} p"));
            site.told(&format!("restore safe/{turn} r{turn}"));
            let kept = labeled(&site, &format!("r{turn}"));
            assert!(before.is_subset(&kept), "{before:?}, {kept:?}");
            assert_eq!(site.told(&format!("check r{turn}")), "all is well\n");
        }
        done.store(true, Ordering::SeqCst);
    });
    server.stop();
    assert!(!answered.into_inner().unwrap().is_empty());
}

#[test]
fn a_server_makes_backups_by_itself() {
    // A second is 1/3600 of an hour.
    let site = Site::new("backup-to = '../kept'\nbackup-every = 0.0003\nbackup-keep = 2");
    let server = Server::start(&site);
    let backups = || fs::read_dir(site.path("kept")).map_or(0, |entries| entries.count());
    server.wait("a first backup", || backups() > 0);
    for _ in 0..3 {
        server.label_so_many(1);
        thread::sleep(Duration::from_millis(1200));
    }
    server.settle();
    let all = labeled(&site, "p");
    let newest_has_all = || {
        let _ = fs::remove_dir_all(site.path("r"));
        site.acft("restore kept r")
            .output()
            .unwrap()
            .status
            .success()
            && labeled(&site, "r") == all
    };
    server.wait("a backup of all", newest_has_all);
    server.stop();
    assert!(backups() <= 2);
}

/// What another program does to the files while they are served is noticed
/// within a second, and nothing is answered as accepted after it.
#[test]
fn a_database_that_is_taken_away_takes_no_label_with_it() {
    for harm in ["remove", "replace", "lock"] {
        let site = Site::new("holdout-one-in = 0");
        fs::copy(site.path("p/acft.db"), site.path("old.db")).unwrap();
        let server = Server::start(&site);
        server.label_so_many(3);
        let one = server.next().unwrap();
        match harm {
            "remove" => fs::remove_file(site.path("p/acft.db")).unwrap(),
            "replace" => fs::rename(site.path("old.db"), site.path("p/acft.db")).unwrap(),
            _ => fs::remove_file(site.path("p/acft.lock")).unwrap(),
        }
        let label = json!({"candidate": one.key, "class": 0, "seconds": 1.5}).to_string();
        let (status, answer) = server.ask("POST /api/label", "application/json", label.as_bytes());
        assert_eq!(status, 503, "{harm}: {answer}");
        let said = answer["error"].as_str().unwrap();
        assert!(said.contains("removed or changed the files"), "{said}");
        // Nobody else gets in meanwhile.
        let second = site.acft("serve p --port 0").output().unwrap();
        assert_ne!(second.status.code(), Some(0), "{harm}");
        let begun = Instant::now();
        server.stop();
        assert!(begun.elapsed() < Duration::from_secs(10));
        if harm == "lock" {
            assert_eq!(site.told("check p"), "all is well\n");
            assert_eq!(labeled(&site, "p").len(), 3);
            continue;
        }
        // As the log of the server says.
        for name in ["acft.db", "acft.db-wal", "acft.db-shm", "acft.head"] {
            let _ = fs::remove_file(site.path("p").join(name));
        }
        fs::rename(site.path("p/acft.db.rescued-1"), site.path("p/acft.db")).unwrap();
        assert_eq!(labeled(&site, "p").len(), 3, "{harm}");
        site.told("check p");
    }
}
