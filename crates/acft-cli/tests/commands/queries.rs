//! `acft query`, by scores made elsewhere and by the network.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::project::Home;

#[test]
fn scores_made_elsewhere_rank_the_pool() {
    let home = Home::with_project();
    let mut rows = String::from("candidate,score\n");
    for number in 0..20 {
        rows += &format!("{number:02}.png,{}\n", f64::from(number) / 10.0);
    }
    home.write("scores.csv", &rows);
    let drawn = home.json(&[
        "query",
        "lungs",
        "--scores",
        "scores.csv",
        "--batch",
        "4",
        "--json",
        "--out",
        "batch.csv",
    ]);
    assert_eq!((&drawn["batch"], &drawn["scored"]), (&1.into(), &20.into()));
    assert_eq!(drawn["pool"], 20);
    let candidates = drawn["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 4);
    // From the best 5 × 4: all of the 20, by weights; the last has weight 0.
    assert!(candidates.iter().all(|one| one["candidate"] != "00.png"));
    assert_eq!(home.read("batch.csv").lines().count(), 5);

    let open = home.told(&["query", "lungs", "--open"]);
    assert_eq!(open, home.read("batch.csv"));
    home.fill_in("batch.csv", "labels.csv");
    assert_eq!(
        home.told(&["label", "import", "labels.csv", "lungs"]),
        "4 labels imported\n"
    );
    assert_eq!(home.told(&["query", "lungs", "--open"]).lines().count(), 1);
    // Those that are labeled are passed over in the next.
    let next = home.json(&[
        "query",
        "lungs",
        "--scores",
        "scores.csv",
        "--batch",
        "2",
        "--json",
    ]);
    assert_eq!((&next["batch"], &next["scored"]), (&2.into(), &16.into()));
}

#[test]
fn scores_are_read_from_parquet_and_from_acft_score() {
    let home = Home::with_project();
    let names = StringArray::from(vec!["05.png", "06.png", "07.png"]);
    let scores = Float32Array::from(vec![3.0, 2.0, 1.0]);
    let columns: [(&str, ArrayRef); 2] =
        [("candidate", Arc::new(names)), ("score", Arc::new(scores))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(home.path("scores.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let arguments = [
        "query",
        "lungs",
        "--scores",
        "scores.parquet",
        "--batch",
        "3",
        "--json",
    ];
    let drawn = home.json(&arguments);
    let names: Vec<&str> = drawn["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["candidate"].as_str().unwrap())
        .collect();
    // No more than a batch: all of them, best first.
    assert_eq!(names, ["05.png", "06.png", "07.png"]);

    home.write(
        "probabilities.csv",
        "candidate,patch,p_0,p_1\n10.png,0,0.5,0.5\n11.png,0,0.9,0.1\n12.png,0,0.7,0.3\n",
    );
    home.told(&[
        "score",
        "probabilities.csv",
        "--alpha",
        "1",
        "--out",
        "ranked.csv",
    ]);
    let drawn = home.json(&[
        "query",
        "lungs",
        "--scores",
        "ranked.csv",
        "--batch",
        "1",
        "--json",
    ]);
    assert_eq!(drawn["scored"], 3);
    let kept = home.told(&["query", "lungs", "--open", "--format", "jsonl"]);
    assert!(
        kept.lines().last().unwrap().contains("\"entropy\":0."),
        "{kept}"
    );
}

#[test]
fn scores_that_are_none_are_refused() {
    let home = Home::with_project();
    home.write(
        "unknown.csv",
        "candidate,score\n00.png,1\nx.png,1\nscans/01.png,1\n",
    );
    home.write("twice.csv", "candidate,score\n00.png,1\n00.png,2\n");
    home.write("nan.csv", "candidate,score\n00.png,NaN\n");
    home.write("text.csv", "candidate,score\n00.png,high\n");
    home.write("columns.csv", "candidate,value\n00.png,1\n");
    home.write("scores.txt", "");
    home.write("scores.parquet", "no Parquet");
    for (file, expected) in [
        (
            "unknown.csv",
            "row 3: candidate \"x.png\" is not in the project; row 4: candidate \"scans/01.png\" is not in the project; did you mean \"01.png\"?",
        ),
        (
            "twice.csv",
            "row 3: candidate \"00.png\" has a score in row 2 already",
        ),
        (
            "nan.csv",
            "row 2, column score: \"NaN\" is not a finite number",
        ),
        ("text.csv", "\"high\" is not a finite number"),
        (
            "columns.csv",
            "column score is missing; it has candidate, value",
        ),
        ("scores.txt", "it must end in .csv, .tsv"),
        ("scores.parquet", "not a readable Parquet file"),
        ("nowhere.csv", "nowhere.csv"),
    ] {
        let told = home.refused(&["query", "lungs", "--scores", file]);
        assert!(told.contains(expected), "{file}: {told}");
    }
    assert!(
        home.refused(&["query", "lungs", "--batch", "0"])
            .contains("--batch 0")
    );
    assert_eq!(home.json(&["status", "lungs", "--json"])["waiting"], 0);
}

#[test]
fn the_network_ranks_the_pool() {
    let home = Home::with_project();
    let drawn = home.json(&["query", "lungs", "--json"]);
    assert_eq!(drawn["scored"], crate::project::IMAGES);
    let candidates = drawn["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 4);
    assert!(
        candidates
            .iter()
            .all(|one| one["score"].as_f64().unwrap() >= 0.0)
    );
    let kept = home.told(&["export", "predictions", "lungs", "--at-query"]);
    assert_eq!(kept.lines().count(), 5);
}

#[test]
fn one_in_ten_is_drawn_to_judge_models_by() {
    let home = Home::with_project();
    let arguments = [
        "query",
        "lungs",
        "--batch",
        "10",
        "--json",
        "--out",
        "batch.csv",
    ];
    let drawn = home.json(&arguments);
    assert_eq!(drawn["candidates"].as_array().unwrap().len(), 10);
    assert_eq!(drawn["holdout"].as_array().unwrap().len(), 1);
    let batch = home.read("batch.csv");
    assert_eq!(batch.matches(",holdout,").count(), 1, "{batch}");
    home.fill_in("batch.csv", "labels.csv");
    home.told(&["label", "import", "labels.csv", "lungs"]);
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(
        (&status["labels"], &status["unlearned"]),
        (&11.into(), &10.into())
    );

    // None where the settings say so.
    let toml = home.read("lungs/acft.toml");
    home.write(
        "lungs/acft.toml",
        &toml.replace("holdout-one-in = 10", "holdout-one-in = 0"),
    );
    let drawn = home.json(&["query", "lungs", "--batch", "10", "--json"]);
    assert!(drawn["holdout"].as_array().unwrap().is_empty());
}
