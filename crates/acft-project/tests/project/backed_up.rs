//! Copies that are taken while labels are given.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::{fs, thread};

use acft::CandidateId;
use acft_project::{Error, Keeper, Project, Rules, back_up, last_event, verify};
use tempfile::TempDir;

use super::{B, NOW, create, label};

const CANDIDATES: u32 = 3000;

#[test]
fn each_label_that_was_acknowledged_before_is_in_the_backup() {
    let folder = TempDir::new().unwrap();
    let keeper = Keeper::start(create(folder.path(), CANDIDATES, Rules::default()));
    let (acknowledged, done) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for id in 0..CANDIDATES {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                keeper
                    .call(move |project| project.append(NOW, vec![label(id, B, "ada")]))
                    .unwrap();
                acknowledged.store(id + 1, Ordering::SeqCst);
            }
        });
        for _ in 0..6 {
            let before = acknowledged.load(Ordering::SeqCst);
            let to = TempDir::new().unwrap();
            let contents = back_up(folder.path(), to.path()).unwrap();
            assert_eq!(verify(to.path()).unwrap(), contents);
            assert_eq!(contents.candidates, CANDIDATES as usize);
            let copy = Project::read(to.path(), Rules::default()).unwrap();
            for id in 0..before {
                assert_eq!(copy.ledger().label(CandidateId(id)), Some(B), "{id}");
            }
            assert!(contents.labeled >= before as usize);
        }
        done.store(true, Ordering::SeqCst);
    });
    keeper.stop();
    assert!(acknowledged.into_inner() > 0);
}

#[test]
fn a_backup_is_one_file_and_its_head() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), 5, Rules::default());
    project.append(NOW, vec![label(0, B, "ada")]).unwrap();
    let to = TempDir::new().unwrap();
    let contents = back_up(folder.path(), to.path()).unwrap();
    assert_eq!(contents.last, last_event(folder.path()).unwrap());
    assert_eq!(contents.labeled, 1);
    let mut names: Vec<_> = fs::read_dir(to.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["acft.db", "acft.head"]);
    // It is a project by itself.
    let mut copy = Project::open(to.path(), Rules::default(), "a test").unwrap();
    copy.append(NOW, vec![label(1, B, "ada")]).unwrap();
}

#[test]
fn a_damaged_project_is_not_backed_up_as_if_it_were_whole() {
    let folder = TempDir::new().unwrap();
    let project = create(folder.path(), 50, Rules::default());
    project.close().unwrap();
    let path = folder.path().join("acft.db");
    let mut bytes = fs::read(&path).unwrap();
    // Also where pages have what was moved elsewhere since.
    let path_of_one = b"images/7.png";
    for at in 0..bytes.len() - path_of_one.len() {
        if bytes[at..].starts_with(path_of_one) {
            bytes[at] = b'I';
        }
    }
    fs::write(&path, bytes).unwrap();
    let to = TempDir::new().unwrap();
    let error = back_up(folder.path(), to.path()).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
}
