//! What may change while a project lives: classes, annotators, models, candidates.

use std::fs;

use crate::project::Home;

#[test]
fn labels_follow_their_classes() {
    let home = Home::with_project();
    home.write(
        "labels.csv",
        "candidate,label\n00.png,bright\n01.png,dark\n02.png,dark\n",
    );
    home.told(&["label", "import", "labels.csv", "lungs"]);
    home.told(&["classes", "add", "grey", "lungs"]);
    home.write("more.csv", "candidate,label\n04.png,grey\n");
    home.told(&["label", "import", "more.csv", "lungs"]);
    home.told(&["classes", "rename", "bright", "light", "lungs"]);
    let told = home.told(&["classes", "merge", "grey", "dark", "lungs"]);
    assert_eq!(told, "1 label of grey count for dark now\n");
    insta::assert_snapshot!(home.told(&["classes", "list", "lungs"]));

    for (arguments, expected) in [
        (
            &["classes", "add", "dark", "lungs"][..],
            "there is a class \"dark\" already",
        ),
        (&["classes", "add", "", "lungs"], "a class needs a name"),
        (
            &["classes", "rename", "grey", "x", "lungs"],
            "no class \"grey\"; the classes are dark, light",
        ),
        (&["classes", "merge", "dark", "dark", "lungs"], "itself"),
        (
            &["classes", "merge", "dark", "light", "lungs"],
            "two classes are the fewest",
        ),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
    home.told(&["check", "lungs"]);
}

#[test]
fn tokens_are_shown_once() {
    let home = Home::with_project();
    let token = home.told(&["annotator", "add", "ada", "lungs"]);
    let token = token.trim();
    assert_eq!(token.len(), 32);
    assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let made = home.json(&["annotator", "add", "bob", "lungs", "--json"]);
    assert_ne!(made["token"], token);
    home.told(&["annotator", "revoke", "bob", "lungs"]);
    let list = home.told(&["annotator", "list", "lungs"]);
    assert!(list.contains("ada        yes"), "{list}");
    assert!(!list.contains("bob"), "{list}");
    // Only the hash of a token is kept.
    for file in home.files("lungs") {
        if let Ok(bytes) = fs::read(home.path(&format!("lungs/{file}"))) {
            let found = bytes.windows(32).any(|window| window == token.as_bytes());
            assert!(!found, "{file} has the token");
        }
    }
    for (arguments, expected) in [
        (
            &["annotator", "add", "ada", "lungs"][..],
            "there is an annotator \"ada\" already",
        ),
        (
            &["annotator", "add", " ", "lungs"],
            "cannot be an annotator's name",
        ),
        (
            &["annotator", "revoke", "eve", "lungs"],
            "no annotator \"eve\"",
        ),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn more_candidates_join() {
    let home = Home::with_project();
    fs::create_dir(home.path("march")).unwrap();
    home.draw("march/90.png", 90);
    home.draw("march/91.png", 91);
    fs::copy(home.path("scans/05.png"), home.path("march/again.png")).unwrap();
    let output = home
        .acft(&["add", "lungs", "--images", "march", "--json"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("again.png is in the project already, as 05.png"),
        "{told}"
    );
    let added: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&added["pool"], &added["known"]), (&2.into(), &1.into()));
    assert_eq!(home.json(&["status", "lungs", "--json"])["candidates"], 26);
    let again = home.told(&["add", "lungs", "--images", "march"]);
    assert_eq!(again, "nothing new: the project has all of it\n");

    home.draw("march/92.png", 92);
    home.write("march.csv", "file,label\nmarch/92.png,grey\n");
    for (arguments, expected) in [
        (&["add", "lungs"][..], "which images?"),
        (&["add", "lungs", "--images", "nowhere"], "nowhere"),
        (&["add", "lungs", "--manifest", "march.csv"], "grey"),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(home.json(&["status", "lungs", "--json"])["candidates"], 26);
}

#[test]
fn models_that_are_none_are_refused() {
    let home = Home::with_project();
    for (model, expected) in [
        ("", "give more of it"),
        ("xyz", "no model's hash begins with"),
    ] {
        let told = home.refused(&["model", "use", model, "lungs"]);
        assert!(told.contains(expected), "{told}");
    }
    let told = home.told(&["model", "use", "last-adopted", "lungs"]);
    assert!(told.contains("is in use already"), "{told}");
}

#[test]
fn who_has_the_project_is_named() {
    let home = Home::with_project();
    home.write("labels.csv", "candidate,label\n00.png,bright\n");
    // As a server holds it.
    let lock = fs::File::options()
        .write(true)
        .open(home.path("lungs/acft.lock"))
        .or_else(|_| fs::File::create(home.path("lungs/acft.lock")))
        .unwrap();
    lock.lock().unwrap();
    home.write(
        "lungs/acft.lock",
        "acft serve on http://127.0.0.1:8500/ (process 7)",
    );
    for arguments in [
        &["label", "import", "labels.csv", "lungs"][..],
        &["query", "lungs"],
        &["train", "lungs"],
        &["add", "lungs", "--images", "scans"],
        &["classes", "add", "grey", "lungs"],
        &["annotator", "add", "ada", "lungs"],
        &["model", "use", "last-adopted", "lungs"],
    ] {
        let output = home.acft(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.contains("in use by acft serve on http://127.0.0.1:8500/ (process 7)"),
            "{told}"
        );
    }
    // What only reads goes on.
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        status["holder"],
        "acft serve on http://127.0.0.1:8500/ (process 7)"
    );
    home.told(&["export", "labels", "lungs"]);
    home.told(&["check", "lungs"]);
}
