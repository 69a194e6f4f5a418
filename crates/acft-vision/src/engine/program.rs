//! The steps of a network over one block of images, and the buffers they need.

use std::ops::Range;

use acft_kernels::{Isa, LANES, Pool2d, Summary};

use super::builder::{Builder, Grid, Output, Step as Planned, Tap as PlannedTap, View};
use super::number::Number;
use crate::models::centre_of;

/// Some words of a value, counted for one image.
#[derive(Clone, Debug)]
struct Words {
    value: usize,
    words: Range<usize>,
}

impl Words {
    fn of<T: Number>(view: &View) -> Self {
        let words = |channels: usize| match view.wide {
            true => channels * view.plane,
            false => T::words(channels, view.plane),
        };
        Self {
            value: view.value,
            words: words(view.channels.start)..words(view.channels.end),
        }
    }

    /// The same in a buffer of images side by side.
    fn lanes(&self) -> Range<usize> {
        self.words.start * LANES..self.words.end * LANES
    }
}

/// What is done to one value to make another.
#[derive(Debug)]
struct Step<T: Number> {
    from: Words,
    to: Words,
    kind: Kind<T>,
}

#[derive(Debug)]
enum Kind<T: Number> {
    Conv {
        conv: Box<T::Conv>,
        onto: bool,
        wide: bool,
    },
    Pool(Pool2d),
}

/// A value of which a few numbers are kept.
#[derive(Debug)]
struct Tap {
    /// How many steps are done before it is read.
    after: usize,
    from: Words,
    summary: Summary,
    /// Where its numbers lie in the row of all taps.
    row: Range<usize>,
}

/// Steps in order. Value 0 is the input.
#[derive(Debug)]
pub(super) struct Program<T: Number> {
    isa: Isa,
    steps: Vec<Step<T>>,
    images: Grid,
    /// The buffer of each value but the input's.
    home: Vec<usize>,
    /// Words of each buffer, for one image.
    buffers: Vec<usize>,
    outputs: Vec<Output>,
    taps: Vec<Tap>,
}

impl<T: Number> Program<T> {
    /// Gives every value a buffer, and a buffer to many values: from the step that
    /// first writes a value to the one (or the tap) that last reads it, nobody else has it.
    pub(super) fn new(builder: Builder, outputs: &[Output]) -> Self {
        let isa = Isa::best();
        let steps: Vec<Step<T>> = builder
            .steps
            .into_iter()
            .map(|step| match step {
                Planned::Conv {
                    layer,
                    shape,
                    from,
                    to,
                    onto,
                } => Step {
                    from: Words::of::<T>(&from),
                    to: Words::of::<T>(&to),
                    kind: Kind::Conv {
                        conv: Box::new(T::conv(isa, &shape, &layer)),
                        onto,
                        wide: to.wide,
                    },
                },
                Planned::Pool { shape, from, to } => Step {
                    from: Words::of::<T>(&from),
                    to: Words::of::<T>(&to),
                    kind: Kind::Pool(shape),
                },
            })
            .collect();
        let values: Vec<usize> = builder
            .values
            .iter()
            .map(|grid| Words::of::<T>(&grid.view()).words.end)
            .collect();
        let taps = lay_out::<T>(&builder.taps);
        let last_use = |value: usize| {
            if outputs.iter().any(|output| output.grid().value == value) {
                return usize::MAX;
            }
            let step = steps
                .iter()
                .rposition(|step| step.from.value == value || step.to.value == value)
                .unwrap_or(0);
            // A tap is read before the step that follows it.
            let tapped = taps.iter().filter(|tap| tap.from.value == value);
            let tapped = tapped.map(|tap| tap.after - 1).max();
            step.max(tapped.unwrap_or(0))
        };
        let mut home = vec![usize::MAX; values.len()];
        let mut buffers: Vec<usize> = Vec::new();
        // The step after which each buffer is free.
        let mut busy: Vec<usize> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let value = step.to.value;
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
            isa,
            steps,
            images: builder.values[0],
            home,
            buffers,
            outputs: outputs.to_vec(),
            taps,
        }
    }

    /// What an output is.
    pub(super) fn output(&self, output: usize) -> Output {
        self.outputs[output]
    }

    /// What [`Program::run`] works in.
    pub(super) fn workspace(&self) -> Workspace<T> {
        let Grid { channels, .. } = self.images;
        let plane = self.images.plane();
        let buffers = self.buffers.iter();
        Workspace {
            pixels: vec![0.0; channels * plane * LANES],
            images: vec![T::default(); T::words(channels, plane) * LANES],
            buffers: buffers.map(|len| vec![T::default(); len * LANES]).collect(),
        }
    }

    /// How many numbers all taps together keep of an image.
    pub(super) fn tap_width(&self) -> usize {
        self.taps.last().map_or(0, |tap| tap.row.end)
    }

    /// Takes the pixels of a block through all steps.
    pub(super) fn run(&self, workspace: &mut Workspace<T>) {
        self.run_steps(workspace, self.steps.len(), |_, _| {});
    }

    /// Takes the pixels of a block through the steps up to the last tap, or through all where `whole` says so, and writes
    /// what the taps keep: [`Program::tap_width`] numbers an image, images side by side.
    pub(super) fn run_tapped(&self, workspace: &mut Workspace<T>, whole: bool, out: &mut [f32]) {
        let steps = match (whole, self.taps.last()) {
            (false, Some(tap)) => tap.after,
            _ => self.steps.len(),
        };
        let mut waiting = self.taps.iter().peekable();
        self.run_steps(workspace, steps, |done, buffers| {
            while let Some(tap) = waiting.next_if(|tap| tap.after == done) {
                let words = &buffers[self.home[tap.from.value]][tap.from.lanes()];
                let row = tap.row.start * LANES..tap.row.end * LANES;
                T::summarize(self.isa, &tap.summary, words, &mut out[row]);
            }
        });
    }

    /// Takes the pixels of a block through some steps; `done` is told after each how many are done.
    fn run_steps(
        &self,
        workspace: &mut Workspace<T>,
        steps: usize,
        mut done: impl FnMut(usize, &[Vec<T>]),
    ) {
        let Workspace {
            pixels,
            images,
            buffers,
        } = workspace;
        let Grid { channels, .. } = self.images;
        let images = T::images(self.isa, channels, self.images.plane(), pixels, images);
        for (number, Step { from, to, kind }) in self.steps[..steps].iter().enumerate() {
            // Out of the list while it is written, so that another can be read.
            let mut target = std::mem::take(&mut buffers[self.home[to.value]]);
            let source = match from.value {
                0 => images,
                value => &buffers[self.home[value]],
            };
            let (source, written) = (&source[from.lanes()], &mut target[to.lanes()]);
            match kind {
                Kind::Conv {
                    conv, wide: true, ..
                } => T::run_conv_in_f32(conv, source, written),
                Kind::Conv { conv, onto, .. } => T::run_conv(conv, source, written, *onto),
                Kind::Pool(shape) => T::max_pool(self.isa, shape, source, written),
            }
            buffers[self.home[to.value]] = target;
            done(number + 1, buffers);
        }
    }

    /// An output after a run: the mean of each of its channels.
    pub(super) fn mean(&self, workspace: &Workspace<T>, output: usize, out: &mut [f32]) {
        let grid = self.outputs[output].grid();
        let words = self.words(workspace, grid);
        match grid.wide {
            true => T::mean_of_f32(words, out),
            false => T::mean(grid.channels, grid.plane(), words, out),
        }
    }

    /// An output after a run, as it is.
    pub(super) fn copy(&self, workspace: &Workspace<T>, output: usize, out: &mut [T]) {
        out.copy_from_slice(self.words(workspace, self.outputs[output].grid()));
    }

    fn words<'a>(&self, workspace: &'a Workspace<T>, grid: Grid) -> &'a [T] {
        let lanes = Words::of::<T>(&grid.view()).lanes();
        &workspace.buffers[self.home[grid.value]][lanes]
    }
}

/// The taps of a program, and where what they keep lies in a row.
fn lay_out<T: Number>(taps: &[PlannedTap]) -> Vec<Tap> {
    let mut end = 0;
    let tap = |tap: &PlannedTap| {
        let grid = tap.grid;
        debug_assert!(
            !grid.wide,
            "a tap reads what a layer inside the network made"
        );
        let input = [grid.height, grid.width];
        let summary = Summary {
            channels: grid.channels,
            input,
            centre: centre_of(input),
        };
        let start = end;
        end += summary.width();
        Tap {
            after: tap.after,
            from: Words::of::<T>(&grid.view()),
            summary,
            row: start..end,
        }
    };
    taps.iter().map(tap).collect()
}

/// What a thread works in.
#[derive(Debug)]
pub(super) struct Workspace<T> {
    /// A block of images, side by side.
    pub(super) pixels: Vec<f32>,
    /// The same as the first layer reads it, where that is something else.
    images: Vec<T>,
    buffers: Vec<Vec<T>>,
}
