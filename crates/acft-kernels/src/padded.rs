//! Padded images, with a stride's phases as separate planes.

use crate::isa::{Isa, Rows};

/// A copy of an image that windows can slide over without looking at its edges.
///
/// Element `(y, x)` of the plane of phase `(a, b)` and channel `c` is the image's element
/// `(y * stride - margin + a, x * stride - margin + b)`, or a filler outside it. A window's taps at distance `stride`
/// are thus neighbours in one plane.
pub(crate) struct Padded {
    pub(crate) channels: usize,
    /// Height and width of the image.
    pub(crate) input: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// Fillers before the first element of each axis.
    pub(crate) margin: [usize; 2],
    /// The phases that are needed, ascending.
    pub(crate) phases: [Vec<usize>; 2],
    /// Height and width of a plane.
    pub(crate) size: [usize; 2],
}

impl Padded {
    /// Number of planes.
    pub(crate) fn planes(&self) -> usize {
        self.channels * self.phases[0].len() * self.phases[1].len()
    }

    /// Elements of a plane.
    pub(crate) fn plane_len(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Elements of the copy.
    pub(crate) fn len(&self) -> usize {
        self.planes() * self.plane_len()
    }

    /// Elements of the image.
    pub(crate) fn input_len(&self) -> usize {
        self.channels * self.input[0] * self.input[1]
    }

    /// Number of the plane of `phase` (which must be a needed one) and channel. Channels of a phase are neighbours.
    pub(crate) fn plane(&self, phase: [usize; 2], channel: usize) -> usize {
        let at = |axis: usize| {
            self.phases[axis]
                .iter()
                .position(|&p| p == phase[axis])
                .expect("a plan lists the phases it uses")
        };
        (at(0) * self.phases[1].len() + at(1)) * self.channels + channel
    }

    /// Whether the copy would equal the image, so that none is needed.
    pub(crate) fn is_identity(&self) -> bool {
        self.stride == [1, 1] && self.margin == [0, 0] && self.size == self.input
    }

    /// Writes the copy of `image` into `out`, with `filler` around it.
    pub(crate) fn fill(&self, isa: Isa, image: &[f32], filler: f32, out: &mut [f32]) {
        let [height, width] = self.input;
        let phases = self.phases[0]
            .iter()
            .flat_map(|&a| self.phases[1].iter().map(move |&b| [a, b]));
        let groups = out.chunks_exact_mut(self.channels * self.plane_len());
        for (phase, planes) in phases.zip(groups) {
            let (rows, columns) = (self.span(0, phase[0]), self.span(1, phase[1]));
            if rows.is_empty() || columns.is_empty() {
                planes.fill(filler);
                continue;
            }
            let spec = Rows {
                planes: self.channels,
                src_plane: height * width,
                above: rows.start,
                count: rows.len(),
                below: self.size[0] - rows.end,
                left: columns.start,
                width: columns.len(),
                step: self.stride[1],
                src_pitch: width * self.stride[0],
                dst_pitch: self.size[1],
                filler,
            };
            let first = [
                rows.start * self.stride[0] + phase[0] - self.margin[0],
                columns.start * self.stride[1] + phase[1] - self.margin[1],
            ];
            isa.pad_rows(&image[first[0] * width + first[1]..], &spec, planes);
        }
    }

    /// As [`Padded::fill`] with zeros, but of an image of stride 1 that is channels-last, into a copy that is.
    pub(crate) fn fill_turned(&self, isa: Isa, turned: &[f32], out: &mut [f32]) {
        let (rows, columns) = (self.span(0, 0), self.span(1, 0));
        let spec = Rows {
            planes: 1,
            src_plane: 0,
            above: rows.start,
            count: rows.len(),
            below: self.size[0] - rows.end,
            left: columns.start * self.channels,
            width: columns.len() * self.channels,
            step: 1,
            src_pitch: self.input[1] * self.channels,
            dst_pitch: self.size[1] * self.channels,
            filler: 0.0,
        };
        isa.pad_rows(turned, &spec, out);
    }

    /// The part of a plane's axis that falls inside the image.
    fn span(&self, axis: usize, phase: usize) -> std::ops::Range<usize> {
        let (stride, margin) = (self.stride[axis], self.margin[axis]);
        // The first y with y * stride + phase >= margin, and the first with y * stride + phase >= margin + input.
        let first = margin.saturating_sub(phase).div_ceil(stride);
        let end = (margin + self.input[axis])
            .saturating_sub(phase)
            .div_ceil(stride)
            .min(self.size[axis]);
        first.min(end)..end
    }
}
