//! The worker: ranks, trains and judges behind the page, on a thread of its
//! own. It reads the project in one moment, works on the copy, and appends
//! what came of it.

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
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use acft::Query;
use acft_project::{Event, Keeper, Project};
use acft_server::Work;
use anyhow::Context;

use super::commands::at::now;
use super::commands::shown::shown;
use super::settings::ProjectSettings;
use super::vision::{InUse, ProjectVision};
use crate::cli::bad_input;
use decide::{Decision, Pace, decide};
use glance::Glance;
use lab::Lab;
use observer::Watch;
use snapshot::Snapshot;

/// How much the network's threads stand back behind those that serve experts
/// (nice's scale: 19 is the most).
const NICENESS: i32 = 10;

/// How long a stop is noticed late, at most, while nothing happens.
const LOOK_UP: Duration = Duration::from_millis(200);

/// How long a stop waits for the network, which cannot be interrupted within a
/// mini-batch. Nothing is lost where it is left alone: what counts is on disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// The server stops: what was being done is given up.
#[derive(Debug, thiserror::Error)]
#[error("given up, because the server stops")]
pub(super) struct Cancelled;

/// The thread that works.
pub(crate) struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// The model in use cannot be read, or there can be no more threads.
    pub(crate) fn start(
        root: &Path,
        settings: ProjectSettings,
        keeper: Keeper,
        vision: Arc<ProjectVision>,
        work: Arc<Work>,
    ) -> anyhow::Result<Self> {
        let in_use = keeper
            .call(|project| Ok(InUse::of(project)))
            .map_err(anyhow::Error::new)??;
        let mut desk = Bench {
            pace: pace(&settings),
            lab: Lab::new(root, settings, in_use)?,
            failed: None,
        };
        // Sums have a fixed order whatever thread makes them, so a pool of our
        // own changes no number; it only can stand back.
        let pool = rayon::ThreadPoolBuilder::new()
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
                pool.install(|| desk.go(&keeper, &vision, &work, &stopping));
            })
            .context("cannot start the worker")?;
        Ok(Self { stop, thread })
    }

    /// Gives up what is being done, and waits a while until that is so.
    pub(crate) fn stop(self) {
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
    // Elsewhere it would be the whole process that stands back.
    #[cfg(target_os = "linux")]
    {
        // Not being allowed to is no reason not to work.
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

/// What the thread has.
struct Bench {
    lab: Lab,
    pace: Pace,
    /// |Q| when a fine-tuning last failed.
    failed: Option<usize>,
}

impl Bench {
    fn go(&mut self, keeper: &Keeper, vision: &ProjectVision, work: &Work, stop: &AtomicBool) {
        let changes = keeper.changes();
        while !stop.load(Ordering::Relaxed) {
            // A decoder that panics on one image must not end the campaign.
            let once = AssertUnwindSafe(|| self.once(keeper, vision, work, stop));
            let done = catch_unwind(once)
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a defect of this program; see the log")));
            match done {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) if error.is::<Cancelled>() => return,
                Err(error) => {
                    tracing::error!("the network cannot go on: {error:#}");
                    work.rest(format!("the network cannot go on: {error:#}"));
                }
            }
            // Until something changes, or it is time to stop.
            loop {
                match changes.recv_timeout(LOOK_UP) {
                    Ok(_) => break while changes.try_recv().is_ok() {},
                    Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    /// Does what is to be done, if anything is.
    fn once(
        &mut self,
        keeper: &Keeper,
        vision: &ProjectVision,
        work: &Work,
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let glance = keeper.call(|project| Ok(Glance::at(project.ledger())))?;
        let decision = decide(&glance, self.pace, self.failed);
        if let Decision::Wait(message) = decision {
            if !message.is_empty() {
                work.rest(message);
            }
            // Someone may have gone back to an earlier model, and there may be
            // nothing to do for it.
            let current = glance.current.map(|model| model.hash);
            if current.as_ref() != Some(&self.lab.in_use().hash) {
                self.follow(keeper, vision)?;
            }
            return Ok(false);
        }
        let now = self.follow(keeper, vision)?;
        let mut watch = Watch::new(work, stop);
        let events = match decision {
            Decision::Wait(_) => return Ok(false),
            Decision::NewHead => self.lab.new_head(&now)?,
            Decision::Rank { draw } => self.lab.rank(&now, draw, &mut watch)?.0,
            Decision::Train => match self.lab.train(&now, &mut watch) {
                Ok(events) => {
                    self.failed = None;
                    events
                }
                Err(error) => {
                    self.failed = Some(now.new.len());
                    return Err(error);
                }
            },
        };
        let trained = decision == Decision::Train;
        let message = report(&events);
        keeper.call(move |project| append(project, events))?;
        if trained {
            self.advise(keeper)?;
        }
        work.rest(message);
        Ok(true)
    }

    /// Copies the project, and catches up with it.
    fn follow(&mut self, keeper: &Keeper, vision: &ProjectVision) -> anyhow::Result<Snapshot> {
        let known = self.lab.known();
        let now = keeper.call(move |project| Ok(Snapshot::of(project.ledger(), known)))?;
        let before = self.lab.in_use().hash.clone();
        self.lab.follow(&now)?;
        if self.lab.in_use().hash != before {
            vision.use_model(self.lab.in_use().clone());
        }
        Ok(now)
    }

    /// After a step: line 14.
    fn advise(&self, keeper: &Keeper) -> anyhow::Result<()> {
        let known = self.lab.known();
        let now = keeper.call(move |project| Ok(Snapshot::of(project.ledger(), known)))?;
        if now.advised {
            return Ok(());
        }
        if let Some(reason) = self.lab.advice(&now) {
            keeper.call(move |project| append(project, vec![Event::StopAdvised { reason }]))?;
        }
        Ok(())
    }
}

/// Appends what came of a piece of work. Meanwhile the desk may have drawn
/// some of the same candidates, or batches of its own.
fn append(project: &mut Project, events: Vec<Event>) -> Result<(), acft_project::Error> {
    let ledger = project.ledger();
    let batches = ledger.batches().len() as u32;
    let in_pool = |id| ledger.in_pool(id);
    let events: Vec<Event> = events
        .into_iter()
        .filter_map(|event| match event {
            Event::BatchDrawn {
                draw,
                ranking,
                members,
                ..
            } => {
                let members: Vec<_> = members
                    .into_iter()
                    .filter(|member| in_pool(member.candidate))
                    .collect();
                (!members.is_empty()).then_some(Event::BatchDrawn {
                    batch: batches + 1,
                    draw,
                    ranking,
                    members,
                })
            }
            other => Some(other),
        })
        .collect();
    project.append(now(), events).map(drop)
}

/// What to tell the expert of what was done; nothing where all went well.
fn report(events: &[Event]) -> String {
    events
        .iter()
        .find_map(|event| match event {
            Event::ModelMade(made) if !made.adopted => {
                Some(format!("the new model is not used: {}", made.why))
            }
            _ => None,
        })
        .unwrap_or_default()
}

/// `acft query`: ranks U and draws a batch; says how many were scored.
///
/// # Errors
/// The model in use cannot be read, or the disk does not take the draw.
pub(crate) fn query_once(
    project: &mut Project,
    settings: &ProjectSettings,
    batch: Option<usize>,
) -> anyhow::Result<usize> {
    let (mut lab, now) = follow(project, settings)?;
    let (work, stop) = (Work::new(), AtomicBool::new(false));
    let mut watch = Watch::new(&work, &stop);
    let draw = batch.unwrap_or(settings.batch());
    let (events, scored) = shown(&work, || lab.rank(&now, draw, &mut watch))?;
    append(project, events)?;
    Ok(scored)
}

/// `acft train`: one step of fine-tuning on the labels that the model in use
/// has not learned.
///
/// # Errors
/// There are none, or of one class only; the fine-tuning fails; or the disk
/// does not take the model.
pub(crate) fn train_once(project: &mut Project, settings: &ProjectSettings) -> anyhow::Result<()> {
    let (mut lab, now) = follow(project, settings)?;
    if now.labeled_classes() < 2 {
        return Err(bad_input!(
            "all labels are of one class: a network has nothing to tell apart; label some of another"
        ));
    }
    let (work, stop) = (Work::new(), AtomicBool::new(false));
    let events = shown(&work, || lab.train(&now, &mut Watch::new(&work, &stop)))?;
    append(project, events)?;
    let now = Snapshot::of(project.ledger(), lab.known());
    if !now.advised
        && let Some(reason) = lab.advice(&now)
    {
        append(project, vec![Event::StopAdvised { reason }])?;
    }
    Ok(())
}

/// A lab that knows the project as it is, with a last layer for its classes.
fn follow(project: &mut Project, settings: &ProjectSettings) -> anyhow::Result<(Lab, Snapshot)> {
    let in_use = InUse::of(project)?;
    let mut lab = Lab::new(project.root(), settings.clone(), in_use)?;
    let now = Snapshot::of(project.ledger(), 0);
    lab.follow(&now)?;
    if now.current.as_ref().map(|made| &made.classes) == Some(&now.classes) {
        return Ok((lab, now));
    }
    let events = lab.new_head(&now)?;
    append(project, events)?;
    let now = Snapshot::of(project.ledger(), lab.known());
    lab.follow(&now)?;
    Ok((lab, now))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
