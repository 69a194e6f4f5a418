//! `acft backup` and `acft restore`: what was labeled, in another place.

use std::fs;

use crate::project::{Home, refused, stderr};

/// A project `lungs` in which eight candidates are labeled.
fn labeled() -> Home {
    let home = Home::with_project();
    home.told(&["query", "--batch", "8", "--out", "batch.csv", "lungs"]);
    home.fill_in("batch.csv", "labels.csv");
    home.told(&["label", "import", "labels.csv", "lungs"]);
    home
}

fn labels(home: &Home, project: &str) -> String {
    home.told(&["export", "labels", project])
}

#[test]
fn a_project_is_the_same_after_a_backup_and_a_restore() {
    let home = labeled();
    let told = home.told(&["backup", "safe/monday", "lungs"]);
    assert_eq!(told, "safe/monday\n");
    assert_eq!(
        home.files("safe/monday"),
        ["acft.db", "acft.head", "acft.toml", "backup.json", "models"]
    );
    // What is said later is not in it.
    let before = labels(&home, "lungs");
    assert_eq!(before.lines().count(), 9);
    fs::remove_dir_all(home.path("lungs")).unwrap();

    let restored = home.json(&["restore", "safe/monday", "again", "--json"]);
    assert_eq!(restored["labeled"], 8);
    assert_eq!(restored["models"], 1);
    assert_eq!(restored["images_missing"], 0);
    assert_eq!(labels(&home, "again"), before);
    assert_eq!(home.told(&["check", "--deep", "again"]), "all is well\n");
    // It goes on from there, and the backup stays as it was.
    home.told(&["train", "again"]);
    home.told(&["restore", "safe/monday", "third"]);
    assert_eq!(labels(&home, "third"), before);
    assert_eq!(home.files("safe"), ["monday"]);
}

#[test]
fn nothing_is_written_over() {
    let home = labeled();
    home.told(&["backup", "safe", "lungs"]);
    let said = home.refused(&["backup", "safe", "lungs"]);
    assert!(said.contains("--keep N"), "{said}");
    fs::create_dir(home.path("other")).unwrap();
    home.write("other/notes.txt", "mine");
    let said = home.refused(&["backup", "other", "lungs"]);
    assert!(said.contains("has files in it already"), "{said}");
    let said = home.refused(&["restore", "safe", "lungs"]);
    assert!(said.contains("has a project already"), "{said}");
    let said = home.refused(&["restore", "scans", "new"]);
    assert!(said.contains("is no backup"), "{said}");
    assert!(!home.path("new").exists());
    // An empty folder is as good as none.
    fs::create_dir(home.path("empty")).unwrap();
    home.told(&["backup", "empty", "lungs"]);
}

#[test]
fn the_last_backups_are_kept_and_share_what_is_the_same() {
    let home = labeled();
    let mut places = Vec::new();
    for _ in 0..4 {
        let told = home.told(&["backup", "--keep", "2", "all", "lungs"]);
        places.push(told.trim().to_owned());
    }
    let left: Vec<String> = home
        .files("all")
        .iter()
        .map(|name| format!("all/{name}"))
        .collect();
    assert_eq!(left, places[2..]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let model = &home.files(&format!("{}/models", left[0]))[0];
        let numbers = [&left[0], &left[1]].map(|place| {
            fs::metadata(home.path(&format!("{place}/models/{model}")))
                .unwrap()
                .ino()
        });
        assert_eq!(numbers[0], numbers[1]);
    }
    // The newest of them.
    let restored = home.json(&["restore", "all", "again", "--json"]);
    assert_eq!(restored["backup"], left[1].as_str());
    assert_eq!(labels(&home, "again"), labels(&home, "lungs"));
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let home = labeled();
    home.told(&["backup", "safe", "lungs"]);
    let model = format!("models/{}", home.files("safe/models")[0]);
    for file in ["acft.db", "acft.head", "acft.toml", model.as_str()] {
        let path = home.path(&format!("safe/{file}"));
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let output = home.acft(&["restore", "safe", "again"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("the backup is damaged"), "{said}");
        assert!(said.contains(file), "{said}");
        assert!(!home.path("again").exists());
        fs::write(&path, whole).unwrap();
    }
    // A list that leads out of the backup is not followed.
    let list = home.read("safe/backup.json");
    home.write(
        "safe/backup.json",
        &list.replace("\"acft.toml\"", "\"../acft.toml\""),
    );
    let said = home.refused(&["restore", "safe", "again"]);
    assert!(said.contains("which is not in the backup"), "{said}");
}

#[test]
fn a_backup_is_made_also_without_a_model_that_is_gone() {
    let home = labeled();
    let model = home.files("lungs/models")[0].clone();
    fs::remove_file(home.path(&format!("lungs/models/{model}"))).unwrap();
    let output = home.acft(&["backup", "safe", "lungs"]).output().unwrap();
    assert!(output.status.success());
    let said = stderr(&output);
    assert!(said.contains("it is the model in use"), "{said}");
    home.told(&["restore", "safe", "again"]);
    assert_eq!(labels(&home, "again"), labels(&home, "lungs"));
}

/// An older database by hand: what is gone is named, what is left is read, and
/// a person decides.
#[test]
fn a_lost_end_is_named_and_can_be_accepted() {
    let home = labeled();
    let old = fs::read(home.path("lungs/acft.db")).unwrap();
    let before = labels(&home, "lungs").lines().count();
    home.told(&["query", "--batch", "2", "--out", "more.csv", "lungs"]);
    home.fill_in("more.csv", "more-labels.csv");
    home.told(&["label", "import", "more-labels.csv", "lungs"]);
    // Now and then a candidate is drawn beside the batch, to judge models by.
    assert!(labels(&home, "lungs").lines().count() >= before + 2);
    fs::write(home.path("lungs/acft.db"), old).unwrap();

    let check = home.acft(&["check", "lungs"]).output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(said.contains("were accepted and are gone"), "{said}");
    assert!(said.contains("acft check --accept-loss"), "{said}");
    let export = home.acft(&["export", "labels", "lungs"]).output().unwrap();
    assert_eq!(export.status.code(), Some(1));
    assert!(stderr(&export).contains("are gone"), "{}", stderr(&export));
    let left = String::from_utf8(export.stdout).unwrap();
    assert_eq!(left.lines().count(), 9);
    for command in [
        &["serve", "lungs", "--port", "0"][..],
        &["train", "lungs"],
        &["classes", "add", "odd", "lungs"],
        &["backup", "safe", "lungs"],
    ] {
        let output = home.acft(command).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(
            stderr(&output).contains("acft export labels"),
            "{command:?}"
        );
    }
    assert!(!home.path("safe").exists());

    home.told(&["check", "--accept-loss", "lungs"]);
    assert_eq!(labels(&home, "lungs"), left);
    let kept = home.files("lungs/damaged-1");
    assert!(kept.contains(&"acft.db".to_owned()), "{kept:?}");
    assert!(kept.contains(&"acft.head".to_owned()), "{kept:?}");
    home.told(&["train", "lungs"]);
}

/// Killed at any moment, `acft init` is in nobody's way.
#[cfg(unix)]
#[test]
fn an_init_that_was_killed_does_not_hinder_the_next() {
    let home = Home::new();
    let begun = std::time::Instant::now();
    home.init(&["timed", "--images", "scans", "--classes", "dark,bright"])
        .assert()
        .success();
    let whole = begun.elapsed();
    for part in 1..=12 {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_acft"))
            .current_dir(home.path("."))
            .args([
                "init",
                "lungs",
                "--images",
                "scans",
                "--classes",
                "dark,bright",
            ])
            .args(crate::project::QUICK)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * part / 13);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut next = home.init(&["lungs", "--images", "scans", "--classes", "dark,bright"]);
        if home.path("lungs/acft.toml").exists() {
            // It was done before the kill came.
            assert!(refused(&mut next).contains("has a project already"));
        } else {
            next.assert().success();
        }
        assert_eq!(
            home.files("lungs"),
            [
                "acft.db",
                "acft.head",
                "acft.toml",
                "cache",
                "models",
                "reports"
            ]
        );
        assert_eq!(home.told(&["check", "lungs"]), "all is well\n");
        fs::remove_dir_all(home.path("lungs")).unwrap();
    }
}
