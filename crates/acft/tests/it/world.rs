//! A network small enough to reason about, and what it takes to run the whole algorithm with it: a logistic unit over
//! one hidden number a candidate.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use acft::learner::{FeatureSink, PredictionSink, Trained};
use acft::{
    BoxError, CandidateError, CandidateId, CandidateKey, Criterion, Example, Journal, Judged,
    Label, Observer, Oracle, Phase, Plan, Queried, Query, Run, Schedule, Scorer, Stop, StopReason,
    Taught, Trainer, acft,
};

pub(crate) const PATCHES: usize = 8;
pub(crate) const CANDIDATES: u32 = 120;

/// σ(slope · (x − threshold)); training moves it, deterministically.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unit {
    pub(crate) slope: f64,
    pub(crate) threshold: f64,
}

pub(crate) struct World {
    pub(crate) unreadable: BTreeSet<u32>,
}

impl World {
    pub(crate) fn feature(id: CandidateId, patch: usize) -> f64 {
        let hash = blake3::hash(&[id.0.to_le_bytes(), (patch as u32).to_le_bytes()].concat());
        let jitter = f64::from(hash.as_bytes()[0]) / 255.0 - 0.5;
        f64::from(id.0) / f64::from(CANDIDATES) + 0.2 * jitter
    }

    pub(crate) fn label(id: u32) -> Label {
        Label(u16::from(id >= CANDIDATES / 3))
    }
}

impl Scorer<Unit> for World {
    fn classes(&self) -> usize {
        2
    }

    fn predict(
        &self,
        model: &Unit,
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        for &id in candidates {
            let rows: Vec<f64> = (0..PATCHES)
                .flat_map(|patch| {
                    let z = model.slope * (World::feature(id, patch) - model.threshold);
                    let p = 1.0 / (1.0 + (-z).exp());
                    [1.0 - p, p]
                })
                .collect();
            let outcome = if self.unreadable.contains(&id.0) {
                Err(CandidateError {
                    reason: format!("{}.png is cut short", id.0),
                })
            } else {
                Ok(rows.as_slice())
            };
            if sink(id, outcome) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn features(
        &self,
        _: &Unit,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        for &id in candidates {
            let row = [0, 1].map(|patch| World::feature(id, patch) as f32);
            let _ = sink(id, Ok(&row));
        }
        Ok(())
    }

    /// Passes disagree the more, the nearer a candidate is to the threshold.
    fn sampled(
        &self,
        model: &Unit,
        candidates: &[CandidateId],
        passes: usize,
        seed: u64,
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        for &id in candidates {
            let distance = (f64::from(id.0) / f64::from(CANDIDATES) - model.threshold).abs();
            let rows: Vec<f64> = (0..passes as u64)
                .flat_map(|pass| {
                    let sign = if (seed.wrapping_add(pass)).is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    };
                    let p = 0.5 + sign * 0.4 * (-5.0 * distance).exp();
                    [1.0 - p, p]
                })
                .collect();
            let outcome = match self.unreadable.contains(&id.0) {
                true => Err(CandidateError {
                    reason: "cut short".into(),
                }),
                false => Ok(rows.as_slice()),
            };
            if sink(id, outcome) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// What each fine-tuning was asked to do.
#[derive(Default)]
pub(crate) struct Diary(pub(crate) Vec<(Unit, Vec<Example>, Schedule)>);

impl Trainer<Unit> for Diary {
    fn fine_tune(
        &mut self,
        from: &Unit,
        examples: &[Example],
        schedule: &Schedule,
        _observer: &mut dyn Observer,
    ) -> Result<Trained<Unit>, BoxError> {
        self.0.push((*from, examples.to_vec(), *schedule));
        let noise = (schedule.seed % 1000) as f64 / 1e5;
        let rate = match schedule.phase {
            Phase::FromPretrained => 0.5,
            Phase::Continual => 0.1,
        };
        let gradient: f64 = examples
            .iter()
            .map(|example| f64::from(example.label.0) - World::feature(example.candidate, 0))
            .sum::<f64>()
            / examples.len() as f64;
        let model = Unit {
            slope: from.slope * (1.0 + rate),
            threshold: from.threshold - rate * 0.1 * gradient + noise,
        };
        Ok(Trained {
            model,
            loss: vec![gradient.abs()],
            patches: examples.len() * PATCHES,
        })
    }
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) batches: Vec<Queried>,
    pub(crate) taught: Vec<Taught<Unit>>,
}

impl Observer for Kept {}

impl Journal<Unit> for Kept {
    fn taught(
        &mut self,
        _run: &Run<Unit>,
        queried: &Queried,
        taught: &Taught<Unit>,
        _judged: &Judged,
    ) -> Result<(), BoxError> {
        self.batches.push(queried.clone());
        self.taught.push(taught.clone());
        Ok(())
    }
}

pub(crate) fn plan(learn: &str, active: bool, steps: u32, seed: u64) -> Plan {
    let query = if active {
        Query::Active {
            criterion: Criterion::diversity(0.5),
            omega: 3.0,
        }
    } else {
        Query::Random
    };
    Plan::new(query, learn.parse().unwrap(), 10, seed).with_stop(Stop::default().after_steps(steps))
}

pub(crate) fn new_run() -> Run<Unit> {
    let keys = (0..CANDIDATES).map(|id| CandidateKey(*blake3::hash(&id.to_le_bytes()).as_bytes()));
    Run::new(
        keys.collect(),
        (0..CANDIDATES).map(CandidateId),
        Unit {
            slope: 2.0,
            threshold: 0.5,
        },
    )
}

pub(crate) fn oracle() -> Oracle {
    Oracle::new((0..CANDIDATES).map(|id| Some(World::label(id))).collect())
}

pub(crate) fn readable() -> World {
    World {
        unreadable: BTreeSet::new(),
    }
}

pub(crate) struct Outcome {
    pub(crate) run: Run<Unit>,
    pub(crate) diary: Diary,
    pub(crate) kept: Kept,
    pub(crate) reason: StopReason,
}

pub(crate) fn go(plan: &Plan, world: &World, mut run: Run<Unit>) -> Outcome {
    let (mut diary, mut kept) = (Diary::default(), Kept::default());
    let mut expert = oracle();
    let reason = acft(
        plan,
        &mut run,
        world,
        &mut diary,
        &mut expert,
        &mut (),
        &mut kept,
    )
    .unwrap();
    Outcome {
        run,
        diary,
        kept,
        reason,
    }
}

pub(crate) fn drawn(kept: &Kept) -> Vec<Vec<CandidateId>> {
    kept.batches
        .iter()
        .map(|q| q.batch.iter().map(|d| d.candidate).collect())
        .collect()
}

/// The same choices by another rule.
pub(crate) fn baseline(rule: &str, steps: u32, seed: u64) -> Plan {
    plan("hq", true, steps, seed).with_query(Query::Baseline {
        rule: rule.parse().unwrap(),
    })
}
