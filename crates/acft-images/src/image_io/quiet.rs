//! A decoder that panics, caught, and without a word on the terminal: the
//! image is named where it is left out.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread is caught and named.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `look`; none where it panicked.
pub(super) fn caught<T>(look: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                others(panic);
            }
        }));
    });
    let before = CAUGHT.replace(true);
    // A decoder lives within `look`: nothing half done is seen again.
    let outcome = panic::catch_unwind(AssertUnwindSafe(look));
    CAUGHT.set(before);
    outcome.ok()
}
