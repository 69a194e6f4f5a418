//! Progress on stderr: a bar with the time left on a terminal, plain lines
//! elsewhere, so that a log file stays readable.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fine enough that a step of many minutes moves.
const TICKS: u64 = 1000;

/// Reports how far a run of several steps is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    steps: u64,
}

impl Progress {
    /// For a run of so many steps; `prefix` names it where several run.
    pub(crate) fn new(steps: u64, done: u64, prefix: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(steps * TICKS), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix}{bar:24} {percent:>3}% {eta} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_prefix(prefix.to_owned());
            bar.enable_steady_tick(Duration::from_secs(1));
            bar.set_position(done * TICKS);
            bar.reset_eta();
            bar
        });
        Self { bar, quiet: false, steps }
    }

    /// Says nothing at all.
    pub(crate) fn silent() -> Self {
        Self { bar: None, quiet: true, steps: 1 }
    }

    /// `share` of the step after `done` steps is behind us; `doing` is what is
    /// going on now. Shown on a terminal only.
    pub(crate) fn at(&self, done: u32, share: f64, doing: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            let ticks = (u64::from(done) * TICKS + (share * TICKS as f64) as u64).min(self.steps * TICKS);
            bar.set_position(ticks);
            bar.set_message(doing());
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None if !self.quiet => eprintln!("{text}"),
            None => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar for a count of things, such as files read; nothing where there is no
/// terminal.
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
