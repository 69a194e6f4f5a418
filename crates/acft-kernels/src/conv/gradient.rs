//! A gradient of weights as a sum over images and positions.
//!
//! Its vectors run over output channels: the output's gradient is turned so that these are neighbours, the input is
//! read as it is. A position has a term for every image of a block, or, where numbers come in pairs, for every pair of
//! images.
//!
//! Where there are few weights, parts of the positions are summed on their own, and the sums added up: what was turned
//! is then multiplied while it still lies in the cache of the processor that turned it.

use std::{marker::PhantomData, ops::Range};

use rayon::prelude::*;

use super::{forward::axes, product::largest, reach::Axis};
use crate::{
    geometry::Conv2d,
    isa::{COLUMNS, Isa, Left, Loops, ROWS, Run, Start, Terms, Tile},
    lanes::{LANES, blocks},
    scratch::{self, Scratch},
};

/// Bytes of the turned gradient that are worked on at a time: they stay in the second-level cache.
const CHUNK: usize = 384 << 10;
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
/// With fewer input channels than this in a group, the rows of a tile go over taps as well.
const FEW: usize = ROWS;

/// What the factors of a gradient consist of.
pub(crate) trait Factor: Copy + Default + Send + Sync {
    /// Terms that a position of a block of images is.
    const TERMS: usize;

    /// The terms of sums, as products want them.
    type Terms: Sync;

    /// Rows that share terms, at most.
    fn rows(isa: Isa) -> usize;

    fn terms(isa: Isa, terms: Terms) -> Self::Terms;

    /// Adds products to the sums of some rows.
    fn add(isa: Isa, products: &Products<'_, Self>, sums: &mut [f32]);

    /// Adds what was turned, `[term][channel]`, to a sum for each channel, of which there are `sums.len()`.
    fn total(isa: Isa, turned: &[Self], sums: &mut [f32]);

    /// What a thread keeps for the turned factor, and for the sums.
    fn buffers(scratch: &mut Scratch) -> (&mut Vec<Self>, &mut Vec<f32>);
}

/// The gradient of a convolution's output.
pub(crate) trait OutputGradient<T>: Sync {
    /// One row in one group as `[position][term]`, each as many vectors of [`LANES`] channels as hold the group's, and 0
    /// in what is left over.
    fn turn(&self, group: usize, row: [usize; 2], to: &mut [T]);

    /// Its sums over images and positions: the gradient of the bias.
    fn bias(&self, db: &mut [f32]);
}

impl Factor for f32 {
    const TERMS: usize = LANES;

    type Terms = Terms;

    fn rows(_: Isa) -> usize {
        ROWS
    }

    fn terms(_: Isa, terms: Terms) -> Terms {
        terms
    }

    fn add(isa: Isa, products: &Products<'_, Self>, sums: &mut [f32]) {
        products.in_tiles(products.terms, |first, tile| {
            isa.tile(tile, &mut sums[first..]);
        });
    }

    fn total(isa: Isa, turned: &[f32], sums: &mut [f32]) {
        isa.vectorized(Total {
            turned,
            sums,
            value: |v| v,
        });
    }

    fn buffers(scratch: &mut Scratch) -> (&mut Vec<Self>, &mut Vec<f32>) {
        (&mut scratch.turned, &mut scratch.sums)
    }
}

/// The loops of [`Factor::total`].
pub(crate) struct Total<'a, T, F> {
    pub(crate) turned: &'a [T],
    pub(crate) sums: &'a mut [f32],
    /// What a term adds.
    pub(crate) value: F,
}

impl<T: Copy, F: Fn(T) -> f32> Loops for Total<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.sums.len();
        for (vector, sums) in self.sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            // Four sums, as one would wait for itself: the terms of a position are a multiple of four.
            let [mut first, mut second, mut third, mut fourth] = [[0.0; LANES]; 4];
            for terms in self.turned.chunks_exact(4 * width) {
                let vectors = terms.as_chunks::<LANES>().0;
                let [a, b, c, d] = [0, 1, 2, 3].map(|term| &vectors[term * width / LANES + vector]);
                for lane in 0..LANES {
                    first[lane] += (self.value)(a[lane]);
                    second[lane] += (self.value)(b[lane]);
                    third[lane] += (self.value)(c[lane]);
                    fourth[lane] += (self.value)(d[lane]);
                }
            }
            for lane in 0..LANES {
                sums[lane] += (first[lane] + second[lane]) + (third[lane] + fourth[lane]);
            }
        }
    }
}

/// What is added to the sums of some rows, each `width` long: of every row and column, the products of terms.
pub(crate) struct Products<'a, T: Factor> {
    pub(crate) x: &'a [T],
    /// Where each row begins in the input.
    pub(crate) rows: &'a [usize],
    /// The distance of neighbouring rows, if it is always the same.
    pub(crate) step: Option<usize>,
    pub(crate) turned: &'a [T],
    pub(crate) width: usize,
    pub(crate) terms: &'a T::Terms,
}

impl<T: Factor> Products<'_, T> {
    /// Calls `each` for every tile and the first of its sums.
    pub(crate) fn in_tiles(&self, terms: &Terms, mut each: impl FnMut(usize, &Tile<'_, T>)) {
        let mut done = 0;
        while done < self.rows.len() {
            let rows = largest(self.rows.len() - done);
            let mut offsets = [0; ROWS];
            offsets[..rows].copy_from_slice(&self.rows[done..][..rows]);
            for first in (0..self.width).step_by(COLUMNS * LANES) {
                let columns = [0, 1, 2].map(|column| first + column * LANES);
                let columns = &columns[..COLUMNS.min((self.width - first) / LANES)];
                let tile = Tile {
                    rows,
                    left: Left::Rows {
                        rows: offsets,
                        step: 1,
                    },
                    a: self.x,
                    b: self.turned,
                    columns,
                    terms,
                    start: Start::Output,
                    relu: false,
                    out_row: self.width,
                    out_columns: columns,
                };
                each(done * self.width, &tile);
            }
            done += rows;
        }
    }
}

/// Rows of a product: weights of which all see the same outputs.
#[derive(Clone, Debug)]
struct Panel {
    /// Number of the first row.
    first: usize,
    /// Which of the `offsets` are theirs.
    rows: Range<usize>,
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

/// The plan of a gradient whose factors consist of `T`.
pub(crate) struct Gradient<'a, T> {
    isa: Isa,
    shape: &'a Conv2d,
    axes: [Axis; 2],
    /// Height and width of what is read: the input, or its padded copy.
    size: [usize; 2],
    /// Whether rows go over taps, in the order of the weights; or over the channels of one tap after another.
    few: bool,
    seen: Vec<Seen>,
    /// Where rows begin in the input of a group: all of them, or those of each tap.
    offsets: Vec<usize>,
    panels: Vec<Panel>,
    /// Output channels of a group, rounded up to whole vectors.
    width: usize,
    chunks: Vec<Vec<Piece>>,
    factors: PhantomData<T>,
}

impl<'a, T: Factor> Gradient<'a, T> {
    pub(crate) fn new(isa: Isa, shape: &'a Conv2d) -> Self {
        let axes = axes(shape);
        let few = shape.in_group() < FEW;
        let width = shape.out_group().next_multiple_of(LANES);
        let mut job = Self {
            isa,
            shape,
            axes,
            size: [0, 1].map(|a| shape.input[a] + if few { 2 * shape.padding[a] } else { 0 }),
            few,
            seen: Vec::new(),
            offsets: Vec::new(),
            panels: Vec::new(),
            width,
            chunks: chunks(shape, width * T::TERMS * size_of::<T>()),
            factors: PhantomData,
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
        for channel in 0..self.shape.in_group() {
            for ky in 0..kernel_h {
                for kx in 0..kernel_w {
                    let y = channel * self.size[0] + ky * self.shape.dilation[0];
                    let at = y * self.size[1] + kx * self.shape.dilation[1];
                    self.offsets.push(at * T::TERMS);
                }
            }
        }
        self.add(0, 0);
    }

    /// A tap sees the outputs that it lies inside for.
    fn plan_many(&mut self) {
        let [kernel_h, kernel_w] = self.shape.kernel;
        let channels = self.shape.in_group();
        let plane = self.size[0] * self.size[1] * T::TERMS;
        self.offsets = (0..channels).map(|channel| channel * plane).collect();
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
                self.add(tap * channels, tap);
            }
        }
    }

    /// Panels of rows from `first` on that begin at the offsets.
    fn add(&mut self, first: usize, seen: usize) {
        let (rows, at_once) = (self.offsets.len(), T::rows(self.isa));
        let panels = (0..rows).step_by(at_once).map(|done| Panel {
            first: first + done,
            rows: done..rows.min(done + at_once),
            seen,
        });
        self.panels.extend(panels);
    }

    /// Zeros that what is read must have around each plane of the input.
    pub(crate) fn margin(&self) -> [usize; 2] {
        [0, 1].map(|a| (self.size[a] - self.shape.input[a]) / 2)
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
        mut db: Option<&mut [f32]>,
    ) {
        let weights = dw.len() / self.shape.groups;
        let parts = self.parts(weights / self.shape.out_group());
        if let Some(db) = db.as_deref_mut().filter(|_| parts == 1) {
            dy.bias(db);
        }
        let channels = self.shape.out_group();
        let mut biases: Vec<Option<&mut [f32]>> = match db {
            Some(db) if parts > 1 => db.chunks_mut(channels).map(Some).collect(),
            _ => (0..self.shape.groups).map(|_| None).collect(),
        };
        dw.par_chunks_mut(weights)
            .zip(&mut biases)
            .enumerate()
            .for_each(|(group, (dw, db))| {
                let turn = |row: [usize; 2], to: &mut [T]| dy.turn(group, row, to);
                if parts > 1 {
                    self.in_parts(parts, group, x, turn, dw, db.as_deref_mut());
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
                let rows = self.rows_of(chunk);
                let turned = scratch::reserve(T::buffers(scratch).0, rows.len() * row);
                for (to, row) in turned.chunks_exact_mut(row).zip(rows) {
                    turn([row / height, row % height], to);
                }
                if with_bias {
                    T::total(self.isa, turned, bias);
                }
                self.sum(&self.panels, x, chunk, turned, weights);
            }
        });
    }

    /// The channels of a group, from the first block on.
    fn of_group<'x>(&self, group: usize, x: &'x [T]) -> &'x [T] {
        let plane = self.size[0] * self.size[1] * T::TERMS;
        &x[group * self.shape.in_group() * plane..]
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
        let rows = self.rows_of(chunks);
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
        let tasks = self.panels.len().min(2 * rayon::current_num_threads());
        let (mut jobs, mut rest) = (Vec::new(), sums);
        for task in 0..tasks {
            let cut = |task: usize| task * self.panels.len() / tasks;
            let panels = &self.panels[cut(task)..cut(task + 1)];
            let rows: usize = panels.iter().map(|panel| panel.rows.len()).sum();
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
        let base = self.rows_of(chunks).start;
        for chunk in chunks {
            let mut last = None;
            for panel in panels {
                let terms = match last {
                    Some((seen, ref terms)) if seen == panel.seen => terms,
                    _ => {
                        let terms = self.terms(&self.seen[panel.seen], chunk, base);
                        &last.insert((panel.seen, T::terms(self.isa, terms))).1
                    }
                };
                let products = Products {
                    x,
                    rows: &self.offsets[panel.rows.clone()],
                    step: (!self.few).then(|| self.size[0] * self.size[1] * T::TERMS),
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

    /// The products of a chunk that the weights which see so much are sums of: one for each term of a position.
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
                        a: (number * block + at(0, y) * self.size[1] + at(1, x)) * T::TERMS,
                        b: ((number * height + y - base) * width + x) * T::TERMS * self.width,
                        len: len * T::TERMS,
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

/// The rows of all outputs, in chunks of [`CHUNK`] bytes at most, or of one row; `position` is the bytes of a position.
fn chunks(shape: &Conv2d, position: usize) -> Vec<Vec<Piece>> {
    let [height, columns] = shape.output();
    let at_once = (CHUNK / (columns * position)).max(1);
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
