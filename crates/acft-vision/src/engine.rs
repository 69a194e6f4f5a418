//! Scoring on the CPU: a network made into a list of steps for one block of
//! images.
//!
//! A thread takes sixteen patches through the whole network before it takes the
//! next sixteen, so that what a layer makes is still in its cache when the next
//! one reads it, and no thread waits for another. Weights are packed, batch
//! norms folded into them, and buffers allotted once; layers that are joined
//! write where the joined one will be read. In f32 it gives the same as
//! [`Network::infer`](crate::models::Network::infer) up to rounding; in bf16 it takes
//! half the memory, and half the instructions where the processor has them.

mod builder;
mod dense;
mod number;
mod precision;
mod program;

use std::sync::{Mutex, PoisonError};

use acft_kernels::{Isa, LANES, PairLinear, blocks, separate};
use rayon::prelude::*;

pub(crate) use self::builder::{Builder, Grid, Layer, Output};
pub(crate) use self::dense::Dense;
use self::number::Number;
pub use self::precision::Precision;
use self::program::{Program, Workspace};

/// A network prepared for scoring patches of one size.
#[derive(Debug)]
pub(crate) struct Engine {
    body: Body,
    /// Which row of numbers the features are: 0 is the program's last output.
    features: Features,
    /// Whether what the last dense layer reads is a tap, behind those of the grids.
    dense_tap: DenseTap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DenseTap {
    None,
    BeforeHead,
}

/// The grids of a network, and the rows that follow them.
#[derive(Debug)]
enum Body {
    Full(Grids<f32>, Vec<Dense>),
    /// Grids of bf16, and rows of f32 made from their means.
    HalfThenFull(Grids<u32>, Vec<Dense>),
    /// All of it in bf16.
    Half(Grids<u32>, Vec<PairLinear>),
}

/// Where the pooled features before the head are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Features {
    /// The program's first output; its second are the logits.
    Beside,
    /// What the last dense layer reads.
    BeforeHead,
}

/// What is wanted of each patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Logits,
    Features,
    /// What the taps keep of the maps on the way: of each channel the mean, the maximum and, in large maps, the mean of
    /// the centre.
    Taps,
}

impl Engine {
    /// An engine of a program, and the layers that follow its last output.
    pub(crate) fn new(
        builder: Builder,
        outputs: &[Output],
        dense: Vec<Dense>,
        features: Features,
    ) -> Self {
        let body = match (builder.precision, outputs[0]) {
            (Precision::F32, _) => Body::Full(Grids::new(builder, outputs), dense),
            (Precision::Bf16, Output::Mean(_)) => {
                Body::HalfThenFull(Grids::new(builder, outputs), dense)
            }
            (Precision::Bf16, Output::Grid(grid)) => {
                let mut shape = [grid.channels, grid.plane()];
                let dense = dense.into_iter().map(|layer| {
                    let layer = layer.in_pairs(shape);
                    shape = [layer.outputs(), 1];
                    layer
                });
                let dense = dense.collect();
                Body::Half(Grids::new(builder, outputs), dense)
            }
        };
        Self {
            body,
            features,
            dense_tap: DenseTap::None,
        }
    }

    /// The same, with what the last dense layer reads as the last tap.
    pub(crate) fn with_dense_tap(self) -> Self {
        Self {
            dense_tap: DenseTap::BeforeHead,
            ..self
        }
    }

    /// One row for each of `count` images; `fill(block, values)` writes the
    /// values of a block of them, side by side.
    pub(crate) fn run(
        &self,
        count: usize,
        wanted: Wanted,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        if wanted == Wanted::Taps {
            return self.taps(count, fill);
        }
        let output = match (self.features, wanted) {
            (Features::Beside, Wanted::Logits) => 1,
            _ => 0,
        };
        let layers = |all: usize| match (self.features, wanted) {
            (Features::BeforeHead, Wanted::Features) => all - 1,
            _ => all,
        };
        match &self.body {
            Body::Full(grids, dense) => {
                let rows = grids.rows(count, output, fill);
                dense_rows(count, rows, &dense[..layers(dense.len())])
            }
            Body::HalfThenFull(grids, dense) => {
                let rows = grids.means(count, output, fill);
                dense_rows(count, rows, &dense[..layers(dense.len())])
            }
            Body::Half(grids, dense) => {
                let words = grids.words(count, output, fill);
                pair_rows(count, words, &dense[..layers(dense.len())])
            }
        }
    }

    /// What the taps keep, one row for each image.
    fn taps(&self, count: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
        let whole = self.dense_tap == DenseTap::BeforeHead;
        match &self.body {
            Body::Full(grids, dense) => {
                let (taps, words) = grids.taps(count, whole, fill);
                if !whole {
                    return taps;
                }
                let rows = by_image(count, grids.output_words(), &words);
                let rows = dense_rows(count, rows, &dense[..dense.len() - 1]);
                joined(count, &taps, &rows)
            }
            Body::HalfThenFull(grids, _) => grids.taps(count, whole, fill).0,
            Body::Half(grids, dense) => {
                let (taps, words) = grids.taps(count, whole, fill);
                if !whole {
                    return taps;
                }
                let rows = pair_rows(count, words, &dense[..dense.len() - 1]);
                joined(count, &taps, &rows)
            }
        }
    }
}

/// Rows side by side.
fn joined(count: usize, first: &[f32], second: &[f32]) -> Vec<f32> {
    if count == 0 {
        return Vec::new();
    }
    let rows = first.chunks_exact(first.len() / count);
    rows.zip(second.chunks_exact(second.len() / count))
        .flat_map(|(first, second)| first.iter().chain(second))
        .copied()
        .collect()
}

fn dense_rows(count: usize, rows: Vec<f32>, layers: &[Dense]) -> Vec<f32> {
    layers
        .iter()
        .fold(rows, |rows, layer| layer.run(count, &rows))
}

fn pair_rows(count: usize, mut words: Vec<u32>, layers: &[PairLinear]) -> Vec<f32> {
    let mut rows = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let mut outputs = vec![0.0; layer.outputs() * blocks(count) * LANES];
        layer.run(count, &words, &mut outputs);
        if at + 1 < layers.len() {
            words = vec![0; layer.outputs().div_ceil(2) * blocks(count) * LANES];
            layer.to_pairs(count, &outputs, &mut words);
        } else {
            rows = vec![0.0; count * layer.outputs()];
            layer.to_rows(count, &outputs, &mut rows);
        }
    }
    rows
}

/// A program, and the memory that its threads work in.
#[derive(Debug)]
struct Grids<T: Number> {
    program: Program<T>,
    /// Memory of the threads that are not at work.
    idle: Mutex<Vec<Workspace<T>>>,
}

impl<T: Number> Grids<T> {
    fn new(builder: Builder, outputs: &[Output]) -> Self {
        Self {
            program: Program::new(builder, outputs),
            idle: Mutex::default(),
        }
    }

    /// The means of each image's channels, a row an image.
    fn means(
        &self,
        count: usize,
        output: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let width = self.program.output(output).grid().channels;
        let means = self.blocks(count, width, fill, |workspace, out| {
            self.program.mean(workspace, output, out);
        });
        by_image(count, width, &means)
    }

    /// What the taps keep, a row an image; and all words of the first output, if they are wanted.
    fn taps(
        &self,
        count: usize,
        whole: bool,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> (Vec<f32>, Vec<T>) {
        let width = self.program.tap_width();
        let mut taps = vec![0.0; blocks(count) * width * LANES];
        let mut words = vec![Vec::new(); blocks(count)];
        taps.par_chunks_exact_mut(width * LANES)
            .zip(words.par_iter_mut())
            .enumerate()
            .for_each(|(block, (taps, words))| {
                let mut workspace = self.workspace();
                fill(block, &mut workspace.pixels);
                self.program.run_tapped(&mut workspace, whole, taps);
                if whole {
                    words.resize(self.output_words() * LANES, T::default());
                    self.program.copy(&workspace, 0, words);
                }
                self.idle().push(workspace);
            });
        (by_image(count, width, &taps), words.concat())
    }

    /// Words of the first output, for one image.
    fn output_words(&self) -> usize {
        let grid = self.program.output(0).grid();
        T::words(grid.channels, grid.plane())
    }

    /// All words of each block.
    fn words(
        &self,
        count: usize,
        output: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Vec<T> {
        let grid = self.program.output(output).grid();
        let width = T::words(grid.channels, grid.plane());
        self.blocks(count, width, fill, |workspace, out| {
            self.program.copy(workspace, output, out);
        })
    }

    /// Runs block by block, on all threads; `read` takes an output of `width` words an image.
    fn blocks<O: Copy + Default + Send>(
        &self,
        count: usize,
        width: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
        read: impl Fn(&Workspace<T>, &mut [O]) + Sync,
    ) -> Vec<O> {
        let mut interleaved = vec![O::default(); blocks(count) * width * LANES];
        interleaved
            .par_chunks_exact_mut(width * LANES)
            .enumerate()
            .for_each(|(block, out)| {
                let mut workspace = self.workspace();
                fill(block, &mut workspace.pixels);
                self.program.run(&mut workspace);
                read(&workspace, out);
                self.idle().push(workspace);
            });
        interleaved
    }

    /// A workspace that nobody uses, or a new one.
    fn workspace(&self) -> Workspace<T> {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| self.program.workspace())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Workspace<T>>> {
        // A thread that panicked has lost its own workspace, and no other.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grids<f32> {
    /// An output as a row an image.
    fn rows(
        &self,
        count: usize,
        output: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        match self.program.output(output) {
            Output::Mean(_) => self.means(count, output, fill),
            Output::Grid(grid) => {
                let words = self.words(count, output, fill);
                by_image(count, grid.channels * grid.plane(), &words)
            }
        }
    }
}

fn by_image(count: usize, width: usize, interleaved: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; count * width];
    separate(Isa::best(), width, interleaved, &mut rows);
    rows
}
