//! Opening, closing, reading beside a writer.

use std::fs;

use acft::CandidateId;
use acft_project::{Created, Error, Event, Moment, Project, Rules, check_database};
use tempfile::TempDir;

use super::{A, B, NOW, candidate, create, label};
use acft_project::{Origin, Part};

#[test]
fn a_project_is_the_same_when_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), 10, Rules::default());
    project
        .append(Moment(7), vec![label(3, B, "ada"), label(4, A, "ben")])
        .unwrap();
    project
        .add_candidates(NOW, Origin::Feedback, vec![candidate(77, Part::Pool)])
        .unwrap();
    let before = format!("{:?}", project.ledger());
    drop(project);
    for _ in 0..2 {
        let project = Project::open(folder.path(), Rules::default(), "a test").unwrap();
        assert_eq!(format!("{:?}", project.ledger()), before);
    }
    assert_eq!(check_database(folder.path()).unwrap(), []);
}

#[test]
fn a_project_is_made_once_and_of_a_set_of_classes() {
    let folder = TempDir::new().unwrap();
    let created = |classes: &[&str]| Created {
        seed: 1,
        version: "0.1.0".to_owned(),
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
    };
    let twice = created(&["a", "b", "a"]);
    let error = Project::create(folder.path(), twice, Rules::default(), NOW).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert!(!folder.path().join("acft.db").exists());

    drop(Project::create(folder.path(), created(&["a", "b"]), Rules::default(), NOW).unwrap());
    let before = fs::read(folder.path().join("acft.db")).unwrap();
    let again = Project::create(folder.path(), created(&["c", "d"]), Rules::default(), NOW);
    assert!(matches!(again, Err(Error::Exists(_))));
    assert_eq!(fs::read(folder.path().join("acft.db")).unwrap(), before);
}

#[test]
fn where_there_is_no_project_nothing_is_left_behind() {
    let folder = TempDir::new().unwrap();
    for result in [
        Project::open(folder.path(), Rules::default(), "a test"),
        Project::read(folder.path(), Rules::default()),
    ] {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("acft init"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_refused_changes_nothing_of_an_append() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), 4, Rules::default());
    let before = format!("{:?}", project.ledger());
    for events in [
        vec![label(9, A, "ada")],
        vec![
            label(0, A, "ada"),
            label(1, acft_project::ClassId(7), "ada"),
        ],
        vec![
            label(0, A, "ada"),
            Event::Unflagged {
                candidate: CandidateId(0),
                annotator: "ada".to_owned(),
            },
        ],
    ] {
        let error = project.append(NOW, events).unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!(format!("{:?}", project.ledger()), before);
    }
    let twice = vec![candidate(50, Part::Pool), candidate(2, Part::Pool)];
    let error = project
        .add_candidates(NOW, Origin::Listed, twice)
        .unwrap_err();
    assert!(error.to_string().contains("image 2"), "{error}");
    assert_eq!(format!("{:?}", project.ledger()), before);
}

/// JSON would write it as null, and the project could never be opened again.
#[test]
fn a_number_that_is_not_finite_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), 4, Rules::default());
    let mut event = label(0, A, "ada");
    if let Event::Labeled { seconds, .. } = &mut event {
        *seconds = Some(f64::NAN);
    }
    let diverged = Event::ModelMade(acft_project::ModelMade {
        hash: "h".to_owned(),
        loss: vec![0.5, f64::INFINITY],
        ..Default::default()
    });
    for event in [event, diverged] {
        let error = project.append(NOW, vec![event]).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }
    project.append(NOW, vec![label(0, A, "ada")]).unwrap();
    drop(project);
    Project::open(folder.path(), Rules::default(), "a test").unwrap();
}

#[test]
fn it_can_be_read_while_another_writes() {
    let folder = TempDir::new().unwrap();
    let mut writer = create(folder.path(), 50, Rules::default());
    for id in 0..50 {
        writer.append(NOW, vec![label(id, A, "ada")]).unwrap();
        let mut reader = Project::read(folder.path(), Rules::default()).unwrap();
        assert_eq!(
            format!("{:?}", reader.ledger()),
            format!("{:?}", writer.ledger())
        );
        let refused = reader.append(NOW, vec![label(1, B, "ada")]);
        assert_eq!(refused, Err(Error::ReadOnly));
    }
}

/// After a kill the log is still beside the database, and its last pages are
/// only there.
#[test]
fn it_can_be_read_with_a_log_that_nobody_has_open() {
    let folder = TempDir::new().unwrap();
    let mut writer = create(folder.path(), 5, Rules::default());
    writer.append(NOW, vec![label(0, B, "ada")]).unwrap();
    let copy = TempDir::new().unwrap();
    for name in ["acft.db", "acft.db-wal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let wal = fs::read(copy.path().join("acft.db-wal")).unwrap();
    let reader = Project::read(copy.path(), Rules::default()).unwrap();
    assert_eq!(reader.ledger().label(CandidateId(0)), Some(B));
    drop(reader);
    assert_eq!(fs::read(copy.path().join("acft.db-wal")).unwrap(), wal);
    let opened = Project::open(copy.path(), Rules::default(), "a test").unwrap();
    assert_eq!(opened.ledger().label(CandidateId(0)), Some(B));
}

#[test]
fn a_second_writer_is_told_who_is_the_first() {
    let folder = TempDir::new().unwrap();
    let first = create(folder.path(), 2, Rules::default());
    drop(first);
    let purpose = "acft serve on port 8500";
    let first = Project::open(folder.path(), Rules::default(), purpose).unwrap();
    let error = Project::open(folder.path(), Rules::default(), "acft train").unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(purpose), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    drop(first);
    Project::open(folder.path(), Rules::default(), "acft train").unwrap();
}

#[test]
fn events_are_shown_as_they_happened() {
    let folder = TempDir::new().unwrap();
    let mut project = create(folder.path(), 2, Rules::default());
    project.append(Moment(7), vec![label(1, B, "ada")]).unwrap();
    let mut shown = Vec::new();
    project
        .history(|id, at, event| {
            shown.push((id.0, at, event));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(shown.len(), 6);
    assert_eq!(shown[5], (6, Moment(7), label(1, B, "ada")));
}
