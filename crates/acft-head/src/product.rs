//! Products of matrices in f32, by the kernels of `acft-kernels`.
//!
//! Each number is a sum in one order, which depends on shapes alone: neither on the number of threads nor on which
//! other rows are computed with it.

use acft_kernels::{Activation, Isa, Linear, linear};

/// `rows · weightsᵀ + bias`: rows of `width` features to rows of as many as `weights` has rows.
pub(crate) fn project(
    rows: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    width: usize,
) -> Vec<f32> {
    let shape = Linear {
        batch: rows.len() / width,
        inputs: width,
        outputs: weights.len() / width,
    };
    let mut out = vec![0.0; shape.batch * shape.outputs];
    linear(
        Isa::best(),
        &shape,
        rows,
        weights,
        bias,
        Activation::Identity,
        &mut out,
    );
    out
}
