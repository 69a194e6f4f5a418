//! The gradients of a convolution's weights and bias.

use rayon::prelude::*;

use super::{gradient::Gradient, winograd_weights};
use crate::{
    check,
    geometry::{Conv2d, Part},
    isa::Isa,
    lanes::{LANES, blocks},
    scratch::{self, Scratch},
};

/// `dw` and, if asked for, `db`: the gradients of the weights and bias of [`conv2d`](crate::conv2d), from its input
/// and the gradient of its output before the activation.
///
/// Lanes that hold no image must be 0 in `dy`, and finite in `x`. Panics, naming the argument, if a slice has
/// not the length that [`Conv2d`] calls for.
pub fn conv2d_backward_weights(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    let part = Part::whole(shape.out_channels);
    conv2d_backward_weights_of(isa, shape, x, (dy, part), dw, db);
}

/// As [`conv2d_backward_weights`], from some channels of `dy`.
///
/// Panics, naming the argument, if a slice has another length, or `dy` has no such channels.
pub fn conv2d_backward_weights_of(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    (dy, part): (&[f32], Part),
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    shape.validate();
    check::length("x", x, shape.input_len());
    part.check("dy", shape, dy.len());
    check::length("dw", dw, shape.weight_len());
    if let Some(db) = db {
        check::length("db", db, shape.out_channels);
        bias(shape, (dy, part), db);
    }
    if winograd_weights::backward_weights(isa, shape, x, (dy, part), dw) {
        return;
    }
    let gradient = Gradient::new(isa, shape);
    scratch::with(|Scratch { padded: buffer, .. }| {
        let x = padded(shape, gradient.margin(), x, buffer);
        gradient.run(x, dw, |group, row, to| {
            turn(isa, shape, group, row, (dy, part), to);
        });
    });
}

/// The sums of `dy` over images and positions.
fn bias(shape: &Conv2d, (dy, part): (&[f32], Part), db: &mut [f32]) {
    let [height, width] = shape.output();
    let plane = height * width * LANES;
    db.par_iter_mut().enumerate().for_each(|(channel, db)| {
        let mut sums = [0.0; LANES];
        for block in dy.chunks_exact(part.of * plane) {
            for dy in block[(part.first + channel) * plane..][..plane]
                .as_chunks::<LANES>()
                .0
            {
                sums.iter_mut().zip(dy).for_each(|(sum, v)| *sum += v);
            }
        }
        *db = sums.iter().sum();
    });
}

/// `x`, or a copy with a margin in `buffer`.
fn padded<'a>(
    shape: &Conv2d,
    margin: [usize; 2],
    x: &'a [f32],
    buffer: &'a mut Vec<f32>,
) -> &'a [f32] {
    if margin == [0, 0] {
        return x;
    }
    let [height, width] = shape.input;
    let [padded_h, padded_w] = [0, 1].map(|a| shape.input[a] + 2 * margin[a]);
    let planes = blocks(shape.batch) * shape.in_channels;
    let buffer = scratch::reserve(buffer, planes * padded_h * padded_w * LANES);
    buffer
        .par_chunks_exact_mut(padded_h * padded_w * LANES)
        .zip(x.par_chunks_exact(height * width * LANES))
        .for_each(|(to, from)| {
            to.fill(0.0);
            let rows = to.chunks_exact_mut(padded_w * LANES).skip(margin[0]);
            for (to, from) in rows.zip(from.chunks_exact(width * LANES)) {
                to[margin[1] * LANES..][..from.len()].copy_from_slice(from);
            }
        });
    buffer
}

/// Row `y` of the output's gradient in one block and group, as `[position][lane][channel]`.
fn turn(
    isa: Isa,
    shape: &Conv2d,
    group: usize,
    [block, y]: [usize; 2],
    (dy, part): (&[f32], Part),
    to: &mut [f32],
) {
    let (channels, [height, width]) = (shape.out_group(), shape.output());
    let plane = height * width * LANES;
    let first = (block * part.of + part.first + group * channels) * plane;
    let dy = &dy[first + y * width * LANES..];
    let position = to.len() / width;
    for (x, to) in to.chunks_exact_mut(position).enumerate() {
        if channels < position / LANES {
            to.fill(0.0);
        }
        let dy = &dy[x * LANES..];
        isa.transpose(dy, [channels, LANES], plane, to, position / LANES);
    }
}
