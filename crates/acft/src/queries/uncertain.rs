//! A batch of the candidates of which the network is least certain.

use crate::baselines::Uncertainty;
use crate::choose::{Choice, choose};
use crate::criterion::Criterion;
use crate::error::Error;
use crate::learner::{Observer, Scorer};
use crate::plan::Plan;
use crate::predicting::{Look, score_each};
use crate::prediction::Predictions;
use crate::random::{Purpose, stream};
use crate::ranking::Score;
use crate::run::{Queried, Run};

/// Lines 3–10 with another measure in line 7, and the best b in line 10.
pub(super) fn uncertain<M>(
    (measure, look): (Uncertainty, Look),
    plan: &Plan,
    b: usize,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Queried, Error> {
    let score = |p: &Predictions<'_>| Ok(score(measure, p));
    let (scored, unreadable) = score_each(plan, run, scorer, &run.pool(), look, observer, score)?;
    let count = scored.len();
    let choice = Choice::new(b, 1.0).with_groups(plan.max_per_group, &run.groups);
    let mut draws = stream(plan.seed, run.step, Purpose::Draw);
    let chosen = choose(scored, choice, &mut draws);
    Ok(Queried::chosen(chosen, count, unreadable))
}

/// The measure decides; entropy and diversity are there for the record.
pub(super) fn score(measure: Uncertainty, predictions: &Predictions<'_>) -> Score {
    Score {
        value: measure.of(predictions),
        ..Criterion::default().score(predictions)
    }
}
