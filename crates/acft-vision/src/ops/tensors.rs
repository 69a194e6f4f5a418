//! Burn's CPU tensors as the slices that kernels read and write.

use acft_kernels::Statistics;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};

/// The sizes of a tensor of `D` axes.
pub(super) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// The tensor itself, or a copy, that is all of its buffer, in order: what can
/// be changed in place.
pub(super) fn whole(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// The tensor itself, or a copy with its elements in order.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The elements of a contiguous tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("networks run in f32, and this tensor was made contiguous")
}

pub(super) fn tensor<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    shaped(values, Shape::from(dims))
}

/// Values in the shape of another tensor.
pub(super) fn like(values: Vec<f32>, other: &FlexTensor) -> FlexTensor {
    shaped(values, other.layout().shape().clone())
}

fn shaped(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape),
        DType::F32,
    )
}

/// The two rows that `KernelOps::batch_statistics` gives.
pub(super) fn statistics_of(rows: FlexTensor) -> Statistics {
    let rows = contiguous(rows);
    let (mean, variance) = values(&rows).split_at(dims::<2>(&rows)[1]);
    Statistics {
        mean: mean.to_vec(),
        variance: variance.to_vec(),
    }
}
