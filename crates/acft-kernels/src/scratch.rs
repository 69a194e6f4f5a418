//! Buffers that each thread keeps between calls, so that a kernel does not ask the system for memory each time.

use std::cell::RefCell;

use crate::isa::Matrix;

/// Reusable memory of one thread. Contents are unspecified between uses.
#[derive(Default)]
pub(crate) struct Scratch {
    /// A factor of the product, turned.
    pub(crate) turned: Vec<f32>,
    /// Zero-padded images.
    pub(crate) padded: Vec<f32>,
    /// Pairs of images, in planes of a channel.
    pub(crate) image_pairs: Vec<u32>,
    /// The same, turned.
    pub(crate) turned_pairs: Vec<u32>,
    /// Part of a factor, collected.
    pub(crate) matrices: Vec<Matrix>,
    /// Sums before they are put where they belong.
    pub(crate) sums: Vec<f32>,
}

thread_local! {
    /// One for each level of nesting.
    static SCRATCH: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// Lends this thread's scratch to `work`. A nested call gets another.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = work(&mut scratch);
    SCRATCH.with_borrow_mut(|free| free.push(scratch));
    result
}

/// Some `n` elements of `buffer`, which grows if it has to: they begin with a cache line.
pub(crate) fn reserve<T: Copy + Default>(buffer: &mut Vec<T>, n: usize) -> &mut [T] {
    const LINE: usize = 64;
    let room = LINE / size_of::<T>();
    if buffer.len() < n + room {
        buffer.resize(n + room, T::default());
    }
    let skipped = buffer.as_ptr().align_offset(LINE).min(room);
    &mut buffer[skipped..][..n]
}
