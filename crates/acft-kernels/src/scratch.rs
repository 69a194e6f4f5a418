//! Buffers that each thread keeps between calls, so that a kernel allocates nothing in its inner loops.

use std::cell::Cell;

/// Reusable memory of one thread. Contents are unspecified between uses.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Zero-padded images.
    pub(crate) images: Vec<f32>,
    /// Images turned to channels-last.
    pub(crate) turned: Vec<f32>,
    /// Packed left-hand panels.
    pub(crate) left: Vec<f32>,
    /// Packed right-hand panels.
    pub(crate) right: Vec<f32>,
    /// Tiles of the product.
    pub(crate) tiles: Vec<f32>,
    /// Winning taps of a pool.
    pub(crate) winners: Vec<u8>,
    /// Offsets of the rows of a panel.
    pub(crate) offsets: Vec<usize>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Lends this thread's scratch to `work`. A nested call simply gets a fresh one.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.take();
    let result = work(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// The first `n` elements of `buffer`, which grows if it has to.
pub(crate) fn reserve<T: Copy + Default>(buffer: &mut Vec<T>, n: usize) -> &mut [T] {
    if buffer.len() < n {
        buffer.resize(n, T::default());
    }
    &mut buffer[..n]
}
