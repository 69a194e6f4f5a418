//! Work that is shown on a terminal while it goes on.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use acft_server::Work;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Does something, and meanwhile shows what `work` says of it; nothing where
/// there is no terminal.
pub(crate) fn shown<T>(work: &Work, doing: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return doing();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| show(work, &done));
        // Also where the work panics: the scope waits for the thread.
        let _guard = Done(&done);
        doing()
    })
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn show(work: &Work, done: &AtomicBool) {
    const EVERY: Duration = Duration::from_millis(100);
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {bar:24} {pos}/{len}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    while !done.load(Ordering::Relaxed) {
        let now = work.report();
        let epoch = match now.epochs {
            0 => String::new(),
            epochs => format!(", epoch {} of {epochs}", now.epoch),
        };
        if now.total as u64 != bar.length().unwrap_or(0) {
            bar.set_length(now.total as u64);
            bar.reset_eta();
        }
        bar.set_position(now.done as u64);
        let message = format!("{}{epoch}", now.message);
        bar.set_message(acft_terminal::escaped(&message).into_owned());
        thread::sleep(EVERY);
    }
    bar.finish_and_clear();
}
