//! What batch normalisation does with one plane: a channel, or a pair of them, of the images of a block.

use crate::{
    isa::{Loops, Word},
    lanes::LANES,
};

/// A plane, position by position.
pub(super) type Plane<'a, W> = &'a [[W; LANES]];

/// Sums over the lanes that hold an image, of each channel.
///
/// Short sums are in f32, long ones in f64.
#[inline(always)]
fn sums<const N: usize>(
    positions: usize,
    lanes: usize,
    value: impl Fn(usize, usize) -> [f32; N],
) -> [f64; N] {
    let mut sums = [[0.0_f64; LANES]; N];
    for first in (0..positions).step_by(16) {
        let mut part = [[0.0_f32; LANES]; N];
        for position in first..positions.min(first + 16) {
            for lane in 0..LANES {
                for (part, value) in part.iter_mut().zip(value(position, lane)) {
                    part[lane] += value;
                }
            }
        }
        for (sums, part) in sums.iter_mut().zip(part) {
            for (sum, part) in sums.iter_mut().zip(part) {
                *sum += f64::from(part);
            }
        }
    }
    sums.map(|sums| sums[..lanes].iter().sum())
}

/// The number of values of a channel, their mean, and the sum of the squares of what they differ from it by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

impl Moments {
    /// Those of all the values of some parts (Chan, Golub & LeVeque 1979).
    pub(super) fn of(parts: impl Iterator<Item = Self> + Clone) -> Self {
        let count = parts.clone().map(|part| part.count).sum::<f64>();
        let mean = parts
            .clone()
            .map(|part| part.count * part.mean)
            .sum::<f64>()
            / count;
        let between = |part: Self| part.count * (part.mean - mean).powi(2);
        Self {
            count,
            mean,
            squares: parts.map(|part| part.squares + between(part)).sum(),
        }
    }
}

/// The moments of each channel of a plane.
pub(super) struct Measure<'a, W, const N: usize> {
    pub(super) x: Plane<'a, W>,
    /// The lanes that hold an image.
    pub(super) lanes: usize,
}

impl<W: Word<N>, const N: usize> Loops for Measure<'_, W, N> {
    type Output = [Moments; N];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { x, lanes } = self;
        let count = (x.len() * lanes) as f64;
        let total = sums(x.len(), lanes, |i, lane| x[i][lane].unpack());
        let means = total.map(|total| total / count);
        let around = means.map(|mean| mean as f32);
        let squares: [f64; N] = sums(x.len(), lanes, |i, lane| {
            let values = x[i][lane].unpack();
            std::array::from_fn(|n| (values[n] - around[n]) * (values[n] - around[n]))
        });
        std::array::from_fn(|n| Moments {
            count,
            mean: means[n],
            squares: squares[n],
        })
    }
}

/// What a channel is normalised by: `(x − mean) · inverse · weight + bias`, and a ReLU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channel {
    pub(super) mean: f32,
    /// 1 / √(variance + ε).
    pub(super) inverse: f32,
    pub(super) weight: f32,
    pub(super) bias: f32,
}

impl Channel {
    #[inline(always)]
    fn normed(&self, x: f32) -> f32 {
        (x - self.mean) * (self.weight * self.inverse) + self.bias
    }
}

/// Normalises a plane.
pub(super) struct Normalise<'a, W, const N: usize> {
    pub(super) x: Plane<'a, W>,
    pub(super) channels: [Channel; N],
    pub(super) relu: bool,
    pub(super) y: &'a mut [[W; LANES]],
}

impl<W: Word<N>, const N: usize> Loops for Normalise<'_, W, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.relu {
            self.each::<true>();
        } else {
            self.each::<false>();
        }
    }
}

impl<W: Word<N>, const N: usize> Normalise<'_, W, N> {
    #[inline(always)]
    fn each<const RELU: bool>(self) {
        let channels = self.channels;
        let words = self.y.as_flattened_mut().iter_mut();
        for (y, x) in words.zip(self.x.as_flattened()) {
            let x = x.unpack();
            *y = W::pack(std::array::from_fn(|n| {
                let normed = channels[n].normed(x[n]);
                // A NaN stays one.
                if RELU && normed <= 0.0 { 0.0 } else { normed }
            }));
        }
    }
}

/// A plane of a gradient, and of the input that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Backward<'a, W, const N: usize> {
    pub(super) x: Plane<'a, W>,
    pub(super) dy: Plane<'a, W>,
    pub(super) channels: [Channel; N],
    pub(super) relu: bool,
    /// The lanes that hold an image.
    pub(super) lanes: usize,
}

impl<W: Word<N>, const N: usize> Backward<'_, W, N> {
    /// By how much an input differs from the mean, and its gradient before the activation.
    #[inline(always)]
    fn before<const RELU: bool>(channels: &[Channel; N], x: W, dy: W) -> [[f32; 2]; N] {
        let (x, dy) = (x.unpack(), dy.unpack());
        std::array::from_fn(|n| {
            let dead = RELU && channels[n].normed(x[n]) <= 0.0;
            [x[n] - channels[n].mean, if dead { 0.0 } else { dy[n] }]
        })
    }
}

/// Of each channel, the sums of the gradient times the normalised input, and of the gradient.
pub(super) struct Along<'a, W, const N: usize>(pub(super) Backward<'a, W, N>);

impl<W: Word<N>, const N: usize> Loops for Along<'_, W, N> {
    type Output = [[f64; 2]; N];

    #[inline(always)]
    fn run(self) -> Self::Output {
        if self.0.relu {
            self.sums::<true>()
        } else {
            self.sums::<false>()
        }
    }
}

impl<W: Word<N>, const N: usize> Along<'_, W, N> {
    #[inline(always)]
    fn sums<const RELU: bool>(self) -> [[f64; 2]; N] {
        let Backward {
            x,
            dy,
            channels,
            lanes,
            ..
        } = self.0;
        let at =
            |i: usize, lane: usize| Backward::before::<RELU>(&channels, x[i][lane], dy[i][lane]);
        let along: [f64; N] = sums(x.len(), lanes, |i, lane| at(i, lane).map(|[x, dy]| x * dy));
        let total: [f64; N] = sums(x.len(), lanes, |i, lane| at(i, lane).map(|[_, dy]| dy));
        std::array::from_fn(|n| [along[n] * f64::from(channels[n].inverse), total[n]])
    }
}

/// The gradient of the input; 0 in lanes that hold no image.
pub(super) struct OfInput<'a, W, const N: usize> {
    pub(super) of: Backward<'a, W, N>,
    /// Means of what [`Along`] found, over all values of a channel.
    pub(super) means: [[f32; 2]; N],
    pub(super) dx: &'a mut [[W; LANES]],
}

impl<W: Word<N>, const N: usize> Loops for OfInput<'_, W, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.of.relu {
            self.each::<true>();
        } else {
            self.each::<false>();
        }
    }
}

impl<W: Word<N>, const N: usize> OfInput<'_, W, N> {
    #[inline(always)]
    fn each<const RELU: bool>(self) {
        let Self { of, means, dx } = self;
        let channels = of.channels;
        let words = of.x.as_flattened().iter().zip(of.dy.as_flattened());
        for (dx, (&x, &dy)) in dx.as_flattened_mut().iter_mut().zip(words) {
            let values = Backward::before::<RELU>(&channels, x, dy);
            *dx = W::pack(std::array::from_fn(|n| {
                let ([x, dy], [along, total]) = (values[n], means[n]);
                let Channel {
                    inverse, weight, ..
                } = channels[n];
                weight * inverse * (dy - total - x * inverse * along)
            }));
        }
        if of.lanes < LANES {
            dx.iter_mut()
                .for_each(|dx| dx[of.lanes..].fill(W::pack([0.0; N])));
        }
    }
}
