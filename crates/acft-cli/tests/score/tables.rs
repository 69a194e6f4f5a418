//! The tables that come out.

use crate::{Folder, cells, text};

/// Table 1 of the paper prints 2 × diversity over the kept patches (here m' = 3
/// of 11), and 3 × entropy.
#[test]
fn table_1_by_diversity() {
    let folder = Folder::with_fixture("table_1.csv");
    let run = folder
        .score("table_1.csv --criterion diversity --batch 2 --seed 1")
        .success();
    let table = text(&run.get_output().stdout);
    insta::assert_snapshot!(table);
    insta::assert_snapshot!(text(&run.get_output().stderr), @"scored 7 candidates, 77 patches; drew 2");
}

#[test]
fn table_1_by_entropy_over_all_patches() {
    let folder = Folder::with_fixture("table_1.csv");
    let table = folder.table("table_1.csv --criterion entropy --alpha 1");
    for row in &cells(&table)[1..] {
        // The printed entropy of the paper is summed over the 11 patches.
        let printed = match row[1] {
            "pattern A" => 7.52,
            "pattern B" => 4.57,
            "pattern F" | "pattern G" => 3.24,
            _ => 1.30,
        };
        let entropy: f64 = row[3].parse().unwrap();
        assert!((11.0 * entropy - printed).abs() < 0.005, "{row:?}");
    }
}

#[test]
fn the_weights_of_acft_make_the_score() {
    let folder = Folder::with_fixture("pool.csv");
    let table = folder.table("pool.csv --criterion acft --lambda1 2 --lambda2 0.5 --alpha 0.5");
    let rows = csv_rows(&table);
    assert_eq!(rows.len(), 12);
    for row in rows {
        let number = |at: usize| row[at].parse::<f64>().unwrap();
        assert_eq!(number(5), 2.0 * number(3) + 0.5 * number(4), "{row:?}");
    }
}

#[test]
fn names_with_commas_and_umlauts_come_back_whole() {
    let folder = Folder::with_fixture("pool.csv");
    let rows = csv_rows(&folder.table("pool.csv"));
    assert!(rows.iter().any(|row| &row[1] == "höhle, links.png"));
}

#[test]
fn json_holds_the_batch_and_nothing_that_changes() {
    let folder = Folder::with_fixture("table_1.csv");
    let arguments = "table_1.csv --criterion acft --batch 2 --omega 2 --json";
    let summary = folder.table(arguments);
    insta::assert_snapshot!(summary);
    assert_eq!(summary, folder.table(arguments));
    assert_eq!(folder.files(), ["table_1.csv"]);
}

#[test]
fn json_and_table_together_name_the_same_batch() {
    let folder = Folder::with_fixture("pool.csv");
    let summary = folder.table("pool.csv --batch 3 --seed 4 --json --out scores.csv");
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let table = folder.read("scores.csv");
    let mut drawn: Vec<_> = csv_rows(&table)
        .into_iter()
        .filter(|row| !row[6].is_empty())
        .map(|row| (row[6].parse::<usize>().unwrap(), row[1].to_owned()))
        .collect();
    drawn.sort();
    let from_json: Vec<_> = (1..)
        .zip(summary["drawn"].as_array().unwrap())
        .map(|(order, drawn)| (order, drawn["candidate"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(drawn, from_json);
    assert_eq!(drawn.len(), 3);
}

#[test]
fn few_patches_are_warned_of_and_few_candidates_are_all_drawn() {
    let folder = Folder::with_fixture("pool.csv");
    let run = folder
        .score("pool.csv --criterion diversity --batch 50")
        .success();
    let said = text(&run.get_output().stderr);
    insta::assert_snapshot!(said);
    let table = text(&run.get_output().stdout);
    let rows = csv_rows(&table);
    let drawn: Vec<&str> = rows.iter().map(|row| &row[6]).collect();
    let ranks: Vec<&str> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(drawn, ranks);
}

fn csv_rows(table: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(table.as_bytes())
        .records()
        .map(Result::unwrap)
        .collect()
}
