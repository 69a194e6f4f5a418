//! Convolutions by Winograd's transforms: of 3 × 3 taps, sixteen products make four outputs, where the plain sums take
//! thirty-six, or thirty-six make sixteen, for a hundred and forty-four; of 5 × 5, thirty-six make four, for a hundred
//! (Lavin & Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016).
//!
//! Sixteen images lie side by side, so that a transform adds whole vectors, and the product of every point of the
//! transformed tiles is an ordinary one: weights of that point times the same point of all channels and tiles.

use std::ops::Range;

use super::{
    choice::{Costs, Sums},
    forward::axes,
    product::{Counts, Epilogue, Packed},
    reach::Axis,
};
use crate::{
    geometry::{Activation, Conv2d},
    isa::{COLUMNS, Finish, Isa, Left, ROWS, Start, Terms, Tile, Tiling},
    lanes::LANES,
    scratch::{self, Scratch},
};

/// Bytes of transformed inputs that are worked on at a time, and of their sums: the second-level cache holds both, also where
/// two threads share it.
const CHUNK: usize = 512 << 10;

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
        let [rows, channels] = [shape.out_channels, shape.in_channels];
        let sums = Sums {
            shape,
            reaches: axes(shape).map(Axis::forward),
            rows,
            channels,
            blocks: Sums::PACKED_FOR,
        };
        let form = sums.fastest(&Costs::CONVOLUTION)?;
        let tiling = Tiling {
            form,
            source: shape.input,
            target: shape.output(),
            padding: shape.padding,
        };
        let at = |row: usize, channel: usize| row * channels + channel;
        Some(Self::new(tiling, [rows, channels], weights, at, false))
    }

    /// The gradient of its input, if this way is the faster one: a convolution with the weights turned about.
    pub(super) fn backward(shape: &Conv2d, weights: &[f32]) -> Option<Self> {
        let [rows, channels] = [shape.in_channels, shape.out_channels];
        let sums = Sums {
            shape,
            reaches: axes(shape).map(Axis::backward),
            rows,
            channels,
            blocks: Sums::PACKED_FOR,
        };
        let form = sums.fastest(&Costs::CONVOLUTION)?;
        let last = form.kernel() - 1;
        if shape.padding.iter().any(|&padding| padding > last) {
            return None;
        }
        let tiling = Tiling {
            form,
            source: shape.output(),
            target: shape.input,
            padding: shape.padding.map(|padding| last - padding),
        };
        let at = |row: usize, channel: usize| channel * rows + row;
        Some(Self::new(tiling, [rows, channels], weights, at, true))
    }

    /// With the kernel of a row and channel at the given place among the weights, or what it is when turned about.
    fn new(
        tiling: Tiling,
        [rows, channels]: [usize; 2],
        weights: &[f32],
        at: impl Fn(usize, usize) -> usize + Sync,
        turned: bool,
    ) -> Self {
        let (form, taps) = (tiling.form, tiling.form.kernel().pow(2));
        let counts = Counts {
            groups: 1,
            rows,
            channels,
            taps: form.points(),
        };
        let packed = Packed::filled(counts, |panel, to| {
            let mut kernels = vec![[0.0; ROWS]; taps];
            let mut points = vec![[0.0; ROWS]; form.points()];
            for channel in 0..channels {
                for row in 0..panel.rows {
                    let kernel = &weights[at(panel.first + row, channel) * taps..][..taps];
                    for (i, kernels) in kernels.iter_mut().enumerate() {
                        kernels[row] = kernel[if turned { taps - 1 - i } else { i }];
                    }
                }
                form.kernel_points(&kernels, &mut points);
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
        let (points, channels) = (self.tiling.form.points(), self.counts.channels);
        let [source_plane, target_plane] =
            [self.tiling.source, self.tiling.target].map(|[height, width]| height * width * LANES);
        let tiles = self.tiling.count();
        // Tiles, and then panels, in groups as equal as can be, so that no tile of a product is left with a column of its own.
        let groups = tiles.div_ceil(at_once(points * channels));
        scratch::with(|Scratch { turned, sums, .. }| {
            for tiles in equal(0..tiles, groups) {
                let vectors = tiles.len() * LANES;
                let spread = scratch::reserve(turned, points * channels * vectors);
                for (channel, plane) in source.chunks_exact(source_plane).enumerate() {
                    let out = &mut spread[channel * vectors..];
                    let step = channels * tiles.len();
                    isa.spread(&self.tiling, tiles.clone(), plane, out, step);
                }
                let panel = ROWS * points * vectors * size_of::<f32>();
                let most = (CHUNK / panel).max(1);
                let mut target = &mut *target;
                for panels in equal(panels.clone(), panels.len().div_ceil(most)) {
                    let rows: usize = self.packed.panels[panels.clone()]
                        .iter()
                        .map(|panel| panel.rows)
                        .sum();
                    let sums = scratch::reserve(sums, points * rows * vectors);
                    self.multiply(isa, panels.clone(), spread, tiles.len(), sums);
                    let (now, later) = target.split_at_mut(rows * target_plane);
                    self.finish(isa, panels, (sums, rows), tiles.clone(), epilogue, now);
                    target = later;
                }
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
        let count = self.tiling.form.points();
        let (first, rows) = (panels[0].first, sums.len() / (count * vectors));
        let terms = Terms::first(vectors, channels);
        for point in 0..count {
            let b = &points[point * channels * vectors..][..channels * vectors];
            for panel in panels {
                let weights = (panel.first * count + point * panel.rows) * channels;
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

/// Tiles that are transformed together, where each has so many vectors.
fn at_once(vectors: usize) -> usize {
    let most = CHUNK / (vectors * LANES * size_of::<f32>());
    (most / COLUMNS * COLUMNS).max(COLUMNS)
}

/// A range in so many parts, as equal as can be.
fn equal(range: Range<usize>, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let cut = move |part: usize| range.start + part * range.len() / parts;
    (0..parts).map(move |part| cut(part)..cut(part + 1))
}
