//! Who judges a step, and who records it.

use crate::learner::{BoxError, Observer};
use crate::run::{Queried, Run, Taught};
use crate::stopping::Evidence;

/// Judges M_t. What it finds decides, by the plan's stopping rules, when the
/// loop ends.
pub trait Evaluator<M> {
    /// All that it measures, for the record; `()` where that is the evidence alone.
    type Measures;

    /// Measures `run.current`. `run` is past line 15: it has the step's labels
    /// and M_t.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn evaluate(
        &mut self,
        run: &Run<M>,
        observer: &mut dyn Observer,
    ) -> Result<Judged<Self::Measures>, BoxError>;
}

/// What an evaluation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged<R = ()> {
    /// What the stopping rules look at.
    pub evidence: Evidence,
    /// What is recorded beside it.
    pub measures: R,
}

impl From<Evidence> for Judged {
    fn from(evidence: Evidence) -> Self {
        Self {
            evidence,
            measures: (),
        }
    }
}

/// Counts labels and measures nothing: enough where a run ends after a number
/// of steps or labels.
impl<M> Evaluator<M> for () {
    type Measures = ();

    fn evaluate(&mut self, run: &Run<M>, _observer: &mut dyn Observer) -> Result<Judged, BoxError> {
        let labels = run.state.labeled().len();
        Ok(Evidence {
            labels,
            ..Evidence::default()
        }
        .into())
    }
}

/// Records each half of a step as it is done. It decides nothing; where it
/// cannot keep its record it ends the run by an error.
pub trait Journal<M, R = ()>: Observer {
    /// Line 10 is done, and nobody has been asked for a label yet.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn queried(&mut self, _run: &Run<M>, _queried: &Queried) -> Result<(), BoxError> {
        Ok(())
    }

    /// Line 15 is done and M_t is judged: `run` has the step's labels and M_t.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn taught(
        &mut self,
        _run: &Run<M>,
        _queried: &Queried,
        _taught: &Taught<M>,
        _judged: &Judged<R>,
    ) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Records nothing.
impl<M, R> Journal<M, R> for () {}
