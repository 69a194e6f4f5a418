//! What scoring in bf16 does to the ranking of a pool.
//!
//! ```text
//! ranking MODEL DATA PATCHES ALPHA BATCH OMEGA LIMIT [LABEL_COLUMN [GROUP_COLUMN]]
//! ```
//!
//! scores the first LIMIT candidates of the pool of DATA (by a keyed hash) with MODEL in f32 and in bf16, and prints as
//! JSON, for entropy and for diversity over the share ALPHA: how much of the best OMEGA × BATCH both have in common,
//! Spearman's rank correlation, and the largest difference of a probability.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use acft::random::{Purpose, keyed_hash};
use acft::{CandidateError, CandidateId, Criterion, Predictions, Scorer};
use acft_images::PatchSource;
use acft_images::patches::{PatchPolicy, load_region, patches};
use acft_images::source::{Candidate, SourceOptions, Split, open};
use acft_vision::Device;
use acft_vision::learner::{FineTuning, Learner, Precision};
use acft_vision::models::Model;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Source {
    candidates: Vec<Candidate>,
    policy: PatchPolicy,
    input: usize,
}

impl PatchSource for Source {
    fn patches_per_candidate(&self) -> usize {
        self.policy.len()
    }

    fn input(&self) -> usize {
        self.input
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        let region = load_region(
            &self.candidates[candidate.index()],
            &self.policy,
            self.input,
        );
        let region = region.map_err(|error| CandidateError {
            reason: error.to_string(),
        })?;
        patches(&region, &self.policy, self.input, out);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [
        model,
        data,
        policy,
        alpha,
        batch,
        omega,
        limit,
        columns @ ..,
    ] = &words[..]
    else {
        return Err("ranking MODEL DATA PATCHES ALPHA BATCH OMEGA LIMIT [LABEL [GROUP]]".into());
    };
    let model = Model::load(&PathBuf::from(model), &Device::flex())?;
    let policy: PatchPolicy = policy.parse()?;
    let (alpha, omega): (f64, f64) = (alpha.parse()?, omega.parse()?);
    let (batch, limit): (usize, usize) = (batch.parse()?, limit.parse()?);
    let options = SourceOptions {
        data: data.into(),
        label_column: columns.first().cloned(),
        group_column: columns.get(1).cloned(),
        ..SourceOptions::default()
    };
    let mut candidates = open(&options, &|_, _| ())?.candidates;
    candidates.retain(|candidate| candidate.split == Split::Train);
    candidates.sort_by_cached_key(|candidate| keyed_hash(0, 0, Purpose::Pool, &candidate.key));
    candidates.truncate(limit);
    let count = candidates.len();
    let input = model.description().input;
    let source = Arc::new(Source {
        candidates,
        policy,
        input,
    });
    let classes = model.description().classes.len();
    let predict = |precision: Precision| -> Result<Vec<Vec<f64>>, Box<dyn Error + Send + Sync>> {
        let learner = Learner::new(source.clone(), classes, FineTuning::default())?;
        let ids: Vec<CandidateId> = (0..count as u32).map(CandidateId).collect();
        let mut rows = Vec::new();
        let learner = learner.scoring_in(precision);
        learner.predict(&model, &ids, &mut |_, outcome| {
            rows.extend(outcome.map(<[f64]>::to_vec));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    };
    let (full, half) = (predict(Precision::F32)?, predict(Precision::Bf16)?);
    let worst = full
        .iter()
        .flatten()
        .zip(half.iter().flatten())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    let window = ((omega * batch as f64) as usize).min(count);
    let mut parts = Vec::new();
    for (name, criterion) in [
        ("entropy", Criterion::entropy(alpha)),
        ("diversity", Criterion::diversity(alpha)),
    ] {
        let ranks = |rows: &[Vec<f64>]| -> Result<Vec<usize>, Box<dyn Error + Send + Sync>> {
            let mut scores = Vec::new();
            for row in rows {
                scores.push(criterion.score(&Predictions::new(row, classes)?).value);
            }
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
            let mut ranks = vec![0; scores.len()];
            for (rank, at) in order.into_iter().enumerate() {
                ranks[at] = rank;
            }
            Ok(ranks)
        };
        let (a, b) = (ranks(&full)?, ranks(&half)?);
        let both = a
            .iter()
            .zip(&b)
            .filter(|(a, b)| **a < window && **b < window);
        let overlap = both.count() as f64 / window as f64;
        let squares: f64 = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (*a as f64 - *b as f64).powi(2))
            .sum();
        let n = a.len() as f64;
        let spearman = 1.0 - 6.0 * squares / (n * (n * n - 1.0));
        parts.push(format!(
            r#""{name}": {{"overlap": {overlap:.4}, "spearman": {spearman:.5}}}"#
        ));
    }
    println!(
        r#"{{"candidates": {count}, "window": {window}, "largest_difference": {worst:.5}, {}}}"#,
        parts.join(", ")
    );
    Ok(())
}
