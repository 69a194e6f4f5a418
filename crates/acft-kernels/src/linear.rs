//! Fully connected layers, forward and backward.
//!
//! Forward and backward-data read the weights, which may be hundreds of megabytes, exactly once: each task takes
//! a panel of output columns for all rows of the batch. Backward-weights writes as much, so that there a task
//! takes rows of the result.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    check,
    geometry::{Activation, Linear},
    isa::{Isa, OutRun, Tile},
    scratch::{self, Scratch},
};

/// Terms of the sum that are packed at once.
const DEPTH: usize = 400;

/// `y = activation(x · weightsᵀ + bias)`.
///
/// See [`Linear`] for the shapes; `bias` has one value an output. Panics, naming the argument, if a slice has
/// another length.
pub fn linear(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    y: &mut [f32],
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("x", x, batch * inputs);
    check::length("weights", weights, outputs * inputs);
    check::length("y", y, batch * outputs);
    if let Some(bias) = bias {
        check::length("bias", bias, outputs);
    }
    let pack = |columns: Range<usize>, terms: Range<usize>, _: &mut Vec<usize>, to: &mut [f32]| {
        if columns.len() < isa.nr() {
            to[..terms.len() * isa.nr()].fill(0.0);
        }
        let rows = &weights[columns.start * inputs + terms.start..];
        isa.transpose(rows, [columns.len(), terms.len()], inputs, to, isa.nr());
    };
    by_columns(isa, [batch, inputs, outputs], x, pack, y);
    for y in y.chunks_exact_mut(outputs.max(1)) {
        if let Some(bias) = bias {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
        if activation == Activation::Relu {
            y.iter_mut()
                .for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
        }
    }
}

/// `dx = dy · weights`, the gradient of the input of [`linear`] from that of its output before the activation.
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_data(isa: Isa, shape: &Linear, dy: &[f32], weights: &[f32], dx: &mut [f32]) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("dy", dy, batch * outputs);
    check::length("weights", weights, outputs * inputs);
    check::length("dx", dx, batch * inputs);
    let pack =
        |columns: Range<usize>, terms: Range<usize>, rows: &mut Vec<usize>, to: &mut [f32]| {
            let mut panel = isa.panel();
            panel.push(columns.start, columns.len());
            rows.clear();
            rows.extend(terms.map(|output| output * inputs));
            isa.gather(weights, rows, &panel, to);
        };
    by_columns(isa, [batch, outputs, inputs], dy, pack, dx);
}

/// `dw = dyᵀ · x` and, if asked for, `db`, the column sums of `dy`: the gradients of the weights and bias of
/// [`linear`].
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_weights(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("x", x, batch * inputs);
    check::length("dy", dy, batch * outputs);
    check::length("dw", dw, outputs * inputs);
    if let Some(db) = db {
        check::length("db", db, outputs);
        db.fill(0.0);
        let rows = dy.chunks_exact(outputs.max(1));
        rows.for_each(|row| db.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
    }
    if dw.is_empty() || batch == 0 {
        dw.fill(0.0);
        return;
    }
    let (mr, nr) = (isa.mr(), isa.nr());
    let rows: Vec<_> = (0..batch).map(|image| image * inputs).collect();
    let mut right = vec![0.0; inputs.div_ceil(nr) * batch * nr];
    right
        .par_chunks_mut(batch * nr)
        .enumerate()
        .for_each(|(i, right)| {
            let mut panel = isa.panel();
            panel.push(i * nr, nr.min(inputs - i * nr));
            isa.gather(x, &rows, &panel, right);
        });
    dw.par_chunks_mut(mr * inputs)
        .enumerate()
        .for_each(|(i, dw)| {
            scratch::with(|Scratch { left, tiles, .. }| {
                let rows = mr.min(outputs - i * mr);
                let left = scratch::reserve(left, batch * mr);
                left.fill(0.0);
                for (image, left) in left.chunks_exact_mut(mr).enumerate() {
                    left[..rows].copy_from_slice(&dy[image * outputs + i * mr..][..rows]);
                }
                let tile = scratch::reserve(tiles, mr * nr);
                for (j, right) in right.chunks_exact(batch * nr).enumerate() {
                    isa.tile(batch, nr.min(inputs - j * nr), left, right, tile, true);
                    store(isa, tile, [rows, inputs], j, dw);
                }
            });
        });
}

/// `out = a · b`, where `a` is `[rows][terms]`, and `pack` writes a `[terms][nr]` panel of `b` for some of
/// its columns and terms.
fn by_columns(
    isa: Isa,
    [rows, terms, columns]: [usize; 3],
    a: &[f32],
    pack: impl Fn(Range<usize>, Range<usize>, &mut Vec<usize>, &mut [f32]) + Sync,
    out: &mut [f32],
) {
    let (mr, nr) = (isa.mr(), isa.nr());
    if out.is_empty() || terms == 0 {
        out.fill(0.0);
        return;
    }
    let mut left = vec![0.0; rows.div_ceil(mr) * terms * mr];
    left.par_chunks_mut(terms * mr)
        .enumerate()
        .for_each(|(i, left)| {
            isa.transpose(
                &a[i * mr * terms..],
                [mr.min(rows - i * mr), terms],
                terms,
                left,
                mr,
            );
        });
    // Columns of the result are not neighbours in memory: each task fills tiles of its own, copied afterwards.
    let height = rows.next_multiple_of(mr);
    let mut tiles = vec![0.0; columns.div_ceil(nr) * height * nr];
    tiles
        .par_chunks_mut(height * nr)
        .enumerate()
        .for_each(|(j, tiles)| {
            scratch::with(|Scratch { right, offsets, .. }| {
                let right = scratch::reserve(right, DEPTH * nr);
                let depth = terms.div_ceil(terms.div_ceil(DEPTH));
                for from in (0..terms).step_by(depth) {
                    let to = terms.min(from + depth);
                    pack(j * nr..columns.min((j + 1) * nr), from..to, offsets, right);
                    for (tile, left) in tiles
                        .chunks_exact_mut(mr * nr)
                        .zip(left.chunks_exact(terms * mr))
                    {
                        isa.tile(
                            to - from,
                            nr.min(columns - j * nr),
                            &left[from * mr..],
                            right,
                            tile,
                            from == 0,
                        );
                    }
                }
            });
        });
    out.par_chunks_mut(mr * columns)
        .enumerate()
        .for_each(|(i, out)| {
            for (j, tiles) in tiles.chunks_exact(height * nr).enumerate() {
                store(
                    isa,
                    &tiles[i * mr * nr..][..mr * nr],
                    [out.len() / columns, columns],
                    j,
                    out,
                );
            }
        });
}

/// Copies a tile to panel `panel` of the rows of `out`.
fn store(isa: Isa, tile: &[f32], [rows, columns]: [usize; 2], panel: usize, out: &mut [f32]) {
    let first = panel * isa.nr();
    let runs = [OutRun {
        lane: 0,
        len: isa.nr().min(columns - first),
        dst: first,
    }];
    let spec = Tile {
        rows,
        origin: 0,
        row_stride: columns,
        step: 1,
        runs: &runs,
        bias: None,
        activation: Activation::Identity,
    };
    isa.finish(tile, &spec, out);
}
