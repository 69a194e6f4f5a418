//! What `--help` says: of all commands, and of each.

use crate::project::Home;

/// The help texts of these commands, one after the other.
fn helps(commands: &[&[&str]]) -> String {
    let home = Home::new();
    let mut text = String::new();
    for command in commands {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        text += &format!("$ acft {}\n", arguments.join(" "));
        text += &home.told(&arguments);
        text.push('\n');
    }
    text
}

#[test]
fn all_commands_are_listed_under_what_they_are_for() {
    insta::assert_snapshot!(helps(&[&[]]));
}

#[test]
fn init_and_add() {
    insta::assert_snapshot!(helps(&[&["init"], &["add"]]));
}

#[test]
fn labeling() {
    insta::assert_snapshot!(helps(&[
        &["serve"],
        &["status"],
        &["query"],
        &["label"],
        &["label", "import"],
        &["train"],
        &["predict"],
        &["report"],
    ]));
}

#[test]
fn exports() {
    insta::assert_snapshot!(helps(&[
        &["export"],
        &["export", "labels"],
        &["export", "predictions"],
        &["export", "model"],
        &["export", "manifest"],
    ]));
}

#[test]
fn looking_after_a_project() {
    insta::assert_snapshot!(helps(&[
        &["classes"],
        &["classes", "list"],
        &["classes", "add"],
        &["classes", "rename"],
        &["classes", "merge"],
        &["model"],
        &["model", "list"],
        &["model", "use"],
        &["annotator"],
        &["annotator", "add"],
        &["annotator", "list"],
        &["annotator", "revoke"],
        &["check"],
        &["backup"],
        &["restore"],
        &["completions"],
        &["man"],
    ]));
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.told(&["completions", shell]);
        for word in ["annotator", "ignore-labels", "max-labels"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(home.told(&["man"]).contains("acft\\-init(1)"));
    home.told(&["man", "--out", "man1"]);
    let pages = home.files("man1");
    for page in ["acft.1", "acft-label-import.1", "acft-simulate.1"] {
        assert!(pages.contains(&page.to_owned()), "{pages:?}");
    }
    assert!(home.read("man1/acft-check.1").contains("deep"));
}
