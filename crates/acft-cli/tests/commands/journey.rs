//! The way of a labeling campaign without the page, from images to a model.

use crate::project::{Home, steady, truth};

#[test]
fn from_images_to_a_model() {
    let home = Home::with_project();
    let nothing = home.refused(&["train", "lungs"]);
    assert!(nothing.contains("nothing to learn"), "{nothing}");
    for step in 1..=2 {
        let batch = format!("batch-{step}.csv");
        home.told(&["query", "lungs", "--out", &batch]);
        home.fill_in(&batch, "labels.csv");
        home.told(&[
            "label",
            "import",
            "labels.csv",
            "lungs",
            "--annotator",
            "ada",
        ]);
        let trained = home.json(&["train", "lungs", "--json"]);
        assert_eq!(trained["step"], step);
        assert_eq!(trained["learned"], 4);
        assert_eq!(trained["adopted"], true);
    }
    insta::assert_snapshot!(steady(&without_hashes(&home.told(&["status", "lungs"]))));

    // Back to the first, and what it has not learned is to be learned again.
    let models = home.json(&["model", "list", "lungs", "--json"]);
    let first = models[1]["hash"].as_str().unwrap();
    home.told(&["model", "use", &first[..10], "lungs"]);
    assert_eq!(home.json(&["status", "lungs", "--json"])["unlearned"], 4);
    home.told(&["model", "use", "last-adopted", "lungs"]);
    assert_eq!(home.json(&["status", "lungs", "--json"])["unlearned"], 0);

    home.told(&["export", "labels", "lungs", "--out", "all.csv"]);
    assert_eq!(home.read("all.csv").lines().count(), 9);
    let report = home.told(&["report", "lungs"]);
    let page = home.read(report.trim());
    for part in ["No model was judged", "ada", "bright", "Models"] {
        assert!(page.contains(part), "{part} is not on the page");
    }
    assert_eq!(
        home.files("lungs/reports"),
        ["curve.png", "curve.svg", "report.html"]
    );
    home.told(&["check", "lungs", "--deep"]);
}

#[test]
fn models_are_judged_where_the_data_brings_labels_for_it() {
    let home = Home::new();
    let mut rows = String::from("file,label,split\n");
    for number in 0..crate::project::IMAGES {
        let name = format!("{number:02}.png");
        let (label, split) = match number % 2 {
            0 => (truth(&name), "val"),
            _ => ("", "train"),
        };
        rows += &format!("scans/{name},{label},{split}\n");
    }
    home.write("list.csv", &rows);
    home.init(&["lungs", "--manifest", "list.csv"])
        .assert()
        .success();
    home.write(
        "lungs/acft.toml",
        &home
            .read("lungs/acft.toml")
            .replace("holdout-per-class = 30", "holdout-per-class = 4"),
    );
    home.told(&["query", "lungs", "--batch", "6", "--out", "batch.csv"]);
    home.fill_in("batch.csv", "labels.csv");
    home.told(&["label", "import", "labels.csv", "lungs"]);
    let trained = home.json(&["train", "lungs", "--json"]);
    for name in ["auc", "auc_before"] {
        let auc = trained[name].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&auc), "{trained}");
    }
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(status["holdout"]["gate"], true);
    let report = home.told(&["report", "lungs", "--out", "here"]);
    assert_eq!(report, "here/report.html\n");
    let page = home.read("here/report.html");
    assert_eq!(
        page.matches("<svg").count(),
        usize::from(trained["adopted"] == true)
    );
    // It asks nothing of the network that it is opened in.
    assert!(!page.contains("<script") && !page.contains("src="));
}

#[test]
fn damage_is_found_and_named() {
    let home = Home::with_project();
    let models = home.json(&["model", "list", "lungs", "--json"]);
    let model = format!(
        "lungs/models/{}.safetensors",
        models[0]["hash"].as_str().unwrap()
    );
    let whole = std::fs::read(home.path(&model)).unwrap();
    let check = |what: &str, deep: bool| {
        let mut arguments = vec!["check", "lungs"];
        if deep {
            arguments.push("--deep");
        }
        let output = home.acft(&arguments).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(what), "{told}");
    };
    std::fs::write(home.path(&model), &whole[..whole.len() - 1]).unwrap();
    check("models/", false);
    std::fs::remove_file(home.path(&model)).unwrap();
    check("models/", false);
    std::fs::write(home.path(&model), whole).unwrap();
    home.told(&["check", "lungs"]);

    // Another size or time is enough for the file to be read.
    home.draw("scans/07.png", 77);
    check("07.png", false);
    check("07.png", true);
    std::fs::remove_file(home.path("scans/07.png")).unwrap();
    check("07.png", false);
}

#[test]
fn a_damaged_database_is_named_and_not_written_to() {
    let home = Home::with_project();
    let path = home.path("lungs/acft.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let name = b"13.png";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[at] = b'7';
    std::fs::write(&path, &bytes).unwrap();
    let output = home.acft(&["check", "lungs", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let checked: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &checked["findings"][0];
    assert!(
        finding["wrong"]
            .as_str()
            .unwrap()
            .contains("not as it was written"),
        "{checked}"
    );
    for arguments in [&["query", "lungs"][..], &["train", "lungs"]] {
        let output = home.acft(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("acft check"), "{told}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// One event that a disk has spoiled costs its own label, and no other.
#[test]
fn the_labels_of_a_damaged_database_can_be_exported() {
    let home = Home::with_project();
    home.told(&["query", "lungs", "--out", "batch.csv"]);
    home.fill_in("batch.csv", "labels.csv");
    home.told(&[
        "label",
        "import",
        "labels.csv",
        "lungs",
        "--annotator",
        "ada",
    ]);
    let whole = home.told(&["export", "labels", "lungs"]);

    let path = home.path("lungs/acft.db");
    let undamaged = std::fs::read(&path).unwrap();
    let spoil = |event: &[u8]| {
        let mut bytes = undamaged.clone();
        // The last: before it there may be what SQLite has moved elsewhere since.
        let at = bytes
            .windows(event.len())
            .rposition(|window| window == event)
            .unwrap();
        bytes[at + 10] = b'x';
        std::fs::write(&path, &bytes).unwrap();
    };
    spoil(br#"{"kind":"labeled""#);

    let output = home.acft(&["export", "labels", "lungs"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("not all of the database") && told.contains("event "),
        "{told}"
    );
    let read = String::from_utf8(output.stdout).unwrap();
    let (read, whole): (Vec<_>, Vec<_>) = (read.lines().collect(), whole.lines().collect());
    assert_eq!(read.len() + 1, whole.len(), "{read:?}");
    assert!(read.iter().all(|line| whole.contains(line)), "{read:?}");
    // What rests on all of the events is refused: an event that is left out may have held a candidate out.
    for arguments in [
        &["status", "lungs"][..],
        &["export", "manifest", "lungs"],
        &["predict", "scans/07.png", "--project", "lungs"],
    ] {
        let output = home.acft(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("acft export labels"), "{told}");
    }
    // A model that the events do not speak of any more is not one to delete.
    spoil(br#"{"kind":"model-made""#);
    let output = home.acft(&["check", "lungs"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(!told.contains("deleted"), "{told}");
}

#[test]
fn wrong_settings_are_named_by_their_line() {
    let home = Home::with_project();
    let toml = home.read("lungs/acft.toml");
    home.write("lungs/acft.toml", &toml.replace("batch = 4", "bach = 4"));
    let told = home.refused(&["status", "lungs"]);
    assert!(told.contains("did you mean \"batch\"?"), "{told}");
    let output = home.acft(&["check", "lungs"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("acft.toml") && told.contains("bach"),
        "{told}"
    );
}

/// Hashes follow from the network's weights, which differ in the last bits
/// from one kind of processor to another.
fn without_hashes(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix("model       ") {
            Some(rest) => format!("model       [hash]{}\n", &rest[12..]),
            None => format!("{line}\n"),
        })
        .collect()
}
