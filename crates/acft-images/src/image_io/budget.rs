//! How much memory images may take while they are decoded, all threads together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where nothing else is said: 2 GiB.
const DEFAULT: u64 = 2 << 30;

/// What decoding takes of a pixel at most: samples of 16 bits as they are
/// stored and once more as they are turned, and RGB of 8 bits.
const OF_A_PIXEL: u64 = 20;

static MEMORY: Budget = Budget::new(DEFAULT);

/// Sets how many bytes images may take while they are decoded. One image is
/// decoded whatever it takes, up to [`MAX_PIXELS`](super::MAX_PIXELS); others
/// wait until there is room beside it. It changes no result.
pub fn set_decoding_memory(bytes: u64) {
    MEMORY.lock().most = bytes;
    MEMORY.freed.notify_all();
}

/// Waits until there is room for an image of so many pixels.
pub(super) fn room(pixels: u64) -> Room<'static> {
    MEMORY.room(pixels.saturating_mul(OF_A_PIXEL))
}

struct Budget {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    most: u64,
    taken: u64,
}

impl Budget {
    const fn new(most: u64) -> Self {
        Self {
            state: Mutex::new(State { most, taken: 0 }),
            freed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Two numbers are whole at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, bytes: u64) -> Room<'_> {
        let full =
            |state: &mut State| state.taken > 0 && state.taken.saturating_add(bytes) > state.most;
        let waited = self.freed.wait_while(self.lock(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.taken = state.taken.saturating_add(bytes);
        Room { of: self, bytes }
    }
}

/// Room for one image, given back when it is dropped.
pub(super) struct Room<'a> {
    of: &'a Budget,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.taken = state.taken.saturating_sub(self.bytes);
        self.of.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_than_the_budget_is_taken_at_once() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = 10 + (thread * 7 + round * 13) % 60;
                        let _room = budget.room(bytes);
                        let taken = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(taken, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!((1..=100).contains(&most), "{most}");
        // One that is larger than all of it comes alone.
        drop(budget.room(1000));
        assert_eq!(budget.lock().taken, 0);
    }
}
