//! Progress on stderr: a bar with the time left on a terminal, plain lines
//! elsewhere, so that a log file stays readable.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

use acft_experiment::run::Tellers;
use acft_run::Teller;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Parts of a step on the bar, so that it moves during long steps.
const TICKS: u64 = 1000;

/// Shows the progress of a run of several steps.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    steps: u64,
    /// If several runs share a bar: how far this one has moved it.
    part: Option<Cell<u64>>,
}

impl Progress {
    /// For a run with a number of steps, some of which may be done already.
    pub(crate) fn new(steps: u64, done: u64) -> Self {
        Self {
            bar: steps_bar(steps, done),
            steps,
            part: None,
        }
    }
}

impl Teller for Progress {
    /// Shown on a terminal only.
    fn at(&self, done: u32, share: f64, doing: &dyn Fn() -> String) {
        let Some(bar) = &self.bar else {
            return;
        };
        let ticks =
            (u64::from(done) * TICKS + (share * TICKS as f64) as u64).min(self.steps * TICKS);
        match &self.part {
            Some(moved) => move_on(bar, moved, ticks),
            None => {
                bar.set_position(ticks);
                bar.set_message(acft_terminal::escaped(&doing()).into_owned());
            }
        }
    }

    /// Prints a line that stays. One of several runs prints none, because lines of different
    /// runs would mix.
    fn line(&self, text: &str) {
        match (&self.bar, &self.part) {
            (_, Some(_)) => {}
            (Some(bar), None) => bar.suspend(|| eprintln!("{text}")),
            (None, None) => eprintln!("{text}"),
        }
    }

    /// Removes the bar, if no other run shares it.
    fn end(&self) {
        match (&self.bar, &self.part) {
            (Some(bar), Some(moved)) => move_on(bar, moved, self.steps * TICKS),
            (Some(bar), None) => bar.finish_and_clear(),
            (None, _) => {}
        }
    }
}

/// One bar for several runs at a time.
pub(crate) struct Shared {
    bar: Option<ProgressBar>,
}

impl Shared {
    /// For runs with a number of steps in all.
    pub(crate) fn new(steps: u64) -> Self {
        Self {
            bar: steps_bar(steps, 0),
        }
    }
}

impl Tellers for Shared {
    fn part(&self, steps: u64, done: u64) -> Box<dyn Teller> {
        let moved = Cell::new(0);
        if let Some(bar) = &self.bar {
            move_on(bar, &moved, done * TICKS);
            bar.reset_eta();
        }
        Box::new(Progress {
            bar: self.bar.clone(),
            steps,
            part: Some(moved),
        })
    }

    /// Prints a line that stays.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Removes the bar.
    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar for a number of steps; `None` without a terminal.
fn steps_bar(steps: u64, done: u64) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(Some(steps * TICKS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:24} {percent:>3}% {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_secs(1));
        bar.set_position(done * TICKS);
        bar.reset_eta();
        bar
    })
}

/// Moves a shared bar by the new progress of one run; never back.
fn move_on(bar: &ProgressBar, moved: &Cell<u64>, ticks: u64) {
    let before = moved.get();
    if ticks > before {
        bar.inc(ticks - before);
        moved.set(ticks);
    }
}

/// A bar for a count, such as files read; without a terminal it shows nothing.
pub(crate) fn counter(what: &'static str) -> impl Fn(usize, usize) {
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {bar:24} {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(what);
        bar
    });
    move |done, total| {
        if let Some(bar) = &bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            if done >= total {
                bar.finish_and_clear();
            }
        }
    }
}
