//! Padded images, with a stride's phases as separate planes.

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
    pub(crate) fn fill(&self, image: &[f32], filler: f32, out: &mut [f32]) {
        out.fill(filler);
        let [height, width] = self.input;
        let phases = self.phases[0]
            .iter()
            .flat_map(|&a| self.phases[1].iter().map(move |&b| [a, b]));
        let groups = out.chunks_exact_mut(self.channels * self.plane_len());
        for (phase, planes) in phases.zip(groups) {
            let (rows, columns) = (self.span(0, phase[0]), self.span(1, phase[1]));
            if rows.is_empty() || columns.is_empty() {
                continue;
            }
            for (channel, plane) in planes.chunks_exact_mut(self.plane_len()).enumerate() {
                let source = &image[channel * height * width..][..height * width];
                for (y, to) in rows
                    .clone()
                    .zip(plane[rows.start * self.size[1]..].chunks_mut(self.size[1]))
                {
                    let row = &source[(y * self.stride[0] + phase[0] - self.margin[0]) * width..]
                        [..width];
                    let from = &row[columns.start * self.stride[1] + phase[1] - self.margin[1]..];
                    copy_every(from, self.stride[1], &mut to[columns.clone()]);
                }
            }
        }
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

/// `to[i] = from[i * step]`.
fn copy_every(from: &[f32], step: usize, to: &mut [f32]) {
    match step {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            // Whole pairs are something the compiler can vectorise; the last element may lack its partner.
            let pairs = from.as_chunks::<2>().0;
            let whole = to.len().min(pairs.len());
            for (t, pair) in to[..whole].iter_mut().zip(pairs) {
                *t = pair[0];
            }
            if whole < to.len() {
                to[whole] = from[2 * whole];
            }
        }
        _ => to
            .iter_mut()
            .zip(from.iter().step_by(step))
            .for_each(|(t, f)| *t = *f),
    }
}
