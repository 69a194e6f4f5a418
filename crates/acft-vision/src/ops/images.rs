//! Images on their way through a network, in the layout of the kernels that run it.

use acft_kernels::{LANES, blocks};
use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};

use super::kernels::KernelOps;
use super::{has_kernels, on_cpu};

/// A mini-batch of images or of what a layer made of them.
///
/// Where our kernels run, images lie side by side ([`acft_kernels::interleave`]); the tensor's axes are then
/// block, channel, height, and width × lane, so that operations on elements and on whole channels need not know.
/// Elsewhere the axes are those of Burn: image, channel, height, width.
#[derive(Clone, Debug)]
pub struct Images {
    values: Tensor<4>,
    count: usize,
    interleaved: bool,
    /// Channels, where two of them share a word: see [`Images::in_bf16`].
    paired: Option<usize>,
}

impl Images {
    /// Images given as f32 values in the layout that the device wants: see [`Images::layout`].
    pub(crate) fn new(
        values: Vec<f32>,
        [count, channels, height, width]: [usize; 4],
        device: &Device,
    ) -> Self {
        let dims = match Self::layout(device) {
            Layout::Interleaved => [blocks(count), channels, height, width * LANES],
            Layout::OneByOne => [count, channels, height, width],
        };
        Self {
            values: Tensor::from_data(TensorData::new(values, dims), device),
            count,
            interleaved: Self::layout(device) == Layout::Interleaved,
            paired: None,
        }
    }

    /// How images lie on a device.
    pub(crate) fn layout(device: &Device) -> Layout {
        if on_cpu(device) {
            Layout::Interleaved
        } else {
            Layout::OneByOne
        }
    }

    /// Images, channels, height and width.
    pub fn dims(&self) -> [usize; 4] {
        let [_, channels, height, width] = self.values.dims();
        let lanes = if self.interleaved { LANES } else { 1 };
        match self.paired {
            Some(channels) => [self.count, channels, height, width / lanes / 2],
            None => [self.count, channels, height, width / lanes],
        }
    }

    /// Rounded to bf16, where our kernels run; as they are elsewhere. Layers that have no kernels for bf16 go back to
    /// f32 for themselves.
    pub fn in_bf16(self) -> Self {
        if !self.interleaved || self.paired.is_some() {
            return self;
        }
        let [_, channels, ..] = self.dims();
        let values = <Dispatch as KernelOps>::to_bf16(self.values.into_dispatch());
        Self {
            values: Tensor::from_dispatch(values),
            paired: Some(channels),
            ..self
        }
    }

    /// In f32, as images are unless they were rounded.
    pub fn in_f32(self) -> Self {
        let Some(channels) = self.paired else {
            return self;
        };
        let values = <Dispatch as KernelOps>::to_f32(self.values.into_dispatch(), channels);
        Self {
            values: Tensor::from_dispatch(values),
            paired: None,
            ..self
        }
    }

    /// Whether they are in bf16.
    pub(super) fn in_pairs(&self) -> bool {
        self.paired.is_some()
    }

    /// After a layer that made so many channels of them.
    pub(super) fn of_channels(self, channels: usize) -> Self {
        Self {
            paired: self.paired.map(|_| channels),
            ..self
        }
    }

    /// Whether they lie side by side.
    pub(super) fn interleaved(&self) -> bool {
        self.interleaved
    }

    /// The tensor behind them.
    pub(super) fn into_values(self) -> Tensor<4> {
        self.values
    }

    /// The same images after `layer`, which must keep the layout.
    pub(crate) fn map(self, layer: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        Self {
            values: layer(self.values),
            ..self
        }
    }

    /// The tensor of image × channel × height × width.
    pub fn one_by_one(self) -> Tensor<4> {
        let this = self.in_f32();
        let [count, channels, height, width] = this.dims();
        if !this.interleaved {
            return this.values;
        }
        let elements = channels * height * width;
        this.values
            .reshape([blocks(count), elements, LANES])
            .swap_dims(1, 2)
            .reshape([blocks(count) * LANES, channels, height, width])
            .narrow(0, 0, count)
    }
}

/// How images lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Block, channel, height, width, lane.
    Interleaved,
    /// Image, channel, height, width.
    OneByOne,
}

impl From<Tensor<4>> for Images {
    /// From image × channel × height × width.
    fn from(x: Tensor<4>) -> Self {
        let [count, channels, height, width] = x.dims();
        if !has_kernels(&x) {
            return Self {
                values: x,
                count,
                interleaved: false,
                paired: None,
            };
        }
        let missing = blocks(count) * LANES - count;
        let x = if missing > 0 {
            let nothing = Tensor::zeros([missing, channels, height, width], &x.device());
            Tensor::cat(vec![x, nothing], 0)
        } else {
            x
        };
        let values = x
            .reshape([blocks(count), LANES, channels * height * width])
            .swap_dims(1, 2)
            .reshape([blocks(count), channels, height, width * LANES]);
        Self {
            values,
            count,
            interleaved: true,
            paired: None,
        }
    }
}
