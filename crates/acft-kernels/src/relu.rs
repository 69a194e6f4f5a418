//! The gradient of a ReLU that a convolution or linear layer applied itself.

use rayon::prelude::*;

use crate::check;

/// Elements that a thread works on at a time.
const CHUNK: usize = 1 << 14;

/// Turns `dy`, the gradient of `y = relu(z)`, into that of `z`: 0 where `y` is 0.
///
/// A NaN in `y` counts as active. Panics if the lengths differ.
pub fn relu_backward(y: &[f32], dy: &mut [f32]) {
    check::length("y", y, dy.len());
    dy.par_chunks_mut(CHUNK)
        .zip(y.par_chunks(CHUNK))
        .for_each(|(dy, y)| {
            dy.iter_mut()
                .zip(y)
                .for_each(|(dy, &y)| *dy = if y <= 0.0 { 0.0 } else { *dy });
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_pass_where_the_output_is_positive() {
        let mut dy = [1.0, 2.0, 3.0, 4.0];
        relu_backward(&[0.0, -0.0, 5.0, f32::NAN], &mut dy);
        assert_eq!(dy, [0.0, 0.0, 3.0, 4.0]);
    }
}
