//! The gradient of a convolution's weights by Winograd's transforms: the adjoint of [`winograd`](super::winograd) in
//! its weights, with as many products.

use rayon::prelude::*;

use super::{
    choice::{Costs, Sums},
    forward::axes,
    product::largest,
    reach::Axis,
};
use crate::{
    geometry::{Conv2d, Part},
    isa::{COLUMNS, Isa, Left, ROWS, Run, Start, Terms, Tile, Tiling},
    lanes::{LANES, blocks},
    scratch::{self, Scratch},
};

/// Bytes of transformed tiles, of the input and of the output's gradient, that are kept at a time.
const WAVE: usize = 24 << 20;
/// Bytes of the gradient's points that are worked on at a time: they stay in the second-level cache.
const CHUNK: usize = 384 << 10;

/// `dw`, if this way is the faster one; otherwise `dw` stays as it is, and the answer is false.
pub(super) fn backward_weights(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    (dy, part): (&[f32], Part),
    dw: &mut [f32],
) -> bool {
    let [rows, channels] = [shape.in_channels, shape.out_channels];
    // A vector runs over output channels, and those that are not there are computed too, this way or plainly.
    let width = channels.next_multiple_of(LANES);
    let sums = Sums {
        shape,
        reaches: axes(shape).map(Axis::forward),
        rows,
        channels: width,
        blocks: blocks(shape.batch),
    };
    let Some(form) = sums.fastest(&Costs::WEIGHTS) else {
        return false;
    };
    let gradient = Gradient {
        isa,
        shape,
        part,
        tiling: Tiling {
            form,
            source: shape.input,
            target: shape.output(),
            padding: shape.padding,
        },
        width,
    };
    gradient.compute(x, dy, dw);
    true
}

struct Gradient<'a> {
    isa: Isa,
    shape: &'a Conv2d,
    /// Where in its tensor the gradient of the output is.
    part: Part,
    tiling: Tiling,
    /// Output channels, rounded up to whole vectors.
    width: usize,
}

impl Gradient<'_> {
    fn compute(&self, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let (rows, width, count) = (self.shape.in_channels, self.width, self.tiling.count());
        let points = self.points();
        let per_tile = points * LANES * (rows + width) * size_of::<f32>();
        let at_once = (WAVE / per_tile).max(1);
        scratch::with(
            |Scratch {
                 turned,
                 padded,
                 sums,
                 ..
             }| {
                let sums = scratch::reserve(sums, points * rows * width);
                sums.fill(0.0);
                // Tiles of all blocks, one after the other.
                let all = blocks(self.shape.batch) * count;
                let waves = all.div_ceil(at_once);
                for wave in 0..waves {
                    let tiles: Vec<_> = (wave * all / waves..(wave + 1) * all / waves)
                        .map(|tile| (tile / count, tile % count))
                        .collect();
                    let inputs = scratch::reserve(padded, rows * points * tiles.len() * LANES);
                    self.inputs(x, &tiles, inputs);
                    let outputs = scratch::reserve(turned, tiles.len() * points * LANES * width);
                    self.outputs(dy, &tiles, outputs);
                    self.multiply(inputs, outputs, tiles.len(), sums);
                }
                self.store(sums, dw);
            },
        );
    }

    /// The input's points, as `[channel][point][tile][lane]`.
    fn inputs(&self, x: &[f32], tiles: &[(usize, usize)], out: &mut [f32]) {
        let plane = self.tiling.source[0] * self.tiling.source[1] * LANES;
        out.par_chunks_exact_mut(self.points() * tiles.len() * LANES)
            .enumerate()
            .for_each(|(channel, out)| {
                let mut first = 0;
                for block in tiles.chunk_by(|(a, _), (b, _)| a == b) {
                    let (number, start) = block[0];
                    let x = &x[(number * self.shape.in_channels + channel) * plane..][..plane];
                    self.isa.spread(
                        &self.tiling,
                        start..start + block.len(),
                        x,
                        &mut out[first * LANES..],
                        tiles.len(),
                    );
                    first += block.len();
                }
            });
    }

    /// The points of the output's gradient, as `[tile][point][lane][channel]`.
    fn outputs(&self, dy: &[f32], tiles: &[(usize, usize)], out: &mut [f32]) {
        let [height, width] = self.tiling.target;
        let (plane, channels) = (height * width * LANES, self.shape.out_channels);
        let slab = LANES * self.width;
        let (form, side) = (self.tiling.form, self.tiling.form.side());
        out.par_chunks_exact_mut(self.points() * slab)
            .zip(tiles)
            .for_each(|(out, &(block, tile))| {
                let first = block * self.part.of + self.part.first;
                let dy = &dy[first * plane..][..channels * plane];
                let [top, left] = self.tiling.corner(tile);
                scratch::with(|Scratch { sums, .. }| {
                    let turned = scratch::reserve(sums, form.outputs() * slab);
                    for (i, turned) in turned.chunks_exact_mut(slab).enumerate() {
                        let [y, x] = [top + i / side, left + i % side];
                        let inside = y < height && x < width;
                        if !inside || channels < self.width {
                            turned.fill(0.0);
                        }
                        if inside {
                            let dy = &dy[(y * width + x) * LANES..];
                            let size = [channels, LANES];
                            self.isa.transpose(dy, size, plane, turned, self.width);
                        }
                    }
                    self.isa.spread_back(form, turned, out);
                });
            });
    }

    /// Adds up what some tiles contribute: `sums[point][row][channel]`.
    fn multiply(&self, inputs: &[f32], outputs: &[f32], tiles: usize, sums: &mut [f32]) {
        let (rows, width, points) = (self.shape.in_channels, self.width, self.points());
        let slab = LANES * width;
        let at_once = (CHUNK / (slab * size_of::<f32>())).max(1);
        let chunks: Vec<Terms> = (0..tiles)
            .step_by(at_once)
            .map(|first| {
                let run = |tile: usize| Run {
                    a: tile * LANES,
                    b: tile * points * slab,
                    len: LANES,
                };
                let last = tiles.min(first + at_once);
                Terms::new(width, (first..last).map(run).collect())
            })
            .collect();
        sums.par_chunks_exact_mut(rows * width)
            .enumerate()
            .for_each(|(point, sums)| {
                let row = points * tiles * LANES;
                let (a, b) = (&inputs[point * tiles * LANES..], &outputs[point * slab..]);
                for terms in &chunks {
                    let mut first = 0;
                    while first < rows {
                        let count = largest(rows - first);
                        let offsets: [usize; ROWS] = std::array::from_fn(|i| (first + i) * row);
                        for channel in (0..width).step_by(COLUMNS * LANES) {
                            let columns = [0, 1, 2].map(|i| channel + i * LANES);
                            let columns = &columns[..COLUMNS.min((width - channel) / LANES)];
                            let tile = Tile {
                                rows: count,
                                left: Left::Rows {
                                    rows: offsets,
                                    step: 1,
                                },
                                a,
                                b,
                                columns,
                                terms,
                                start: Start::Output,
                                relu: false,
                                out_row: width,
                                out_columns: columns,
                            };
                            self.isa.tile(&tile, &mut sums[first * width..]);
                        }
                        first += count;
                    }
                }
            });
    }

    /// Transforms the sums to weights, and puts them where they belong.
    fn store(&self, sums: &[f32], dw: &mut [f32]) {
        let (rows, width) = (self.shape.in_channels, self.width);
        let (form, taps) = (self.tiling.form, self.shape.kernel[0].pow(2));
        let sums = sums.as_chunks::<LANES>().0;
        dw.par_chunks_mut(LANES * rows * taps)
            .enumerate()
            .for_each(|(part, dw)| {
                let mut kernels = vec![[0.0; LANES]; taps];
                for row in 0..rows {
                    let at = |point: usize| &sums[(point * rows + row) * width / LANES + part];
                    form.kernels_back(at, &mut kernels);
                    for (channel, dw) in dw.chunks_exact_mut(rows * taps).enumerate() {
                        for (dw, kernels) in dw[row * taps..].iter_mut().zip(&kernels) {
                            *dw = kernels[channel];
                        }
                    }
                }
            });
    }

    fn points(&self) -> usize {
        self.tiling.form.points()
    }
}
