//! Shapes of the operations. They are plain descriptions; the kernels check slices against them.

use crate::lanes::{LANES, blocks};

/// What follows the sum of an output element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(0, v)`; a NaN stays a NaN, so that a diverged network is seen.
    Relu,
}

/// A 2-D convolution (cross-correlation, as in every deep-learning framework).
///
/// Images are interleaved: `[block][channel][height][width][LANES]`, see [`crate::interleave`]. Weights are `[out_channels][in_channels / groups][kernel[0]][kernel[1]]`. Pairs are (height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Images in the batch.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros on each side of the input.
    pub padding: [usize; 2],
    /// Distance between neighbouring taps of a window.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Conv2d {
    /// Panics unless the shape makes sense: all sizes positive, channels divisible by the groups, and a
    /// padded input at least as large as the dilated kernel.
    #[track_caller]
    pub fn validate(&self) {
        let positive = [self.batch, self.in_channels, self.out_channels, self.groups];
        let pairs = [self.input, self.kernel, self.stride, self.dilation];
        assert!(
            positive
                .iter()
                .chain(pairs.iter().flatten())
                .all(|&n| n > 0),
            "every size of a convolution must be positive: {self:?}"
        );
        assert!(
            self.in_channels.is_multiple_of(self.groups)
                && self.out_channels.is_multiple_of(self.groups),
            "the channels of a convolution must be divisible by its groups: {self:?}"
        );
        for axis in 0..2 {
            assert!(
                self.input[axis] + 2 * self.padding[axis]
                    > self.dilation[axis] * (self.kernel[axis] - 1),
                "the padded input is smaller than the kernel: {self:?}"
            );
        }
    }

    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|a| {
            (self.input[a] + 2 * self.padding[a] - self.dilation[a] * (self.kernel[a] - 1) - 1)
                / self.stride[a]
                + 1
        })
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        blocks(self.batch) * self.in_channels * self.input[0] * self.input[1] * LANES
    }

    /// Elements of the weights.
    pub fn weight_len(&self) -> usize {
        self.out_channels * self.in_group() * self.kernel[0] * self.kernel[1]
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [h, w] = self.output();
        blocks(self.batch) * self.out_channels * h * w * LANES
    }

    /// Input channels that an output channel sees.
    pub(crate) fn in_group(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Output channels of one group.
    pub(crate) fn out_group(&self) -> usize {
        self.out_channels / self.groups
    }
}

/// Some neighbouring channels of images that have more: where a layer's output lies that is one part of several,
/// put side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first of the layer's channels.
    pub first: usize,
    /// Channels of the images.
    pub of: usize,
}

impl Part {
    /// All channels of images that have so many.
    pub fn whole(channels: usize) -> Self {
        Self {
            first: 0,
            of: channels,
        }
    }

    /// Panics, naming the argument, unless `len` elements are images of which a part are the outputs of `shape`.
    #[track_caller]
    pub(crate) fn check(self, name: &str, shape: &Conv2d, len: usize) {
        assert!(
            self.first + shape.out_channels <= self.of,
            "{name} has {} channels, of which channels {} to {} cannot be a part",
            self.of,
            self.first,
            self.first + shape.out_channels
        );
        let expected = shape.output_len() / shape.out_channels * self.of;
        assert_eq!(
            len, expected,
            "{name} has another length than the shape calls for"
        );
    }
}

/// A fully connected layer, `y = x · Wᵀ + b`.
///
/// `x` is `[batch][inputs]`, `y` is `[batch][outputs]`; the weights are `[outputs][inputs]`, as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Rows of `x` and `y`.
    pub batch: usize,
    /// Columns of `x`.
    pub inputs: usize,
    /// Columns of `y`.
    pub outputs: usize,
}

/// A 2-D pool of square windows over `planes` independent planes of interleaved images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Blocks times channels.
    pub planes: usize,
    /// Height and width of a plane.
    pub input: [usize; 2],
    /// Height and width of a window, at most 16.
    pub kernel: usize,
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Width of the border on each side, at most half the kernel: it never is the maximum, and sums as 0.
    pub padding: usize,
    /// Whether a last window that hangs over the far edge counts, as PyTorch's `ceil_mode` does. One window then
    /// covers an image that is smaller than it.
    pub ceil: bool,
}

impl Pool2d {
    /// Panics unless the shape makes sense.
    #[track_caller]
    pub fn validate(&self) {
        assert!(
            (1..=16).contains(&self.kernel) && self.stride > 0 && 2 * self.padding <= self.kernel,
            "a pool needs a kernel of 1 to 16, a positive stride and a padding of at most half the kernel: {self:?}"
        );
        assert!(
            self.input
                .iter()
                .all(|&n| n > 0 && (self.ceil || n + 2 * self.padding >= self.kernel)),
            "the padded input is smaller than the pooling window: {self:?}"
        );
    }

    /// Height and width of the output. Every window begins inside the input or its near border (PyTorch's rule).
    pub fn output(&self) -> [usize; 2] {
        self.input.map(|n| {
            let span = (n + 2 * self.padding).saturating_sub(self.kernel);
            if !self.ceil {
                return span / self.stride + 1;
            }
            let windows = span.div_ceil(self.stride) + 1;
            if (windows - 1) * self.stride >= n + self.padding {
                windows - 1
            } else {
                windows
            }
        })
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.planes * self.input[0] * self.input[1] * LANES
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [h, w] = self.output();
        self.planes * h * w * LANES
    }
}
