//! Convolutions of 3 × 3 by Winograd's F(2 × 2, 3 × 3): sixteen products make four outputs, where the plain sums take
//! thirty-six (Lavin & Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016).
//!
//! Sixteen images lie side by side, so that a transform adds whole vectors, and the product of every point of the
//! transformed tiles is an ordinary one: weights of that point times the same point of all channels and tiles.

use std::ops::Range;

use super::{
    forward::axes,
    product::{Counts, Epilogue, Packed},
    reach::{Axis, Reach},
};
use crate::{
    geometry::{Activation, Conv2d},
    isa::{COLUMNS, Finish, Isa, Left, POINTS, ROWS, Start, Terms, Tile, Tiling, kernel_points},
    lanes::LANES,
    scratch::{self, Scratch},
};

/// Bytes of transformed tiles that are worked on at a time: about what the second-level cache holds.
const CHUNK: usize = 1 << 20;

/// A convolution whose weights are transformed.
#[derive(Debug)]
pub(super) struct Winograd {
    tiling: Tiling,
    /// Of each panel the points one after the other, each `[channel][row]`.
    pub(super) packed: Packed,
    counts: Counts,
}

impl Winograd {
    /// The convolution itself, if this way is the faster one.
    pub(super) fn forward(shape: &Conv2d, weights: &[f32]) -> Option<Self> {
        let tiling = Tiling {
            source: shape.input,
            target: shape.output(),
            padding: shape.padding,
        };
        let [rows, channels] = [shape.out_channels, shape.in_channels];
        let pays = suits(shape) && pays(axes(shape).map(Axis::forward), rows, channels);
        pays.then(|| {
            Self::new(
                tiling,
                [rows, channels],
                |row, channel| kernel(weights, row * channels + channel),
                false,
            )
        })
    }

    /// The gradient of its input, if this way is the faster one: a convolution with the weights turned about.
    pub(super) fn backward(shape: &Conv2d, weights: &[f32]) -> Option<Self> {
        if !suits(shape) || shape.padding.iter().any(|&padding| padding > 2) {
            return None;
        }
        let tiling = Tiling {
            source: shape.output(),
            target: shape.input,
            padding: shape.padding.map(|padding| 2 - padding),
        };
        let [rows, channels] = [shape.in_channels, shape.out_channels];
        pays(axes(shape).map(Axis::backward), rows, channels).then(|| {
            Self::new(
                tiling,
                [rows, channels],
                |row, channel| kernel(weights, channel * rows + row),
                true,
            )
        })
    }

    /// With `kernel(row, channel)`, or what it is when turned about.
    fn new<'a>(
        tiling: Tiling,
        [rows, channels]: [usize; 2],
        kernel: impl Fn(usize, usize) -> &'a [f32; 9] + Sync,
        turned: bool,
    ) -> Self {
        let counts = Counts {
            groups: 1,
            rows,
            channels,
            taps: POINTS,
        };
        let packed = Packed::filled(counts, |panel, to| {
            for channel in 0..channels {
                let mut taps = [[0.0; ROWS]; 9];
                for row in 0..panel.rows {
                    let kernel = kernel(panel.first + row, channel);
                    for (i, taps) in taps.iter_mut().enumerate() {
                        taps[row] = kernel[if turned { 8 - i } else { i }];
                    }
                }
                let points = kernel_points(&taps);
                let to = to[channel * panel.rows..].chunks_mut(channels * panel.rows);
                for (to, point) in to.zip(&points) {
                    to[..panel.rows].copy_from_slice(&point[..panel.rows]);
                }
            }
        });
        Self {
            tiling,
            packed,
            counts,
        }
    }

    /// Elements of a block of the source.
    pub(super) fn source_len(&self) -> usize {
        let [height, width] = self.tiling.source;
        self.counts.channels * height * width * LANES
    }

    /// Elements of a block of the target.
    pub(super) fn target_len(&self) -> usize {
        let [height, width] = self.tiling.target;
        self.counts.rows * height * width * LANES
    }

    /// Some panels of one block; `target` begins with the first of them.
    pub(super) fn panels(
        &self,
        isa: Isa,
        panels: Range<usize>,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        let rows: usize = self.packed.panels[panels.clone()]
            .iter()
            .map(|panel| panel.rows)
            .sum();
        let channels = self.counts.channels;
        let (count, at_once) = (self.tiling.count(), at_once(channels + rows));
        // Groups as equal as can be, so that no tile of a product is left with a column of its own.
        let groups = count.div_ceil(at_once);
        scratch::with(|Scratch { turned, sums, .. }| {
            for group in 0..groups {
                let tiles = group * count / groups..(group + 1) * count / groups;
                let vectors = tiles.len() * LANES;
                let points = scratch::reserve(turned, POINTS * channels * vectors);
                let sums = scratch::reserve(sums, POINTS * rows * vectors);
                let [height, width] = self.tiling.source;
                for (channel, plane) in source.chunks_exact(height * width * LANES).enumerate() {
                    let out = &mut points[channel * vectors..];
                    let step = channels * tiles.len();
                    isa.spread(&self.tiling, tiles.clone(), plane, out, step);
                }
                self.multiply(isa, panels.clone(), points, tiles.len(), sums);
                self.finish(isa, panels.clone(), (sums, rows), tiles, epilogue, target);
            }
        });
    }

    /// `sums[point][row][tile] = Σ weights[point][row][channel] · points[point][channel][tile]`.
    fn multiply(
        &self,
        isa: Isa,
        panels: Range<usize>,
        points: &[f32],
        tiles: usize,
        sums: &mut [f32],
    ) {
        let (channels, vectors) = (self.counts.channels, tiles * LANES);
        let panels = &self.packed.panels[panels];
        let (first, rows) = (panels[0].first, sums.len() / (POINTS * vectors));
        let terms = Terms::first(vectors, channels);
        for point in 0..POINTS {
            let b = &points[point * channels * vectors..][..channels * vectors];
            for panel in panels {
                let weights = (panel.first * POINTS + point * panel.rows) * channels;
                let out = &mut sums[(point * rows + panel.first - first) * vectors..];
                for tile in (0..tiles).step_by(COLUMNS) {
                    let columns = [0, 1, 2].map(|i| (tile + i) * LANES);
                    let columns = &columns[..COLUMNS.min(tiles - tile)];
                    let tile = Tile {
                        rows: panel.rows,
                        left: Left::Packed,
                        a: &self.packed.values[weights..][..panel.rows * channels],
                        b,
                        columns,
                        terms: &terms,
                        start: Start::Zero,
                        relu: false,
                        out_row: vectors,
                        out_columns: columns,
                    };
                    isa.tile(&tile, out);
                }
            }
        }
    }

    /// Transforms the sums back, and puts them where they belong.
    fn finish(
        &self,
        isa: Isa,
        panels: Range<usize>,
        (sums, rows): (&[f32], usize),
        tiles: Range<usize>,
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        let first = self.packed.panels[panels.start].first;
        let [height, width] = self.tiling.target;
        for (row, plane) in target.chunks_exact_mut(height * width * LANES).enumerate() {
            let finish = Finish {
                bias: epilogue.bias.map_or(0.0, |bias| bias[first + row]),
                relu: epilogue.activation == Activation::Relu,
                onto: epilogue.onto,
            };
            let sums = &sums[row * tiles.len() * LANES..];
            let step = rows * tiles.len();
            isa.gather(&self.tiling, tiles.clone(), (sums, step), finish, plane);
        }
    }
}

/// Whether Winograd's transforms can compute a convolution at all.
pub(super) fn suits(shape: &Conv2d) -> bool {
    shape.kernel == [3; 2]
        && shape.stride == [1; 2]
        && shape.dilation == [1; 2]
        && shape.groups == 1
}

/// Whether the products that are saved outweigh the transforms, and the short sums, by rough counts of vector
/// operations (the factors were fitted to times): small images have many taps outside, which the plain sums leave
/// out, and with few channels there is little to save.
pub(super) fn pays(reaches: [Vec<Reach>; 2], rows: usize, channels: usize) -> bool {
    let [down, across] = reaches;
    let taps = |axis: &[Reach]| axis.iter().map(|reach| reach.taps.len()).sum::<usize>();
    let plain = taps(&down) * taps(&across) * rows * channels;
    let tiles = down.len().div_ceil(2) * across.len().div_ceil(2);
    let here = tiles * (POINTS * rows * channels + 100 * channels + 300 * rows);
    here + here / 8 < plain
}

/// Tiles that are transformed together, where each has so many vectors a point.
fn at_once(vectors: usize) -> usize {
    let most = CHUNK / (POINTS * vectors * LANES * size_of::<f32>());
    (most / COLUMNS * COLUMNS).max(COLUMNS)
}

/// The taps of one kernel.
fn kernel(weights: &[f32], number: usize) -> &[f32; 9] {
    &weights.as_chunks::<9>().0[number]
}
