//! Receivers of the progress of a run: a terminal, a notebook, or nobody.

/// Receives the progress of a run of several steps.
pub trait Teller {
    /// `share` of the step after `done` steps has passed; `doing` names what
    /// happens now, and is called only where somebody reads it.
    fn at(&self, done: u32, share: f64, doing: &dyn Fn() -> String);

    /// Prints a line that stays.
    fn line(&self, text: &str);

    /// The run has ended.
    fn end(&self);
}

/// Ignores the progress.
impl Teller for () {
    fn at(&self, _done: u32, _share: f64, _doing: &dyn Fn() -> String) {}

    fn line(&self, _text: &str) {}

    fn end(&self) {}
}
