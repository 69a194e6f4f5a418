//! Panics of the libraries that decode files, as errors.
//!
//! They panic on some damaged files. The file is at fault then, and not
//! the program: whoever called gets an error, and no backtrace is printed.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is within [`caught`].
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; a panic in it becomes an error with its text.
///
/// What the work was changing is not to be used after an error.
///
/// # Errors
/// The work panicked: the text of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CAUGHT.get() {
                before(panic);
            }
        }));
    });
    let outer = IS_CAUGHT.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(outer);
    outcome.map_err(|panic| text(&*panic))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it cannot be decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_the_thread_goes_on() {
        assert_eq!(caught(|| 7), Ok(7));
        let number = 8;
        assert_eq!(
            caught(|| -> u8 { panic!("bad {number}") }),
            Err("bad 8".to_owned())
        );
        assert!(!IS_CAUGHT.get());
    }
}
