//! The gradient of a ReLU that a layer of pairs applied itself.

use rayon::prelude::*;

use crate::{
    check,
    isa::{first, second},
    relu::CHUNK,
};

/// Turns `dy`, the gradient of `y = relu(z)`, into that of `z`: 0 where `y` is 0. As
/// [`relu_backward`](crate::relu_backward), of pairs.
///
/// A NaN in `y` counts as active. Panics if the lengths differ.
pub fn relu_backward_of_pairs(y: &[u32], dy: &mut [u32]) {
    check::length("y", y, dy.len());
    dy.par_chunks_mut(CHUNK)
        .zip(y.par_chunks(CHUNK))
        .for_each(|(dy, y)| {
            for (dy, &y) in dy.iter_mut().zip(y) {
                let one = if first(y) <= 0.0 { 0 } else { 0xffff };
                let other = if second(y) <= 0.0 { 0 } else { 0xffff_0000 };
                *dy &= one | other;
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::pair;

    #[test]
    fn gradients_pass_where_the_output_is_positive() {
        let y = [0.0, -0.0, 5.0, f32::NAN, -f32::NAN, -1.0];
        let passes = [false, false, true, true, true, false];
        for (one, one_passes) in y.into_iter().zip(passes) {
            for (other, other_passes) in y.into_iter().zip(passes) {
                let mut dy = [pair(2.0, -3.0)];
                relu_backward_of_pairs(&[pair(one, other)], &mut dy);
                let kept = |passes: bool, value: f32| if passes { value } else { 0.0 };
                assert_eq!(dy, [pair(kept(one_passes, 2.0), kept(other_passes, -3.0))]);
            }
        }
    }
}
