//! Instruction sets, the few primitives written for each, and the choice between them at run time.
//!
//! # Safety argument of the module
//! - An [`Isa`] can be had only from [`Isa::best`] and [`Isa::available`], which ask the processor first. So
//!   whoever holds one may call the functions compiled for its features.
//! - The primitives take raw pointers or trust their offsets. They are reachable only through the methods of
//!   [`Isa`], each of which checks, before the call, that every access lies inside the slices it was given.
#![allow(unsafe_code)]

#[cfg_attr(
    not(all(target_arch = "x86_64", target_os = "linux")),
    expect(dead_code, reason = "there is nothing else that multiplies matrices")
)]
mod matrices;
mod pairs;
mod portable;
mod shared;
mod tile;
mod vectorized;
mod winograd;
mod word;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::{ops::Range, sync::OnceLock};

use crate::{
    adam::{Chunk, Step},
    geometry::Pool2d,
};

use matrices::Matrices;
pub(crate) use matrices::{BANDS, MATRIX, Matrix, Product, SIDE, STRIP, Slab, Slabs, ZEROS};
#[cfg(test)]
pub(crate) use pairs::pair;
pub(crate) use pairs::{first, second};
use tile::Job;
pub(crate) use tile::{COLUMNS, Left, ROWS, Run, Start, Terms, Tile};
pub(crate) use vectorized::Loops;
use vectorized::Vectors;
pub(crate) use winograd::{Finish, Form, Tiling};
pub(crate) use word::Word;

/// An instruction set that this processor has, with the primitives compiled for it.
#[derive(Clone, Copy)]
pub struct Isa(&'static Primitives);

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Isa({})", self.0.name)
    }
}

/// The functions that differ between instruction sets.
struct Primitives {
    name: &'static str,
    /// Vectors whose features the processor was asked for before this set was handed out: [`Isa::vectorized`] relies on it.
    vectors: Vectors,
    /// A tile of so many rows and columns. Trusts the job.
    tile: unsafe fn(rows: usize, columns: usize, left: Left, job: &Job<'_, f32>),
    /// `dst[c * dst_stride + r] = src[r * src_stride + c]`.
    transpose: unsafe fn(
        src: *const f32,
        shape: [usize; 2],
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ),
    /// A max-pool of one plane. Checks its slices itself.
    pool: unsafe fn(shape: &Pool2d, x: &[f32], out: &mut [f32]),
    /// The same with the taps that won. Checks its slices itself.
    pool_taps: unsafe fn(shape: &Pool2d, x: &[f32], out: &mut [f32], taps: &mut [u8]),
    /// The gradient of a max-pool of one plane. Checks its slices itself.
    pool_back: unsafe fn(shape: &Pool2d, dy: &[f32], taps: &[u8], dx: &mut [f32]),
    /// One chunk of Adam. Checks its slices itself.
    adam: unsafe fn(step: &Step, chunk: Chunk<'_>),
    /// The inputs of tiles to their points. Checks its slices itself.
    spread: unsafe fn(&Tiling, tiles: Range<usize>, plane: &[f32], out: &mut [f32], step: usize),
    /// The points of tiles to their outputs. Checks its slices itself.
    gather: Gather,
    /// The outputs of tiles to their points. Checks its slices itself.
    spread_back: unsafe fn(Form, y: &[f32], out: &mut [f32]),
    /// A tile of pairs, whose rows become pairs too. Trusts the job.
    pair_tile: unsafe fn(rows: usize, columns: usize, left: Left, job: &Job<'_, u32>),
    /// A tile of pairs, whose rows stay sums. Trusts the job.
    pair_sums: unsafe fn(rows: usize, columns: usize, left: Left, job: &Job<'_, u32>),
    /// Two planes to one of pairs. Checks its slices itself.
    join: unsafe fn(one: &[f32], other: &[f32], out: &mut [u32]),
    /// Channels to pairs. Checks its slices itself.
    pair_up: unsafe fn(channels: &[f32], plane: usize, out: &mut [u32]),
    /// Pairs of channels to pairs of images. Checks its slices itself.
    regroup: unsafe fn(words: &[u32], one: &mut [u32], other: &mut [u32]),
    /// A max-pool of one plane of pairs. Checks its slices itself.
    pool_pairs: unsafe fn(shape: &Pool2d, x: &[u32], out: &mut [u32]),
    /// Products of whole matrices, where the processor has them.
    matrices: Option<Matrices>,
}

/// See [`winograd::gather`].
type Gather = unsafe fn(
    &Tiling,
    tiles: Range<usize>,
    sums: &[f32],
    step: usize,
    finish: Finish,
    plane: &mut [f32],
);

/// What matrices consist of: any bits of four bytes.
///
/// # Safety
/// The type has the size and alignment of an f32, and every one of its values is one, as is the reverse.
pub(crate) unsafe trait Element: Copy {}
// SAFETY: it is one.
unsafe impl Element for f32 {}
// SAFETY: any bits are a number of either type, and both have four bytes.
unsafe impl Element for u32 {}

impl Isa {
    /// The fastest instruction set that this crate was written for and this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All of them that this processor has, fastest first. The last is the portable one, which is always there. On Linux
    /// the system is asked to let this process use AMX.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            #[cfg(target_os = "linux")]
            if x86::amx_is_available() {
                found.push(Self(&x86::AMX));
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
                found.push(Self(&x86::AVX512BF16));
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Self(&x86::AVX512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self(&x86::AVX2));
            }
        }
        found.push(Self(&portable::PORTABLE));
        found
    }

    /// Its name, for logs and reports: `amx`, `avx512bf16`, `avx512`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Computes a tile of a product.
    #[inline]
    pub(crate) fn tile(self, tile: &Tile<'_, f32>, out: &mut [f32]) {
        let job = tile.job(out.as_mut_ptr(), out.len(), tile.rows);
        // SAFETY: the features are there (see the module), and `job` checked every access.
        unsafe { (self.0.tile)(tile.rows, tile.columns.len(), tile.left, &job) }
    }

    /// `dst[c * dst_stride + r] = src[r * src_stride + c]` for all `r` and `c` of `shape` (rows, columns).
    pub(crate) fn transpose<T: Element>(
        self,
        src: &[T],
        [rows, columns]: [usize; 2],
        src_stride: usize,
        dst: &mut [T],
        dst_stride: usize,
    ) {
        if rows == 0 || columns == 0 {
            return;
        }
        assert!(
            (rows - 1) * src_stride + columns <= src.len(),
            "a transposition reads beyond its source"
        );
        assert!(
            (columns - 1) * dst_stride + rows <= dst.len(),
            "a transposition writes beyond its target"
        );
        // SAFETY: the features are there (see the module), and the last element read and written were checked; an
        // element is as large and as aligned as an f32, and its bits are one.
        unsafe {
            (self.0.transpose)(
                src.as_ptr().cast(),
                [rows, columns],
                src_stride,
                dst.as_mut_ptr().cast(),
                dst_stride,
            )
        }
    }

    /// The max-pool of one plane.
    #[inline]
    pub(crate) fn pool(self, shape: &Pool2d, x: &[f32], out: &mut [f32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pool)(shape, x, out) }
    }

    /// The max-pool of one plane, and the taps that won.
    #[inline]
    pub(crate) fn pool_taps(self, shape: &Pool2d, x: &[f32], out: &mut [f32], taps: &mut [u8]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pool_taps)(shape, x, out, taps) }
    }

    /// The gradient of the max-pool of one plane.
    #[inline]
    pub(crate) fn pool_back(self, shape: &Pool2d, dy: &[f32], taps: &[u8], dx: &mut [f32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pool_back)(shape, dy, taps, dx) }
    }

    /// The inputs of some tiles to their points; see [`winograd::spread`].
    #[inline]
    pub(crate) fn spread(
        self,
        tiling: &Tiling,
        tiles: Range<usize>,
        plane: &[f32],
        out: &mut [f32],
        step: usize,
    ) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.spread)(tiling, tiles, plane, out, step) }
    }

    /// The points of some tiles to their outputs; see [`winograd::gather`].
    #[inline]
    pub(crate) fn gather(
        self,
        tiling: &Tiling,
        tiles: Range<usize>,
        (sums, step): (&[f32], usize),
        finish: Finish,
        plane: &mut [f32],
    ) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.gather)(tiling, tiles, sums, step, finish, plane) }
    }

    /// The outputs of a tile to its points; see [`winograd::spread_back`].
    #[inline]
    pub(crate) fn spread_back(self, form: Form, y: &[f32], out: &mut [f32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.spread_back)(form, y, out) }
    }

    /// Computes a tile of a product of pairs; two of its rows become one of pairs. The last, where it has no partner,
    /// gets 0 for one.
    #[inline]
    pub(crate) fn pair_tile(self, tile: &Tile<'_, u32>, out: &mut [u32]) {
        let job = tile.job(out.as_mut_ptr(), out.len(), tile.rows.div_ceil(2));
        // SAFETY: the features are there (see the module), and `job` checked every access.
        unsafe { (self.0.pair_tile)(tile.rows, tile.columns.len(), tile.left, &job) }
    }

    /// Computes a tile of a product of pairs, as sums.
    #[inline]
    pub(crate) fn pair_sums(self, tile: &Tile<'_, u32>, out: &mut [f32]) {
        let job = tile.job(out.as_mut_ptr().cast(), out.len(), tile.rows);
        // SAFETY: the features are there (see the module), and `job` checked every access; any word is an f32.
        unsafe { (self.0.pair_sums)(tile.rows, tile.columns.len(), tile.left, &job) }
    }

    /// Two planes to one of pairs.
    #[inline]
    pub(crate) fn join(self, one: &[f32], other: &[f32], out: &mut [u32]) {
        // SAFETY: the features are there (see the module); the function iterates over its slices.
        unsafe { (self.0.join)(one, other, out) }
    }

    /// Channels of one image to pairs; see [`pairs::pair_up`].
    #[inline]
    pub(crate) fn pair_up(self, channels: &[f32], plane: usize, out: &mut [u32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pair_up)(channels, plane, out) }
    }

    /// Pairs of channels to pairs of images; see [`pairs::regroup`].
    #[inline]
    pub(crate) fn regroup(self, words: &[u32], one: &mut [u32], other: &mut [u32]) {
        // SAFETY: the features are there (see the module); the function iterates over its slices.
        unsafe { (self.0.regroup)(words, one, other) }
    }

    /// The max-pool of one plane of pairs.
    #[inline]
    pub(crate) fn pool_pairs(self, shape: &Pool2d, x: &[u32], out: &mut [u32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pool_pairs)(shape, x, out) }
    }

    /// One chunk of Adam; see [`shared::adam`].
    #[inline]
    pub(crate) fn adam(self, step: &Step, chunk: Chunk<'_>) {
        // SAFETY: the features are there (see the module); the function iterates over its slices.
        unsafe { (self.0.adam)(step, chunk) }
    }
}
