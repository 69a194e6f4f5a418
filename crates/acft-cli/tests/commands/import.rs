//! `acft label import`: every row that is wrong, by its line; all or nothing.

use crate::project::Home;

#[test]
fn wrong_rows_are_named_and_nothing_is_imported() {
    let home = Home::with_project();
    home.write(
        "labels.csv",
        "candidate,label,annotator,seconds\n\
         00.png,bright,ada,2.5\n\
         nowhere.png,dark,ada,1\n\
         scans/01.png,dark,ada,1\n\
         02.png,grey,ada,1\n\
         03.png,bright,ada,soon\n\
         04.png,dark,ada,-1\n\
         05.png,dark,ada,NaN\n\
         00.png,dark,ada,1\n\
         ,dark,ada,1\n\
         06.png,,ada,\n",
    );
    let told = home.refused(&["label", "import", "labels.csv", "lungs"]);
    insta::assert_snapshot!(told);
    assert_eq!(home.json(&["status", "lungs", "--json"])["labels"], 0);

    let counts = home.json(&[
        "label",
        "import",
        "labels.csv",
        "--project",
        "lungs",
        "--skip-bad",
        "--json",
    ]);
    assert_eq!(counts["imported"], 1);
    assert_eq!(counts["empty"], 1);
    assert_eq!(counts["left_out"].as_array().unwrap().len(), 8);
    assert_eq!(home.json(&["status", "lungs", "--json"])["labels"], 1);
}

#[test]
fn files_that_are_none_are_refused() {
    let home = Home::with_project();
    home.write("labels.txt", "candidate,label\n");
    home.write("empty.csv", "candidate,label\n");
    home.write("columns.csv", "name,label\n00.png,dark\n");
    home.write("short.csv", "candidate,label\n00.png\n");
    home.write(
        "damaged.jsonl",
        "{\"candidate\":\"00.png\",\"label\":\"dark\"}\n{\"cand\n",
    );
    for (file, expected) in [
        ("nowhere.csv", "cannot read nowhere.csv"),
        ("labels.txt", "must end so"),
        ("empty.csv", "empty.csv has no rows"),
        (
            "columns.csv",
            "column candidate is missing; it has name, label",
        ),
        ("short.csv", "line 2: has 1 cells where the header has 2"),
        ("damaged.jsonl", "line 2: is no JSON object"),
    ] {
        let told = home.refused(&["label", "import", file, "lungs"]);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn labels_that_stand_are_replaced_only_when_asked() {
    let home = Home::with_project();
    home.write(
        "first.csv",
        "candidate,label,annotator\n00.png,bright,ada\n01.png,dark,ada\n",
    );
    home.write(
        "second.csv",
        "candidate,label,annotator\n00.png,dark,ada\n01.png,bright,bob\n02.png,dark,bob\n",
    );
    let import = ["label", "import", "first.csv", "lungs"];
    assert_eq!(home.told(&import), "2 labels imported\n");
    // A second time says nothing new.
    assert_eq!(
        home.told(&import),
        "0 labels imported (2 rows say what stands already)\n"
    );

    let second = ["label", "import", "second.csv", "lungs"];
    let told = home.refused(&second);
    assert!(
        told.contains("line 2: candidate \"00.png\" is labeled \"bright\" already; --replace"),
        "{told}"
    );
    assert!(told.contains("2 rows are wrong"), "{told}");

    let counts = home.json(&[&second[..], &["--replace", "--json"]].concat());
    assert_eq!(
        (&counts["imported"], &counts["replaced"]),
        (&3.into(), &2.into())
    );
    let labels = home.told(&["label", "export", "lungs", "--format", "jsonl"]);
    let of = |name: &str| {
        let row = labels.lines().find(|row| row.contains(name)).unwrap();
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        row["label"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (of("00.png"), of("01.png")),
        ("dark".to_owned(), "bright".to_owned())
    );
    // The history keeps what was said.
    let all = home.told(&["label", "export", "lungs", "--all"]);
    assert_eq!(all.lines().count(), 6);
}

#[test]
fn a_spent_budget_is_told_by_status() {
    let home = Home::with_project();
    let toml = home.read("lungs/acft.toml");
    home.write("lungs/acft.toml", &format!("max-labels = 2\n{toml}"));
    home.write(
        "labels.csv",
        "candidate,label\n00.png,bright\n01.png,dark\n",
    );
    let advice = || home.json(&["status", "lungs", "--json"])["advice"].clone();
    assert_eq!(advice(), serde_json::Value::Null);
    home.told(&["label", "import", "labels.csv", "lungs"]);
    assert_eq!(advice(), "the budget of 2 labels is spent");
}
