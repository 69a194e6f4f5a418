//! A gradient of weights as a sum over images and positions.
//!
//! Its vectors run over output channels: the output's gradient is turned so that these are neighbours, the input is
//! read as it is. A position has a term for every image of a block, or, where numbers come in pairs, for every pair of
//! images.
//!
//! Where there are few weights, parts of the positions are summed on their own, and the sums added up: what was turned
//! is then multiplied while it still lies in the cache of the processor that turned it.

mod factor;
mod rows;

use std::marker::PhantomData;

use rayon::prelude::*;

use self::rows::{Panel, Piece, Rows, chunks, rows_of};
use crate::{
    geometry::Conv2d,
    isa::Isa,
    lanes::LANES,
    scratch::{self, Scratch},
};

pub(crate) use self::factor::{Factor, Products, Total};

/// Chunks that are turned at a time, by all threads: some 24 MB.
const WAVE: usize = 64;
/// Parts that positions are cut into, at most.
const PARTS: usize = 64;
/// Sums of one part, at most: they stay in the cache beside a chunk.
const FEW_SUMS: usize = 1 << 16;
/// Sums of all parts, at most: 4 MB.
const SUMS: usize = 1 << 20;
/// Sums that are added up at a time.
const ADDED: usize = 1 << 12;

/// The gradient of a convolution's output.
pub(crate) trait OutputGradient<T>: Sync {
    /// One row in one group as `[position][term]`, each as many vectors of [`LANES`] channels as hold the group's, and 0
    /// in what is left over.
    fn turn(&self, group: usize, row: [usize; 2], to: &mut [T]);

    /// Its sums over images and positions: the gradient of the bias.
    fn bias(&self, db: &mut [f32]);
}

/// The plan of a gradient whose factors consist of `T`.
pub(crate) struct Gradient<'a, T> {
    isa: Isa,
    shape: &'a Conv2d,
    rows: Rows,
    /// Output channels of a group, rounded up to whole vectors.
    width: usize,
    chunks: Vec<Vec<Piece>>,
    factors: PhantomData<T>,
}

impl<'a, T: Factor> Gradient<'a, T> {
    pub(crate) fn new(isa: Isa, shape: &'a Conv2d) -> Self {
        let width = shape.out_group().next_multiple_of(LANES);
        Self {
            isa,
            shape,
            rows: Rows::new(shape, T::TERMS, T::rows(isa)),
            width,
            chunks: chunks(shape, width * T::TERMS * size_of::<T>()),
            factors: PhantomData,
        }
    }

    /// Zeros that what is read must have around each plane of the input.
    pub(crate) fn margin(&self) -> [usize; 2] {
        self.rows.margin(self.shape)
    }

    /// The gradients of all weights and, if asked for, of the bias. `x` is `[block][channel][height][width]`, of the input
    /// and its margin, with the terms of a position.
    ///
    /// Every term of a position must be finite in one factor where it is 0 in the other.
    pub(crate) fn run(
        &self,
        x: &[T],
        dy: &impl OutputGradient<T>,
        dw: &mut [f32],
        db: Option<&mut [f32]>,
    ) {
        let weights = dw.len() / self.shape.groups;
        let channels = self.shape.out_group();
        let parts = self.parts(weights / channels);
        let mut biases: Vec<_> = (0..self.shape.groups).map(|_| None).collect();
        match db {
            // Parts add it up from what they turn.
            Some(db) if parts == 1 => dy.bias(db),
            Some(db) => biases = db.chunks_mut(channels).map(Some).collect(),
            None => {}
        }
        dw.par_chunks_mut(weights)
            .zip(biases)
            .enumerate()
            .for_each(|(group, (dw, db))| {
                let turn = |row: [usize; 2], to: &mut [T]| dy.turn(group, row, to);
                if parts > 1 {
                    self.in_parts(parts, group, x, turn, dw, db);
                } else {
                    self.as_whole(group, x, turn, dw);
                }
            });
    }

    /// How many parts positions are cut into, where a group has so many rows of weights. It depends on the shape alone, so
    /// that sums do not depend on the machine.
    fn parts(&self, rows: usize) -> usize {
        // What fits into a few chunks stays in the cache anyway.
        const TOO_FEW: usize = 8;
        let sums = (rows + 1) * self.width;
        if self.chunks.len() < TOO_FEW || sums > FEW_SUMS {
            return 1;
        }
        self.chunks.len().min(PARTS).min(SUMS / sums)
    }

    /// The gradient of one group's weights, and of its bias if asked for, as the sum over parts.
    fn in_parts(
        &self,
        parts: usize,
        group: usize,
        x: &[T],
        turn: impl Fn([usize; 2], &mut [T]) + Sync,
        dw: &mut [f32],
        db: Option<&mut [f32]>,
    ) {
        let rows = dw.len() / self.shape.out_group();
        let x = self.of_group(group, x);
        // Behind those of the weights are the sums of the bias.
        let len = (rows + 1) * self.width;
        scratch::with(|Scratch { sums, .. }| {
            let sums = scratch::reserve(sums, parts * len);
            sums.par_chunks_exact_mut(len)
                .enumerate()
                .for_each(|(part, sums)| {
                    let cut = |part: usize| part * self.chunks.len() / parts;
                    let chunks = &self.chunks[cut(part)..cut(part + 1)];
                    self.part(x, chunks, &turn, db.is_some(), sums);
                });
            let (total, others) = sums.split_at_mut(len);
            total
                .par_chunks_mut(ADDED)
                .enumerate()
                .for_each(|(i, total)| {
                    for other in others.chunks_exact(len) {
                        let other = &other[i * ADDED..];
                        total
                            .iter_mut()
                            .zip(other)
                            .for_each(|(sum, other)| *sum += other);
                    }
                });
            let (weights, bias) = total.split_at(rows * self.width);
            self.store(weights, dw);
            if let Some(db) = db {
                db.copy_from_slice(&bias[..db.len()]);
            }
        });
    }

    /// What some chunks add to the sums of a group's weights and, if asked for, of its bias, which come last.
    fn part(
        &self,
        x: &[T],
        chunks: &[Vec<Piece>],
        turn: impl Fn([usize; 2], &mut [T]),
        with_bias: bool,
        sums: &mut [f32],
    ) {
        let [height, width] = self.shape.output();
        let row = width * T::TERMS * self.width;
        sums.fill(0.0);
        let (weights, bias) = sums.split_at_mut(sums.len() - self.width);
        scratch::with(|scratch| {
            for chunk in chunks {
                let chunk = std::slice::from_ref(chunk);
                let rows = rows_of(height, chunk);
                let turned = scratch::reserve(T::buffers(scratch).0, rows.len() * row);
                for (to, row) in turned.chunks_exact_mut(row).zip(rows) {
                    turn([row / height, row % height], to);
                }
                if with_bias {
                    T::total(self.isa, turned, bias);
                }
                self.sum(&self.rows.panels, x, chunk, turned, weights);
            }
        });
    }

    /// The channels of a group, from the first block on.
    fn of_group<'x>(&self, group: usize, x: &'x [T]) -> &'x [T] {
        &x[group * self.shape.in_group() * self.rows.plane()..]
    }

    /// The gradient of one group's weights, of all positions at once.
    fn as_whole(
        &self,
        group: usize,
        x: &[T],
        turn: impl Fn([usize; 2], &mut [T]) + Sync,
        dw: &mut [f32],
    ) {
        scratch::with(|scratch| {
            let (turned, sums) = T::buffers(scratch);
            let rows = dw.len() / self.shape.out_group();
            let sums = scratch::reserve(sums, rows * self.width);
            sums.fill(0.0);
            let x = self.of_group(group, x);
            for chunks in self.chunks.chunks(WAVE) {
                let turned = self.turned(chunks, &turn, turned);
                self.wave(x, chunks, turned, sums);
            }
            self.store(sums, dw);
        });
    }

    /// The gradient of a group's output in some chunks, as `[row][position][term][channel]`.
    fn turned<'b>(
        &self,
        chunks: &[Vec<Piece>],
        turn: impl Fn([usize; 2], &mut [T]) + Sync,
        buffer: &'b mut Vec<T>,
    ) -> &'b [T] {
        let [height, width] = self.shape.output();
        let rows = rows_of(height, chunks);
        let row = width * T::TERMS * self.width;
        let buffer = scratch::reserve(buffer, rows.len() * row);
        buffer
            .par_chunks_exact_mut(row)
            .zip(rows)
            .for_each(|(to, row)| turn([row / height, row % height], to));
        buffer
    }

    /// Adds up what some chunks contribute.
    fn wave(&self, x: &[T], chunks: &[Vec<Piece>], turned: &[T], sums: &mut [f32]) {
        let tasks = self.rows.panels.len().min(2 * rayon::current_num_threads());
        let (mut jobs, mut rest) = (Vec::new(), sums);
        for task in 0..tasks {
            let cut = |task: usize| task * self.rows.panels.len() / tasks;
            let panels = &self.rows.panels[cut(task)..cut(task + 1)];
            let rows: usize = panels.iter().map(|panel| panel.rows.len()).sum();
            let (now, later) = rest.split_at_mut(rows * self.width);
            jobs.push((panels, now));
            rest = later;
        }
        jobs.into_par_iter()
            .for_each(|(panels, sums)| self.sum(panels, x, chunks, turned, sums));
    }

    /// Adds up the rows of some panels, of which `sums` holds the first from its start on.
    fn sum(
        &self,
        panels: &[Panel],
        x: &[T],
        chunks: &[Vec<Piece>],
        turned: &[T],
        sums: &mut [f32],
    ) {
        let start = panels[0].first;
        let base = rows_of(self.shape.output()[0], chunks).start;
        for chunk in chunks {
            let mut last = None;
            for panel in panels {
                let terms = match last {
                    Some((seen, ref terms)) if seen == panel.seen => terms,
                    _ => {
                        let terms = self.rows.terms(panel.seen, chunk, base, self.width);
                        &last.insert((panel.seen, T::terms(self.isa, terms))).1
                    }
                };
                let products = Products {
                    x,
                    rows: &self.rows.offsets[panel.rows.clone()],
                    step: (!self.rows.few).then(|| self.rows.plane()),
                    turned,
                    width: self.width,
                    terms,
                };
                T::add(
                    self.isa,
                    &products,
                    &mut sums[(panel.first - start) * self.width..],
                );
            }
        }
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
                if self.rows.few || taps == 1 {
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
