//! Instruction sets, the few primitives written for each, and the choice between them at run time.
//!
//! # Safety argument of the module
//! - An [`Isa`] can be had only from [`Isa::best`] and [`Isa::available`], which ask the processor first. So
//!   whoever holds one may call the functions compiled for its features.
//! - The primitives take raw pointers or trust their offsets. They are reachable only through the methods of
//!   [`Isa`], each of which checks, before the call, that every access lies inside the slices it was given.
#![allow(unsafe_code)]

mod panel;
mod portable;
mod shared;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use crate::adam::{Chunk, Step};

pub(crate) use panel::{OutRun, Panel, Rows, Tile};

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
    /// Rows of a tile.
    mr: usize,
    /// Columns of a tile, a multiple of `lanes`.
    nr: usize,
    /// Elements of a vector register.
    lanes: usize,
    /// `tile += a · b`, or `=` where `fresh`, in the first `columns` columns at least; reads `k * mr` and `k * nr`
    /// elements, touches `mr * nr`.
    tile: unsafe fn(
        k: usize,
        columns: usize,
        a: *const f32,
        b: *const f32,
        tile: *mut f32,
        fresh: bool,
    ),
    /// Copies the panel's lanes at every row offset; writes `rows.len() * nr` elements.
    gather: unsafe fn(src: *const f32, rows: &[usize], panel: &Panel, dst: *mut f32),
    /// `dst[c * dst_stride + r] = src[r * src_stride + c]`.
    transpose: unsafe fn(
        src: *const f32,
        shape: [usize; 2],
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ),
    /// Copies planes into larger ones; reads and writes what [`Rows`] says, of which nothing is 0 that is read.
    pad_rows: unsafe fn(src: *const f32, rows: &Rows, dst: *mut f32),
    /// Adds the bias, applies the activation and scatters a tile. Checks its slices itself.
    finish: unsafe fn(tile: &[f32], spec: &Tile<'_>, out: &mut [f32]),
    /// One max-pool. Checks its slices itself.
    pool: unsafe fn(taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]),
    /// One chunk of Adam. Checks its slices itself.
    adam: unsafe fn(step: &Step, chunk: Chunk<'_>),
}

impl Isa {
    /// The fastest instruction set that this crate was written for and this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All of them that this processor has, fastest first. The last is the portable one, which is always there.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
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

    /// Its name, for logs and reports: `avx512`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Rows of a tile.
    pub(crate) fn mr(self) -> usize {
        self.0.mr
    }

    /// Columns of a tile.
    pub(crate) fn nr(self) -> usize {
        self.0.nr
    }

    /// An empty panel for this instruction set.
    pub(crate) fn panel(self) -> Panel {
        Panel::new(self.0.lanes, self.0.nr)
    }

    /// `tile += aᵀ · b` over `k` terms (`=` where `fresh`): `a` is `[k][mr]`, `b` is `[k][nr]`, `tile` is
    /// `[mr][nr]`. Only the first `columns` columns of the tile mean anything afterwards.
    #[inline]
    pub(crate) fn tile(
        self,
        k: usize,
        columns: usize,
        a: &[f32],
        b: &[f32],
        tile: &mut [f32],
        fresh: bool,
    ) {
        let (mr, nr) = (self.0.mr, self.0.nr);
        assert!(
            a.len() >= k * mr && b.len() >= k * nr && tile.len() >= mr * nr && columns <= nr,
            "panels shorter than the product"
        );
        // SAFETY: the features are there (see the module), and the lengths were just checked.
        unsafe { (self.0.tile)(k, columns, a.as_ptr(), b.as_ptr(), tile.as_mut_ptr(), fresh) }
    }

    /// Packs a panel: `dst[i][lane] = src[rows[i] + offset of lane]`, and 0 in lanes that `panel` leaves out.
    pub(crate) fn gather(self, src: &[f32], rows: &[usize], panel: &Panel, dst: &mut [f32]) {
        let furthest = rows.iter().copied().max().unwrap_or(0);
        assert!(
            furthest
                .checked_add(panel.reach())
                .is_some_and(|end| end <= src.len()),
            "a panel reaches beyond its source"
        );
        assert!(
            dst.len() >= rows.len() * self.0.nr && panel.fits(self.0.lanes, self.0.nr),
            "a panel of another shape"
        );
        // SAFETY: the features are there (see the module). No lane of no row reads at or beyond
        // `furthest + reach`, and offsets are unsigned; the destination was checked.
        unsafe { (self.0.gather)(src.as_ptr(), rows, panel, dst.as_mut_ptr()) }
    }

    /// `dst[c * dst_stride + r] = src[r * src_stride + c]` for all `r` and `c` of `shape` (rows, columns).
    pub(crate) fn transpose(
        self,
        src: &[f32],
        [rows, columns]: [usize; 2],
        src_stride: usize,
        dst: &mut [f32],
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
        // SAFETY: the features are there (see the module), and the last element read and written were checked.
        unsafe {
            (self.0.transpose)(
                src.as_ptr(),
                [rows, columns],
                src_stride,
                dst.as_mut_ptr(),
                dst_stride,
            )
        }
    }

    /// Copies planes into larger ones, as [`Rows`] says.
    pub(crate) fn pad_rows(self, src: &[f32], rows: &Rows, dst: &mut [f32]) {
        if rows.planes == 0 || rows.count == 0 || rows.width == 0 {
            dst[..rows.planes * rows.dst_plane()].fill(rows.filler);
            return;
        }
        assert!(
            rows.src_end() <= src.len(),
            "padding reads beyond its source"
        );
        assert!(
            rows.planes * rows.dst_plane() <= dst.len() && rows.left + rows.width <= rows.dst_pitch,
            "padding writes beyond its target"
        );
        // SAFETY: the features are there (see the module); the last element read and the last written were
        // checked.
        unsafe { (self.0.pad_rows)(src.as_ptr(), rows, dst.as_mut_ptr()) }
    }

    /// Scatters a finished tile (`[mr][nr]`) into `out`, with bias and activation.
    #[inline]
    pub(crate) fn finish(self, tile: &[f32], spec: &Tile<'_>, out: &mut [f32]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.finish)(tile, spec, out) }
    }

    /// A max-pool; see [`shared::pool`].
    #[inline]
    pub(crate) fn pool(self, taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]) {
        // SAFETY: the features are there (see the module); the function indexes its slices with checks.
        unsafe { (self.0.pool)(taps, out, winners) }
    }

    /// One chunk of Adam; see [`shared::adam`].
    #[inline]
    pub(crate) fn adam(self, step: &Step, chunk: Chunk<'_>) {
        // SAFETY: the features are there (see the module); the function iterates over its slices.
        unsafe { (self.0.adam)(step, chunk) }
    }
}
