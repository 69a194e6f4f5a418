//! The gradients of a convolution's weights and bias.
//!
//! A weight's gradient is a sum over images and positions, and its vectors run over output channels: the output's
//! gradient is turned so that these are neighbours, the input is read as it is.

use std::ops::Range;

use rayon::prelude::*;

use super::{forward::axes, product::largest, reach::Axis, winograd_weights};
use crate::{
    check,
    geometry::{Conv2d, Part},
    isa::{COLUMNS, Isa, Left, ROWS, Run, Start, Terms, Tile},
    lanes::{LANES, blocks},
    scratch::{self, Scratch},
};

/// Bytes of the turned gradient that are worked on at a time: they stay in the second-level cache.
const CHUNK: usize = 384 << 10;
/// Chunks that are turned at a time, by all threads: some 24 MB.
const WAVE: usize = 64;
/// With fewer input channels than this in a group, the rows of a tile go over taps as well.
const FEW: usize = ROWS;

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
    let job = Gradient::new(isa, shape, part);
    scratch::with(|Scratch { padded, .. }| {
        let x = job.padded(x, padded);
        dw.par_chunks_mut(dw.len() / shape.groups)
            .enumerate()
            .for_each(|(group, dw)| job.group(group, x, dy, dw));
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

/// Rows of a tile: weights of which all see the same outputs.
#[derive(Clone, Copy, Debug)]
struct Panel {
    /// Number of the first row.
    first: usize,
    rows: usize,
    /// Where each row begins in the input of a group.
    offsets: [usize; ROWS],
    /// Which outputs they see.
    seen: usize,
}

/// The outputs that a weight sees, along each axis, and the input that the first output of all would read.
#[derive(Clone, Debug)]
struct Seen {
    outputs: [Range<usize>; 2],
    /// What the tap adds to a position of the input, less the padding; may be negative for outputs outside.
    shift: [isize; 2],
}

/// Some rows of the output of one block.
type Piece = (usize, Range<usize>);

struct Gradient<'a> {
    isa: Isa,
    shape: &'a Conv2d,
    /// Where in its tensor the gradient of the output is.
    part: Part,
    axes: [Axis; 2],
    /// Height and width of what is read: the input, or its padded copy.
    size: [usize; 2],
    /// Whether rows go over taps, in the order of the weights; or over the channels of one tap after another.
    few: bool,
    seen: Vec<Seen>,
    panels: Vec<Panel>,
    /// Output channels of a group, rounded up to whole vectors.
    width: usize,
    chunks: Vec<Vec<Piece>>,
}

impl<'a> Gradient<'a> {
    fn new(isa: Isa, shape: &'a Conv2d, part: Part) -> Self {
        let axes = axes(shape);
        let few = shape.in_group() < FEW;
        let width = shape.out_group().next_multiple_of(LANES);
        let mut job = Self {
            isa,
            shape,
            part,
            axes,
            size: [0, 1].map(|a| shape.input[a] + if few { 2 * shape.padding[a] } else { 0 }),
            few,
            seen: Vec::new(),
            panels: Vec::new(),
            width,
            chunks: chunks(shape, width),
        };
        if few {
            job.plan_few()
        } else {
            job.plan_many()
        }
        job
    }

    /// All weights see all outputs, because the input is padded.
    fn plan_few(&mut self) {
        let ([kernel_h, kernel_w], [height, width]) = (self.shape.kernel, self.shape.output());
        self.seen.push(Seen {
            outputs: [0..height, 0..width],
            shift: [0, 0],
        });
        let mut offsets = Vec::new();
        for channel in 0..self.shape.in_group() {
            for ky in 0..kernel_h {
                for kx in 0..kernel_w {
                    let y = channel * self.size[0] + ky * self.shape.dilation[0];
                    offsets.push((y * self.size[1] + kx * self.shape.dilation[1]) * LANES);
                }
            }
        }
        self.add(0, 0, &offsets);
    }

    /// A tap sees the outputs that it lies inside for.
    fn plan_many(&mut self) {
        let [kernel_h, kernel_w] = self.shape.kernel;
        let channels = self.shape.in_group();
        let plane = self.size[0] * self.size[1] * LANES;
        let offsets: Vec<_> = (0..channels).map(|channel| channel * plane).collect();
        for ky in 0..kernel_h {
            for kx in 0..kernel_w {
                let taps = [ky, kx];
                self.seen.push(Seen {
                    outputs: [0, 1].map(|a| self.axes[a].outputs_of(taps[a])),
                    shift: [0, 1].map(|a| {
                        let axis = self.axes[a];
                        (taps[a] * axis.dilation) as isize - axis.padding as isize
                    }),
                });
                let tap = ky * kernel_w + kx;
                self.add(tap * channels, tap, &offsets);
            }
        }
    }

    /// Panels of rows from `first` on that begin at `offsets`.
    fn add(&mut self, first: usize, seen: usize, offsets: &[usize]) {
        let mut done = 0;
        while done < offsets.len() {
            let rows = largest(offsets.len() - done);
            let mut panel = Panel {
                first: first + done,
                rows,
                offsets: [0; ROWS],
                seen,
            };
            panel.offsets[..rows].copy_from_slice(&offsets[done..][..rows]);
            self.panels.push(panel);
            done += rows;
        }
    }

    /// What is read: `x`, or a padded copy in `buffer`.
    fn padded<'b>(&self, x: &'b [f32], buffer: &'b mut Vec<f32>) -> &'b [f32] {
        if !self.few || self.shape.padding == [0, 0] {
            return x;
        }
        let ([height, width], [padded_h, padded_w]) = (self.shape.input, self.size);
        let planes = blocks(self.shape.batch) * self.shape.in_channels;
        let buffer = scratch::reserve(buffer, planes * padded_h * padded_w * LANES);
        buffer
            .par_chunks_exact_mut(padded_h * padded_w * LANES)
            .zip(x.par_chunks_exact(height * width * LANES))
            .for_each(|(to, from)| {
                to.fill(0.0);
                let rows = to
                    .chunks_exact_mut(padded_w * LANES)
                    .skip(self.shape.padding[0]);
                for (to, from) in rows.zip(from.chunks_exact(width * LANES)) {
                    to[self.shape.padding[1] * LANES..][..from.len()].copy_from_slice(from);
                }
            });
        buffer
    }

    /// The gradient of one group's weights.
    fn group(&self, group: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        scratch::with(|Scratch { turned, sums, .. }| {
            let rows = dw.len() / self.shape.out_group();
            let sums = scratch::reserve(sums, rows * self.width);
            sums.fill(0.0);
            let x = &x[group * self.shape.in_group() * self.size[0] * self.size[1] * LANES..];
            for chunks in self.chunks.chunks(WAVE) {
                let turned = self.turned(group, chunks, dy, turned);
                self.wave(x, chunks, turned, sums);
            }
            self.store(sums, dw);
        });
    }

    /// Adds up what some chunks contribute.
    fn wave(&self, x: &[f32], chunks: &[Vec<Piece>], turned: &[f32], sums: &mut [f32]) {
        let tasks = self.panels.len().min(2 * rayon::current_num_threads());
        let (mut jobs, mut rest) = (Vec::new(), sums);
        for task in 0..tasks {
            let cut = |task: usize| task * self.panels.len() / tasks;
            let panels = &self.panels[cut(task)..cut(task + 1)];
            let rows: usize = panels.iter().map(|panel| panel.rows).sum();
            let (now, later) = rest.split_at_mut(rows * self.width);
            jobs.push((panels, now));
            rest = later;
        }
        jobs.into_par_iter()
            .for_each(|(panels, sums)| self.sum(panels, x, chunks, turned, sums));
    }

    /// The first output row of some chunks, counted over all blocks, and the one after the last.
    fn rows_of(&self, chunks: &[Vec<Piece>]) -> Range<usize> {
        let height = self.shape.output()[0];
        let pieces = || chunks.iter().flatten();
        let first = pieces()
            .next()
            .map_or(0, |(block, rows)| block * height + rows.start);
        let end = pieces()
            .next_back()
            .map_or(0, |(block, rows)| block * height + rows.end);
        first..end
    }

    /// The gradient of a group's output in some chunks, as `[row][position][lane][channel]`.
    fn turned<'b>(
        &self,
        group: usize,
        chunks: &[Vec<Piece>],
        dy: &[f32],
        buffer: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let (channels, [height, width]) = (self.shape.out_group(), self.shape.output());
        let plane = height * width * LANES;
        let rows = self.rows_of(chunks);
        let row = width * LANES * self.width;
        let buffer = scratch::reserve(buffer, rows.len() * row);
        buffer
            .par_chunks_exact_mut(row)
            .zip(rows)
            .for_each(|(to, row)| {
                let (block, y) = (row / height, row % height);
                let first = (block * self.part.of + self.part.first + group * channels) * plane;
                let dy = &dy[first + y * width * LANES..];
                for (x, to) in to.chunks_exact_mut(LANES * self.width).enumerate() {
                    if channels < self.width {
                        to.fill(0.0);
                    }
                    let dy = &dy[x * LANES..];
                    self.isa
                        .transpose(dy, [channels, LANES], plane, to, self.width);
                }
            });
        buffer
    }

    /// Adds up the rows of some panels, of which `sums` holds the first from its start on.
    fn sum(
        &self,
        panels: &[Panel],
        x: &[f32],
        chunks: &[Vec<Piece>],
        turned: &[f32],
        sums: &mut [f32],
    ) {
        let start = panels[0].first;
        let base = self.rows_of(chunks).start;
        for chunk in chunks {
            let mut last = None;
            for panel in panels {
                let terms = match last {
                    Some((seen, ref terms)) if seen == panel.seen => terms,
                    _ => {
                        &last
                            .insert((panel.seen, self.terms(&self.seen[panel.seen], chunk, base)))
                            .1
                    }
                };
                let sums = &mut sums[(panel.first - start) * self.width..];
                for first in (0..self.width).step_by(COLUMNS * LANES) {
                    let columns = [0, 1, 2].map(|column| first + column * LANES);
                    let columns = &columns[..COLUMNS.min((self.width - first) / LANES)];
                    let tile = Tile {
                        rows: panel.rows,
                        left: Left::Rows {
                            rows: panel.offsets,
                            step: 1,
                        },
                        a: x,
                        b: turned,
                        columns,
                        terms,
                        start: Start::Output,
                        relu: false,
                        out_row: self.width,
                        out_columns: columns,
                    };
                    self.isa.tile(&tile, sums);
                }
            }
        }
    }

    /// The products of a chunk that the weights which see so much are sums of: one for each image and position.
    /// What was turned begins with output row `base`.
    fn terms(&self, seen: &Seen, chunk: &[Piece], base: usize) -> Terms {
        let [height, width] = self.shape.output();
        let block = self.shape.in_channels * self.size[0] * self.size[1];
        let columns = &seen.outputs[1];
        let mut runs = Vec::new();
        for (number, rows) in chunk {
            for y in rows.start.max(seen.outputs[0].start)..rows.end.min(seen.outputs[0].end) {
                let at = |axis: usize, output: usize| {
                    (output * self.axes[axis].stride).wrapping_add_signed(seen.shift[axis])
                };
                let mut add = |x: usize, len: usize| {
                    runs.push(Run {
                        a: (number * block + at(0, y) * self.size[1] + at(1, x)) * LANES,
                        b: ((number * height + y - base) * width + x) * LANES * self.width,
                        len: len * LANES,
                    });
                };
                if self.axes[1].stride == 1 && !columns.is_empty() {
                    add(columns.start, columns.len());
                } else {
                    columns.clone().for_each(|x| add(x, 1));
                }
            }
        }
        Terms::new(self.width, runs)
    }

    /// Puts sums, `[row][output channel]`, where the weights' gradients belong.
    fn store(&self, sums: &[f32], dw: &mut [f32]) {
        let (channels, taps) = (
            self.shape.in_group(),
            self.shape.kernel[0] * self.shape.kernel[1],
        );
        let rows = channels * taps;
        dw.par_chunks_mut(LANES * rows)
            .enumerate()
            .for_each(|(i, dw)| {
                let sums = &sums[i * LANES..];
                let outputs = dw.len() / rows;
                if self.few || taps == 1 {
                    self.isa
                        .transpose(sums, [rows, outputs], self.width, dw, rows);
                    return;
                }
                scratch::with(|Scratch { turned, .. }| {
                    let turned = scratch::reserve(turned, outputs * rows);
                    self.isa
                        .transpose(sums, [rows, outputs], self.width, turned, rows);
                    for (dw, turned) in dw.chunks_exact_mut(rows).zip(turned.chunks_exact(rows)) {
                        for (channel, dw) in dw.chunks_exact_mut(taps).enumerate() {
                            let turned = turned[channel..].iter().step_by(channels);
                            dw.iter_mut().zip(turned).for_each(|(to, &from)| *to = from);
                        }
                    }
                });
            });
    }
}

/// The rows of all outputs, in chunks of so many bytes at most, or of one row.
fn chunks(shape: &Conv2d, width: usize) -> Vec<Vec<Piece>> {
    let [height, columns] = shape.output();
    let at_once = (CHUNK / (columns * LANES * width * size_of::<f32>())).max(1);
    let mut chunks = vec![Vec::new()];
    let mut room = at_once;
    for block in 0..blocks(shape.batch) {
        let mut first = 0;
        while first < height {
            if room == 0 {
                chunks.push(Vec::new());
                room = at_once;
            }
            let end = height.min(first + room);
            chunks
                .last_mut()
                .expect("there is a chunk")
                .push((block, first..end));
            (room, first) = (room - (end - first), end);
        }
    }
    chunks
}
