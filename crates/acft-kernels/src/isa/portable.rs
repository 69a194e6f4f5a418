//! The primitives in plain Rust, for any processor.

use super::{
    Primitives,
    panel::{Panel, Rows, Tile},
    shared,
};
use crate::adam::{Chunk, Step};

const MR: usize = 4;
const NR: usize = 8;

pub(super) static PORTABLE: Primitives = Primitives {
    name: "portable",
    mr: MR,
    nr: NR,
    lanes: NR,
    tile,
    gather,
    transpose,
    pad_rows,
    finish,
    pool,
    adam,
};

/// See [`Primitives::tile`].
unsafe fn tile(
    k: usize,
    _columns: usize,
    a: *const f32,
    b: *const f32,
    tile: *mut f32,
    fresh: bool,
) {
    // SAFETY: the caller checked that the three hold this many elements, and that only `tile` is mutable.
    let (a, b, tile) = unsafe {
        (
            std::slice::from_raw_parts(a, k * MR),
            std::slice::from_raw_parts(b, k * NR),
            std::slice::from_raw_parts_mut(tile, MR * NR),
        )
    };
    let mut sums = [[0.0f32; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (sums, &a) in sums.iter_mut().zip(a) {
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    for (tile, sum) in tile.iter_mut().zip(sums.as_flattened()) {
        *tile = if fresh { *sum } else { *tile + *sum };
    }
}

/// See [`Primitives::gather`].
unsafe fn gather(src: *const f32, rows: &[usize], panel: &Panel, dst: *mut f32) {
    // SAFETY: the caller checked the length of the destination.
    let dst = unsafe { std::slice::from_raw_parts_mut(dst, rows.len() * NR) };
    for (&row, dst) in rows.iter().zip(dst.chunks_exact_mut(NR)) {
        dst.fill(0.0);
        for run in panel.group(0) {
            // SAFETY: the caller checked that no row plus run goes beyond the source.
            let src = unsafe { std::slice::from_raw_parts(src.add(row + run.src), run.len) };
            dst[run.lane..][..run.len].copy_from_slice(src);
        }
    }
}

/// See [`Primitives::transpose`].
unsafe fn transpose(
    src: *const f32,
    [rows, columns]: [usize; 2],
    src_stride: usize,
    dst: *mut f32,
    dst_stride: usize,
) {
    // Blocks keep the lines that are being read and written in cache.
    for r0 in (0..rows).step_by(8) {
        for c in 0..columns {
            for r in r0..rows.min(r0 + 8) {
                // SAFETY: the caller checked the last element of both; these are at or before them.
                unsafe { *dst.add(c * dst_stride + r) = *src.add(r * src_stride + c) }
            }
        }
    }
}

/// See [`Primitives::pad_rows`].
unsafe fn pad_rows(src: *const f32, rows: &Rows, dst: *mut f32) {
    // SAFETY: the caller checked the last element of both.
    let (src, dst) = unsafe {
        (
            std::slice::from_raw_parts(src, rows.src_end()),
            std::slice::from_raw_parts_mut(dst, rows.planes * rows.dst_plane()),
        )
    };
    dst.fill(rows.filler);
    for (plane, dst) in dst.chunks_exact_mut(rows.dst_plane()).enumerate() {
        for (i, dst) in dst[rows.above * rows.dst_pitch..]
            .chunks_exact_mut(rows.dst_pitch)
            .take(rows.count)
            .enumerate()
        {
            let from = &src[plane * rows.src_plane + i * rows.src_pitch..];
            dst[rows.left..][..rows.width]
                .iter_mut()
                .zip(from.iter().step_by(rows.step))
                .for_each(|(to, from)| *to = *from);
        }
    }
}

/// See [`shared::finish`].
unsafe fn finish(tile: &[f32], spec: &Tile<'_>, out: &mut [f32]) {
    shared::finish::<NR>(tile, spec, out);
}

/// See [`shared::pool`].
unsafe fn pool(taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]) {
    shared::pool(taps, out, winners);
}

/// See [`shared::adam`].
unsafe fn adam(step: &Step, chunk: Chunk<'_>) {
    shared::adam(step, chunk);
}
