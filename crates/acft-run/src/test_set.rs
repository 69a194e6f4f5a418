//! The test set of a run. `test.csv` has a row for each candidate, and `predictions/test-NNNN.npy` has the predictions
//! of each model. From them other metrics, and intervals over the groups of the test set, can be computed later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acft::CandidateId;
use acft_images::source::Dataset;
use anyhow::Context;
use npyz::WriterBuilder;
use serde::{Deserialize, Serialize};

use super::evaluation::Evaluation;
use super::folder::RunFolder;
use crate::files::write_atomically;

/// A row of `test.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRow {
    /// Its name for people.
    pub candidate: String,
    /// Its key.
    pub key: String,
    /// Its patient, video or slide; empty if it has none.
    pub group: String,
    /// Its label. Candidates without a label are not listed.
    pub label: String,
}

/// Writes `test.csv`.
pub(crate) fn write_rows(
    folder: &RunFolder,
    data: &Dataset,
    test: &[CandidateId],
) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    for id in test {
        let candidate = &data.candidates[id.index()];
        if let Some(label) = candidate.label {
            csv.serialize(TestRow {
                candidate: candidate.name.clone(),
                key: candidate.key.to_string(),
                group: candidate.group.clone().unwrap_or_default(),
                label: data.classes[label.index()].clone(),
            })?;
        }
    }
    folder.write("test.csv", &csv.into_inner()?)
}

/// Reads `test.csv`; `None` if an earlier version made the run.
pub fn read_rows(root: &Path) -> anyhow::Result<Option<Vec<TestRow>>> {
    let path = root.join("test.csv");
    if !path.is_file() {
        return Ok(None);
    }
    let mut csv =
        csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Result<Vec<TestRow>, csv::Error> = csv.deserialize().collect();
    let rows = rows.with_context(|| format!("{} is damaged", path.display()))?;
    Ok(Some(rows))
}

fn path_of(root: &Path, step: u32) -> PathBuf {
    root.join("predictions").join(format!("test-{step:04}.npy"))
}

/// Mean predictions in the order of `test.csv`, n × |Y|; a row of NaN for one that could not be read.
pub(crate) fn write_predictions(
    root: &Path,
    step: u32,
    data: &Dataset,
    test: &[CandidateId],
    evaluation: &Evaluation,
) -> anyhow::Result<()> {
    let classes = data.classes.len();
    let rows: BTreeMap<CandidateId, &[f64]> = evaluation.rows().collect();
    let missing = vec![f64::NAN; classes];
    let listed = test
        .iter()
        .filter(|id| data.candidates[id.index()].label.is_some());
    let values: Vec<f64> = listed
        .flat_map(|id| rows.get(id).copied().unwrap_or(&missing))
        .copied()
        .collect();
    let mut bytes = Vec::new();
    let shape = [(values.len() / classes) as u64, classes as u64];
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(&mut bytes)
        .begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    write_atomically(&path_of(root, step), &bytes)
}

/// Reads the predictions of a step's model for the test set, row-major; `None` if they were not kept.
pub fn read_predictions(root: &Path, step: u32) -> anyhow::Result<Option<Vec<f64>>> {
    let path = path_of(root, step);
    if !path.is_file() {
        return Ok(None);
    }
    let damaged = || format!("{} is damaged", path.display());
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = npyz::NpyFile::new(&bytes[..]).with_context(damaged)?;
    Ok(Some(file.into_vec::<f64>().with_context(damaged)?))
}
