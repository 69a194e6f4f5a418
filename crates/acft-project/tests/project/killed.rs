//! A process that is killed at any moment: what it said was kept is kept.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use acft::CandidateId;
use acft_project::{Error, Event, Keeper, Project, Rules, check_database};
use tempfile::TempDir;

use super::{A, B, NOW, create, label};

const FOLDER: &str = "ACFT_TEST_FOLDER";
const CANDIDATES: u32 = 500;
const ROUNDS: u64 = 25;

/// The other process: labels as fast as it can, from three threads, and says
/// the number of each label once it was acknowledged.
#[test]
#[ignore = "the child of the test below"]
fn child_that_labels() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let project = Project::open(Path::new(&folder), Rules::default(), "a child").unwrap();
    let keeper = Keeper::start(project);
    thread::scope(|scope| {
        for annotator in ["ada", "ben", "cy"] {
            let keeper = &keeper;
            scope.spawn(move || {
                for turn in 0.. {
                    let events = vec![
                        label(turn % CANDIDATES, [A, B][turn as usize % 2], annotator),
                        Event::Flagged {
                            candidate: CandidateId(turn % CANDIDATES),
                            annotator: annotator.to_owned(),
                            note: "unsure ".repeat(turn as usize % 200),
                        },
                    ];
                    let ids = keeper
                        .call(move |project| project.append(NOW, events))
                        .unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "kept {annotator} {}", ids[0].0).unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

fn child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "killed::child_that_labels",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// (annotator, event) of each label that the child said was kept.
fn acknowledged(line: &str) -> Option<(String, i64)> {
    let rest = &line[line.find("kept ")?..];
    let mut words = rest.split(' ').skip(1);
    let annotator = words.next()?.to_owned();
    Some((annotator, words.next()?.parse().ok()?))
}

#[test]
fn every_acknowledged_label_survives_kills() {
    let folder = TempDir::new().unwrap();
    drop(create(folder.path(), CANDIDATES, Rules::default()));
    let mut kept: Vec<(String, i64)> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = child(folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // From its first label on, so that each round is killed while labeling.
        let mut told = Vec::new();
        for line in &mut lines {
            told.extend(acknowledged(&line.unwrap()));
            if !told.is_empty() {
                break;
            }
        }
        if round == 0 {
            let error = Project::open(folder.path(), Rules::default(), "a test").unwrap_err();
            let Error::Locked { holder, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(holder, format!("a child (process {})", child.id()));
        }
        // Moments with no pattern: microseconds of a multiple of a prime.
        thread::sleep(Duration::from_micros(round * 7919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may have been cut off by the kill: then nobody was told.
        told.extend(
            lines
                .map_while(Result::ok)
                .filter_map(|line| acknowledged(&line)),
        );
        assert!(!told.is_empty());
        kept.extend(told);

        assert_eq!(check_database(folder.path()).unwrap(), []);
        let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
        let votes = project.ledger().votes().all();
        for (annotator, event) in &kept {
            let found = votes
                .binary_search_by_key(event, |vote| vote.event.0)
                .map(|at| votes[at]);
            assert_eq!(found.map(|vote| &vote.annotator), Ok(annotator), "{event}");
        }
    }
    assert!(kept.len() > ROUNDS as usize);
}
