//! Batch normalisation (Ioffe & Szegedy 2015): each channel over all images and positions.

use rayon::prelude::*;

use crate::{
    check,
    geometry::Activation,
    lanes::{LANES, blocks},
};

/// Interleaved images whose channels are normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Images in the batch. Lanes beyond them count for nothing.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height times width.
    pub positions: usize,
    /// ε, which is added to the variance.
    pub epsilon: f32,
}

/// Mean and variance of each channel, the latter with n in the denominator.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The means.
    pub mean: Vec<f32>,
    /// The variances.
    pub variance: Vec<f32>,
}

/// The gradients of a normalisation's input, weights and bias.
#[derive(Debug)]
pub struct NormGradients<'a> {
    /// The input's; 0 in lanes that hold no image.
    pub x: &'a mut [f32],
    /// The weights'.
    pub weight: &'a mut [f32],
    /// The bias's.
    pub bias: &'a mut [f32],
}

impl Norm {
    /// Elements of the input.
    pub fn len(&self) -> usize {
        blocks(self.batch) * self.channels * self.positions * LANES
    }

    /// Whether there is nothing to normalise.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// n, the values of a channel.
    fn count(&self) -> f64 {
        (self.batch * self.positions) as f64
    }

    /// The planes of a channel of some images, with the number of lanes that hold one.
    fn planes<'a>(
        &self,
        channel: usize,
        x: &'a [f32],
    ) -> impl Iterator<Item = (usize, &'a [[f32; LANES]])> {
        let plane = self.positions * LANES;
        let batch = self.batch;
        x.chunks_exact((self.channels * plane).max(1))
            .enumerate()
            .map(move |(block, x)| {
                let x = x[channel * plane..][..plane].as_chunks::<LANES>().0;
                (LANES.min(batch - block * LANES), x)
            })
    }
}

/// The sum of `value(position)` over the lanes that hold an image, where `value` gives all lanes of a position.
fn sum(positions: usize, lanes: usize, value: impl Fn(usize) -> [f32; LANES]) -> f64 {
    let mut sums = [0.0_f64; LANES];
    // Short sums in f32, long ones in f64.
    for first in (0..positions).step_by(16) {
        let mut part = [0.0_f32; LANES];
        for position in first..positions.min(first + 16) {
            part.iter_mut()
                .zip(value(position))
                .for_each(|(sum, v)| *sum += v);
        }
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, v)| *sum += f64::from(v));
    }
    sums[..lanes].iter().sum()
}

/// Mean and variance of each channel of `x`.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_statistics(shape: &Norm, x: &[f32]) -> Statistics {
    check::length("x", x, shape.len());
    let (mean, variance) = (0..shape.channels)
        .into_par_iter()
        .map(|channel| {
            let total: f64 = shape
                .planes(channel, x)
                .map(|(lanes, x)| sum(x.len(), lanes, |i| x[i]))
                .sum();
            let mean = (total / shape.count()) as f32;
            let squares: f64 = shape
                .planes(channel, x)
                .map(|(lanes, x)| sum(x.len(), lanes, |i| x[i].map(|v| (v - mean) * (v - mean))))
                .sum();
            (mean, (squares / shape.count()) as f32)
        })
        .unzip();
    Statistics { mean, variance }
}

/// `y = activation((x − mean) / √(variance + ε) · weight + bias)`, channel by channel.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_norm(
    shape: &Norm,
    x: &[f32],
    statistics: &Statistics,
    weight: &[f32],
    bias: &[f32],
    activation: Activation,
    y: &mut [f32],
) {
    check::length("x", x, shape.len());
    check::length("y", y, shape.len());
    check::length("weight", weight, shape.channels);
    check::length("bias", bias, shape.channels);
    let plane = shape.positions * LANES;
    y.par_chunks_exact_mut(plane)
        .zip(x.par_chunks_exact(plane))
        .enumerate()
        .for_each(|(i, (y, x))| {
            let channel = i % shape.channels;
            let mean = statistics.mean[channel];
            let scale = weight[channel] * inverse(shape, statistics, channel);
            let bias = bias[channel];
            let pairs = y.iter_mut().zip(x);
            match activation {
                Activation::Identity => pairs.for_each(|(y, x)| *y = (x - mean) * scale + bias),
                // A NaN stays one.
                Activation::Relu => pairs.for_each(|(y, x)| {
                    let normed = (x - mean) * scale + bias;
                    *y = if normed <= 0.0 { 0.0 } else { normed };
                }),
            }
        });
}

/// The gradients of [`batch_norm`] with the statistics of its own input, from that of its output before the
/// activation.
///
/// Lanes that hold no image must be 0 in `dy`. Panics, naming the argument, if a slice has another length than
/// `shape` calls for.
pub fn batch_norm_backward(
    shape: &Norm,
    x: &[f32],
    statistics: &Statistics,
    weight: &[f32],
    dy: &[f32],
    gradients: NormGradients<'_>,
) {
    let NormGradients {
        x: dx,
        weight: dw,
        bias: db,
    } = gradients;
    check::length("x", x, shape.len());
    check::length("dy", dy, shape.len());
    check::length("dx", dx, shape.len());
    check::length("weight", weight, shape.channels);
    check::length("dw", dw, shape.channels);
    check::length("db", db, shape.channels);
    dw.par_iter_mut()
        .zip(db.par_iter_mut())
        .enumerate()
        .for_each(|(channel, (dw, db))| {
            let mean = statistics.mean[channel];
            let both = || shape.planes(channel, x).zip(shape.planes(channel, dy));
            let along: f64 = both()
                .map(|((lanes, x), (_, dy))| {
                    sum(x.len(), lanes, |i| {
                        std::array::from_fn(|lane| (x[i][lane] - mean) * dy[i][lane])
                    })
                })
                .sum();
            *dw = (along * f64::from(inverse(shape, statistics, channel))) as f32;
            *db = both()
                .map(|(_, (lanes, dy))| sum(dy.len(), lanes, |i| dy[i]))
                .sum::<f64>() as f32;
        });
    let plane = shape.positions * LANES;
    dx.par_chunks_exact_mut(plane)
        .zip(x.par_chunks_exact(plane).zip(dy.par_chunks_exact(plane)))
        .enumerate()
        .for_each(|(i, (dx, (x, dy)))| {
            let (block, channel) = (i / shape.channels, i % shape.channels);
            let (mean, inverse) = (
                statistics.mean[channel],
                inverse(shape, statistics, channel),
            );
            let scale = weight[channel] * inverse;
            let (dw, db) = (
                dw[channel] / shape.count() as f32,
                db[channel] / shape.count() as f32,
            );
            for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                *dx = scale * (dy - db - (x - mean) * inverse * dw);
            }
            let lanes = LANES.min(shape.batch - block * LANES);
            if lanes < LANES {
                dx.as_chunks_mut::<LANES>()
                    .0
                    .iter_mut()
                    .for_each(|dx| dx[lanes..].fill(0.0));
            }
        });
}

/// 1 / √(variance + ε).
fn inverse(shape: &Norm, statistics: &Statistics, channel: usize) -> f32 {
    (statistics.variance[channel] + shape.epsilon)
        .sqrt()
        .recip()
}
