//! `acft init`: what it makes, and what it refuses without leaving anything.

use std::fs;

use crate::project::{Home, IMAGES, QUICK, refused};

#[test]
fn a_project_of_unlabeled_images() {
    let home = Home::new();
    let output = home
        .init(&["lungs", "--images", "scans", "--classes", "dark,bright"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(told);
    // No log of the database is left behind: it would be no part of what is moved to its place.
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
    let models = home.json(&["model", "list", "lungs", "--json"]);
    let hash = models[0]["hash"].as_str().unwrap();
    assert_eq!(home.files("lungs/models"), [format!("{hash}.safetensors")]);
    assert_eq!(models[0]["current"], true);
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(status["pool"], IMAGES);
    assert_eq!(status["labels"], 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_does_not_take_the_output_is_an_error_like_any_other() {
    let home = Home::new();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_acft"))
        .current_dir(home.path("."))
        .args([
            "init",
            "lungs",
            "--images",
            "scans",
            "--classes",
            "dark,bright",
        ])
        .args(QUICK)
        .stdout(full)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: cannot write to stdout: No space left"),
        "{told}"
    );
}

#[test]
fn the_log_of_another_database_is_not_taken_for_its_own() {
    let home = Home::new();
    fs::create_dir(home.path("lungs")).unwrap();
    home.write("lungs/acft.db-wal", "what was not copied yet");
    let told = refused(&mut home.init(&["lungs", "--images", "scans", "--classes", "dark,bright"]));
    assert!(told.contains("acft.db-wal"), "{told}");
    assert_eq!(home.files("lungs"), ["acft.db-wal"]);
}

/// A manifest with labels, splits, a copy and a file that is no image.
fn with_manifest(home: &Home) {
    let mut rows = String::from("file,label,patient,split\n");
    for number in 0..12 {
        let split = ["train", "train", "val", "test"][number % 4];
        let label = if number % 3 == 0 { "bright" } else { "dark" };
        // Some of the pool have no label yet.
        let label = if number % 8 == 0 { "" } else { label };
        rows += &format!("scans/{number:02}.png,{label},p{number},{split}\n");
    }
    fs::copy(home.path("scans/01.png"), home.path("scans/copy.png")).unwrap();
    home.write("scans/text.png", "no image");
    rows += "scans/copy.png,dark,p1,train\nscans/text.png,dark,p90,train\n";
    home.write("labels.csv", &rows);
}

#[test]
fn labels_and_splits_of_a_manifest_are_taken_over() {
    let home = Home::new();
    with_manifest(&home);
    let output = home
        .init(&["lungs", "--manifest", "labels.csv", "--json"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("left out: 1\n  scans/text.png"), "{told}");
    assert!(
        told.contains("scans/copy.png (row 14) repeats scans/01.png"),
        "{told}"
    );
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, expected) in [
        ("pool", 6),
        ("validation", 3),
        ("test", 3),
        ("labeled", 4),
        ("labeled_to_judge", 6),
        ("left_out", 1),
        ("duplicates", 1),
    ] {
        assert_eq!(made[name], expected, "{name}");
    }
    assert_eq!(made["classes"], serde_json::json!(["bright", "dark"]));
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(status["pool"], 2);
    // Nobody spent anything on them.
    assert_eq!(status["labels"], 0);
    assert_eq!(status["unlearned"], 4);
}

/// A box without a label is not asked about where another of its image judges models.
#[test]
fn the_boxes_of_an_image_that_judges_stay_with_it() {
    let home = Home::new();
    home.write(
        "labels.csv",
        "file,xmin,ymin,xmax,ymax,label,split\n\
         scans/00.png,0,0,8,8,dark,val\n\
         scans/00.png,8,8,16,16,,val\n\
         scans/01.png,0,0,8,8,,val\n\
         scans/02.png,0,0,8,8,bright,train\n\
         scans/03.png,0,0,8,8,,train\n",
    );
    home.init(&["lungs", "--manifest", "labels.csv"])
        .assert()
        .success();
    let status = home.json(&["status", "lungs", "--json"]);
    // The unlabeled of 01 and 03.
    assert_eq!(status["pool"], 2);
    home.write(
        "more.csv",
        "file,xmin,ymin,xmax,ymax,label,split\nscans/00.png,1,1,9,9,,train\n",
    );
    let told = home.refused(&["add", "lungs", "--manifest", "more.csv"]);
    assert!(
        told.contains("00.png") && told.contains("one image"),
        "{told}"
    );
    home.write(
        "both.csv",
        "file,xmin,ymin,xmax,ymax,label,split\n\
         scans/00.png,0,0,8,8,dark,val\n\
         scans/00.png,8,8,16,16,bright,train\n",
    );
    refused(&mut home.init(&["other", "--manifest", "both.csv"]));
    assert!(!home.path("other").exists());
}

#[test]
fn labels_can_be_ignored() {
    let home = Home::new();
    with_manifest(&home);
    for (name, classes) in [("one", None), ("other", Some("cat,dog"))] {
        let mut arguments = vec![name, "--manifest", "labels.csv", "--ignore-labels"];
        if let Some(classes) = classes {
            arguments.extend(["--classes", classes]);
        }
        home.init(&arguments).assert().success();
        // Those for validation are asked about too: without labels they judge nothing.
        let status = home.json(&["status", name, "--json"]);
        assert_eq!(
            (&status["pool"], &status["unlearned"]),
            (&9.into(), &0.into())
        );
    }
    assert!(home.told(&["classes", "list", "other"]).contains("cat"));
    assert!(home.told(&["classes", "list", "one"]).contains("bright"));
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let home = Home::new();
    home.write("one.csv", "file,label\nscans/00.png,bright\n");
    home.write(
        "bad.csv",
        "file,label\nscans/00.png,bright\nscans/01.png,grey\n",
    );
    home.write("file", "");
    fs::create_dir(home.path("empty")).unwrap();
    let before = home.files(".");
    let check = |arguments: &[&str], expected: &str| {
        let told = refused(&mut home.init(arguments));
        assert!(
            told.contains(expected),
            "{arguments:?}: {expected:?} is not in {told}"
        );
        assert_eq!(home.files("."), before, "{arguments:?}");
    };
    check(&["lungs"], "which images?");
    check(&["lungs", "--images", "scans"], "what are the classes?");
    check(
        &["lungs", "--images", "scans", "--classes", "dark"],
        "only one class",
    );
    check(
        &["lungs", "--images", "scans", "--classes", "a,a"],
        "given twice",
    );
    check(
        &["lungs", "--images", "nowhere", "--classes", "a,b"],
        "nowhere",
    );
    check(
        &["lungs", "--images", "empty", "--classes", "a,b"],
        "no candidate",
    );
    check(&["lungs", "--manifest", "one.csv"], "only one class");
    check(
        &["lungs", "--manifest", "bad.csv", "--classes", "bright,dark"],
        "row 3",
    );
    check(
        &[
            "lungs",
            "--images",
            "scans",
            "--classes",
            "a,b",
            "--positive",
            "c",
        ],
        "positive",
    );
    check(
        &[
            "lungs",
            "--images",
            "scans",
            "--classes",
            "a,b",
            "--steps",
            "3",
        ],
        "--steps has no effect here",
    );
    check(
        &[
            "lungs",
            "--images",
            "scans",
            "--classes",
            "a,b",
            "--out",
            "x",
        ],
        "--out has no effect here",
    );
    check(
        &["lungs", "--images", "scans", "--classes", "a,b", "--lr=-1"],
        "lr",
    );
    check(
        &["file", "--images", "scans", "--classes", "a,b"],
        "file is a file",
    );
    assert!(home.files("empty").is_empty());
}

#[test]
fn a_project_is_not_made_twice_and_found_from_below() {
    let home = Home::with_project();
    let again = ["lungs", "--images", "scans", "--classes", "a,b"];
    let told = refused(&mut home.init(&again));
    assert!(told.contains("lungs has a project already"), "{told}");

    let below = home
        .acft(&["status", "--json"])
        .current_dir(home.path("lungs/reports"))
        .output()
        .unwrap();
    assert!(below.status.success());
    let nowhere = home.refused(&["status"]);
    assert!(nowhere.contains("there is no project here"), "{nowhere}");
    let other = home.refused(&["status", "scans"]);
    assert!(other.contains("scans is no project"), "{other}");
    home.told(&["status", "--project", "lungs"]);
}

#[test]
fn a_group_that_judges_models_is_not_learned_from() {
    let home = Home::new();
    home.write(
        "list.csv",
        "file,label,patient,split\n\
         scans/00.png,bright,a,val\n\
         scans/01.png,,a,val\n\
         scans/02.png,,b,val\n\
         scans/03.png,,c,test\n\
         scans/04.png,dark,d,train\n\
         scans/05.png,,d,train\n",
    );
    home.init(&["lungs", "--manifest", "list.csv"])
        .assert()
        .success();
    let manifest = home.told(&["export", "manifest", "lungs"]);
    for (file, split) in [
        ("00.png,bright,a", "val"),
        ("01.png,,a", "val"),
        ("02.png,,b", "train"),
        ("03.png,,c", "test"),
        ("05.png,,d", "train"),
    ] {
        assert!(
            manifest.contains(&format!("{file},{split}\n")),
            "{manifest}"
        );
    }
}
