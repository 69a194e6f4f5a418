#![allow(clippy::unwrap_used)]
use std::fs;

use super::super::sample::{arm, line, panel, step};
use super::*;
use crate::file;

const FILE: &str = "\
name = \"e\"
seeds = 2
[settings]
from-scratch = true
model = \"demo\"
input = 16
patches = \"crop:8\"
[[data]]
name = \"a\"
data = \"a\"
[[data]]
name = \"b\"
data = \"b\"
contrast = [\"ACFT(HQ)\", \"RFT\"]
[[arm]]
name = \"RFT\"
strategy = \"rft\"
[[arm]]
name = \"ACFT(HQ)\"
strategy = \"acft-hq\"
";

fn grid(home: &Path) -> Grid {
    let path = home.join("e.toml");
    fs::write(&path, FILE).unwrap();
    Grid::new(file::read(&path).unwrap(), home, home.join("out"), &path).unwrap()
}

/// As a run leaves its folder.
fn finish(cell: &Cell, steps: &[StepRecord]) {
    let out = &cell.settings.out;
    fs::create_dir_all(out.join("predictions")).unwrap();
    let record = panel(vec![], vec![]).record.unwrap();
    let config = toml::to_string(&cell.settings.flags).unwrap();
    fs::write(out.join("config.toml"), config).unwrap();
    fs::write(out.join("data.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    let lines = steps
        .iter()
        .map(|step| serde_json::to_string(step).unwrap() + "\n");
    fs::write(out.join("steps.jsonl"), lines.collect::<String>()).unwrap();
    fs::write(out.join("finished.json"), "{}").unwrap();
}

fn fail(cell: &Cell) {
    let note = cell.settings.out.with_extension("json");
    fs::create_dir_all(note.parent().unwrap()).unwrap();
    let version = crate::grid::VERSION;
    let text = format!("{{\"version\": \"{version}\", \"failed\": \"no memory\"}}");
    fs::write(note, text).unwrap();
}

#[test]
fn data_on_which_every_run_failed_keep_their_place() {
    let home = tempfile::tempdir().unwrap();
    let grid = grid(home.path());
    for cell in &grid.cells {
        match cell.data.as_str() {
            "a" => finish(cell, &[step(1, 10, 0.7)]),
            _ => fail(cell),
        }
    }
    let panels = read(&grid).unwrap();
    assert_eq!(panels.len(), 2);
    let failed = &panels[1];
    assert_eq!(failed.failures.len(), 4);
    assert!(failed.record.is_none() && failed.curves.is_empty());
    assert!(failed.data.contrast.is_some());
    let of_rft = Made {
        arm: "RFT".to_owned(),
        planned: 2,
        finished: 0,
        failed: 2,
    };
    assert_eq!(failed.made[0], of_rft);
    assert_eq!(panels[0].made[1].finished, 2);
}

#[test]
fn a_run_without_a_curve_is_a_failure_and_the_others_are_told() {
    let home = tempfile::tempdir().unwrap();
    let grid = grid(home.path());
    let of_a = |arm: &str, seed: u64| {
        let mut cells = grid.cells.iter();
        let is_it =
            |cell: &&Cell| (cell.data.as_str(), cell.arm.as_str(), cell.seed) == ("a", arm, seed);
        cells.find(is_it).unwrap()
    };
    finish(of_a("RFT", 0), &[step(1, 10, 0.7)]);
    let mut unknown = step(1, 10, 0.0);
    unknown.test_auc = None;
    finish(of_a("RFT", 1), &[unknown]);
    // A network that came to predict what is no number judges no candidate.
    let diverged = of_a("ACFT(HQ)", 0);
    finish(diverged, &[step(1, 10, 0.7)]);
    let out = &diverged.settings.out;
    let rows = "candidate,key,group,label\nx,k1,,0\ny,k2,,1\n";
    fs::write(out.join("test.csv"), rows).unwrap();
    fs::write(out.join("predictions/test-0001.npy"), not_a_number()).unwrap();

    let panels = read(&grid).unwrap();
    let panel = &panels[0];
    assert_eq!(panel.curves.len(), 1);
    assert_eq!(panel.curves[0].runs.len(), 1);
    let reasons: Vec<String> = panel
        .failures
        .iter()
        .map(|failure| format!("{}: {}", failure.run, failure.reason))
        .collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons[0].starts_with("a ACFT(HQ), seed 0: the AUC of seed 0 at 10 labels is undefined")
    );
    assert!(reasons[1].starts_with("a RFT, seed 1: no step has a test AUC"));
}

/// Two rows of two classes.
fn not_a_number() -> Vec<u8> {
    use npyz::WriterBuilder;
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&[2, 2]);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend([f64::NAN; 4]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn no_two_panels_share_the_names_of_their_files() {
    let slug = |data: &str, network: &str| {
        let mut panel = panel(vec![], vec![]);
        panel.data.entry.name = data.to_owned();
        panel.network = network.to_owned();
        panel.slug()
    };
    assert_ne!(slug("a", "b-c"), slug("a-b", "c"));
    assert_eq!(slug("lung", ""), "lung");
}

#[test]
fn the_arm_of_a_contrast_is_looked_into_where_it_queries_by_a_criterion() {
    let points: &[&[(usize, f64)]] = &[&[(10, 0.7)]];
    let arms = ["RFT", "ACFT(Q)", "ACFT(HQ)"].map(|name| arm(name, points));
    let mut panel = panel(arms.into(), vec![line("full", points)]);
    for (ours, expected) in [
        ("ACFT(HQ)", ["ACFT(HQ)", "ACFT(Q)"]),
        ("RFT", ["ACFT(Q)", "ACFT(HQ)"]),
        ("none that is finished", ["ACFT(Q)", "ACFT(HQ)"]),
    ] {
        panel.data.contrast = Some((ours.to_owned(), "RFT".to_owned()));
        let active = panel.active();
        let names: Vec<&str> = active.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, expected, "{ours}");
    }
}

#[test]
fn a_dead_layer_that_an_earlier_build_did_not_tell_is_told_by_its_losses() {
    let home = tempfile::tempdir().unwrap();
    let grid = grid(home.path());
    let dead = StepRecord {
        loss: vec![0.74, 0.6933, 0.6932, 0.6929],
        ..step(2, 20, 0.5)
    };
    let told = StepRecord {
        warnings: vec![format!("the training loss sticks: the {}", signs::DEAD)],
        ..StepRecord {
            step: 3,
            labels: 30,
            ..dead.clone()
        }
    };
    for cell in grid.cells.iter().filter(|cell| cell.data == "a") {
        finish(cell, &[step(1, 10, 0.7), dead.clone(), told.clone()]);
    }
    let panels = read(&grid).unwrap();
    let steps = &panels[0].curves[0].runs[0].steps;
    let count = |at: usize| steps[at].warnings.len();
    assert_eq!([count(0), count(1), count(2)], [0, 1, 1]);
    assert!(steps[1].warnings[0].contains(signs::DEAD));
}

#[test]
fn a_run_that_was_killed_in_its_first_step_has_a_row_in_the_table() {
    let home = tempfile::tempdir().unwrap();
    let grid = grid(home.path());
    finish(&grid.cells[0], &[step(1, 10, 0.7)]);
    let killed = &grid.cells[1];
    finish(killed, &[]);
    fs::remove_file(killed.settings.out.join("finished.json")).unwrap();
    results::write(&grid).unwrap();
    let table = fs::read_to_string(grid.out.join("results.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = table
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["arm"], killed.arm.as_str());
    assert_eq!(rows[1]["stage"], "begun");
    assert!(rows[1]["step"].is_null());
}
