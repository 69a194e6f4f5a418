//! The worker: ranks, trains and judges behind the page, on a thread of its
//! own. It reads the project in one moment, works on the copy, and appends
//! what came of it.

mod append;
mod commands;
mod decide;
mod glance;
mod lab;
mod observer;
mod snapshot;
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use acft::{CandidateId, Query};
use acft_project::{Event, EventId, Keeper, Project};
use acft_server::Work;
use anyhow::Context;

use crate::settings::ProjectSettings;
use crate::vision::{InUse, ProjectVision};
use append::{advise, append};
use decide::{Decision, Failed, Pace, decide};
use glance::Glance;
use lab::Lab;
use observer::Watch;
use snapshot::Snapshot;

pub use commands::{Queried, query_once, train_once};

/// How much the network's threads stand back behind those that serve experts
/// (nice's scale: 19 is the most).
const NICENESS: i32 = 10;

/// How long a stop is noticed late, at most, while nothing happens.
const LOOK_UP: Duration = Duration::from_millis(200);

/// How often files that were away are looked at again while nothing happens.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// How long a stop waits for the network, which cannot be interrupted within a
/// mini-batch. Nothing is lost where it is left alone: what counts is on disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the thread waits after an error before it tries again. The wait doubles each time.
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// The server stops, so the current work is given up.
#[derive(Debug, thiserror::Error)]
#[error("given up, because the server stops")]
pub(super) struct Cancelled;

/// An error that may go away by itself, because a disk is missing or full.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Transient(String);

/// The thread that ranks and trains.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// The model in use cannot be read, or there can be no more threads.
    pub fn start(
        root: &Path,
        settings: ProjectSettings,
        keeper: Keeper,
        vision: Arc<ProjectVision>,
        work: Arc<Work>,
    ) -> anyhow::Result<Self> {
        let in_use = keeper
            .call(|project| Ok(InUse::of(project)))
            .map_err(anyhow::Error::new)??;
        let mut work_loop = WorkerLoop {
            pace: pace(&settings),
            lab: Lab::new(root, settings, in_use)?,
            failed: None,
        };
        // A pool of its own, so that its threads can have a lower priority. Numbers do not
        // depend on it: sums have a fixed order.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .thread_name(|at| format!("network-{at}"))
            .start_handler(|_| stand_back())
            .build()
            .context("cannot start the network's threads")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || {
                stand_back();
                pool.install(|| work_loop.run(&keeper, &vision, &work, &stopping));
            })
            .context("cannot start the worker")?;
        Ok(Self { stop, thread })
    }

    /// Cancels the current work, and waits a few seconds for the thread to end.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        if self.thread.is_finished() && self.thread.join().is_err() {
            tracing::error!("the worker had ended in a panic");
        }
    }
}

/// Lowers the priority of the thread that calls.
fn stand_back() {
    // On other systems `nice` lowers the priority of the whole process.
    #[cfg(target_os = "linux")]
    {
        // If this is not allowed, the thread works at normal priority.
        let _ = rustix::process::nice(NICENESS);
    }
}

fn pace(settings: &ProjectSettings) -> Pace {
    Pace {
        batch: settings.batch(),
        every: settings.every(),
        active: matches!(settings.simulation().plan.query, Query::Active { .. }),
    }
}

/// What the thread works with.
struct WorkerLoop {
    lab: Lab,
    pace: Pace,
    /// The fine-tuning that failed, if the last one did.
    failed: Option<Failed>,
}

impl WorkerLoop {
    fn run(&mut self, keeper: &Keeper, vision: &ProjectVision, work: &Work, stop: &AtomicBool) {
        let changes = keeper.changes();
        let mut rest = FIRST_REST;
        while !stop.load(Ordering::Relaxed) {
            // A panic over one image must not end the campaign.
            let once = AssertUnwindSafe(|| self.once(keeper, vision, work, stop));
            let done = catch_unwind(once)
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a defect of this program; see the log")));
            match done {
                Ok(is_busy) => {
                    rest = FIRST_REST;
                    if !is_busy && !self.waits(keeper, &changes, stop) {
                        return;
                    }
                }
                Err(error) if error.is::<Cancelled>() => return,
                Err(error) => {
                    let message = format!("the network cannot go on: {error:#}");
                    tracing::error!("{message}");
                    work.rest(message);
                    rest_for(rest, keeper, &changes, stop);
                    rest = (2 * rest).min(LONGEST_REST);
                }
            }
        }
    }

    /// Waits until something changes, or files that were away can be opened
    /// again; false where it is time to stop.
    fn waits(&self, keeper: &Keeper, changes: &Receiver<EventId>, stop: &AtomicBool) -> bool {
        loop {
            match hears(changes, stop) {
                Heard::Change => return true,
                Heard::Stop => return false,
                Heard::Nothing if self.looks_again(keeper) => return true,
                Heard::Nothing => {}
            }
        }
    }

    /// Looks again at files that were away; says whether any is back.
    fn looks_again(&self, keeper: &Keeper) -> bool {
        let known = keeper.call(|project| Ok(project.ledger().away().iter().copied().collect()));
        let before: Vec<CandidateId> = known.unwrap_or_default();
        let still = self.lab.away(&before);
        if still.len() == before.len() {
            return false;
        }
        let back = before.len() - still.len();
        tracing::info!("{back} images can be opened again");
        let event = Event::Away { candidates: still };
        let kept = keeper.call(move |project| project.append(acft_server::now(), vec![event]));
        kept.is_ok()
    }

    /// Does what is to be done; says whether anything was.
    fn once(
        &mut self,
        keeper: &Keeper,
        vision: &ProjectVision,
        work: &Work,
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let (pace, known) = (self.pace, self.lab.known());
        let failed = self.failed.as_ref().map(|failed| failed.new);
        let asked = self.lab.in_use().hash.clone();
        // In one moment, so that what is done is what was decided.
        let (glance, decision, now) = keeper.call(move |project| {
            let glance = Glance::at(project);
            let decision = decide(&glance, pace, failed);
            if matches!(decision, Decision::Rank { draw } if draw > 0) {
                // Before U is looked at: a holdout sets aside what is of its group.
                project.hold_out(acft_server::now())?;
            }
            let is_other = glance.current.as_ref().is_some_and(|now| now.hash != asked);
            let is_needed = is_other || !matches!(decision, Decision::Wait(_));
            let now = is_needed.then(|| Snapshot::of(project.ledger(), known));
            Ok((glance, decision, now))
        })?;
        // Also where there is nothing to do: someone may have gone back to an
        // earlier model, which is to answer now.
        if let Some(now) = &now {
            self.follow(now, vision)?;
        }
        let mut watch = Watch::new(work, stop);
        let events = match (decision, now) {
            (Decision::Wait(message), _) => {
                work.rest(self.message(message, &glance));
                return Ok(false);
            }
            (_, None) => return Ok(false),
            (Decision::NewHead, Some(now)) => {
                self.failed = None;
                self.lab.new_head(&now)?
            }
            (Decision::Rank { draw }, Some(now)) => self.lab.rank(&now, draw, &mut watch)?.0,
            (Decision::Train, Some(now)) => self.train(&now, &mut watch)?,
        };
        let began = self.lab.in_use().hash.clone();
        let plan = self.lab.plan().clone();
        let glance = keeper.call(move |project| {
            append(project, &began, events)?;
            advise(project, &plan)?;
            Ok(Glance::at(project))
        })?;
        work.rest(self.message("", &glance));
        Ok(true)
    }

    /// Fine-tunes, and remembers where that fails, so that it is not tried
    /// again with the same labels: not even where it panics.
    fn train(&mut self, now: &Snapshot, watch: &mut Watch<'_>) -> anyhow::Result<Vec<Event>> {
        let failed = |why: &str| {
            Some(Failed {
                new: now.new.len(),
                why: why.to_owned(),
            })
        };
        self.failed = failed("a defect of this program; see the log");
        let outcome = self.lab.train(now, watch);
        self.failed = match &outcome {
            Ok(_) => None,
            Err(error) if error.is::<Transient>() => None,
            Err(error) => failed(&format!("{error:#}")),
        };
        outcome
    }

    /// Takes over changes of the project, such as another model in use.
    fn follow(&mut self, now: &Snapshot, vision: &ProjectVision) -> anyhow::Result<()> {
        let before = self.lab.in_use().hash.clone();
        self.lab.follow(now)?;
        if self.lab.in_use().hash != before {
            vision.use_model(self.lab.in_use().clone());
        }
        Ok(())
    }

    /// What to tell the expert while nothing is done.
    fn message(&self, waiting: &str, now: &Glance) -> String {
        if let Some(failed) = &self.failed {
            return format!("the last fine-tuning failed: {}", failed.why);
        }
        match (&now.unused, waiting) {
            (Some(why), "") => format!("the new model is not used: {why}"),
            (_, waiting) => waiting.to_owned(),
        }
    }
}

/// What a wait ended with.
enum Heard {
    Change,
    Stop,
    Nothing,
}

/// Waits for a while until something changes, or it is time to stop.
fn hears(changes: &Receiver<EventId>, stop: &AtomicBool) -> Heard {
    let begun = Instant::now();
    while begun.elapsed() < LOOK_AGAIN {
        match changes.recv_timeout(LOOK_UP) {
            Ok(_) => {
                while changes.try_recv().is_ok() {}
                return Heard::Change;
            }
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Heard::Stop,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Heard::Stop,
        }
    }
    Heard::Nothing
}

/// Rests for a while; less where it is time to stop, or where someone chose
/// another model: with that one it may go on.
fn rest_for(long: Duration, keeper: &Keeper, changes: &Receiver<EventId>, stop: &AtomicBool) {
    let in_use = || {
        let current = |project: &mut Project| {
            let current = project.ledger().models().current();
            Ok(current.map(|made| made.model.hash.clone()))
        };
        keeper.call(current).ok().flatten()
    };
    let (begun, before) = (Instant::now(), in_use());
    while begun.elapsed() < long && !stop.load(Ordering::Relaxed) {
        match changes.recv_timeout(LOOK_UP) {
            Ok(_) if in_use() != before => return,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            // The keeper was stopped: the worker is about to be.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_UP),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
