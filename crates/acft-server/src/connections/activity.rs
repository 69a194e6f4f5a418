//! What a connection is doing: whether the server works for it, or waits for
//! its client, and since when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request has begun.
    Idle,
    /// Some of a request's headers have come.
    Headers,
    /// The server works on the request.
    Working,
    /// The request's handler waits for more of the body.
    Body,
    /// The answer is on its way.
    Answering,
}

#[derive(Clone, Copy, Debug)]
struct State {
    phase: Phase,
    /// When the phase began; in `Body` and `Answering`, when bytes last moved.
    since: Instant,
    has_answered: bool,
    is_welcome: bool,
    is_leaving: bool,
}

/// Put by the guard into the answer of a request that it let in. A connection
/// with such an answer is the last to be closed in favour of a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Welcome;

/// How ready a connection is to be closed in favour of a new one: strangers
/// before those who were let in, and who keeps us waiting longest before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    is_welcome: bool,
    since: Instant,
}

/// What one connection is doing. Set from its own task, read by the table.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// The phase changed, and with it the deadline.
    pub(super) changed: Notify,
    /// The connection is to be closed at once.
    pub(super) leave: Notify,
    /// The server ends: no further request is taken.
    pub(super) close: Notify,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Idle,
                since: Instant::now(),
                has_answered: false,
                is_welcome: false,
                is_leaving: false,
            }),
            changed: Notify::new(),
            leave: Notify::new(),
            close: Notify::new(),
        }
    }

    /// The client has sent something.
    pub(super) fn read(&self) {
        self.step(|phase| match phase {
            Phase::Idle => Some(Phase::Headers),
            Phase::Body => Some(Phase::Body),
            _ => None,
        });
    }

    /// The client's side has taken something of an answer.
    pub(super) fn wrote(&self) {
        self.step(|phase| (phase == Phase::Answering).then_some(phase));
    }

    /// A request's headers are whole.
    pub(super) fn begin(&self) {
        self.step(|_| Some(Phase::Working));
    }

    /// The handler waits for the body.
    pub(super) fn awaits_body(&self) {
        self.step(|phase| (phase == Phase::Working).then_some(Phase::Body));
    }

    /// The handler has some of the body, or its end.
    pub(super) fn has_body(&self) {
        self.step(|phase| (phase == Phase::Body).then_some(Phase::Working));
    }

    /// The handler has answered.
    pub(super) fn answering(&self, is_welcome: bool) {
        self.lock().is_welcome |= is_welcome;
        self.step(|_| Some(Phase::Answering));
    }

    /// All of the answer was given to the connection.
    pub(super) fn answered(&self) {
        self.lock().has_answered = true;
        self.step(|phase| (phase == Phase::Answering).then_some(Phase::Idle));
    }

    /// Whether the server's end need not wait for this connection: nothing
    /// that it asked for has begun.
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.lock().phase, Phase::Idle | Phase::Headers)
    }

    /// Until when its client may keep the server waiting; none while the
    /// server works.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = *self.lock();
        let patience = match state.phase {
            Phase::Working => return None,
            Phase::Idle if state.has_answered => limits.idle,
            Phase::Idle | Phase::Headers => limits.headers,
            Phase::Body | Phase::Answering => limits.stall,
        };
        Some(state.since + patience)
    }

    /// Its claim to be closed; none while the server works for it, and once it
    /// was told to leave.
    pub(super) fn claim(&self) -> Option<Claim> {
        let state = *self.lock();
        let waits = state.phase != Phase::Working && !state.is_leaving;
        waits.then_some(Claim {
            is_welcome: state.is_welcome,
            since: state.since,
        })
    }

    /// Tells it to close at once.
    pub(super) fn evict(&self) {
        self.lock().is_leaving = true;
        self.leave.notify_one();
    }

    fn step(&self, next: impl FnOnce(Phase) -> Option<Phase>) {
        let mut state = self.lock();
        let Some(next) = next(state.phase) else {
            return;
        };
        let is_new = next != state.phase;
        state.phase = next;
        state.since = Instant::now();
        drop(state);
        if is_new {
            self.changed.notify_one();
        }
    }

    /// A panic while setting a field leaves nothing half-set that matters.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_is_waited_for_as_long_as_the_phase_allows() {
        let limits = Limits::default();
        let activity = Activity::new();
        let since = || activity.lock().since;
        let patience = || activity.deadline(&limits).map(|until| until - since());
        assert_eq!(patience(), Some(limits.headers));
        activity.read();
        let begun = since();
        assert_eq!(patience(), Some(limits.headers));
        // More of the headers buys no more time.
        activity.read();
        assert_eq!(since(), begun);
        activity.begin();
        assert_eq!(patience(), None);
        activity.awaits_body();
        let waiting = since();
        pass();
        activity.read();
        assert!(since() > waiting);
        assert_eq!(patience(), Some(limits.stall));
        activity.has_body();
        assert_eq!(patience(), None);
        activity.answering(false);
        let writing = since();
        pass();
        activity.wrote();
        assert!(since() > writing);
        assert_eq!(patience(), Some(limits.stall));
        activity.answered();
        assert_eq!(patience(), Some(limits.idle));
    }

    #[test]
    fn strangers_and_who_waits_longest_make_room_first() {
        let (stranger, welcome, working) = (Activity::new(), Activity::new(), Activity::new());
        welcome.begin();
        welcome.answering(true);
        welcome.answered();
        working.begin();
        pass();
        let late = Activity::new();
        assert!(stranger.claim().unwrap() < late.claim().unwrap());
        assert!(late.claim().unwrap() < welcome.claim().unwrap());
        assert_eq!(working.claim(), None);
        stranger.evict();
        assert_eq!(stranger.claim(), None);
    }

    /// Lets the clock go on.
    fn pass() {
        std::thread::sleep(Duration::from_millis(2));
    }
}
