//! Memory that goes round: what a pass no longer needs, the next one writes into.
//!
//! A fresh buffer costs a page fault for every 4 KiB and a pass that clears it,
//! which together take as long as many a layer. Kernels overwrite all of a
//! buffer, so that what it held does not matter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::flex::FlexTensor;

/// Buffers that nobody uses. Only what is tracked for gradients gives any back, a mini-batch as many as it takes, and
/// training empties the list when it ends.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

fn free() -> MutexGuard<'static, Vec<Vec<f32>>> {
    // A list of vectors is whole whatever happened to the one who held it.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of `len` values, whose contents are arbitrary.
pub(crate) fn take(len: usize) -> Vec<f32> {
    let mut free = free();
    // The smallest that is large enough, and not wastefully large.
    let fitting = free
        .iter()
        .enumerate()
        .filter(|(_, buffer)| (len..=len + len / 4).contains(&buffer.len()))
        .min_by_key(|(_, buffer)| buffer.len())
        .map(|(index, _)| index);
    match fitting {
        Some(index) => {
            let mut buffer = free.swap_remove(index);
            buffer.truncate(len);
            buffer
        }
        None => {
            drop(free);
            vec![0.0; len]
        }
    }
}

/// Gives back the buffer of a tensor, if this was the last that used it.
pub(super) fn give(tensor: FlexTensor) {
    let bytes = tensor.data_arc();
    drop(tensor);
    if let Some(Ok(buffer)) = Arc::into_inner(bytes).map(|bytes| bytes.try_into_vec::<f32>()) {
        free().push(buffer);
    }
}

/// Returns the memory to the system.
pub(crate) fn clear() {
    free().clear();
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::ops::{self, Images, MaxPool};

    #[test]
    fn a_pass_without_gradients_leaves_nothing_behind() {
        let pool = MaxPool {
            kernel: 3,
            stride: 2,
            padding: 0,
            ceil: false,
        };
        for round in [Images::from, |x: Tensor<4>| Images::from(x).in_bf16()] {
            // No other test has images of this size.
            let x = || round(Tensor::zeros([16, 34, 29, 23], &Device::flex()));
            let len = x().into_values().shape().num_elements();
            assert_eq!(ops::max_pool2d(x(), pool, true).dims(), [16, 34, 14, 11]);
            assert_eq!(ops::adaptive_avg_pool2d(x(), 3).dims(), [16, 34 * 9]);
            assert!(!free().iter().any(|buffer| buffer.len() == len));
        }
    }
}
