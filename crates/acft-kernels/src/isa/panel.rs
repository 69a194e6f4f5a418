//! What a panel of the right-hand matrix gathers, and where a tile of the product goes.

use crate::geometry::Activation;

/// Vectors in the widest panel.
pub(crate) const GROUPS: usize = 3;

/// Neighbouring lanes of one vector that read neighbouring elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneRun {
    /// First lane, counted within its vector.
    pub(crate) lane: usize,
    /// Number of lanes, at least 1.
    pub(crate) len: usize,
    /// Element that the first lane reads, relative to the row's offset.
    pub(crate) src: usize,
}

/// The source of each lane of a panel, as runs sorted by lane and cut at the edges of vectors.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    lanes: usize,
    nr: usize,
    runs: Vec<LaneRun>,
    ends: [usize; GROUPS],
    next: usize,
    reach: usize,
}

impl Panel {
    /// An empty panel of `nr` lanes in vectors of `lanes`.
    pub(super) fn new(lanes: usize, nr: usize) -> Self {
        Self {
            lanes,
            nr,
            runs: Vec::new(),
            ends: [0; GROUPS],
            next: 0,
            reach: 0,
        }
    }

    /// Forgets all lanes.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.ends = [0; GROUPS];
        self.next = 0;
        self.reach = 0;
    }

    /// Lanes that are free.
    pub(crate) fn room(&self) -> usize {
        self.nr - self.next
    }

    /// Lanes in use.
    pub(crate) fn used(&self) -> usize {
        self.next
    }

    /// Lets the next `len` lanes read `src..src + len`. Panics if there is no room.
    pub(crate) fn push(&mut self, src: usize, len: usize) {
        assert!(len <= self.room(), "a panel has {} lanes", self.nr);
        self.reach = self.reach.max(src + len);
        let (mut src, mut len) = (src, len);
        while len > 0 {
            let (group, lane) = (self.next / self.lanes, self.next % self.lanes);
            let step = len.min(self.lanes - lane);
            match self.runs.last_mut() {
                // The very same run goes on: neighbours in the panel and in the source.
                Some(last) if lane > 0 && last.src + last.len == src => last.len += step,
                _ => self.runs.push(LaneRun {
                    lane,
                    len: step,
                    src,
                }),
            }
            self.next += step;
            self.ends[group..].fill(self.runs.len());
            src += step;
            len -= step;
        }
    }

    /// One more than the furthest element that a lane reads.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// Whether it was made for vectors of `lanes` and panels of `nr`.
    pub(super) fn fits(&self, lanes: usize, nr: usize) -> bool {
        self.lanes == lanes && self.nr == nr
    }

    /// The runs of vector number `group`.
    #[inline(always)]
    pub(super) fn group(&self, group: usize) -> &[LaneRun] {
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        &self.runs[start..self.ends[group]]
    }
}

/// Neighbouring columns of a tile that go to evenly spaced elements of the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutRun {
    /// First column.
    pub(crate) lane: usize,
    /// Number of columns.
    pub(crate) len: usize,
    /// Element of the output for the first column of the tile's first row, relative to [`Tile::origin`].
    pub(crate) dst: usize,
}

/// Where a tile goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<'a> {
    /// Rows that are part of the result; the tile's others are padding.
    pub(crate) rows: usize,
    /// Element of the output that the runs count from.
    pub(crate) origin: usize,
    /// Distance in the output between two rows of the tile.
    pub(crate) row_stride: usize,
    /// Distance in the output between two columns of a run.
    pub(crate) step: usize,
    /// The columns.
    pub(crate) runs: &'a [OutRun],
    /// One value a row to be added, if any.
    pub(crate) bias: Option<&'a [f32]>,
    /// What follows the addition.
    pub(crate) activation: Activation,
}

/// Planes to be copied into larger ones, with a filler around what is copied.
///
/// `dst[(above + i) * dst_pitch + left + j] = src[i * src_pitch + j * step]` for `i` below `count` and `j` below
/// `width`; then the same for the next plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub(crate) planes: usize,
    /// Elements between two planes of the source.
    pub(crate) src_plane: usize,
    /// Rows of filler before, rows that are copied, and rows of filler behind.
    pub(crate) above: usize,
    pub(crate) count: usize,
    pub(crate) below: usize,
    /// Elements of filler before, and elements that are copied of each row.
    pub(crate) left: usize,
    pub(crate) width: usize,
    pub(crate) step: usize,
    pub(crate) src_pitch: usize,
    pub(crate) dst_pitch: usize,
    pub(crate) filler: f32,
}

impl Rows {
    /// Elements of a plane of the target.
    pub(super) fn dst_plane(&self) -> usize {
        (self.above + self.count + self.below) * self.dst_pitch
    }

    /// One more than the last element of the source that is read.
    pub(super) fn src_end(&self) -> usize {
        (self.planes - 1) * self.src_plane
            + (self.count - 1) * self.src_pitch
            + (self.width - 1) * self.step
            + 1
    }
}
