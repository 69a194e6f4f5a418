//! The steps of a network over one block of images, and the buffers they need.

use std::ops::Range;

use acft_kernels::{Convolution, Isa, LANES, Pool2d, global_avg_pool, max_pool2d_block};

/// Some elements of a value, counted for one image.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) value: usize,
    pub(super) elements: Range<usize>,
}

impl View {
    /// The same elements in a buffer of images side by side.
    fn lanes(&self) -> Range<usize> {
        self.elements.start * LANES..self.elements.end * LANES
    }
}

/// What is done to one value to make another.
#[derive(Debug)]
pub(super) enum Step {
    Conv {
        conv: Box<Convolution>,
        from: View,
        to: View,
        /// Whether it is added to what is there.
        onto: bool,
    },
    Pool {
        isa: Isa,
        shape: Pool2d,
        from: View,
        to: View,
    },
    Mean {
        from: View,
        to: View,
    },
}

impl Step {
    fn from(&self) -> &View {
        match self {
            Self::Conv { from, .. } | Self::Pool { from, .. } | Self::Mean { from, .. } => from,
        }
    }

    fn to(&self) -> &View {
        match self {
            Self::Conv { to, .. } | Self::Pool { to, .. } | Self::Mean { to, .. } => to,
        }
    }

    fn run(&self, from: &[f32], to: &mut [f32]) {
        match self {
            Self::Conv {
                conv, onto: false, ..
            } => conv.run_block(from, to),
            Self::Conv { conv, .. } => conv.run_block_onto(from, to),
            Self::Pool { isa, shape, .. } => max_pool2d_block(*isa, shape, from, to),
            Self::Mean { .. } => global_avg_pool(from, to),
        }
    }
}

/// Steps in order. Value 0 is the input.
#[derive(Debug)]
pub(super) struct Program {
    steps: Vec<Step>,
    /// The buffer of each value but the input's.
    home: Vec<usize>,
    /// Elements of each buffer, for one image.
    buffers: Vec<usize>,
    outputs: Vec<View>,
}

impl Program {
    /// Gives every value a buffer, and a buffer to many values: from the step that
    /// first writes a value to the one that last reads it, nobody else has it.
    pub(super) fn new(steps: Vec<Step>, values: &[usize], outputs: Vec<View>) -> Self {
        let last_use = |value: usize| {
            if outputs.iter().any(|output| output.value == value) {
                return usize::MAX;
            }
            steps
                .iter()
                .rposition(|step| step.from().value == value || step.to().value == value)
                .unwrap_or(0)
        };
        let mut home = vec![usize::MAX; values.len()];
        let mut buffers: Vec<usize> = Vec::new();
        // The step after which each buffer is free.
        let mut busy: Vec<usize> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let value = step.to().value;
            if home[value] != usize::MAX {
                continue;
            }
            // The largest that is free: the others stay small.
            let free = (0..buffers.len())
                .filter(|&buffer| busy[buffer] < number)
                .max_by_key(|&buffer| buffers[buffer]);
            let buffer = free.unwrap_or_else(|| {
                buffers.push(0);
                busy.push(0);
                buffers.len() - 1
            });
            home[value] = buffer;
            buffers[buffer] = buffers[buffer].max(values[value]);
            busy[buffer] = last_use(value);
        }
        Self {
            steps,
            home,
            buffers,
            outputs,
        }
    }

    /// Elements of an output, for one image.
    pub(super) fn output_len(&self, output: usize) -> usize {
        self.outputs[output].elements.len()
    }

    /// What [`Program::run`] works in.
    pub(super) fn buffers(&self) -> Vec<Vec<f32>> {
        self.buffers
            .iter()
            .map(|len| vec![0.0; len * LANES])
            .collect()
    }

    /// Takes a block of images through all steps, and copies an output.
    pub(super) fn run(
        &self,
        images: &[f32],
        buffers: &mut [Vec<f32>],
        output: usize,
        out: &mut [f32],
    ) {
        for step in &self.steps {
            let (from, to) = (step.from(), step.to());
            // Out of the list while it is written, so that another can be read.
            let mut target = std::mem::take(&mut buffers[self.home[to.value]]);
            let source = match from.value {
                0 => images,
                value => &buffers[self.home[value]],
            };
            step.run(&source[from.lanes()], &mut target[to.lanes()]);
            buffers[self.home[to.value]] = target;
        }
        let view = &self.outputs[output];
        out.copy_from_slice(&buffers[self.home[view.value]][view.lanes()]);
    }
}
