//! Algorithm 1 whole, with a network of two numbers.
//!
//!     cargo run -p acft --example loop
//!
//! A candidate is a number from 0 to 1, seen through eight noisy patches. Its
//! label is 1 where the number is at least 0.35. The network is a logistic unit
//! that learns where that border is. The loop asks for 60 of 200 labels, by the
//! paper's diversity and at random, and prints how many of the 200 each network
//! then names right.

use std::ops::ControlFlow;

use acft::learner::{PredictionSink, Trained};
use acft::{
    BoxError, CandidateId, CandidateKey, Criterion, Example, Journal, Judged, Label, Observer,
    Oracle, Plan, Predictions, Queried, Query, Run, Schedule, Scorer, Stop, Taught, Trainer, acft,
};

const CANDIDATES: u32 = 200;
const PATCHES: u32 = 8;
const BORDER: f64 = 0.35;

/// M: the probability of class 1 is σ(slope · x + offset).
#[derive(Clone, Copy)]
struct Unit {
    slope: f64,
    offset: f64,
}

impl Unit {
    fn probability(self, x: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * x + self.offset)).exp())
    }
}

/// The candidate itself, between 0 and 1.
fn truth(id: CandidateId) -> f64 {
    f64::from(id.0) / f64::from(CANDIDATES)
}

fn label(id: CandidateId) -> Label {
    Label(u16::from(truth(id) >= BORDER))
}

/// Patch j of a candidate: the candidate with noise that is always the same.
fn patch(id: CandidateId, j: u32) -> f64 {
    let mixed = (id.0 * PATCHES + j).wrapping_mul(2_654_435_761);
    truth(id) + 0.2 * (f64::from(mixed >> 16) / 65_536.0 - 0.5)
}

/// Where the pixels would be: scores and trains.
struct Lab;

impl Scorer<Unit> for Lab {
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
            let ones = (0..PATCHES).map(|j| model.probability(patch(id, j)));
            let rows: Vec<f64> = ones.flat_map(|p| [1.0 - p, p]).collect();
            if sink(id, Ok(&rows)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

impl Trainer<Unit> for Lab {
    /// Gradient descent on the cross-entropy of all patches.
    fn fine_tune(
        &mut self,
        from: &Unit,
        examples: &[Example],
        _schedule: &Schedule,
        _observer: &mut dyn Observer,
    ) -> Result<Trained<Unit>, BoxError> {
        let mut model = *from;
        let count = (examples.len() as u32 * PATCHES) as f64;
        let mut loss = Vec::new();
        for _ in 0..200 {
            let (mut slope, mut offset, mut sum) = (0.0, 0.0, 0.0);
            for example in examples {
                for j in 0..PATCHES {
                    let x = patch(example.candidate, j);
                    let (p, y) = (model.probability(x), f64::from(example.label.0));
                    slope += (p - y) * x;
                    offset += p - y;
                    sum -= (y * p + (1.0 - y) * (1.0 - p)).ln();
                }
            }
            model.slope -= 5.0 * slope / count;
            model.offset -= 5.0 * offset / count;
            loss.push(sum / count);
        }
        Ok(Trained {
            model,
            patches: examples.len() * PATCHES as usize * loss.len(),
            loss,
        })
    }
}

/// Prints a line a step.
struct Printed;

impl Observer for Printed {}

impl Journal<Unit> for Printed {
    fn taught(
        &mut self,
        run: &Run<Unit>,
        queried: &Queried,
        taught: &Taught<Unit>,
        judged: &Judged,
    ) -> Result<(), BoxError> {
        println!(
            "  step {}: {} labels; asked for {:?}; {} labels were wrong before; loss {:.3}",
            run.step - 1,
            judged.evidence.labels,
            queried
                .candidates()
                .iter()
                .map(|id| id.0)
                .collect::<Vec<_>>(),
            taught.misclassified.as_ref().map_or(0, Vec::len),
            taught.loss.last().copied().unwrap_or(f64::NAN),
        );
        Ok(())
    }
}

/// How many of all candidates a model names right.
fn right(model: Unit) -> Result<usize, BoxError> {
    let all: Vec<CandidateId> = (0..CANDIDATES).map(CandidateId).collect();
    let mut right = 0;
    Lab.predict(&model, &all, &mut |id, rows| {
        let named = rows.ok().and_then(|rows| Predictions::new(rows, 2).ok());
        let is_right = named.is_some_and(|p| p.dominant() == label(id).index());
        right += usize::from(is_right);
        ControlFlow::Continue(())
    })?;
    Ok(right)
}

fn main() -> Result<(), BoxError> {
    let diversity = Query::Active {
        criterion: Criterion::diversity(0.5),
        omega: 3.0,
    };
    for (name, query) in [("diversity", diversity), ("at random", Query::Random)] {
        println!("{name}:");
        // A key names a candidate wherever its file lies: a hash of its bytes,
        // as a rule.
        let key = |id: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&id.to_le_bytes());
            CandidateKey(key)
        };
        let pretrained = Unit {
            slope: 1.0,
            offset: -0.5,
        };
        let keys = (0..CANDIDATES).map(key).collect();
        let mut run = Run::new(keys, (0..CANDIDATES).map(CandidateId), pretrained);
        let labels = (0..CANDIDATES).map(|id| Some(label(CandidateId(id))));
        let mut expert = Oracle::new(labels.collect());

        let plan =
            Plan::new(query, "hq".parse()?, 10, 0).with_stop(Stop::default().after_labels(60));
        let reason = acft(
            &plan,
            &mut run,
            &Lab,
            &mut Lab,
            &mut expert,
            &mut (),
            &mut Printed,
        )?;
        println!(
            "  {reason}; {} of {CANDIDATES} are named right",
            right(run.current)?
        );
    }
    Ok(())
}
