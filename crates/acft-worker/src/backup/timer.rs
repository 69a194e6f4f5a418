//! Backups by the clock, while a project is served.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use acft_project::last_event;
use anyhow::Context;

use super::plan::Plan;
use super::series::Series;
use super::{LIST, read_list};

/// The thread that makes them. It ends when this is dropped; a backup that is
/// being made then is cut short and swept by the next one.
pub struct Timer {
    _stop: Sender<()>,
}

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(10 * 60);

/// The clock is looked at again after this: a machine may have slept.
const LOOK: Duration = Duration::from_secs(30);

impl Timer {
    /// Begins to make backups of the project in a folder.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(root: PathBuf, plan: Plan) -> anyhow::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        std::thread::Builder::new()
            .name("backups".to_owned())
            .spawn(move || {
                let mut not_before = SystemTime::UNIX_EPOCH;
                loop {
                    let now = SystemTime::now();
                    if now >= not_before && is_due(&root, &plan, now) {
                        not_before = match back_up(&root, &plan) {
                            Ok(()) => now,
                            Err(error) => {
                                tracing::error!("no backup was made: {error:#}");
                                now + AGAIN.min(plan.every)
                            }
                        };
                    }
                    match stopped.recv_timeout(LOOK.min(plan.every)) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })
            .context("cannot start the thread that makes backups")?;
        Ok(Self { _stop: stop })
    }
}

fn is_due(root: &std::path::Path, plan: &Plan, now: SystemTime) -> bool {
    let Some(last) = series(root, plan).all().pop() else {
        return true;
    };
    let made = std::fs::metadata(last.join(LIST)).and_then(|found| found.modified());
    // Of the future, where the clock was set back.
    let since = made
        .ok()
        .and_then(|made| now.duration_since(made).ok())
        .unwrap_or(plan.every);
    if since < plan.every {
        return false;
    }
    // Copies of one state would push out those of earlier ones.
    let saved = read_list(&last).map(|list| list.last_event).ok();
    last_event(root).map(|event| event.0).ok() != saved
}

fn back_up(root: &std::path::Path, plan: &Plan) -> anyhow::Result<()> {
    let made = series(root, plan).next()?;
    tracing::info!(
        "backup with {} labels in {}",
        made.list.labeled,
        made.place.display()
    );
    for note in &made.list.notes {
        tracing::warn!("{note}");
    }
    Ok(())
}

fn series<'a>(root: &'a std::path::Path, plan: &'a Plan) -> Series<'a> {
    Series {
        root,
        to: &plan.to,
        keep: plan.keep,
    }
}
