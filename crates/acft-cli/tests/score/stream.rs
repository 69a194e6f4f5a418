//! A long table goes through row by row.

use std::io::Write;

use crate::{Folder, cells};

const CANDIDATES: u32 = 25_000;
const PATCHES: u32 = 8;

/// 200,000 rows. Candidate 12,345 is undecided; the others are ever surer.
#[test]
fn two_hundred_thousand_rows() {
    let folder = Folder::new();
    let mut csv = std::io::BufWriter::new(std::fs::File::create(folder.path("long.csv")).unwrap());
    writeln!(csv, "candidate,patch,p_0,p_1").unwrap();
    for i in 0..CANDIDATES {
        let p = if i == 12_345 {
            0.5
        } else {
            0.6 + f64::from(i) * 1e-5
        };
        for patch in 0..PATCHES {
            writeln!(csv, "candidate-{i:05},{patch},{p:.6},{:.6}", 1.0 - p).unwrap();
        }
    }
    csv.into_inner().unwrap();

    let summary = folder.table("long.csv --criterion entropy --batch 100 --json --out scores.csv");
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["candidates"], CANDIDATES);
    assert_eq!(summary["patches"], CANDIDATES * PATCHES);
    assert_eq!(summary["drawn"].as_array().unwrap().len(), 100);

    let table = folder.read("scores.csv");
    let rows = cells(&table);
    assert_eq!(rows.len(), 1 + CANDIDATES as usize);
    let names: Vec<&str> = rows[1..5].iter().map(|row| row[1]).collect();
    let expected = [
        "candidate-12345",
        "candidate-00000",
        "candidate-00001",
        "candidate-00002",
    ];
    assert_eq!(names, expected);
    assert_eq!(rows.last().unwrap()[1], "candidate-24999");
}
