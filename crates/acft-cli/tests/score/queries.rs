//! The draw: what the seed decides, and what nothing but the scores may.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::{Folder, cells};

/// A pool of `candidates` with 4 patches each and scores that all differ, in
/// the order that `order` gives.
fn pool(order: impl Iterator<Item = u32>) -> String {
    let mut csv = "candidate,patch,p_0,p_1\n".to_owned();
    for i in order {
        for patch in 0..4 {
            let p = 0.5 + f64::from(i) / 1000.0 + f64::from(patch) / 100.0;
            writeln!(csv, "c{i},{patch},{},{p}", 1.0 - p).unwrap();
        }
    }
    csv
}

/// The batch in draw order.
fn drawn(table: &str) -> Vec<String> {
    let mut drawn: Vec<(usize, String)> = cells(table)[1..]
        .iter()
        .filter(|row| !row[6].is_empty())
        .map(|row| (row[6].parse().unwrap(), row[1].to_owned()))
        .collect();
    drawn.sort();
    drawn.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn a_seed_and_a_step_decide_the_draw() {
    let folder = Folder::with_file("x.csv", pool(0..60));
    let draw = |flags: &str| drawn(&folder.table(&format!("x.csv --batch 10 {flags}")));
    let base = draw("--seed 3");
    assert_eq!(base, draw("--seed 3"));
    assert_eq!(base, draw("--seed 3 --step 1"));
    assert_ne!(base, draw("--seed 4"));
    assert_ne!(base, draw("--seed 3 --step 2"));
    let distinct: BTreeSet<&String> = base.iter().collect();
    assert_eq!(distinct.len(), 10);
}

#[test]
fn the_order_of_the_file_changes_nothing() {
    let forwards = Folder::with_file("x.csv", pool(0..60));
    let backwards = Folder::with_file("x.csv", pool((0..60).rev()));
    let flags = "x.csv --batch 10 --criterion acft --alpha 0.75";
    assert_eq!(forwards.table(flags), backwards.table(flags));
}

#[test]
fn equal_scores_are_ordered_by_the_seed_and_not_by_position() {
    let mut csv = "candidate,patch,p_0,p_1\n".to_owned();
    for i in 0..30 {
        writeln!(csv, "c{i},0,0.5,0.5").unwrap();
    }
    let folder = Folder::with_file("x.csv", csv);
    let order = |seed: u32| -> Vec<String> {
        let table = folder.table(&format!("x.csv --seed {seed}"));
        cells(&table)[1..]
            .iter()
            .map(|row| row[1].to_owned())
            .collect()
    };
    let by_position: Vec<String> = (0..30).map(|i| format!("c{i}")).collect();
    assert_ne!(order(0), by_position);
    assert_ne!(order(0), order(1));
    assert_eq!(order(0), order(0));
}

#[test]
fn omega_1_takes_the_top_and_a_window_bounds_the_draw() {
    let folder = Folder::with_file("x.csv", pool(0..60));
    let table = folder.table("x.csv --batch 5 --omega 1");
    let top: Vec<String> = cells(&table)[1..6]
        .iter()
        .map(|row| row[1].to_owned())
        .collect();
    assert_eq!(drawn(&table), top);
    for seed in 0..5 {
        let table = folder.table(&format!("x.csv --batch 5 --omega 2 --seed {seed}"));
        let window: BTreeSet<String> = cells(&table)[1..11]
            .iter()
            .map(|row| row[1].to_owned())
            .collect();
        assert!(drawn(&table).iter().all(|name| window.contains(name)));
    }
}
