//! Winograd's transforms, on sixteen images at a time: plain loops, inlined into a function of each instruction set.
//!
//! With d a tile of inputs, g a kernel and y a tile of outputs, y = Aᵀ ((G g Gᵀ) ⊙ (Bᵀ d B)) A (Lavin & Gray 2016,
//! Eq. 8). The matrices are those of [`axis`].

mod axis;

use std::ops::Range;

use self::axis::{Axis, FourOfThree, TwoOfFive, TwoOfThree, Vector};
use crate::lanes::LANES;

/// An algorithm F(m × m, r × r).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// F(2 × 2, 3 × 3): 16 products for 36.
    TwoOfThree,
    /// F(4 × 4, 3 × 3): 36 products for 144.
    FourOfThree,
    /// F(2 × 2, 5 × 5): 36 products for 100.
    TwoOfFive,
}

/// Calls a function with the constants of a form along one axis, and its type.
macro_rules! of_form {
    ($form:expr, $function:ident($($argument:expr),*)) => {
        match $form {
            Form::TwoOfThree => $function::<4, 2, 3, TwoOfThree>($($argument),*),
            Form::FourOfThree => $function::<6, 4, 3, FourOfThree>($($argument),*),
            Form::TwoOfFive => $function::<6, 2, 5, TwoOfFive>($($argument),*),
        }
    };
}

impl Form {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::TwoOfThree, Self::FourOfThree, Self::TwoOfFive];

    /// Products along an axis, the outputs that they make, and the taps of each.
    fn axis(self) -> [usize; 3] {
        fn sizes<const P: usize, const M: usize, const R: usize, A: Axis<P, M, R>>() -> [usize; 3] {
            [P, M, R]
        }
        of_form!(self, sizes())
    }

    /// Products of a tile, and inputs: elements of a transformed tile.
    pub(crate) fn points(self) -> usize {
        self.axis()[0].pow(2)
    }

    /// Height and width of a tile of outputs.
    pub(crate) fn side(self) -> usize {
        self.axis()[1]
    }

    /// Outputs of a tile.
    pub(crate) fn outputs(self) -> usize {
        self.side().pow(2)
    }

    /// Height and width of the kernel.
    pub(crate) fn kernel(self) -> usize {
        self.axis()[2]
    }

    /// G g Gᵀ of `N` kernels at once: `g` has the taps, row by row.
    pub(crate) fn kernel_points<const N: usize>(self, g: &[[f32; N]], points: &mut [[f32; N]]) {
        fn both<const N: usize, const P: usize, const R: usize>(
            matrix: &[[f32; R]; P],
            g: &[[f32; N]],
            points: &mut [[f32; N]],
        ) {
            for (p, points) in points.chunks_exact_mut(P).enumerate() {
                // Column by column of the kernel, then along the row that these make.
                let row: [[f32; N]; R] =
                    std::array::from_fn(|x| sum(&matrix[p], |y| &g[y * R + x]));
                for (point, across) in points.iter_mut().zip(matrix) {
                    *point = sum(across, |x| &row[x]);
                }
            }
        }
        match self {
            Self::TwoOfThree => both(&TwoOfThree::KERNEL, g, points),
            Self::FourOfThree => both(&FourOfThree::KERNEL, g, points),
            Self::TwoOfFive => both(&TwoOfFive::KERNEL, g, points),
        }
    }

    /// Gᵀ p G, the adjoint of [`Form::kernel_points`], of sixteen kernels at once.
    pub(crate) fn kernels_back<'a>(self, p: impl Fn(usize) -> &'a Vector, taps: &mut [Vector]) {
        fn both<'a, const P: usize, const R: usize>(
            matrix: &[[f32; R]; P],
            p: impl Fn(usize) -> &'a Vector,
            taps: &mut [Vector],
        ) {
            let columns: [[f32; P]; R] =
                std::array::from_fn(|k| std::array::from_fn(|p| matrix[p][k]));
            for (k, taps) in taps.chunks_exact_mut(R).enumerate() {
                let row: [Vector; P] = std::array::from_fn(|x| sum(&columns[k], |y| p(y * P + x)));
                for (tap, across) in taps.iter_mut().zip(&columns) {
                    *tap = sum(across, |x| &row[x]);
                }
            }
        }
        match self {
            Self::TwoOfThree => both(&TwoOfThree::KERNEL, p, taps),
            Self::FourOfThree => both(&FourOfThree::KERNEL, p, taps),
            Self::TwoOfFive => both(&TwoOfFive::KERNEL, p, taps),
        }
    }
}

/// `Σ factors[i] · of(i)`, from the first term that counts to the last.
#[inline(always)]
fn sum<'a, const N: usize, const T: usize>(
    factors: &[f32; T],
    of: impl Fn(usize) -> &'a [f32; N],
) -> [f32; N] {
    let mut sum = [0.0; N];
    for (i, &factor) in factors.iter().enumerate() {
        if factor != 0.0 {
            let term = of(i);
            sum.iter_mut()
                .zip(term)
                .for_each(|(sum, v)| *sum += factor * v);
        }
    }
    sum
}

/// Planes cut into tiles of outputs, which overlap in what they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    pub(crate) form: Form,
    /// Height and width of what is read.
    pub(crate) source: [usize; 2],
    /// Height and width of what is written.
    pub(crate) target: [usize; 2],
    /// Zeros around what is read.
    pub(crate) padding: [usize; 2],
}

impl Tiling {
    /// Rows and columns of tiles.
    pub(crate) fn tiles(&self) -> [usize; 2] {
        self.target.map(|n| n.div_ceil(self.form.side()))
    }

    /// The number of tiles of a plane.
    pub(crate) fn count(&self) -> usize {
        self.tiles().iter().product()
    }

    /// The first output of a tile.
    pub(crate) fn corner(&self, tile: usize) -> [usize; 2] {
        let [_, columns] = self.tiles();
        [tile / columns, tile % columns].map(|n| n * self.form.side())
    }
}

/// What follows the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish {
    pub(crate) bias: f32,
    pub(crate) relu: bool,
    /// Whether what the target holds is added.
    pub(crate) onto: bool,
}

/// Bᵀ d B of some tiles of one plane: point `p` of the tile that is the `i`-th of them becomes vector
/// `p · step + i` of `out`.
#[inline(always)]
pub(super) fn spread(
    tiling: &Tiling,
    tiles: Range<usize>,
    plane: &[f32],
    out: &mut [f32],
    step: usize,
) {
    of_form!(tiling.form, spread_of(tiling, tiles, plane, out, step));
}

#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "as iterators, vectors go through memory in quarters"
)]
fn spread_of<const P: usize, const M: usize, const R: usize, A: Axis<P, M, R>>(
    tiling: &Tiling,
    tiles: Range<usize>,
    plane: &[f32],
    out: &mut [f32],
    step: usize,
) {
    let (plane, out) = (plane.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let [height, width] = tiling.source;
    for (i, tile) in tiles.enumerate() {
        let corner = tiling.corner(tile);
        let [top, left] = [0, 1].map(|a| corner[a].wrapping_sub(tiling.padding[a]));
        let inside = top < height && left < width && top + P <= height && left + P <= width;
        let mut rows = [[[0.0; LANES]; P]; P];
        for x in 0..P {
            let mut d = [[0.0; LANES]; P];
            if inside {
                let column = &plane[top * width + left + x..][..(P - 1) * width + 1];
                for y in 0..P {
                    d[y] = column[y * width];
                }
            } else {
                let column = left.wrapping_add(x);
                for y in 0..P {
                    let row = top.wrapping_add(y);
                    if row < height && column < width {
                        d[y] = plane[row * width + column];
                    }
                }
            }
            let points = A::spread(&d);
            for y in 0..P {
                rows[y][x] = points[y];
            }
        }
        for y in 0..P {
            let points = A::spread(&rows[y]);
            for x in 0..P {
                out[(P * y + x) * step + i] = points[x];
            }
        }
    }
}

/// Aᵀ p A of some tiles of one plane, where vector `p · step + i` of `sums` is point `p` of the tile that is the
/// `i`-th of them.
#[inline(always)]
pub(super) fn gather(
    tiling: &Tiling,
    tiles: Range<usize>,
    sums: &[f32],
    step: usize,
    finish: Finish,
    plane: &mut [f32],
) {
    of_form!(
        tiling.form,
        gather_of(tiling, tiles, sums, step, finish, plane)
    );
}

#[inline(always)]
fn gather_of<const P: usize, const M: usize, const R: usize, A: Axis<P, M, R>>(
    tiling: &Tiling,
    tiles: Range<usize>,
    sums: &[f32],
    step: usize,
    finish: Finish,
    plane: &mut [f32],
) {
    let (sums, plane) = (
        sums.as_chunks::<LANES>().0,
        plane.as_chunks_mut::<LANES>().0,
    );
    let [height, width] = tiling.target;
    for (i, tile) in tiles.enumerate() {
        let [top, left] = tiling.corner(tile);
        let mut rows = [[[0.0; LANES]; P]; M];
        for x in 0..P {
            let mut products = [[0.0; LANES]; P];
            for y in 0..P {
                products[y] = sums[(P * y + x) * step + i];
            }
            let outputs = A::gather(&products);
            for y in 0..M {
                rows[y][x] = outputs[y];
            }
        }
        for y in 0..M {
            let outputs = A::gather(&rows[y]);
            for x in 0..M {
                if top + y < height && left + x < width {
                    let out = &mut plane[(top + y) * width + left + x];
                    for lane in 0..LANES {
                        let held = if finish.onto { out[lane] } else { 0.0 };
                        let value = outputs[x][lane] + finish.bias + held;
                        out[lane] = if finish.relu && value < 0.0 {
                            0.0
                        } else {
                            value
                        };
                    }
                }
            }
        }
    }
}

/// A y Aᵀ, the adjoint of what [`gather`] does, element by element. `y` has the outputs of a tile one after the other, row by
/// row, each as many numbers as the next; `out` the points.
#[inline(always)]
pub(super) fn spread_back(form: Form, y: &[f32], out: &mut [f32]) {
    of_form!(form, spread_back_of(y, out));
}

#[inline(always)]
fn spread_back_of<const P: usize, const M: usize, const R: usize, A: Axis<P, M, R>>(
    y: &[f32],
    out: &mut [f32],
) {
    let (y, out) = (y.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let len = y.len() / (M * M);
    for i in 0..len {
        let mut rows = [[[0.0; LANES]; M]; P];
        for x in 0..M {
            let mut column = [[0.0; LANES]; M];
            for row in 0..M {
                column[row] = y[(M * row + x) * len + i];
            }
            let points = A::spread_back(&column);
            for row in 0..P {
                rows[row][x] = points[row];
            }
        }
        for row in 0..P {
            let points = A::spread_back(&rows[row]);
            for x in 0..P {
                out[(P * row + x) * len + i] = points[x];
            }
        }
    }
}
