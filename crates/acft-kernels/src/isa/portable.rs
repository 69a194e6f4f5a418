//! The primitives in plain Rust, for any processor.

use super::{
    Primitives, Vectors, shared,
    tile::{Job, Left, Start},
};
use crate::lanes::LANES;

pub(super) static PORTABLE: Primitives = Primitives {
    name: "portable",
    vectors: Vectors::Portable,
    tile,
    transpose,
    pool,
    pool_taps,
    pool_back,
    adam,
    spread,
    gather,
    spread_back,
    pair_tile,
    pair_sums,
    join,
    pair_up,
    regroup,
    pool_pairs,
    matrices: None,
};

/// See [`Primitives::tile`].
unsafe fn tile(rows: usize, columns: usize, _: Left, job: &Job<'_, f32>) {
    for row in 0..rows {
        for column in 0..columns {
            let at = row * job.out_row + job.out_columns[column];
            // SAFETY: the caller promised that every term lies in the factors, and that the output, which
            // nobody else reads or writes, has these elements.
            unsafe {
                let out = &mut *job.out.add(at).cast::<[f32; LANES]>();
                let mut sums = match job.start {
                    Start::Zero => [0.0; LANES],
                    Start::Bias(bias) => [bias[row]; LANES],
                    Start::Output => *out,
                    Start::OutputAndBias(bias) => out.map(|held| held + bias[row]),
                };
                for run in job.terms.runs() {
                    for term in 0..run.len {
                        let a = *job.a.add((run.a + term) * job.step_a + job.rows[row]);
                        let b = run.b + term * job.terms.step_b() + job.columns[column];
                        let b = &*job.b.add(b).cast::<[f32; LANES]>();
                        sums.iter_mut().zip(b).for_each(|(sum, &b)| *sum += a * b);
                    }
                }
                if job.relu {
                    // `max` would turn a NaN into 0.
                    sums.iter_mut().filter(|v| **v < 0.0).for_each(|v| *v = 0.0);
                }
                *out = sums;
            }
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
    for r in 0..rows {
        for c in 0..columns {
            // SAFETY: the caller checked the last element of both matrices.
            unsafe { *dst.add(c * dst_stride + r) = *src.add(r * src_stride + c) }
        }
    }
}

shared::instances!();
