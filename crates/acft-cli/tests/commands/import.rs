//! `acft label import`: every row that is wrong, by its number; all or nothing.

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
        ("nowhere.csv", "nowhere.csv: no such file"),
        ("labels.txt", "it must end in .csv"),
        ("empty.csv", "empty.csv has no rows"),
        (
            "columns.csv",
            "column candidate is missing; it has name, label",
        ),
        ("short.csv", "row 2: 1 cells where the header has 2"),
        ("damaged.jsonl", "row 2: not a JSON object"),
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
        told.contains("row 2: candidate \"00.png\" is labeled \"bright\" already; --replace"),
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

#[test]
fn a_file_that_would_lose_or_change_labels_is_refused() {
    let home = Home::with_project();
    let asked = home.json(&["query", "lungs", "--batch", "2", "--json"]);
    let one = |at: usize, what: &str| asked["candidates"][at][what].as_str().unwrap().to_owned();
    let crossed = format!(
        "candidate,key,label\n{},{},dark\n",
        one(0, "candidate"),
        one(1, "key")
    );
    for (name, text, expected) in [
        ("crossed.csv", crossed.as_str(), "row 2: its name is"),
        (
            "twice.csv",
            "candidate,label,Label\n00.png,dark,bright\n",
            "column Label: is there twice, also as label",
        ),
        (
            "open.csv",
            "candidate,label,note\n00.png,dark,\"5 mm\n01.png,bright,\n02.png,dark,\n",
            "row 2, column note: a quote is not closed",
        ),
        (
            "list.jsonl",
            "{\"candidate\":\"00.png\",\"label\":[\"dark\"]}\n",
            "row 1, column label: holds a list",
        ),
    ] {
        home.write(name, text);
        let told = home.refused(&["label", "import", name, "lungs"]);
        assert!(told.contains(expected), "{name}: {told}");
        assert_eq!(home.json(&["status", "lungs", "--json"])["labels"], 0);
    }
}

#[test]
fn labels_are_read_in_every_encoding_and_with_every_separator() {
    let text = "candidate,label\n00.png, bright \n01.png,dark\n02.png,nan\n";
    let utf16 = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        b"\xff\xfe"
            .iter()
            .copied()
            .chain(units)
            .collect::<Vec<u8>>()
    };
    let lines = "\u{feff}{\"candidate\":\"00.png\",\"label\":\"bright\"}\n\
                 {\"candidate\":\"01.png\",\"label\":\"dark\"}\n\
                 {\"candidate\":\"02.png\",\"label\":null}\n";
    for (name, bytes) in [
        ("l.csv", text.replace(',', ";").into_bytes()),
        ("l.csv", utf16(text)),
        ("l.tsv", text.replace(',', "\t").into_bytes()),
        ("l.jsonl", lines.as_bytes().to_vec()),
        ("l.jsonl", utf16(&lines[3..])),
    ] {
        let home = Home::with_project();
        std::fs::write(home.path(name), bytes).unwrap();
        let counts = home.json(&["label", "import", name, "lungs", "--json"]);
        assert_eq!(
            (&counts["imported"], &counts["empty"]),
            (&2.into(), &1.into()),
            "{name}"
        );
    }
}

#[test]
fn what_export_wrote_import_reads() {
    let home = Home::with_project();
    home.write("l.csv", "candidate,label\n00.png,bright\n01.png,dark\n");
    home.told(&["label", "import", "l.csv", "lungs"]);
    for format in ["csv", "jsonl"] {
        let labels = format!("labels.{format}");
        home.told(&["export", "labels", "lungs", "--out", &labels]);
        let again = home.json(&["label", "import", &labels, "lungs", "--json"]);
        assert_eq!(
            (&again["imported"], &again["unchanged"]),
            (&0.into(), &2.into()),
            "{format}"
        );
        let manifest = format!("manifest.{format}");
        home.told(&["export", "manifest", "lungs", "--out", &manifest]);
        let project = format!("again-{format}");
        let made = home.json(&[
            "init",
            &project,
            "--manifest",
            &manifest,
            "--from-scratch",
            "--model",
            "squeezenet1_1",
            "--input",
            "32",
            "--json",
        ]);
        assert_eq!(
            (&made["labeled"], &made["left_out"]),
            (&2.into(), &0.into()),
            "{format}"
        );
        let scores = format!("scores.{format}");
        home.told(&["export", "predictions", "lungs", "--out", &scores]);
        home.told(&["query", "lungs", "--batch", "1", "--scores", &scores]);
    }
}
