//! Where the first values of parameters come from.
//!
//! Values are drawn from the run's own seeded streams, never from the
//! framework's global generator: the same seed gives the same network
//! whatever else the process has drawn.

use acft::random::{self, Purpose, Stream};
use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

/// A distribution of first values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Init {
    /// All the same.
    Constant(f32),
    /// Uniform on ±bound.
    Uniform(f64),
    /// Normal of mean 0 and this standard deviation.
    Normal(f64),
}

impl Init {
    /// PyTorch's `kaiming_uniform_` for a ReLU: ±√(6 / fan in).
    pub(super) fn kaiming(fan_in: usize) -> Self {
        Self::Uniform((6.0 / fan_in as f64).sqrt())
    }

    /// PyTorch's default for convolutions and linear layers, weights and
    /// biases alike: `kaiming_uniform_(a = √5)` is ±1/√(fan in).
    pub(super) fn torch_default(fan_in: usize) -> Self {
        Self::Uniform(1.0 / (fan_in as f64).sqrt())
    }
}

/// Makes parameters: drawn from a seeded stream, or left blank because a file
/// of weights will fill them.
pub(super) struct Initializer {
    device: Device,
    body: Option<Stream>,
    head: Option<Stream>,
}

/// Which of the two independent streams a parameter is drawn from: a head is
/// the same whether or not the layers below it were drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Body,
    Head,
}

impl Initializer {
    /// Draws everything.
    pub(super) fn drawn(seed: u64, device: &Device) -> Self {
        // The body's stream is another one of the same key as the head's.
        let body = random::stream(seed, 0, Purpose::Head).numbered(1);
        Self {
            body: Some(body),
            ..Self::drawn_head(seed, device)
        }
    }

    /// Draws the head and leaves the rest blank.
    pub(super) fn drawn_head(seed: u64, device: &Device) -> Self {
        Self {
            device: device.clone(),
            body: None,
            head: Some(random::stream(seed, 0, Purpose::Head)),
        }
    }

    /// Leaves everything blank: names and shapes are there, and no memory is
    /// taken.
    pub(super) fn blank(device: &Device) -> Self {
        Self {
            device: device.clone(),
            body: None,
            head: None,
        }
    }

    /// A parameter that training changes.
    pub(super) fn trained<const D: usize>(
        &mut self,
        part: Part,
        shape: [usize; D],
        init: Init,
    ) -> Param<Tensor<D>> {
        let stream = match part {
            Part::Body => &mut self.body,
            Part::Head => &mut self.head,
        };
        match stream {
            Some(stream) => {
                let values = draw(stream, shape.iter().product(), init);
                Param::from_data(TensorData::new(values, shape), &self.device)
            }
            None => Param::uninitialized(
                ParamId::new(),
                move |device, grad| Tensor::zeros(shape, device).set_require_grad(grad),
                self.device.clone(),
                true,
                shape.into(),
            ),
        }
    }

    /// A parameter that no gradient reaches: running statistics.
    pub(super) fn constant<const D: usize>(
        &mut self,
        shape: [usize; D],
        value: f32,
    ) -> Param<Tensor<D>> {
        Param::uninitialized(
            ParamId::new(),
            move |device, _| Tensor::full(shape, value, device),
            self.device.clone(),
            false,
            shape.into(),
        )
    }
}

fn draw(stream: &mut Stream, n: usize, init: Init) -> Vec<f32> {
    match init {
        Init::Constant(value) => vec![value; n],
        Init::Uniform(bound) => (0..n)
            .map(|_| ((2.0 * unit(stream) - 1.0) * bound) as f32)
            .collect(),
        Init::Normal(deviation) => (0..n)
            .map(|_| (normal(stream) * deviation) as f32)
            .collect(),
    }
}

/// Uniform on [0, 1), with 53 bits.
fn unit(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Standard normal, by Box and Muller; the second of each pair is not used, so
/// that a value is a function of its own two draws.
fn normal(stream: &mut Stream) -> f64 {
    let radius = (-2.0 * (1.0 - unit(stream)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(stream)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_that_they_are_named_for() {
        let moments = |init| {
            let values = draw(&mut random::stream(3, 0, Purpose::Head), 40_000, init);
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 40_000.0;
            let square = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 40_000.0;
            (mean, (square - mean * mean).sqrt())
        };
        // Five standard errors of each estimate.
        let (mean, deviation) = moments(Init::Normal(0.01));
        assert!(mean.abs() < 2.5e-4 && (deviation - 0.01).abs() < 2e-4);
        let (mean, deviation) = moments(Init::kaiming(24));
        assert!(mean.abs() < 7.5e-3 && (deviation - 0.5 / 3_f64.sqrt()).abs() < 5e-3);
    }
}
