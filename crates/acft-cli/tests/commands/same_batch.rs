//! Whoever draws a batch from the same scores draws the same batch: the
//! library, `acft score` and `acft query --scores`.

use std::fmt::Write;
use std::ops::ControlFlow;

use acft::learner::PredictionSink;
use acft::{
    BoxError, CandidateId, CandidateKey, Criterion, LearningStrategy, Plan, Query, Replay, Run,
    Scorer, Start, query,
};

use crate::project::{Home, IMAGES};

const CLASSES: usize = 2;
const PATCHES: u32 = 4;
/// The seed of the project.
const SEED: u64 = 3;
const OMEGA: f64 = 5.0;

/// The same rows as in the file.
struct Rows;

impl Rows {
    /// No two candidates have the same score, and their order is not that of their names.
    fn of(candidate: u32) -> Vec<f64> {
        let base = 0.5 + f64::from(candidate * 7 % IMAGES) / 64.0;
        let patches = (0..PATCHES).map(|patch| base + f64::from(patch) / 512.0);
        patches.flat_map(|p| [1.0 - p, p]).collect()
    }
}

impl Scorer<()> for Rows {
    fn classes(&self) -> usize {
        CLASSES
    }

    fn predict(
        &self,
        (): &(),
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        for id in candidates {
            if sink(*id, Ok(&Rows::of(id.0))) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// The candidates of a step's batch by the library, in draw order.
fn by_the_library(criterion: Criterion, batch: usize) -> Vec<String> {
    let keys = (0..IMAGES).map(|id| CandidateKey(*blake3::hash(&id.to_le_bytes()).as_bytes()));
    let run = Run::new(keys.collect(), (0..IMAGES).map(CandidateId), ());
    let how = Query::Active {
        criterion,
        omega: OMEGA,
    };
    let learning = LearningStrategy {
        start: Start::Current,
        replay: Replay::None,
    };
    let plan = Plan::new(how, learning, batch, SEED);
    let queried = query(&plan, &run, &Rows, &mut ()).unwrap();
    let drawn = queried.batch.iter();
    drawn
        .map(|one| format!("{:02}.png", one.candidate.0))
        .collect()
}

#[test]
fn all_ways_to_draw_from_the_same_scores_draw_the_same() {
    let mut file = String::from("candidate,patch,p_0,p_1\n");
    for candidate in 0..IMAGES {
        let rows = Rows::of(candidate);
        for (patch, row) in rows.chunks(CLASSES).enumerate() {
            writeln!(file, "{candidate:02}.png,{patch},{},{}", row[0], row[1]).unwrap();
        }
    }
    for (name, criterion) in [
        ("entropy", Criterion::entropy(0.75)),
        ("diversity", Criterion::diversity(0.75)),
    ] {
        for batch in ["2", "4", "9"] {
            let home = Home::with_project();
            home.write("p.csv", &file);
            let seed = SEED.to_string();
            let omega = OMEGA.to_string();
            home.told(&[
                "score",
                "p.csv",
                "--criterion",
                name,
                "--alpha",
                "0.75",
                "--batch",
                batch,
                "--omega",
                &omega,
                "--seed",
                &seed,
                "--step",
                "1",
                "--out",
                "scores.csv",
            ]);
            let mut scored: Vec<(usize, String)> = home
                .read("scores.csv")
                .lines()
                .skip(1)
                .filter_map(|line| {
                    let cells: Vec<&str> = line.split(',').collect();
                    Some((cells[6].parse().ok()?, cells[1].to_owned()))
                })
                .collect();
            scored.sort();
            let scored: Vec<String> = scored.into_iter().map(|(_, name)| name).collect();

            let queried = home.json(&[
                "query",
                "lungs",
                "--scores",
                "scores.csv",
                "--batch",
                batch,
                "--json",
            ]);
            let queried: Vec<String> = queried["candidates"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["candidate"].as_str().unwrap().to_owned())
                .collect();

            let size: usize = batch.parse().unwrap();
            let expected = by_the_library(criterion, size);
            assert_eq!(expected.len(), size);
            assert_eq!(scored, expected, "acft score, {name}, {batch}");
            assert_eq!(queried, expected, "acft query --scores, {name}, {batch}");
        }
    }
}
