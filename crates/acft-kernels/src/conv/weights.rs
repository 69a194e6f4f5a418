//! The gradients of a convolution's weights and bias.

use rayon::prelude::*;

use super::{
    gradient::{Gradient, OutputGradient},
    winograd_weights,
};
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
    if let Some(db) = &db {
        check::length("db", db, shape.out_channels);
    }
    let output = Interleaved {
        isa,
        shape,
        dy,
        part,
    };
    if winograd_weights::backward_weights(isa, shape, x, (dy, part), dw) {
        if let Some(db) = db {
            output.bias(db);
        }
        return;
    }
    let gradient = Gradient::new(isa, shape);
    scratch::with(|Scratch { padded: buffer, .. }| {
        let x = padded(shape, gradient.margin(), x, buffer);
        gradient.run(x, &output, dw, db);
    });
}

/// Channels that are turned together: whole cache lines of what is written.
const AT_ONCE: usize = LANES;

/// The gradient of the output, among other channels.
struct Interleaved<'a> {
    isa: Isa,
    shape: &'a Conv2d,
    dy: &'a [f32],
    part: Part,
}

impl OutputGradient<f32> for Interleaved<'_> {
    /// As `[position][lane][channel]`.
    fn turn(&self, group: usize, [block, y]: [usize; 2], to: &mut [f32]) {
        let (channels, [height, width]) = (self.shape.out_group(), self.shape.output());
        let plane = height * width * LANES;
        let first = (block * self.part.of + self.part.first + group * channels) * plane;
        let dy = &self.dy[first + y * width * LANES..];
        // A term has the channels, rounded up to whole vectors.
        let term = to.len() / (width * LANES);
        if channels < term {
            to.fill(0.0);
        }
        // Not more channels at a time than the processor can read ahead of.
        for channel in (0..channels).step_by(AT_ONCE) {
            let shape = [AT_ONCE.min(channels - channel), LANES];
            let dy = &dy[channel * plane..];
            for (x, to) in to.chunks_exact_mut(term * LANES).enumerate() {
                let (from, to) = (&dy[x * LANES..], &mut to[channel..]);
                self.isa.transpose(from, shape, plane, to, term);
            }
        }
    }

    fn bias(&self, db: &mut [f32]) {
        let [height, width] = self.shape.output();
        let plane = height * width * LANES;
        db.par_iter_mut().enumerate().for_each(|(channel, db)| {
            let mut sums = [0.0; LANES];
            for block in self.dy.chunks_exact(self.part.of * plane) {
                for dy in block[(self.part.first + channel) * plane..][..plane]
                    .as_chunks::<LANES>()
                    .0
                {
                    sums.iter_mut().zip(dy).for_each(|(sum, v)| *sum += v);
                }
            }
            *db = sums.iter().sum();
        });
    }
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
