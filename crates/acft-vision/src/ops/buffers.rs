//! Memory that goes round: what a pass no longer needs, the next one writes into.
//!
//! A fresh buffer costs a page fault for every 4 KiB and a pass that clears it,
//! which together take as long as many a layer. Kernels overwrite all of a
//! buffer, so that what it held does not matter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::flex::FlexTensor;

/// Memory that goes round, and who wants it to.
struct Store {
    /// Buffers that nobody uses.
    free: Vec<Vec<f32>>,
    /// How many [`Circulation`]s there are.
    circulations: usize,
}

static STORE: Mutex<Store> = Mutex::new(Store {
    free: Vec::new(),
    circulations: 0,
});

/// While there is one, what is given back is kept; with the last of them, all of it is returned to the system. So nothing
/// is kept for good where nobody takes as much as is given: in inference, say.
#[derive(Debug)]
pub(crate) struct Circulation(());

impl Circulation {
    pub(crate) fn begin() -> Self {
        store().circulations += 1;
        Self(())
    }
}

impl Drop for Circulation {
    fn drop(&mut self) {
        let mut store = store();
        store.circulations -= 1;
        if store.circulations == 0 {
            store.free = Vec::new();
        }
    }
}

fn store() -> MutexGuard<'static, Store> {
    // A list and a count are whole whatever happened to the one who held them.
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of `len` values, whose contents are arbitrary.
pub(crate) fn take(len: usize) -> Vec<f32> {
    let kept = {
        let free = &mut store().free;
        // The smallest that is large enough, and not wastefully large.
        let fitting = free
            .iter()
            .enumerate()
            .filter(|(_, buffer)| (len..=len + len / 4).contains(&buffer.len()))
            .min_by_key(|(_, buffer)| buffer.len())
            .map(|(index, _)| index);
        fitting.map(|index| free.swap_remove(index))
    };
    match kept {
        Some(mut buffer) => {
            buffer.truncate(len);
            buffer
        }
        None => vec![0.0; len],
    }
}

/// Gives back the buffer of a tensor, if this was the last that used it.
pub(super) fn give(tensor: FlexTensor) {
    let bytes = tensor.data_arc();
    drop(tensor);
    if let Some(Ok(buffer)) = Arc::into_inner(bytes).map(|bytes| bytes.try_into_vec::<f32>()) {
        let mut store = store();
        if store.circulations > 0 {
            store.free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::ops::{self, Images, MaxPool};

    #[test]
    fn memory_goes_round_only_while_somebody_wants_it_to() {
        let pool = MaxPool {
            kernel: 3,
            stride: 2,
            padding: 0,
            ceil: false,
        };
        for round in [Images::from, |x: Tensor<4>| Images::from(x).in_bf16()] {
            // No other test has images of this size, and none of these tests trains.
            let x = || round(Tensor::zeros([16, 34, 29, 23], &Device::flex()));
            let len = x().into_values().shape().num_elements();
            let kept = || store().free.iter().any(|buffer| buffer.len() == len);
            let pass = || {
                assert_eq!(ops::max_pool2d(x(), pool, true).dims(), [16, 34, 14, 11]);
                assert_eq!(ops::adaptive_avg_pool2d(x(), 3).dims(), [16, 34 * 9]);
            };
            pass();
            assert!(!kept());
            let (first, second) = (Circulation::begin(), Circulation::begin());
            pass();
            assert!(kept());
            drop(first);
            assert!(kept());
            drop(second);
            assert!(!kept());
        }
    }
}
