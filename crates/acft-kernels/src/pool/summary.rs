//! A few numbers that stand for a whole map: the mean and the maximum of each channel, and the mean of its centre.

use std::ops::Range;

use crate::{
    check,
    isa::{Isa, Loops, first, second},
    lanes::LANES,
    pairs::pair_words,
};

/// A map, and what is kept of each of its channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Channels of the map.
    pub channels: usize,
    /// Its height and width.
    pub input: [usize; 2],
    /// The rows and columns of its centre, if the mean of the centre is kept too.
    pub centre: Option<[Range<usize>; 2]>,
}

impl Summary {
    /// How many numbers are kept of each channel: 2, or 3 with a centre.
    pub fn parts(&self) -> usize {
        2 + usize::from(self.centre.is_some())
    }

    /// How many numbers are kept of an image.
    pub fn width(&self) -> usize {
        self.parts() * self.channels
    }

    fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    #[track_caller]
    fn validate(&self) {
        assert!(self.plane() > 0, "a map without elements: {self:?}");
        for (range, side) in self.centre.iter().flatten().zip(self.input) {
            assert!(
                range.start < range.end && range.end <= side,
                "the centre does not lie in the map: {self:?}"
            );
        }
    }
}

/// `out` of one block of images, on the calling thread: `[channels][height][width][LANES]` to `[parts][channels][LANES]`.
/// The parts are the means, the maxima, and the means of the centre if there is one. A NaN in a map is its maximum.
///
/// Panics, naming the argument, if a slice has another length or the centre lies outside the map.
pub fn summarize_block(isa: Isa, shape: &Summary, x: &[f32], out: &mut [f32]) {
    shape.validate();
    check::length("x", x, shape.channels * shape.plane() * LANES);
    check::length("out", out, shape.width() * LANES);
    let planes = x.chunks_exact(shape.plane() * LANES);
    for (channel, x) in planes.enumerate() {
        let read = |value: f32| value;
        write(
            shape,
            channel,
            isa.vectorized(Plane { shape, x, read }),
            out,
        );
    }
}

/// As [`summarize_block`], of one block of pairs: `[channels / 2][height][width][LANES]` to `[parts][channels][LANES]`.
///
/// Panics, naming the argument, if a slice has another length or the centre lies outside the map.
pub fn summarize_block_of_pairs(isa: Isa, shape: &Summary, x: &[u32], out: &mut [f32]) {
    shape.validate();
    check::length("x", x, pair_words(shape.channels, shape.plane()) * LANES);
    check::length("out", out, shape.width() * LANES);
    let planes = x.chunks_exact(shape.plane() * LANES);
    for (pair, x) in planes.enumerate() {
        let found = isa.vectorized(Plane {
            shape,
            x,
            read: first,
        });
        write(shape, 2 * pair, found, out);
        if 2 * pair + 1 < shape.channels {
            let found = isa.vectorized(Plane {
                shape,
                x,
                read: second,
            });
            write(shape, 2 * pair + 1, found, out);
        }
    }
}

fn write(shape: &Summary, channel: usize, found: [[f32; LANES]; 3], out: &mut [f32]) {
    let out = out.as_chunks_mut::<LANES>().0;
    for (part, found) in found.into_iter().take(shape.parts()).enumerate() {
        out[part * shape.channels + channel] = found;
    }
}

/// One channel of a block.
struct Plane<'a, T, R> {
    shape: &'a Summary,
    x: &'a [T],
    read: R,
}

impl<T: Copy, R: Fn(T) -> f32> Loops for Plane<'_, T, R> {
    type Output = [[f32; LANES]; 3];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (x, width) = (self.x.as_chunks::<LANES>().0, self.shape.input[1]);
        let mut sum = [0.0_f32; LANES];
        let mut max = [f32::NEG_INFINITY; LANES];
        for row in x.chunks_exact(width) {
            // A sum for each row keeps the rounding of a large map small.
            let mut of_row = [0.0_f32; LANES];
            for words in row {
                for lane in 0..LANES {
                    let value = (self.read)(words[lane]);
                    of_row[lane] += value;
                    let larger = value > max[lane] || value.is_nan();
                    max[lane] = if larger { value } else { max[lane] };
                }
            }
            for lane in 0..LANES {
                sum[lane] += of_row[lane];
            }
        }
        let mean = sum.map(|sum| sum / self.shape.plane() as f32);
        let mut centre = [0.0_f32; LANES];
        if let Some([rows, columns]) = &self.shape.centre {
            for y in rows.clone() {
                for words in &x[y * width..][columns.clone()] {
                    for lane in 0..LANES {
                        centre[lane] += (self.read)(words[lane]);
                    }
                }
            }
            let count = (rows.len() * columns.len()) as f32;
            centre = centre.map(|sum| sum / count);
        }
        [mean, max, centre]
    }
}
