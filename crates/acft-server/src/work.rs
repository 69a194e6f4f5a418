//! What the worker is doing, for those who wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// What kind of work is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Waiting for labels.
    #[default]
    Idle,
    /// Asking the network about the pool.
    Scoring,
    /// Fine-tuning.
    Training,
    /// Comparing a new model with the old one on held-out candidates.
    Judging,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Scoring, Self::Training, Self::Judging];

    /// Its name in the API and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Scoring => "scoring",
            Self::Training => "training",
            Self::Judging => "judging",
        }
    }
}

/// What the worker says it is doing: set by the worker's thread, read by the
/// server's.
#[derive(Debug, Default)]
pub struct Work {
    now: Mutex<Now>,
}

#[derive(Clone, Debug, Default)]
struct Now {
    phase: Phase,
    done: usize,
    total: usize,
    epoch: usize,
    epochs: usize,
    started: Option<Instant>,
    message: String,
}

/// [`Work`] at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What kind of work.
    pub phase: Phase,
    /// Candidates scored, or mini-batches trained on over all epochs.
    pub done: usize,
    /// Of how many; 0 where that is not known.
    pub total: usize,
    /// The epoch that runs, from 1; 0 outside of training.
    pub epoch: usize,
    /// Of how many.
    pub epochs: usize,
    /// How long it will still take at this rate.
    pub seconds_left: Option<f64>,
    /// A sentence for the expert; may be empty. The API writes it in its own way.
    #[serde(skip)]
    pub message: String,
}

impl Work {
    /// Nothing is being done.
    pub fn new() -> Self {
        Self::default()
    }

    /// A piece of work begins: nothing of `total` is done.
    pub fn begin(&self, phase: Phase, total: usize, message: impl Into<String>) {
        *self.lock() = Now {
            phase,
            total,
            started: Some(Instant::now()),
            message: message.into(),
            ..Now::default()
        };
    }

    /// `done` of `total` is done. The total may turn out only on the way.
    pub fn advance(&self, done: usize, total: usize) {
        let mut now = self.lock();
        now.done = done.min(total);
        now.total = total;
    }

    /// An epoch of a training runs; they count from 1.
    pub fn epoch(&self, epoch: usize, epochs: usize) {
        let mut now = self.lock();
        now.epoch = epoch;
        now.epochs = epochs;
    }

    /// Nothing is done any more. The message stays until the next work: that a
    /// model was not adopted, or that something failed.
    pub fn rest(&self, message: impl Into<String>) {
        *self.lock() = Now {
            message: message.into(),
            ..Now::default()
        };
    }

    /// What is being done.
    pub fn report(&self) -> Report {
        let now = self.lock().clone();
        let elapsed = now.started.map(|started| started.elapsed());
        Report {
            phase: now.phase,
            done: now.done,
            total: now.total,
            epoch: now.epoch,
            epochs: now.epochs,
            seconds_left: elapsed.and_then(|elapsed| seconds_left(elapsed, now.done, now.total)),
            message: now.message,
        }
    }

    /// A panic while setting a field leaves nothing half-set that matters.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What remains, at the rate so far; unknown before anything is done.
fn seconds_left(elapsed: Duration, done: usize, total: usize) -> Option<f64> {
    if done == 0 || total == 0 {
        return None;
    }
    let left = total.saturating_sub(done) as f64 / done as f64;
    Some((elapsed.as_secs_f64() * left * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_goes_by_the_rate_so_far() {
        let second = Duration::from_secs(1);
        for (elapsed, done, total, left) in [
            (10 * second, 0, 100, None),
            (10 * second, 0, 0, None),
            (10 * second, 25, 100, Some(30.0)),
            (10 * second, 100, 100, Some(0.0)),
            (second, 3, 4, Some(0.3)),
        ] {
            assert_eq!(
                seconds_left(elapsed, done, total),
                left,
                "{done} of {total}"
            );
        }
    }

    #[test]
    fn a_new_piece_of_work_forgets_the_last_one() {
        let work = Work::new();
        work.begin(Phase::Training, 40, "learning 20 labels");
        work.epoch(2, 8);
        work.advance(10, 40);
        let report = work.report();
        assert_eq!((report.done, report.epoch, report.epochs), (10, 2, 8));

        work.rest("the new model was worse, the old one stays");
        let report = work.report();
        assert_eq!(report.phase, Phase::Idle);
        assert_eq!((report.done, report.epochs), (0, 0));
        assert_eq!(report.seconds_left, None);
        assert_eq!(report.message, "the new model was worse, the old one stays");
    }
}
