//! ReLUs that belong to another operation: the sum at the end of a residual layer, and the gradient of one that
//! a layer applied itself.

use rayon::prelude::*;

use crate::{
    check,
    isa::{Isa, Loops, Word},
};

/// Elements that a thread works on at a time.
pub(crate) const CHUNK: usize = 1 << 14;

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

/// `y = relu(a + b)`.
///
/// A NaN stays one. Panics if the lengths differ.
pub fn add_relu(isa: Isa, a: &[f32], b: &[f32], y: &mut [f32]) {
    add_and_rectify(isa, a, b, y);
}

/// As [`add_relu`], of pairs.
///
/// A NaN stays one. Panics if the lengths differ.
pub fn add_relu_of_pairs(isa: Isa, a: &[u32], b: &[u32], y: &mut [u32]) {
    add_and_rectify(isa, a, b, y);
}

fn add_and_rectify<W: Word<N>, const N: usize>(isa: Isa, a: &[W], b: &[W], y: &mut [W]) {
    check::length("a", a, y.len());
    check::length("b", b, y.len());
    y.par_chunks_mut(CHUNK)
        .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)))
        .for_each(|(y, (a, b))| isa.vectorized(AddRelu { a, b, y }));
}

struct AddRelu<'a, W, const N: usize> {
    a: &'a [W],
    b: &'a [W],
    y: &'a mut [W],
}

impl<W: Word<N>, const N: usize> Loops for AddRelu<'_, W, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((y, a), b) in self.y.iter_mut().zip(self.a).zip(self.b) {
            let (a, b) = (a.unpack(), b.unpack());
            *y = W::pack(std::array::from_fn(|n| {
                let sum = a[n] + b[n];
                if sum <= 0.0 { 0.0 } else { sum }
            }));
        }
    }
}

/// `y = a · b`, element by element: a dropout, of which `b` is the mask.
///
/// Panics if the lengths differ.
pub fn multiply(a: &[f32], b: &[f32], y: &mut [f32]) {
    check::length("a", a, y.len());
    check::length("b", b, y.len());
    y.par_chunks_mut(CHUNK)
        .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)))
        .for_each(|(y, (a, b))| {
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                *y = a * b;
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::pair;

    #[test]
    fn gradients_pass_where_the_output_is_positive() {
        let mut dy = [1.0, 2.0, 3.0, 4.0];
        relu_backward(&[0.0, -0.0, 5.0, f32::NAN], &mut dy);
        assert_eq!(dy, [0.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn sums_are_rectified_and_keep_what_is_no_number() {
        let mut y = [9.0; 3];
        let [a, b] = [[1.0, -3.0, f32::NAN], [1.0, 2.0, 0.0]];
        for isa in Isa::available() {
            add_relu(isa, &a, &b, &mut y);
            assert_eq!(y[..2], [2.0, 0.0]);
            assert!(y[2].is_nan());
            let [a, b] = [a, b].map(|values| values.map(|value| pair(value, -value)));
            let mut words = [9; 3];
            add_relu_of_pairs(isa, &a, &b, &mut words);
            assert_eq!(words[..2], [pair(2.0, 0.0), pair(0.0, 1.0)]);
            assert!(words[2].unpack().iter().all(|value| value.is_nan()));
        }
        multiply(&[1.0, 2.0, 3.0], &[2.0, 0.0, 1.0], &mut y);
        assert_eq!(y, [2.0, 0.0, 3.0]);
    }
}
