//! Padding of rows with AVX2, in masked vectors.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_blendv_ps, _mm256_castpd_ps, _mm256_castps_pd, _mm256_castsi256_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps,
    _mm256_permute4x64_pd, _mm256_set1_ps, _mm256_shuffle_ps,
};

use crate::isa::panel::Rows;

const LANES: usize = 8;

/// See [`super::super::Primitives::pad_rows`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn pad_rows(src: *const f32, rows: &Rows, dst: *mut f32) {
    let filler = _mm256_set1_ps(rows.filler);
    for plane in 0..rows.planes {
        // SAFETY: the caller checked that `dst` holds all planes, of which these are the upper and lower rows.
        unsafe {
            let dst = dst.add(plane * rows.dst_plane());
            fill(dst, rows.above * rows.dst_pitch, rows.filler);
            let below = dst.add((rows.above + rows.count) * rows.dst_pitch);
            fill(below, rows.below * rows.dst_pitch, rows.filler);
        }
    }
    let copied_lanes = rows.left..rows.left + rows.width;
    for first in (0..rows.dst_pitch).step_by(LANES) {
        // Lanes that exist, and those of them that are copied.
        let store = mask(|lane| first + lane < rows.dst_pitch);
        let is_copied = |lane: usize| copied_lanes.contains(&(first + lane));
        let copied = mask(is_copied);
        let blend = |picked| _mm256_blendv_ps(filler, picked, _mm256_castsi256_ps(copied));
        // With a step of 2, two vectors are read, and every second lane is kept.
        let low = mask(|lane| lane % 2 == 0 && is_copied(lane / 2));
        let high = mask(|lane| lane % 2 == 0 && is_copied(LANES / 2 + lane / 2));
        // Where lane 0 would read; it may lie outside, but lanes that are not copied are not read.
        let src = src
            .wrapping_add(first * rows.step)
            .wrapping_sub(rows.left * rows.step);
        // SAFETY: the caller checked the last element of both. Masks keep the loads to elements that are copied,
        // and the stores to the row.
        unsafe {
            let dst = dst.add(rows.above * rows.dst_pitch + first);
            match rows.step {
                1 => each_row(src, dst, rows, store, |from| {
                    blend(_mm256_maskload_ps(from, copied))
                }),
                2 => each_row(src, dst, rows, store, |from| {
                    let low = _mm256_maskload_ps(from, low);
                    let high = _mm256_maskload_ps(from.wrapping_add(LANES), high);
                    let pairs = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(low, high));
                    blend(_mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(pairs)))
                }),
                step => each_row(src, dst, rows, store, |from| {
                    let mut lanes = [rows.filler; LANES];
                    for (lane, value) in lanes.iter_mut().enumerate() {
                        if is_copied(lane) {
                            *value = *from.wrapping_add(lane * step);
                        }
                    }
                    _mm256_loadu_ps(lanes.as_ptr())
                }),
            }
        }
    }
}

/// Stores one vector, under a mask, for every row of every plane.
///
/// # Safety
/// Under the mask, the vectors at `to` must lie within the target.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn each_row(
    from: *const f32,
    to: *mut f32,
    rows: &Rows,
    mask: __m256i,
    vector: impl Fn(*const f32) -> __m256,
) {
    for plane in 0..rows.planes {
        for row in 0..rows.count {
            let from = from.wrapping_add(plane * rows.src_plane + row * rows.src_pitch);
            // SAFETY: promised by the caller.
            unsafe {
                let to = to.add(plane * rows.dst_plane() + row * rows.dst_pitch);
                _mm256_maskstore_ps(to, mask, vector(from));
            }
        }
    }
}

/// # Safety
/// `to` must hold `n` elements.
#[inline]
unsafe fn fill(to: *mut f32, n: usize, filler: f32) {
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(to, n) }.fill(filler);
}

/// All ones in the lanes that are chosen, zeros in the others.
#[target_feature(enable = "avx2")]
fn mask(chosen: impl Fn(usize) -> bool) -> __m256i {
    let lanes: [i32; LANES] = std::array::from_fn(|lane| -i32::from(chosen(lane)));
    // SAFETY: the array is one vector long.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}
