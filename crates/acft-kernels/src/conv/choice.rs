//! Which of Winograd's forms, if any, computes a convolution or a gradient of it the fastest.

use super::reach::Reach;
use crate::{geometry::Conv2d, isa::Form};

/// The sums that are to be computed.
pub(super) struct Sums<'a> {
    pub(super) shape: &'a Conv2d,
    /// Which taps each element of the result has, down and across.
    pub(super) reaches: [Vec<Reach>; 2],
    pub(super) rows: usize,
    pub(super) channels: usize,
    /// Blocks of images that use what is prepared of the weights, or add to their gradient.
    pub(super) blocks: usize,
}

/// What the ways to compute sums cost beside the products, in these: fitted to times.
pub(super) struct Costs {
    /// A weight of the plain sums.
    pub(super) weight: usize,
    /// A point of a transformed kernel.
    pub(super) kernel: usize,
    /// A point of a tile, of each channel and row.
    pub(super) point: fn(Form) -> usize,
}

impl Costs {
    /// Of a convolution, or the gradient of its input.
    pub(super) const CONVOLUTION: Self = Self {
        weight: 8,
        kernel: 8,
        point: |form| match form {
            Form::TwoOfThree => 20,
            Form::FourOfThree => 28,
            Form::TwoOfFive => 12,
        },
    };

    /// Of the gradient of its weights, for which the plain sums prepare nothing.
    pub(super) const WEIGHTS: Self = Self {
        weight: 0,
        kernel: 9,
        point: |form| match form {
            Form::TwoOfThree => 40,
            Form::FourOfThree => 60,
            Form::TwoOfFive => 36,
        },
    };
}

impl Sums<'_> {
    /// The blocks that weights are taken to be packed for, whether they are packed for a mini-batch or kept for a whole pool:
    /// how an image's sums are made must not depend on what else is computed.
    pub(super) const PACKED_FOR: usize = 8;

    /// The fastest form; none if the plain sums are faster still, or no form is for them. Small images have many taps outside,
    /// which the plain sums leave out, large tiles may stick out of them, and with few channels there is little to save.
    pub(super) fn fastest(&self, costs: &Costs) -> Option<Form> {
        let Self {
            shape,
            reaches: [down, across],
            rows,
            channels,
            blocks,
        } = self;
        let pairs = rows * channels;
        let taps = |axis: &[Reach]| axis.iter().map(|reach| reach.taps.len()).sum::<usize>();
        let weights = shape.kernel[0] * shape.kernel[1] * pairs;
        let plain = blocks * taps(down) * taps(across) * pairs + costs.weight * weights;
        let cost = |form: Form| {
            let tiles = down.len().div_ceil(form.side()) * across.len().div_ceil(form.side());
            let tile = form.points() * (pairs + (costs.point)(form) * (rows + channels));
            // The products of a point are short sums: an eighth more.
            blocks * tiles * (tile + tile / 8) + costs.kernel * form.points() * pairs
        };
        let suits = |form: &Form| {
            shape.kernel == [form.kernel(); 2]
                && shape.stride == [1; 2]
                && shape.dilation == [1; 2]
                && shape.groups == 1
        };
        let forms = Form::ALL.into_iter().filter(suits);
        let (cost, form) = forms
            .map(|form| (cost(form), form))
            .min_by_key(|&(cost, _)| cost)?;
        (cost < plain).then_some(form)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{forward::axes, reach::Axis},
        *,
    };

    fn square(batch: usize, channels: [usize; 2], size: usize, kernel: usize) -> Conv2d {
        Conv2d {
            batch,
            in_channels: channels[0],
            input: [size; 2],
            out_channels: channels[1],
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    fn fastest(shape: &Conv2d, blocks: usize, costs: &Costs) -> Option<Form> {
        let sums = Sums {
            shape,
            reaches: axes(shape).map(Axis::forward),
            rows: shape.out_channels,
            channels: shape.in_channels,
            blocks,
        };
        sums.fastest(costs)
    }

    #[test]
    fn each_form_is_chosen_where_it_is_the_fastest() {
        let chosen = |channels, kernel, size| {
            let shape = square(1, channels, size, kernel);
            fastest(&shape, Sums::PACKED_FOR, &Costs::CONVOLUTION)
        };
        assert_eq!(chosen([64, 64], 3, 56), Some(Form::FourOfThree));
        assert_eq!(chosen([64, 192], 5, 27), Some(Form::TwoOfFive));
        // Of tiles of four, half would stick out.
        assert_eq!(chosen([256, 256], 3, 6), Some(Form::TwoOfThree));
        // Little is inside, or to be saved; or there is no form.
        assert_eq!(chosen([64, 256], 3, 3), None);
        assert_eq!(chosen([3, 8], 3, 56), None);
        assert_eq!(chosen([64, 64], 7, 56), None);
    }

    /// Or else `tests/conv.rs` would not hold each form against plain sums.
    #[test]
    fn each_form_is_chosen_for_a_shape_that_is_tested() {
        let unpadded = |shape| Conv2d {
            padding: [0; 2],
            ..shape
        };
        for (shape, form) in [
            (square(17, [64, 64], 16, 3), Form::FourOfThree),
            (unpadded(square(17, [160, 160], 8, 3)), Form::TwoOfThree),
            (unpadded(square(17, [80, 96], 12, 5)), Form::TwoOfFive),
        ] {
            let forward = fastest(&shape, Sums::PACKED_FOR, &Costs::CONVOLUTION);
            assert_eq!(forward, Some(form), "{shape:?}");
            assert_eq!(fastest(&shape, 2, &Costs::WEIGHTS), Some(form), "{shape:?}");
        }
    }
}
