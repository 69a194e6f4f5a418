//! What stays the same for a whole run.

use crate::error::Error;
use crate::run::Run;
use crate::stopping::Stop;
use crate::strategy::{LearningStrategy, Query};

/// The settings of a run.
///
/// ```
/// use acft::{Criterion, Plan, Query, Stop};
///
/// let query = Query::Active { criterion: Criterion::entropy(0.25), omega: 5.0 };
/// let plan = Plan::new(query, "hq".parse()?, 20, 0).with_stop(Stop::default().after_steps(10));
/// assert_eq!(plan.batch, 20);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// How the batch is chosen.
    pub query: Query,
    /// How the batch is chosen while there are no labels, where that differs:
    /// the last layer is still random then, and so are its predictions.
    pub first_query: Option<Query>,
    /// How many steps the first query lasts at least; 0 for as long as there are no labels, and no longer.
    pub first_steps: u32,
    /// What a step starts and learns from.
    pub learning: LearningStrategy,
    /// b, the number of candidates a step.
    pub batch: usize,
    /// How many members of one group (a patient, a video) the ranking, and so
    /// any batch, may hold: consecutive frames teach the same thing.
    pub max_per_group: Option<usize>,
    /// Line 16.
    pub stop: Stop,
    /// Every random choice follows from it.
    pub seed: u64,
}

impl Plan {
    /// A plan without group limits, another first query or stopping rules:
    /// such a run ends when the pool is empty.
    pub fn new(query: Query, learning: LearningStrategy, batch: usize, seed: u64) -> Self {
        Self {
            query,
            first_query: None,
            first_steps: 0,
            learning,
            batch,
            max_per_group: None,
            stop: Stop::default(),
            seed,
        }
    }

    /// The same plan with another way to query.
    #[must_use]
    pub fn with_query(self, query: Query) -> Self {
        Self { query, ..self }
    }

    /// The same plan with another query while there are no labels.
    #[must_use]
    pub fn with_first_query(self, query: Option<Query>) -> Self {
        Self {
            first_query: query,
            ..self
        }
    }

    /// The same plan, whose first query lasts so many steps at least.
    #[must_use]
    pub fn with_first_steps(self, steps: u32) -> Self {
        Self {
            first_steps: steps,
            ..self
        }
    }

    /// The same plan with another batch size.
    #[must_use]
    pub fn with_batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// The same plan with a limit to the members of one group.
    #[must_use]
    pub fn with_max_per_group(self, limit: Option<usize>) -> Self {
        Self {
            max_per_group: limit,
            ..self
        }
    }

    /// The same plan with these stopping rules.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// The same plan with another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How this step's batch is chosen.
    pub(crate) fn query_of<M>(&self, run: &Run<M>) -> Query {
        let is_first = run.state.labeled().len() == 0 || run.step <= self.first_steps;
        self.first_query.filter(|_| is_first).unwrap_or(self.query)
    }

    /// The size of this step's batch: b, cut to what is left of the budget.
    pub(crate) fn batch_of<M>(&self, run: &Run<M>) -> Result<usize, Error> {
        if self.batch == 0 {
            return Err(Error::EmptyBatch);
        }
        let spent = run.state.labeled().len();
        let left = |budget: usize| budget.saturating_sub(spent);
        Ok(self.batch.min(self.stop.labels.map_or(usize::MAX, left)))
    }
}
