//! The tiles of one image block: what is computed together, and in which order.

use std::ops::Range;

use super::reach::Reach;
use crate::{
    isa::{COLUMNS, Run, Terms},
    lanes::LANES,
};

/// Bytes of the source that a chunk may read: they stay in the second-level cache while all rows pass over them.
const CHUNK: usize = 384 << 10;

/// Bytes of the source that a row of the target may read before channels are split.
const ROW: usize = 512 << 10;
/// Rows of the target that fit into a chunk where channels are split: the positions at a border, of which there is one in
/// a row, then make whole tiles.
const ROWS_OF_SPLIT: usize = COLUMNS;

/// Neighbouring columns of a tile: positions of the target that are sums over the same taps.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// Which terms they have.
    pub(crate) kind: usize,
    positions: Range<usize>,
}

/// The tiles of a block, without their rows.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The terms of each kind of columns in the first pass, then those in the next.
    terms: Vec<Terms>,
    /// Passes over the channels of the source, the sums of which are added up: 1 unless a row reads more than the
    /// second-level cache holds.
    passes: usize,
    pub(crate) columns: Vec<Columns>,
    /// Columns that read neighbouring parts of the source.
    pub(crate) chunks: Vec<Range<usize>>,
    /// What each position reads first and what it writes, in the first channel.
    sources: Vec<usize>,
    targets: Vec<usize>,
}

/// The size of what is read: channels of a group, and height and width of a plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) channels: usize,
    pub(crate) size: [usize; 2],
}

impl Plan {
    /// A plan in one pass for targets that reach so far, vertically and horizontally, of which a tile has `at_once` at
    /// most. The factor on the left has a term for every tap (row-major over `kernel_width` columns) and channel, channels
    /// innermost.
    pub(crate) fn new(
        rows: &[Reach],
        columns: &[Reach],
        source: Source,
        kernel_width: usize,
        at_once: usize,
    ) -> Self {
        Self::of(1, rows, columns, source, kernel_width, at_once)
    }

    /// The same in as many passes as are the fastest.
    pub(super) fn in_passes(
        rows: &[Reach],
        columns: &[Reach],
        source: Source,
        kernel_width: usize,
        at_once: usize,
    ) -> Self {
        // Rows at a border read less than others.
        let most = |at_once: usize| {
            let some = rows.windows(at_once.min(rows.len()).max(1));
            some.map(|some| footprint(some, source)).max().unwrap_or(0)
        };
        let passes = match most(1) > ROW {
            true => most(ROWS_OF_SPLIT).div_ceil(CHUNK).min(source.channels),
            false => 1,
        };
        Self::of(passes, rows, columns, source, kernel_width, at_once)
    }

    fn of(
        passes: usize,
        rows: &[Reach],
        columns: &[Reach],
        source: Source,
        kernel_width: usize,
        at_once: usize,
    ) -> Self {
        let (row_kinds, row_kind) = kinds(rows);
        let (column_kinds, column_kind) = kinds(columns);
        let mut all = Vec::new();
        for pass in 0..passes {
            let cut = |pass: usize| pass * source.channels / passes;
            let channels = cut(pass)..cut(pass + 1);
            for row in &row_kinds {
                for column in &column_kinds {
                    all.push(terms(row, column, source, channels.clone(), kernel_width));
                }
            }
        }
        let mut plan = Self {
            terms: all,
            passes,
            columns: Vec::new(),
            chunks: Vec::new(),
            sources: Vec::new(),
            targets: Vec::new(),
        };
        let mut first = 0;
        while first < rows.len() {
            let end = (first + 1..rows.len())
                .find(|&end| footprint(&rows[first..=end], source) > passes * CHUNK)
                .unwrap_or(rows.len());
            let mut positions = vec![Vec::new(); plan.terms.len() / passes];
            for y in first..end {
                for (x, column) in columns.iter().enumerate() {
                    let from = rows[y].first() * source.size[1] + column.first();
                    positions[row_kind[y] * column_kinds.len() + column_kind[x]]
                        .push((from * LANES, (y * columns.len() + x) * LANES));
                }
            }
            let before = plan.columns.len();
            for (kind, positions) in positions.iter().enumerate() {
                plan.add(kind, positions, at_once);
            }
            plan.chunks.push(before..plan.columns.len());
            first = end;
        }
        plan
    }

    /// Adds positions of one kind, in tiles as equal as can be.
    fn add(&mut self, kind: usize, positions: &[(usize, usize)], at_once: usize) {
        let first = self.sources.len();
        let tiles = positions.len().div_ceil(at_once);
        self.columns.extend((0..tiles).map(|i| Columns {
            kind,
            positions: first + i * positions.len() / tiles
                ..first + (i + 1) * positions.len() / tiles,
        }));
        self.sources
            .extend(positions.iter().map(|&(source, _)| source));
        self.targets
            .extend(positions.iter().map(|&(_, target)| target));
    }

    /// Passes whose sums are added up.
    pub(crate) fn passes(&self) -> usize {
        self.passes
    }

    /// The terms of columns in a pass.
    pub(crate) fn terms(&self, columns: &Columns, pass: usize) -> &Terms {
        &self.of_pass(pass)[columns.kind]
    }

    /// The terms of each kind of columns in a pass.
    pub(crate) fn of_pass(&self, pass: usize) -> &[Terms] {
        let kinds = self.terms.len() / self.passes;
        &self.terms[pass * kinds..][..kinds]
    }

    /// The first element that each column reads, in the first channel.
    pub(crate) fn sources(&self, columns: &Columns) -> &[usize] {
        &self.sources[columns.positions.clone()]
    }

    /// The element that each column writes, in the first channel.
    pub(crate) fn targets(&self, columns: &Columns) -> &[usize] {
        &self.targets[columns.positions.clone()]
    }
}

/// Bytes that some rows of the target read.
fn footprint(rows: &[Reach], source: Source) -> usize {
    let sources = || rows.iter().flat_map(|reach| &reach.sources);
    let height = match (sources().min(), sources().max()) {
        (Some(first), Some(last)) => last - first + 1,
        _ => 0,
    };
    height * source.size[1] * source.channels * LANES * size_of::<f32>()
}

/// The different lists of taps, one target for each of them, and which of them each target has.
fn kinds(targets: &[Reach]) -> (Vec<&Reach>, Vec<usize>) {
    let mut found: Vec<&Reach> = Vec::new();
    let kind = targets
        .iter()
        .map(|target| {
            found
                .iter()
                .position(|kind| kind.taps == target.taps)
                .unwrap_or_else(|| {
                    found.push(target);
                    found.len() - 1
                })
        })
        .collect();
    (found, kind)
}

/// The terms of targets with such taps and of some channels, relative to what the first of all reads.
fn terms(
    row: &Reach,
    column: &Reach,
    source: Source,
    channels: Range<usize>,
    kernel_width: usize,
) -> Terms {
    let plane = source.size[0] * source.size[1] * LANES;
    let mut runs = Vec::new();
    for (&ky, y) in row.taps.iter().zip(&row.sources) {
        for (&kx, x) in column.taps.iter().zip(&column.sources) {
            let (down, right) = (y - row.first(), x - column.first());
            runs.push(Run {
                a: (ky * kernel_width + kx) * source.channels + channels.start,
                b: channels.start * plane + (down * source.size[1] + right) * LANES,
                len: channels.len(),
            });
        }
    }
    Terms::new(plane, runs)
}
