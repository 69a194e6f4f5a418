//! Files of candidates that go away, change, or have names that steer terminals.

use std::fs;

use crate::project::Home;

fn without(home: &Home, numbers: &[u32], work: impl FnOnce()) {
    let place = |number: &u32| home.path(&format!("scans/{number:02}.png"));
    let beside = |number: &u32| home.path(&format!("{number:02}.away"));
    for number in numbers {
        fs::rename(place(number), beside(number)).unwrap();
    }
    work();
    for number in numbers {
        fs::rename(beside(number), place(number)).unwrap();
    }
}

#[test]
fn files_that_are_away_at_one_query_are_candidates_at_the_next() {
    let home = Home::with_project();
    without(&home, &[0, 1, 2], || {
        let told = home.says(&["query", "lungs", "--batch", "2", "--out", "a.csv"]);
        assert!(told.contains("of 21 scored"), "{told}");
        assert!(told.contains("3 images could not be opened"), "{told}");
        let status = home.json(&["status", "lungs", "--json"]);
        assert_eq!(
            (&status["away"], &status["unreadable"]),
            (&3.into(), &0.into())
        );
        assert!(
            home.told(&["status", "lungs"])
                .contains("3 that could not be opened")
        );
    });
    let told = home.says(&["query", "lungs", "--batch", "2", "--out", "b.csv"]);
    assert!(told.contains("of 22 scored"), "{told}");
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        (&status["away"], &status["unreadable"]),
        (&0.into(), &0.into())
    );
    home.told(&["check", "--deep", "lungs"]);
}

#[test]
fn a_file_that_must_not_be_read_is_away_too() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with_project();
    let path = home.path("scans/05.png");
    let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    if fs::File::open(&path).is_ok() {
        // Root may read everything.
        return;
    }
    home.says(&["query", "lungs", "--batch", "2", "--out", "a.csv"]);
    assert_eq!(home.json(&["status", "lungs", "--json"])["away"], 1);
    assert!(home.fails(&["check", "lungs"]).contains("cannot be opened"));
    allow(0o644);
    home.told(&["check", "lungs"]);
}

#[test]
fn a_file_that_changed_is_named_set_aside_and_has_two_ways_back() {
    let home = Home::with_project();
    home.told(&["check", "lungs"]);
    let before = fs::read(home.path("scans/03.png")).unwrap();
    home.draw("scans/03.png", 90);
    home.draw("scans/07.png", 91);
    let checked = home.fails(&["check", "lungs"]);
    for part in [
        "03.png",
        "07.png",
        "not the image that joined",
        "acft add --again",
    ] {
        assert!(checked.contains(part), "{checked}");
    }
    let drawn = home.told(&["query", "lungs", "--batch", "24"]);
    assert!(drawn.contains("04.png") && !drawn.contains("03.png") && !drawn.contains("07.png"));
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        (&status["changed"], &status["unreadable"]),
        (&2.into(), &2.into())
    );
    assert!(
        home.told(&["status", "lungs"])
            .contains("2 set aside, for their file has changed")
    );

    // One is put back, the other is brought in as it is.
    fs::write(home.path("scans/03.png"), before).unwrap();
    let again = home.json(&["add", "lungs", "--again", "--json"]);
    for (name, count) in [
        ("returned", 1),
        ("changed", 0),
        ("added", 1),
        ("still", 0),
        ("away", 0),
    ] {
        assert_eq!(again[name], count, "{name}: {again}");
    }
    let checked = home.told(&["check", "lungs"]);
    assert!(checked.contains("note: 07.png was set aside"), "{checked}");
    let drawn = home.told(&["query", "lungs", "--batch", "24"]);
    assert!(
        drawn.contains("03.png") && drawn.contains("07.png"),
        "{drawn}"
    );
    // Its name is that of what is there now.
    home.write("l.csv", "candidate,label\n07.png,dark\n");
    home.told(&["label", "import", "l.csv", "lungs"]);
    let told = home.told(&["add", "lungs", "--again"]);
    assert!(told.contains("nothing has changed"), "{told}");
}

#[test]
fn a_change_that_nobody_looked_at_yet_is_found_by_another_look() {
    let home = Home::with_project();
    home.draw("scans/03.png", 90);
    fs::write(home.path("scans/04.png"), b"half an im").unwrap();
    let told = home.told(&["add", "lungs", "--again"]);
    for part in [
        "2 candidates set aside",
        "1 candidate added",
        "1 candidate still cannot",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(home.json(&["status", "lungs", "--json"])["candidates"], 25);
}

#[test]
fn what_was_drawn_and_changed_then_is_not_listed_to_be_labeled() {
    let home = Home::with_project();
    let drawn = home.told(&["query", "lungs", "--batch", "24"]);
    assert!(drawn.contains("09.png"));
    home.draw("scans/09.png", 90);
    let open = home.told(&["query", "lungs", "--open"]);
    assert!(
        open.contains("08.png") && !open.contains("09.png"),
        "{open}"
    );
    home.write("l.csv", "candidate,label\n09.png,dark\n08.png,dark\n");
    let told = home.says(&["label", "import", "l.csv", "lungs"]);
    assert!(
        told.contains("warning") && told.contains("09.png"),
        "{told}"
    );
    assert!(!told.contains("08.png"), "{told}");
}

#[test]
fn a_broken_file_is_looked_at_again() {
    let home = Home::new();
    // Sound to its header, and broken behind it.
    let whole = fs::read(home.path("scans/06.png")).unwrap();
    fs::write(home.path("scans/06.png"), &whole[..whole.len() - 40]).unwrap();
    home.init(&["lungs", "--images", "scans", "--classes", "dark,bright"])
        .assert()
        .success();
    home.says(&["query", "lungs", "--batch", "2", "--out", "a.csv"]);
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        (&status["changed"], &status["unreadable"]),
        (&0.into(), &1.into())
    );
    let checked = home.told(&["check", "lungs"]);
    assert!(
        checked.contains("06.png") && checked.contains("acft add --again"),
        "{checked}"
    );
    let again = home.json(&["add", "lungs", "--again", "--json"]);
    assert_eq!(
        (&again["still"], &again["returned"]),
        (&1.into(), &0.into())
    );
    // Whole, it is another file than the one that joined.
    fs::write(home.path("scans/06.png"), whole).unwrap();
    let again = home.json(&["add", "lungs", "--again", "--json"]);
    assert_eq!((&again["changed"], &again["added"]), (&1.into(), &1.into()));
}

/// A name that recolours a terminal, renames its window and turns text around.
const NAME: &str = "\u{1b}[31mred\u{1b}]0;owned\u{7}\u{202e}gnp.png";

#[test]
fn no_name_reaches_a_terminal_as_it_is() {
    let home = Home::new();
    fs::rename(
        home.path("scans/01.png"),
        home.path(&format!("scans/{NAME}")),
    )
    .unwrap();
    fs::write(home.path("scans/\u{1b}[2J.png"), b"no image").unwrap();
    let raw = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        text.contains(['\u{1b}', '\u{7}', '\u{202e}'])
    };
    let quiet = |arguments: &[&str]| {
        let output = home.acft(arguments).output().unwrap();
        assert!(!raw(&output.stderr), "{arguments:?}");
        assert!(!raw(&output.stdout), "{arguments:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let made = home
        .init(&["lungs", "--images", "scans", "--classes", "dark,bright"])
        .output()
        .unwrap();
    assert!(made.status.success() && !raw(&made.stderr) && !raw(&made.stdout));
    assert!(
        String::from_utf8(made.stderr)
            .unwrap()
            .contains("\\u{1b}[2J.png")
    );
    // Of those that are there already only ten are listed; what is left out comes first.
    assert!(quiet(&["add", "lungs", "--images", "scans"]).contains("\\u{1b}[2J.png"));
    let file = format!("scans/{NAME}");
    fs::rename(home.path(&file), home.path("gone")).unwrap();
    assert!(quiet(&["check", "lungs"]).contains("\\u{202e}gnp.png"));
    let checked = quiet(&["check", "lungs", "--json"]);
    assert!(
        checked.contains("\\u001b[31mred") && checked.contains("\\u202e"),
        "{checked}"
    );
    quiet(&["predict", &file, "--project", "lungs"]);
    quiet(&["query", "lungs", "--batch", "2", "--out", &file]);
    quiet(&["init", &format!("made/{NAME}"), "--images", NAME]);
    quiet(&["classes", "add", NAME, "lungs"]);
    quiet(&["classes", "list", "lungs"]);
    quiet(&["status", "lungs"]);
    quiet(&[NAME]);
    quiet(&["query", &format!("--{NAME}")]);
    // A table for a program has the names as they are.
    let drawn = home
        .acft(&["export", "manifest", "lungs"])
        .output()
        .unwrap();
    assert!(raw(&drawn.stdout));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let home = Home::with_project();
    let models = home.files("lungs/models");
    let mut bytes = fs::read(home.path(&format!("lungs/models/{}", models[0]))).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(home.path("w.safetensors"), &bytes).unwrap();
    let images = ["--images", "scans", "--classes", "dark,bright"];
    let weights = ["--weights", "w.safetensors", "--model", "demo"];
    let output = home
        .acft(&[&["init", "other"], &images[..], &weights].concat())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("w.safetensors holds values that are not finite: 1 of"),
        "{told}"
    );
    assert!(!home.path("other").exists());
}

#[test]
fn after_a_merge_the_labels_are_learned_again() {
    let home = Home::new();
    home.init(&[
        "lungs",
        "--images",
        "scans",
        "--classes",
        "dark,bright,grey",
    ])
    .assert()
    .success();
    let label = |number: u32| ["dark", "bright", "grey"][number as usize % 3];
    let rows: String = (0..12)
        .map(|number| format!("{number:02}.png,{}\n", label(number)))
        .collect();
    home.write("l.csv", &format!("candidate,label\n{rows}"));
    home.told(&["label", "import", "l.csv", "lungs"]);
    home.told(&["train", "lungs"]);
    let seen = home.json(&["predict", "scans/00.png", "--project", "lungs", "--json"]);
    let of = |seen: &serde_json::Value, class: &str| {
        seen["predictions"][0]["probabilities"][class]
            .as_f64()
            .unwrap()
    };
    let (dark, grey) = (of(&seen, "dark"), of(&seen, "grey"));

    let told = home.says(&["classes", "merge", "grey", "dark", "lungs"]);
    assert!(told.contains("learns all labels again"), "{told}");
    assert_eq!(
        home.json(&["status", "lungs", "--json"])["learns_again"],
        true
    );
    // The model of before has both in one.
    let seen = home.json(&["predict", "scans/00.png", "--project", "lungs", "--json"]);
    assert_eq!(seen["classes"], serde_json::json!(["dark", "bright"]));
    assert!((of(&seen, "dark") - dark - grey).abs() < 1e-5);
    let trained = home.json(&["train", "lungs", "--json"]);
    assert_eq!(trained["learned"], 12);
    assert_eq!(
        home.json(&["status", "lungs", "--json"])["learns_again"],
        false
    );
    assert!(
        home.refused(&["train", "lungs"])
            .contains("nothing to learn")
    );

    // A query learns them first, and says so.
    let told = home.says(&["classes", "add", "cyst", "lungs"]);
    assert!(told.contains("learns all labels again"), "{told}");
    let told = home.says(&["predict", "scans/00.png", "--project", "lungs"]);
    assert!(told.contains("does not know cyst yet"), "{told}");
    let told = home.says(&["query", "lungs", "--batch", "2", "--out", "q.csv"]);
    assert!(told.contains("learned the 12 labels again first"), "{told}");
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        (&status["learns_again"], &status["unlearned"]),
        (&false.into(), &0.into())
    );
    // A name changes nothing else.
    home.told(&["classes", "rename", "cyst", "simple cyst", "lungs"]);
    assert!(
        home.refused(&["train", "lungs"])
            .contains("nothing to learn")
    );
}
