//! The gradients of a convolution's weights and bias.
//!
//! `dw[o][tap] = Σ over images and positions of dy[o][position] · x[position + tap]`: a product whose long sum
//! runs over positions. The left panels are the output's gradient, transposed; the right panels gather, for
//! each position, the taps that it sees, which are neighbours in a channels-last copy of the input.

use rayon::prelude::*;

use super::forward;
use crate::{
    check,
    geometry::Conv2d,
    isa::{Isa, Panel},
    padded::Padded,
    scratch::{self, Scratch},
};

/// Positions that are packed at once.
const DEPTH: usize = 400;
/// Positions below which a partial sum of its own is not worth its memory.
const PART: usize = 2048;
/// Partial sums at most.
const PARTS: usize = 64;

/// `dw` and, if asked for, `db`: the gradients of a convolution's weights and bias, from its input `x` and the
/// gradient `dy` of its output (before the activation).
///
/// The sum over the batch is cut into parts that depend on the shape alone, and the parts are added in order.
/// Panics, naming the argument, if a slice has not the length of the tensor in [`conv2d`](super::conv2d).
pub fn conv2d_backward_weights(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    shape.validate();
    check::length("x", x, shape.input_len());
    check::length("dy", dy, shape.output_len());
    check::length("dw", dw, shape.weight_len());
    if let Some(db) = &db {
        check::length("db", db, shape.out_channels);
    }
    let plan = Plan::new(isa, shape);
    let partial = plan.partial_sums(x, dy);
    plan.add_up(&partial, dw, db);
}

struct Plan {
    isa: Isa,
    shape: Conv2d,
    padded: Padded,
    /// The weight that each lane of a group stands for, as an index into an output channel's weights.
    lanes: Vec<usize>,
    /// The panels of all groups, and the group of each.
    panels: Vec<(usize, Panel)>,
    /// Where each position's window begins in a channels-last image.
    positions: Vec<usize>,
    /// Images summed into one part.
    images: usize,
    parts: usize,
}

impl Plan {
    fn new(isa: Isa, shape: &Conv2d) -> Self {
        let padded = forward::padded(shape);
        let planes = padded.planes();
        let [kernel_h, kernel_w] = shape.kernel;
        let (mut lanes, mut sources) = (Vec::new(), Vec::new());
        // Channels vary fastest, because they are neighbours in memory.
        for ky in 0..kernel_h {
            for kx in 0..kernel_w {
                let reach = [ky * shape.dilation[0], kx * shape.dilation[1]];
                let shift =
                    reach[0] / shape.stride[0] * padded.size[1] + reach[1] / shape.stride[1];
                let plane =
                    padded.plane([reach[0] % shape.stride[0], reach[1] % shape.stride[1]], 0);
                for channel in 0..shape.in_group() {
                    sources.push(shift * planes + plane + channel);
                    lanes.push((channel * kernel_h + ky) * kernel_w + kx);
                }
            }
        }
        let panels = (0..shape.groups)
            .flat_map(|group| {
                let sources = &sources;
                sources.chunks(isa.nr()).map(move |sources| {
                    let mut panel = isa.panel();
                    sources
                        .iter()
                        .for_each(|&at| panel.push(group * shape.in_group() + at, 1));
                    (group, panel)
                })
            })
            .collect();
        let [height, width] = shape.output();
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let positions: Vec<_> = positions
            .map(|(y, x)| (y * padded.size[1] + x) * planes)
            .collect();
        let parts = (shape.batch * positions.len() / PART).clamp(1, PARTS);
        let images = shape.batch.div_ceil(parts);
        Self {
            isa,
            shape: *shape,
            padded,
            lanes,
            panels,
            positions,
            images,
            parts: shape.batch.div_ceil(images),
        }
    }

    /// Output channels of a group, in panels.
    fn row_panels(&self) -> usize {
        self.shape.out_group().div_ceil(self.isa.mr())
    }

    /// Elements of one panel's partial sums: its tiles, and behind them the sums of `dy` (for the group's first).
    fn panel_len(&self) -> usize {
        self.row_panels() * self.isa.mr() * (self.isa.nr() + 1)
    }

    /// The sums over each part's images, as `[part][panel][panel_len]`.
    fn partial_sums(&self, x: &[f32], dy: &[f32]) -> Vec<f32> {
        let part = self.panels.len() * self.panel_len();
        let mut partial = vec![0.0; self.parts * part];
        let share = self.panels_a_task(rayon::current_num_threads());
        partial
            .par_chunks_mut(part)
            .enumerate()
            .for_each(|(i, partial)| {
                let images = i * self.images..self.shape.batch.min((i + 1) * self.images);
                partial
                    .par_chunks_mut(share * self.panel_len())
                    .zip(self.panels.par_chunks(share))
                    .for_each(|(sums, panels)| {
                        scratch::with(|scratch| {
                            self.sum(scratch, images.clone(), panels, x, dy, sums)
                        })
                    });
            });
        partial
    }

    /// The number of panels that lets the last thread finish earliest. It decides who sums, not in which order.
    fn panels_a_task(&self, threads: usize) -> usize {
        let all = self.panels.len();
        // Packing the left-hand side costs a task about half a panel.
        let span =
            |share: usize| (self.parts * all.div_ceil(share)).div_ceil(threads) * (2 * share + 1);
        (1..=all).min_by_key(|&share| span(share)).unwrap_or(1)
    }

    /// Sums a range of images for some panels.
    fn sum(
        &self,
        scratch: &mut Scratch,
        images: std::ops::Range<usize>,
        panels: &[(usize, Panel)],
        x: &[f32],
        dy: &[f32],
        sums: &mut [f32],
    ) {
        let (isa, plane, image) = (self.isa, self.positions.len(), self.padded.len());
        let (mr, nr) = (isa.mr(), isa.nr());
        let at_once = (DEPTH / plane).max(1);
        let Scratch {
            images: copy,
            turned,
            left,
            right,
            offsets,
            ..
        } = scratch;
        let right = scratch::reserve(right, DEPTH * nr);
        let left = scratch::reserve(left, self.row_panels() * DEPTH * mr);
        let mut fresh = true;
        let mut first = images.start;
        while first < images.end {
            let count = at_once.min(images.end - first);
            let turned = scratch::reserve(turned, count * image);
            for (i, turned) in turned.chunks_exact_mut(image).enumerate() {
                self.turn(&x[(first + i) * self.padded.input_len()..], copy, turned);
            }
            let total = count * plane;
            let depth = total.div_ceil(total.div_ceil(DEPTH));
            for from in (0..total).step_by(depth) {
                let block = from..total.min(from + depth);
                offsets.clear();
                offsets.extend(
                    block
                        .clone()
                        .map(|k| k / plane * image + self.positions[k % plane]),
                );
                let mut packed = None;
                for ((group, panel), sums) in
                    panels.iter().zip(sums.chunks_exact_mut(self.panel_len()))
                {
                    let (tiles, totals) = sums.split_at_mut(self.row_panels() * mr * nr);
                    if packed != Some(*group) {
                        self.pack_left(dy, first, block.clone(), *group, left, totals);
                        packed = Some(*group);
                    }
                    isa.gather(turned, offsets, panel, right);
                    let left = left.chunks_exact(block.len() * mr);
                    for (tile, left) in tiles.chunks_exact_mut(mr * nr).zip(left) {
                        isa.tile(block.len(), panel.used(), left, right, tile, fresh);
                    }
                }
                fresh = false;
            }
            first += count;
        }
    }

    /// Writes the padded image as `[position][plane]`.
    fn turn(&self, image: &[f32], copy: &mut Vec<f32>, turned: &mut [f32]) {
        let (isa, padded) = (self.isa, &self.padded);
        let image = &image[..padded.input_len()];
        let transpose = |source: &[f32], to: &mut [f32], planes: usize| {
            let plane = source.len() / planes;
            isa.transpose(source, [planes, plane], plane, to, planes);
        };
        if padded.is_identity() {
            transpose(image, turned, padded.channels);
        } else if padded.stride == [1, 1] {
            // Rows of all channels are longer than rows of one, so it is quicker to pad them afterwards.
            let copy = scratch::reserve(copy, image.len());
            transpose(image, copy, padded.channels);
            padded.fill_turned(isa, copy, turned);
        } else {
            let copy = scratch::reserve(copy, padded.len());
            padded.fill(isa, image, 0.0, copy);
            transpose(copy, turned, padded.planes());
        }
    }

    /// Packs `dy` at a block of positions, counted from image `first`, as `[row panel][position][mr]`, and adds
    /// its sums over the positions to `totals`.
    fn pack_left(
        &self,
        dy: &[f32],
        first: usize,
        block: std::ops::Range<usize>,
        group: usize,
        left: &mut [f32],
        totals: &mut [f32],
    ) {
        let (mr, plane, channels) = (self.isa.mr(), self.positions.len(), self.shape.out_group());
        let panels = left
            .chunks_exact_mut(block.len() * mr)
            .zip(totals.chunks_exact_mut(mr));
        for (i, (panel, totals)) in panels.enumerate() {
            let rows = mr.min(channels - i * mr);
            if rows < mr {
                panel.fill(0.0);
            }
            let mut k = block.start;
            while k < block.end {
                let (image, position) = (first + k / plane, k % plane);
                let len = (plane - position).min(block.end - k);
                let row = image * self.shape.out_channels + group * channels + i * mr;
                let to = &mut panel[(k - block.start) * mr..];
                self.isa
                    .transpose(&dy[row * plane + position..], [rows, len], plane, to, mr);
                k += len;
            }
            match mr {
                8 => add_columns::<8>(panel, totals),
                4 => add_columns::<4>(panel, totals),
                _ => unreachable!("tiles are 4 or 8 rows high"),
            }
        }
    }

    /// Adds the parts in order, and puts each lane where its weight belongs.
    fn add_up(&self, partial: &[f32], dw: &mut [f32], db: Option<&mut [f32]>) {
        let (mr, nr) = (self.isa.mr(), self.isa.nr());
        let part = self.panels.len() * self.panel_len();
        let panels_of_group = self.panels.len() / self.shape.groups;
        let sum = |at: usize| partial[at..].iter().step_by(part).sum::<f32>();
        let first_panel = |channel: usize| channel / self.shape.out_group() * panels_of_group;
        dw.par_chunks_mut(self.lanes.len())
            .with_min_len(4)
            .enumerate()
            .for_each(|(channel, dw)| {
                let row = channel % self.shape.out_group();
                for (lane, &weight) in self.lanes.iter().enumerate() {
                    let panel = first_panel(channel) + lane / nr;
                    dw[weight] = sum(panel * self.panel_len() + row * nr + lane % nr);
                }
            });
        for (channel, db) in db.into_iter().flatten().enumerate() {
            let row = channel % self.shape.out_group();
            *db = sum(first_panel(channel) * self.panel_len() + self.row_panels() * mr * nr + row);
        }
    }
}

/// Adds the column sums of `[position][N]` to `totals`. With `N` known, they stay in one register.
fn add_columns<const N: usize>(panel: &[f32], totals: &mut [f32]) {
    let mut sums = [0.0; N];
    for position in panel.as_chunks::<N>().0 {
        sums.iter_mut()
            .zip(position)
            .for_each(|(sum, &v)| *sum += v);
    }
    totals
        .iter_mut()
        .zip(sums)
        .for_each(|(total, sum)| *total += sum);
}
