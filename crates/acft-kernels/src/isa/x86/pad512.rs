//! Padding of rows with AVX-512, in masked vectors.

use std::arch::x86_64::{
    __m512, _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_mask_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_permutex2var_ps, _mm512_set1_ps, _mm512_setr_epi32,
};

use crate::isa::panel::Rows;

const LANES: usize = 16;

/// See [`super::super::Primitives::pad_rows`].
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pad_rows(src: *const f32, rows: &Rows, dst: *mut f32) {
    let filler = _mm512_set1_ps(rows.filler);
    let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    for plane in 0..rows.planes {
        // SAFETY: the caller checked that `dst` holds all planes, of which these are the upper and lower rows.
        unsafe {
            let dst = dst.add(plane * rows.dst_plane());
            fill(dst, rows.above * rows.dst_pitch, filler);
            let below = dst.add((rows.above + rows.count) * rows.dst_pitch);
            fill(below, rows.below * rows.dst_pitch, filler);
        }
    }
    for first in (0..rows.dst_pitch).step_by(LANES) {
        // Lanes that exist, and those of them that are copied.
        let store = ones(rows.dst_pitch - first);
        let copied = ones((rows.left + rows.width).saturating_sub(first))
            & !ones(rows.left.saturating_sub(first));
        let (low, high) = (spread(copied), spread(copied >> 8));
        // Where lane 0 would read; it may lie outside, but lanes outside `copied` are not read.
        let src = src
            .wrapping_add(first * rows.step)
            .wrapping_sub(rows.left * rows.step);
        // SAFETY: the caller checked the last element of both. Masks keep the loads to elements that are copied,
        // and the stores to the row.
        unsafe {
            let dst = dst.add(rows.above * rows.dst_pitch + first);
            match rows.step {
                1 => each_row(src, dst, rows, store, |from| {
                    _mm512_mask_loadu_ps(filler, copied, from)
                }),
                2 => each_row(src, dst, rows, store, |from| {
                    let low = _mm512_maskz_loadu_ps(low, from);
                    let high = _mm512_maskz_loadu_ps(high, from.wrapping_add(LANES));
                    let picked = _mm512_permutex2var_ps(low, evens, high);
                    _mm512_mask_blend_ps(copied, filler, picked)
                }),
                step => each_row(src, dst, rows, store, |from| {
                    let mut lanes = [rows.filler; LANES];
                    for (lane, value) in lanes.iter_mut().enumerate() {
                        if copied >> lane & 1 == 1 {
                            *value = *from.wrapping_add(lane * step);
                        }
                    }
                    _mm512_loadu_ps(lanes.as_ptr())
                }),
            }
        }
    }
}

/// Stores one vector, under a mask, for every row of every plane.
///
/// # Safety
/// Under the mask, the vectors at `to` must lie within the target.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn each_row(
    from: *const f32,
    to: *mut f32,
    rows: &Rows,
    mask: u16,
    vector: impl Fn(*const f32) -> __m512,
) {
    for plane in 0..rows.planes {
        for row in 0..rows.count {
            let from = from.wrapping_add(plane * rows.src_plane + row * rows.src_pitch);
            // SAFETY: promised by the caller.
            unsafe {
                let to = to.add(plane * rows.dst_plane() + row * rows.dst_pitch);
                _mm512_mask_storeu_ps(to, mask, vector(from));
            }
        }
    }
}

/// # Safety
/// `to` must hold `n` elements.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn fill(to: *mut f32, n: usize, filler: __m512) {
    for first in (0..n).step_by(LANES) {
        // SAFETY: promised by the caller; the mask keeps the last store inside.
        unsafe { _mm512_mask_storeu_ps(to.add(first), ones(n - first), filler) }
    }
}

/// A mask of the first `n` lanes.
fn ones(n: usize) -> u16 {
    if n >= LANES { u16::MAX } else { (1 << n) - 1 }
}

/// Moves bit `i` of the lower eight to bit `2 * i`.
fn spread(mask: u16) -> u16 {
    (0..8).map(|i| (mask >> i & 1) << (2 * i)).sum()
}
