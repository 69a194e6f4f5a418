//! Tiles of products of bf16 numbers that lie in pairs: a word holds the same element of two neighbouring channels,
//! the first in its lower half, so that one term of a sum is two products.

use super::tile::{Job, ROWS, Start};
use crate::lanes::LANES;

/// The nearest bf16 number, of two the even one; a NaN stays one.
#[inline(always)]
pub(crate) fn round(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    // Rounding could carry a NaN's payload into infinity.
    let quiet = (bits >> 16) | 0x40;
    if value.is_nan() { quiet } else { rounded }
}

/// Two numbers as a pair.
#[inline(always)]
pub(crate) fn pair(first: f32, second: f32) -> u32 {
    round(first) | (round(second) << 16)
}

/// The first of a pair.
#[inline(always)]
pub(crate) fn first(word: u32) -> f32 {
    f32::from_bits(word << 16)
}

/// The second of a pair.
#[inline(always)]
pub(crate) fn second(word: u32) -> f32 {
    f32::from_bits(word & 0xffff_0000)
}

/// Channels of `plane` elements each to pairs. A last channel without a partner gets 0 for one.
#[inline(always)]
pub(super) fn pair_up(channels: &[f32], plane: usize, out: &mut [u32]) {
    if plane == 1 {
        let (both, last) = channels.as_chunks::<2>();
        for (out, &[one, other]) in out.iter_mut().zip(both) {
            *out = pair(one, other);
        }
        for (out, &one) in out[both.len()..].iter_mut().zip(last) {
            *out = pair(one, 0.0);
        }
        return;
    }
    let channels = channels.chunks(2 * plane.max(1));
    for (out, both) in out.chunks_mut(plane.max(1)).zip(channels) {
        let (one, other) = both.split_at(plane);
        if other.is_empty() {
            for (out, &one) in out.iter_mut().zip(one) {
                *out = pair(one, 0.0);
            }
        } else {
            for ((out, &one), &other) in out.iter_mut().zip(one).zip(other) {
                *out = pair(one, other);
            }
        }
    }
}

/// A tile by plain loops, where the processor has no products of pairs: a column and two rows at a time.
///
/// # Safety
/// Every access of the job lies within its slices, and nobody else reads or writes the output.
#[inline(always)]
pub(super) unsafe fn tile<const PAIRS: bool>(rows: usize, columns: usize, job: &Job<'_, u32>) {
    for column in 0..columns {
        for row in (0..rows).step_by(2) {
            // SAFETY: promised by the caller.
            unsafe { two_rows::<PAIRS>(rows, row, column, job) }
        }
    }
}

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn two_rows<const PAIRS: bool>(rows: usize, row: usize, column: usize, job: &Job<'_, u32>) {
    let both = row + 1 < rows;
    let bias = |bias: &[f32]| [bias[row], if both { bias[row + 1] } else { 0.0 }];
    // SAFETY: promised by the caller; a second row is neither read nor written where there is none.
    unsafe {
        let at = if PAIRS { row / 2 } else { row };
        let out = job.out.add(at * job.out_row + job.out_columns[column]);
        let held = |of: usize| -> [f32; LANES] {
            match (PAIRS, of) {
                (true, _) => {
                    let words = *out.cast::<[u32; LANES]>();
                    words.map(if of == 0 { first } else { second })
                }
                (false, 1) if !both => [0.0; LANES],
                _ => (*out.add(of * job.out_row).cast::<[u32; LANES]>()).map(f32::from_bits),
            }
        };
        let mut sums = match job.start {
            Start::Zero => [[0.0; LANES]; 2],
            Start::Bias(of) => bias(of).map(|bias| [bias; LANES]),
            Start::Output => [held(0), held(1)],
            Start::OutputAndBias(of) => {
                let bias = bias(of);
                [
                    held(0).map(|held| held + bias[0]),
                    held(1).map(|held| held + bias[1]),
                ]
            }
        };
        for run in job.terms.runs() {
            for term in 0..run.len {
                let a = job.a.add((run.a + term) * job.step_a);
                let a = [0, 1].map(|of| match of == 0 || both {
                    true => *a.add(job.rows[row + of]),
                    false => 0,
                });
                let b = run.b + term * job.terms.step_b() + job.columns[column];
                let b = &*job.b.add(b).cast::<[u32; LANES]>();
                for (sums, a) in sums.iter_mut().zip(a) {
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum += first(a) * first(b);
                        *sum += second(a) * second(b);
                    }
                }
            }
        }
        if job.relu {
            // `max` would turn a NaN into 0.
            for sum in sums.as_flattened_mut() {
                *sum = if *sum < 0.0 { 0.0 } else { *sum };
            }
        }
        if PAIRS {
            let second = if both { sums[1] } else { [0.0; LANES] };
            let words = std::array::from_fn(|lane| pair(sums[0][lane], second[lane]));
            *out.cast::<[u32; LANES]>() = words;
        } else {
            for (of, sums) in sums.iter().enumerate().take(1 + usize::from(both)) {
                *out.add(of * job.out_row).cast::<[u32; LANES]>() = sums.map(f32::to_bits);
            }
        }
    }
}

/// f32 to pairs: planes of the first and of the second channel.
#[inline(always)]
pub(super) fn join(one: &[f32], other: &[f32], out: &mut [u32]) {
    for ((out, &one), &other) in out.iter_mut().zip(one).zip(other) {
        *out = pair(one, other);
    }
}

/// Pairs of channels to pairs of images: a plane of words, each the same element of two channels in one image, to a
/// plane a channel, of words that are the same element in two neighbouring images. A plane that is empty is left out.
#[inline(always)]
pub(super) fn regroup(words: &[u32], one: &mut [u32], other: &mut [u32]) {
    let words = words.as_chunks::<2>().0;
    for (&[even, odd], one) in words.iter().zip(one) {
        *one = (even & 0xffff) | (odd << 16);
    }
    for (&[even, odd], other) in words.iter().zip(other) {
        *other = (even >> 16) | (odd & 0xffff_0000);
    }
}

const _: () = assert!(ROWS.is_multiple_of(2), "rows are written in pairs");
