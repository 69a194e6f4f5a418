//! Adam in one pass over memory, where the kernels can take the tensors.

use acft_kernels::{Adam, Isa, Moments};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::optim::{AdamConfig, AdamState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::has_kernels;

/// Adam with PyTorch's settings (β₁ 0.9, β₂ 0.999, ε 1e-8) and Burn's state,
/// so that either can go on where the other stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct FusedAdam;

impl Optimizer for FusedAdam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let settings = Adam::default();
        if !has_kernels(&tensor) {
            return AdamConfig::new()
                .with_beta_1(settings.beta1)
                .with_beta_2(settings.beta2)
                .with_epsilon(settings.epsilon)
                .build()
                .step(rate, tensor, gradient, state);
        }
        let state = state.map(|state| state.momentum).unwrap_or_else(|| {
            // Burn's own zeros are copied once more before anyone sees them.
            let zeros = || {
                let values = vec![0.0_f32; gradient.dims().iter().product()];
                Tensor::from_data(TensorData::new(values, gradient.dims()), &gradient.device())
            };
            AdaptiveMomentumState::new(0, zeros(), zeros())
        });
        let time = state.time + 1;
        let (tensor, first, second) = <Dispatch as AdamOps>::fused_adam(
            tensor.into_dispatch(),
            gradient.into_dispatch(),
            state.moment_1.into_dispatch(),
            state.moment_2.into_dispatch(),
            rate as f32,
            u32::try_from(time).unwrap_or(u32::MAX),
        );
        let [first, second] = [first, second].map(Tensor::from_dispatch);
        let state = AdamState::new(AdaptiveMomentumState::new(time, first, second));
        (Tensor::from_dispatch(tensor), Some(state))
    }

    fn to_device<const D: usize>(mut state: AdamState<D>, device: &Device) -> AdamState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

/// Not for tensors that track gradients: an optimiser sees none.
#[backend_extension(Flex)]
trait AdamOps: Backend {
    /// The parameters and both moments after a step.
    fn fused_adam(
        tensor: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        rate: f32,
        time: u32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl AdamOps for Flex {
    fn fused_adam(
        tensor: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        rate: f32,
        time: u32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let gradient = super::tensors::contiguous(gradient);
        let [mut tensor, mut first, mut second] =
            [tensor, first, second].map(super::tensors::whole);
        let moments = Moments {
            first: first.storage_mut(),
            second: second.storage_mut(),
        };
        Adam::default().step(
            Isa::best(),
            rate,
            time,
            tensor.storage_mut(),
            super::tensors::values(&gradient),
            moments,
        );
        super::buffers::give(gradient);
        (tensor, first, second)
    }
}
