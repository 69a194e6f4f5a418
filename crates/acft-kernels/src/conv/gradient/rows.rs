//! Which rows a gradient of weights has, and what they are sums of.

use std::ops::Range;

use crate::{
    conv::{forward::axes, reach::Axis},
    geometry::Conv2d,
    isa::{ROWS, Run, Terms},
    lanes::blocks,
};

/// Bytes of the turned gradient that are worked on at a time: they stay in the second-level cache.
const CHUNK: usize = 384 << 10;
/// With fewer input channels than this in a group, the rows of a tile go over taps as well.
const FEW: usize = ROWS;

/// Rows of a product: weights of which all see the same outputs.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Number of the first row.
    pub(super) first: usize,
    /// Which of the `offsets` are theirs.
    pub(super) rows: Range<usize>,
    /// Which outputs they see.
    pub(super) seen: usize,
}

/// The outputs that a weight sees, along each axis, and the input that the first output of all would read.
#[derive(Clone, Debug)]
struct Seen {
    outputs: [Range<usize>; 2],
    /// What the tap adds to a position of the input, less the padding; may be negative for outputs outside.
    shift: [isize; 2],
}

/// Some rows of the output of one block.
pub(super) type Piece = (usize, Range<usize>);

/// The rows of a group, one for every weight of an output channel.
pub(super) struct Rows {
    axes: [Axis; 2],
    /// Height and width of what is read: the input, or its padded copy.
    size: [usize; 2],
    output: [usize; 2],
    /// Positions of all channels of a block of what is read.
    block: usize,
    /// Terms of a position.
    per_position: usize,
    /// Whether rows go over taps, in the order of the weights; or over the channels of one tap after another.
    pub(super) few: bool,
    seen: Vec<Seen>,
    /// Where rows begin in the input of a group: all of them, or those of each tap.
    pub(super) offsets: Vec<usize>,
    pub(super) panels: Vec<Panel>,
}

impl Rows {
    /// The rows of a convolution in panels of `at_once` at most; a position of a block of images is `per_position` terms.
    pub(super) fn new(shape: &Conv2d, per_position: usize, at_once: usize) -> Self {
        let few = shape.in_group() < FEW;
        let size = [0, 1].map(|a| shape.input[a] + if few { 2 * shape.padding[a] } else { 0 });
        let mut rows = Self {
            axes: axes(shape),
            size,
            output: shape.output(),
            block: shape.in_channels * size[0] * size[1],
            per_position,
            few,
            seen: Vec::new(),
            offsets: Vec::new(),
            panels: Vec::new(),
        };
        if few {
            rows.plan_few(shape, at_once)
        } else {
            rows.plan_many(shape, at_once)
        }
        rows
    }

    /// All weights see all outputs, because the input is padded.
    fn plan_few(&mut self, shape: &Conv2d, at_once: usize) {
        let ([kernel_h, kernel_w], [height, width]) = (shape.kernel, self.output);
        self.seen.push(Seen {
            outputs: [0..height, 0..width],
            shift: [0, 0],
        });
        for channel in 0..shape.in_group() {
            for ky in 0..kernel_h {
                for kx in 0..kernel_w {
                    let y = channel * self.size[0] + ky * shape.dilation[0];
                    let at = y * self.size[1] + kx * shape.dilation[1];
                    self.offsets.push(at * self.per_position);
                }
            }
        }
        self.add(0, 0, at_once);
    }

    /// A tap sees the outputs that it lies inside for.
    fn plan_many(&mut self, shape: &Conv2d, at_once: usize) {
        let [kernel_h, kernel_w] = shape.kernel;
        let channels = shape.in_group();
        let plane = self.plane();
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
                self.add(tap * channels, tap, at_once);
            }
        }
    }

    /// Panels of rows from `first` on that begin at the offsets.
    fn add(&mut self, first: usize, seen: usize, at_once: usize) {
        let rows = self.offsets.len();
        let panels = (0..rows).step_by(at_once).map(|done| Panel {
            first: first + done,
            rows: done..rows.min(done + at_once),
            seen,
        });
        self.panels.extend(panels);
    }

    /// Terms of one channel of a block of what is read.
    pub(super) fn plane(&self) -> usize {
        self.size[0] * self.size[1] * self.per_position
    }

    /// Zeros that what is read must have around each plane of the input.
    pub(super) fn margin(&self, shape: &Conv2d) -> [usize; 2] {
        [0, 1].map(|a| (self.size[a] - shape.input[a]) / 2)
    }

    /// The products of a chunk that the weights which see so much are sums of: one for each term of a position.
    /// What was turned begins with output row `base`, and has `channels` of each term.
    pub(super) fn terms(
        &self,
        seen: usize,
        chunk: &[Piece],
        base: usize,
        channels: usize,
    ) -> Terms {
        let ([height, width], seen, terms) = (self.output, &self.seen[seen], self.per_position);
        let columns = &seen.outputs[1];
        let mut runs = Vec::new();
        for (number, rows) in chunk {
            for y in rows.start.max(seen.outputs[0].start)..rows.end.min(seen.outputs[0].end) {
                let at = |axis: usize, output: usize| {
                    (output * self.axes[axis].stride).wrapping_add_signed(seen.shift[axis])
                };
                let mut add = |x: usize, len: usize| {
                    runs.push(Run {
                        a: (number * self.block + at(0, y) * self.size[1] + at(1, x)) * terms,
                        b: ((number * height + y - base) * width + x) * terms * channels,
                        len: len * terms,
                    });
                };
                if self.axes[1].stride == 1 && !columns.is_empty() {
                    add(columns.start, columns.len());
                } else {
                    columns.clone().for_each(|x| add(x, 1));
                }
            }
        }
        Terms::new(channels, runs)
    }
}

/// The first output row of some chunks, counted over all blocks, and the one after the last: images are `height` rows high.
pub(super) fn rows_of(height: usize, chunks: &[Vec<Piece>]) -> Range<usize> {
    let pieces = || chunks.iter().flatten();
    let first = pieces()
        .next()
        .map_or(0, |(block, rows)| block * height + rows.start);
    let end = pieces()
        .next_back()
        .map_or(0, |(block, rows)| block * height + rows.end);
    first..end
}

/// The rows of all outputs, in chunks of [`CHUNK`] bytes at most, or of one row; `position` is the bytes of a position.
pub(super) fn chunks(shape: &Conv2d, position: usize) -> Vec<Vec<Piece>> {
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
