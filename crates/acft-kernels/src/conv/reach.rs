//! Which taps of a kernel meet which elements, along one axis.

/// What one target element is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The taps that lie inside, in the order of what they read.
    pub(super) taps: Vec<usize>,
    /// What each of them reads, ascending.
    pub(super) sources: Vec<usize>,
}

impl Reach {
    /// The element that the first tap reads; 0 where there is none.
    pub(super) fn first(&self) -> usize {
        self.sources.first().copied().unwrap_or(0)
    }
}

/// One axis of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

impl Axis {
    /// For each output the inputs that it is a sum of.
    pub(crate) fn forward(self) -> Vec<Reach> {
        (0..self.output)
            .map(|output| {
                let reads = |tap: usize| {
                    (output * self.stride + tap * self.dilation)
                        .checked_sub(self.padding)
                        .filter(|&input| input < self.input)
                        .map(|input| (tap, input))
                };
                let (taps, sources) = (0..self.kernel).filter_map(reads).unzip();
                Reach { taps, sources }
            })
            .collect()
    }

    /// For each input the outputs that it is part of.
    pub(crate) fn backward(self) -> Vec<Reach> {
        (0..self.input)
            .map(|input| {
                let reads = |tap: usize| {
                    (input + self.padding)
                        .checked_sub(tap * self.dilation)
                        .filter(|reach| reach.is_multiple_of(self.stride))
                        .map(|reach| (tap, reach / self.stride))
                        .filter(|&(_, output)| output < self.output)
                };
                let (taps, sources) = (0..self.kernel).rev().filter_map(reads).unzip();
                Reach { taps, sources }
            })
            .collect()
    }

    /// The outputs for which `tap` lies inside.
    pub(super) fn outputs_of(self, tap: usize) -> std::ops::Range<usize> {
        let reach = tap * self.dilation;
        let first = self.padding.saturating_sub(reach).div_ceil(self.stride);
        let end = (self.input + self.padding)
            .saturating_sub(reach)
            .div_ceil(self.stride)
            .min(self.output);
        first.min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_lose_taps_and_strides_skip_inputs() {
        let axis = Axis {
            input: 5,
            output: 3,
            kernel: 3,
            stride: 2,
            padding: 1,
            dilation: 1,
        };
        let forward: Vec<_> = axis
            .forward()
            .into_iter()
            .map(|r| (r.taps, r.sources))
            .collect();
        assert_eq!(
            forward,
            [
                (vec![1, 2], vec![0, 1]),
                (vec![0, 1, 2], vec![1, 2, 3]),
                (vec![0, 1], vec![3, 4])
            ]
        );
        let backward: Vec<_> = axis
            .backward()
            .into_iter()
            .map(|r| (r.taps, r.sources))
            .collect();
        assert_eq!(
            backward,
            [
                (vec![1], vec![0]),
                (vec![2, 0], vec![0, 1]),
                (vec![1], vec![1]),
                (vec![2, 0], vec![1, 2]),
                (vec![1], vec![2])
            ]
        );
        assert_eq!(
            [0, 1, 2].map(|tap| axis.outputs_of(tap)),
            [1..3, 0..3, 0..2]
        );
    }
}
