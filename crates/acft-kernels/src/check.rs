//! The one message for a slice of the wrong length.

/// Panics unless `slice`, the argument called `name`, has `expected` elements.
#[track_caller]
pub(crate) fn length<T>(name: &str, slice: &[T], expected: usize) {
    assert!(
        slice.len() == expected,
        "`{name}` has {} elements, but the shapes call for {expected}",
        slice.len()
    );
}
