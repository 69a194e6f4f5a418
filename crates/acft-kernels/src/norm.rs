//! Batch normalisation (Ioffe & Szegedy 2015): each channel over all images and positions. Images are in f32 or in pairs;
//! statistics, weights and their gradients are in f32.

use rayon::prelude::*;

use crate::{
    check,
    geometry::Activation,
    isa::{Isa, Word},
    lanes::{LANES, blocks},
};

mod loops;

use self::loops::{Along, Backward, Channel, Measure, Moments, Normalise, OfInput};

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

/// The gradients of a normalisation's input, of words `W`, weights and bias.
#[derive(Debug)]
pub struct NormGradients<'a, W> {
    /// The input's; 0 in lanes that hold no image.
    pub x: &'a mut [W],
    /// The weights'.
    pub weight: &'a mut [f32],
    /// The bias's.
    pub bias: &'a mut [f32],
}

impl Norm {
    /// Elements of the input.
    pub fn len(&self) -> usize {
        self.words(1)
    }

    /// Words of the input, in pairs of channels.
    pub fn pair_len(&self) -> usize {
        self.words(2)
    }

    /// Words of so many channels each.
    fn words(&self, each: usize) -> usize {
        blocks(self.batch) * self.channels.div_ceil(each) * self.positions * LANES
    }

    /// Whether there is nothing to normalise.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The planes of all blocks in order, and what is in each.
    fn planes<'a, W: Word<N>, const N: usize>(
        &self,
        x: &'a [W],
    ) -> impl IndexedParallelIterator<Item = (Place, &'a [[W; LANES]])> {
        let shape = *self;
        x.par_chunks_exact((self.positions * LANES).max(1))
            .enumerate()
            .map(move |(plane, x)| (shape.place::<N>(plane), x.as_chunks().0))
    }

    fn place<const N: usize>(&self, plane: usize) -> Place {
        let groups = self.channels.div_ceil(N);
        Place {
            first: plane % groups * N,
            lanes: LANES.min(self.batch - plane / groups * LANES),
        }
    }

    #[track_caller]
    fn check(&self, [weight, bias]: [&[f32]; 2], statistics: &Statistics) {
        check::length("weight", weight, self.channels);
        check::length("bias", bias, self.channels);
        check::length("mean", &statistics.mean, self.channels);
        check::length("variance", &statistics.variance, self.channels);
    }

    /// What the channels of a plane are normalised by. One that a pair lacks becomes 0.
    fn channels<const N: usize>(
        &self,
        place: Place,
        statistics: &Statistics,
        weight: &[f32],
        bias: &[f32],
    ) -> [Channel; N] {
        std::array::from_fn(|n| match place.first + n {
            channel if channel < self.channels => Channel {
                mean: statistics.mean[channel],
                inverse: (statistics.variance[channel] + self.epsilon).sqrt().recip(),
                weight: weight[channel],
                bias: bias[channel],
            },
            _ => Channel::default(),
        })
    }

    /// Of each channel, what was found in its plane in each block: planes of all blocks, in order, have `N` each.
    fn by_channel<'a, T: Copy, const N: usize>(
        &self,
        found: &'a [[T; N]],
    ) -> impl Iterator<Item = impl Iterator<Item = T> + Clone + 'a> + 'a {
        let groups = self.channels.div_ceil(N);
        (0..self.channels).map(move |channel| {
            let planes = found.iter().skip(channel / N).step_by(groups);
            planes.map(move |plane| plane[channel % N])
        })
    }
}

/// Which images and channels a plane has.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The first of its channels.
    first: usize,
    /// The lanes that hold an image.
    lanes: usize,
}

/// Mean and variance of each channel of `x`.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_statistics(isa: Isa, shape: &Norm, x: &[f32]) -> Statistics {
    statistics(isa, shape, x)
}

/// As [`batch_statistics`], of pairs.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_statistics_of_pairs(isa: Isa, shape: &Norm, x: &[u32]) -> Statistics {
    statistics(isa, shape, x)
}

fn statistics<W: Word<N>, const N: usize>(isa: Isa, shape: &Norm, x: &[W]) -> Statistics {
    check::length("x", x, shape.words(N));
    let measure = |(Place { lanes, .. }, x)| isa.vectorized(Measure { x, lanes });
    let found: Vec<[Moments; N]> = shape.planes(x).map(measure).collect();
    let (mean, variance) = shape
        .by_channel(&found)
        .map(|parts| {
            let moments = Moments::of(parts);
            let variance = moments.squares / moments.count;
            (moments.mean as f32, variance as f32)
        })
        .unzip();
    Statistics { mean, variance }
}

/// `y = activation((x − mean) / √(variance + ε) · weight + bias)`, channel by channel.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_norm(
    isa: Isa,
    shape: &Norm,
    x: &[f32],
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
    y: &mut [f32],
) {
    normalise(isa, shape, x, statistics, parameters, activation, y);
}

/// As [`batch_norm`], of pairs.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_norm_of_pairs(
    isa: Isa,
    shape: &Norm,
    x: &[u32],
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
    y: &mut [u32],
) {
    normalise(isa, shape, x, statistics, parameters, activation, y);
}

fn normalise<W: Word<N>, const N: usize>(
    isa: Isa,
    shape: &Norm,
    x: &[W],
    statistics: &Statistics,
    [weight, bias]: [&[f32]; 2],
    activation: Activation,
    y: &mut [W],
) {
    check::length("x", x, shape.words(N));
    check::length("y", y, shape.words(N));
    shape.check([weight, bias], statistics);
    let y = y.par_chunks_exact_mut((shape.positions * LANES).max(1));
    shape.planes(x).zip(y).for_each(|((place, x), y)| {
        isa.vectorized(Normalise {
            x,
            channels: shape.channels(place, statistics, weight, bias),
            relu: activation == Activation::Relu,
            y: y.as_chunks_mut().0,
        });
    });
}

/// The gradients of [`batch_norm`] with the statistics of its own input, from that of its output.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_norm_backward(
    isa: Isa,
    shape: &Norm,
    [x, dy]: [&[f32]; 2],
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
    gradients: NormGradients<'_, f32>,
) {
    backward(
        isa,
        shape,
        [x, dy],
        statistics,
        parameters,
        activation,
        gradients,
    );
}

/// As [`batch_norm_backward`], of pairs.
///
/// Panics, naming the argument, if a slice has another length than `shape` calls for.
pub fn batch_norm_backward_of_pairs(
    isa: Isa,
    shape: &Norm,
    [x, dy]: [&[u32]; 2],
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
    gradients: NormGradients<'_, u32>,
) {
    backward(
        isa,
        shape,
        [x, dy],
        statistics,
        parameters,
        activation,
        gradients,
    );
}

fn backward<W: Word<N>, const N: usize>(
    isa: Isa,
    shape: &Norm,
    [x, dy]: [&[W]; 2],
    statistics: &Statistics,
    [weight, bias]: [&[f32]; 2],
    activation: Activation,
    gradients: NormGradients<'_, W>,
) {
    let NormGradients {
        x: dx,
        weight: dw,
        bias: db,
    } = gradients;
    check::length("x", x, shape.words(N));
    check::length("dy", dy, shape.words(N));
    check::length("dx", dx, shape.words(N));
    check::length("dw", dw, shape.channels);
    check::length("db", db, shape.channels);
    shape.check([weight, bias], statistics);
    let planes = || {
        let pairs = shape.planes(x).zip(shape.planes(dy));
        pairs.map(|((place, x), (_, dy))| {
            let backward = Backward {
                x,
                dy,
                channels: shape.channels(place, statistics, weight, bias),
                relu: activation == Activation::Relu,
                lanes: place.lanes,
            };
            (place, backward)
        })
    };
    let found: Vec<[[f64; 2]; N]> = planes()
        .map(|(_, backward)| isa.vectorized(Along(backward)))
        .collect();
    for ((parts, dw), db) in shape.by_channel(&found).zip(&mut *dw).zip(&mut *db) {
        let [along, total] = parts.fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]]);
        (*dw, *db) = (along as f32, total as f32);
    }
    let count = (shape.batch * shape.positions) as f32;
    let mean =
        |channel: usize| [&*dw, &*db].map(|sums| sums.get(channel).map_or(0.0, |sum| sum / count));
    let dx = dx.par_chunks_exact_mut((shape.positions * LANES).max(1));
    planes().zip(dx).for_each(|((place, of), dx)| {
        isa.vectorized(OfInput {
            of,
            means: std::array::from_fn(|n| mean(place.first + n)),
            dx: dx.as_chunks_mut().0,
        });
    });
}
