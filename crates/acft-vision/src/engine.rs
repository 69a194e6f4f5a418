//! Scoring on the CPU: a network made into a list of steps for one block of
//! images.
//!
//! A thread takes sixteen patches through the whole network before it takes the
//! next sixteen, so that what a layer makes is still in its cache when the next
//! one reads it, and no thread waits for another. Weights are packed, batch
//! norms folded into them, and buffers allotted once; layers that are joined
//! write where the joined one will be read. It gives the same as
//! [`Network::infer`](crate::models::Network::infer) up to rounding.

mod builder;
mod dense;
mod program;

use std::sync::{Mutex, PoisonError};

use acft_kernels::{Isa, LANES, blocks, separate};
use rayon::prelude::*;

pub(crate) use self::builder::{Builder, Grid, Layer};
pub(crate) use self::dense::Dense;
use self::program::Program;

/// A network prepared for scoring patches of one size.
#[derive(Debug)]
pub(crate) struct Engine {
    program: Program,
    /// Elements of an image.
    input: usize,
    /// What follows on whole rows.
    dense: Vec<Dense>,
    /// Which row of numbers the features are: 0 is the program's last output.
    features: Features,
    /// Memory of the threads that are not at work.
    idle: Mutex<Vec<Workspace>>,
}

/// What a thread works in.
#[derive(Debug)]
struct Workspace {
    images: Vec<f32>,
    buffers: Vec<Vec<f32>>,
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
}

impl Engine {
    /// An engine of a program whose outputs are vectors, and the layers that
    /// follow it.
    pub(crate) fn new(
        builder: Builder,
        outputs: &[Grid],
        dense: Vec<Dense>,
        features: Features,
    ) -> Self {
        let input = builder.input_len();
        Self {
            program: builder.finish(outputs),
            input,
            dense,
            features,
            idle: Mutex::default(),
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
        let output = match (self.features, wanted) {
            (Features::Beside, Wanted::Logits) => 1,
            _ => 0,
        };
        let width = self.program.output_len(output);
        let mut interleaved = vec![0.0; blocks(count) * width * LANES];
        interleaved
            .par_chunks_exact_mut(width * LANES)
            .enumerate()
            .for_each(|(block, out)| {
                let mut workspace = self.workspace();
                let Workspace { images, buffers } = &mut workspace;
                fill(block, images);
                self.program.run(images, buffers, output, out);
                self.idle().push(workspace);
            });
        let mut rows = vec![0.0; count * width];
        separate(Isa::best(), width, &interleaved, &mut rows);
        let layers = match (self.features, wanted) {
            (Features::BeforeHead, Wanted::Features) => &self.dense[..self.dense.len() - 1],
            _ => &self.dense,
        };
        layers
            .iter()
            .fold(rows, |rows, layer| layer.run(count, &rows))
    }

    /// A workspace that nobody uses, or a new one.
    fn workspace(&self) -> Workspace {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| Workspace {
            images: vec![0.0; self.input * LANES],
            buffers: self.program.buffers(),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        // A thread that panicked has lost its own workspace, and no other.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
