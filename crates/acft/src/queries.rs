//! The other ways to query, each in the place of lines 3–10 or of some of them.

mod batch;
mod random;
mod uncertain;

pub(crate) use random::random;

use crate::baselines::{Baseline, Uncertainty};
use crate::error::Error;
use crate::learner::{Observer, Scorer};
use crate::plan::Plan;
use crate::predicting::Look;
use crate::random::{Purpose, seed_of};
use crate::run::{Queried, Run};

/// Passes with dropout: as many as cost little, and as the papers take at least.
const PASSES: usize = 20;

/// Scores U with M_{t-1}, and chooses the next batch by a baseline.
///
/// # Errors
/// The scorer fails, or has no features where the rule wants some.
pub(crate) fn baseline<M>(
    baseline: Baseline,
    plan: &Plan,
    b: usize,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Queried, Error> {
    match baseline {
        Baseline::Uncertainty(measure) => {
            let how = (measure, Look::Patches);
            uncertain::uncertain(how, plan, b, run, scorer, observer)
        }
        Baseline::DropoutBald => {
            let seed = seed_of(plan.seed, run.step, Purpose::Dropout);
            let passes = Look::Dropout {
                passes: PASSES,
                seed,
            };
            let how = (Uncertainty::Bald, passes);
            uncertain::uncertain(how, plan, b, run, scorer, observer)
        }
        Baseline::Batch(rule) => batch::batch(rule, plan, b, run, scorer, observer),
    }
}
