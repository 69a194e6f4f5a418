//! The predictions of many candidates, one after the other: over U to score
//! it, and over L to find H.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::learner::{CandidateError, Observer, Scorer, Scoring};
use crate::plan::Plan;
use crate::prediction::Predictions;
use crate::random::{KeyedHash, Purpose};
use crate::ranking::{Ranked, Score};
use crate::run::{Run, Unreadable};
use crate::state::CandidateId;

/// What one row of a candidate's predictions stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A patch.
    Patches,
    /// A pass with dropout.
    Dropout { passes: usize, seed: u64 },
}

/// P_i ← M_{t-1}(C_i) for each of `candidates`. The rows pass by: `each` keeps
/// what it needs of them. Returns the candidates that could not be read.
pub(crate) fn predict_each<M>(
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    candidates: &[CandidateId],
    what: Scoring,
    look: Look,
    observer: &mut dyn Observer,
    mut each: impl FnMut(CandidateId, &Predictions<'_>) -> Result<(), Error>,
) -> Result<Unreadable, Error> {
    let mut unreadable = Vec::new();
    let mut done = 0;
    let mut take = |candidate, outcome: Result<&[f64], CandidateError>| -> Result<(), Error> {
        match outcome {
            Err(error) => unreadable.push((candidate, error)),
            Ok(rows) => {
                let predictions =
                    Predictions::new(rows, scorer.classes()).map_err(|error| Error::Output {
                        candidate,
                        reason: error.to_string(),
                    })?;
                each(candidate, &predictions)?;
                if (what, look) == (Scoring::Pool, Look::Patches) {
                    observer.predicted(candidate, &predictions);
                }
            }
        }
        done += 1;
        match observer.scored(what, done, candidates.len()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    };

    // A sink can only say that it wants no more; why is kept here.
    let mut failure = None;
    let mut sink = |candidate, outcome: Result<&[f64], CandidateError>| {
        if failure.is_none() {
            failure = take(candidate, outcome).err();
        }
        match failure {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    };
    let model = &run.current;
    match look {
        Look::Patches => scorer.predict(model, candidates, &mut sink),
        Look::Dropout { passes, seed } => {
            scorer.sampled(model, candidates, passes, seed, &mut sink)
        }
    }
    .map_err(Error::Plugged)?;
    failure.map_or(Ok(unreadable), Err)
}

/// Lines 3–8 for members of U: the score of each by `score`, which may fail.
pub(crate) fn score_each<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    candidates: &[CandidateId],
    look: Look,
    observer: &mut dyn Observer,
    mut score: impl FnMut(&Predictions<'_>) -> Result<Score, Error>,
) -> Result<(Vec<Ranked>, Unreadable), Error> {
    let tie_breaks = KeyedHash::new(plan.seed, run.step, Purpose::TieBreak);
    let mut scored = Vec::with_capacity(candidates.len());
    let keep = |candidate: CandidateId, p: &Predictions<'_>| {
        scored.push(Ranked {
            candidate,
            score: score(p)?,
            tie_break: tie_breaks.of(&run.keys[candidate.index()]),
        });
        Ok(())
    };
    let unreadable = predict_each(run, scorer, candidates, Scoring::Pool, look, observer, keep)?;
    Ok((scored, unreadable))
}
