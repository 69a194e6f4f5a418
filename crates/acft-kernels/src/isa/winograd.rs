//! Winograd's transforms F(2 × 2, 3 × 3), on sixteen images at a time: plain loops, inlined into a function of each
//! instruction set.
//!
//! With d a tile of 4 × 4 inputs, g a kernel and y a tile of 2 × 2 outputs,
//! y = Aᵀ ((G g Gᵀ) ⊙ (Bᵀ d B)) A (Lavin & Gray 2016, Eq. 8). All entries of A and B are 0 or ±1, so that these
//! transforms only add.

use std::ops::Range;

use crate::lanes::LANES;

/// Elements of a transformed tile.
pub(crate) const POINTS: usize = 16;

type Vector = [f32; LANES];

/// Planes cut into tiles of 2 × 2 outputs, which overlap in what they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
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
        self.target.map(|n| n.div_ceil(2))
    }

    /// The number of tiles of a plane.
    pub(crate) fn count(&self) -> usize {
        self.tiles().iter().product()
    }

    /// The first output of a tile.
    pub(crate) fn corner(&self, tile: usize) -> [usize; 2] {
        let [_, columns] = self.tiles();
        [tile / columns * 2, tile % columns * 2]
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

#[inline(always)]
fn add(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|i| a[i] + b[i])
}

#[inline(always)]
fn sub(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|i| a[i] - b[i])
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
    let (plane, out) = (plane.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let [height, width] = tiling.source;
    for (i, tile) in tiles.enumerate() {
        let corner = tiling.corner(tile);
        let first = [0, 1].map(|a| corner[a].wrapping_sub(tiling.padding[a]));
        let mut rows = [[[0.0; LANES]; 4]; 4];
        let [first_row, second, third, last] = &mut rows;
        let across = first_row.iter_mut().zip(second).zip(third).zip(last);
        for (x, (((a, b), c), e)) in across.enumerate() {
            let column = first[1].wrapping_add(x);
            let mut d = [[0.0; LANES]; 4];
            if column < width {
                for (y, d) in d.iter_mut().enumerate() {
                    let row = first[0].wrapping_add(y);
                    if row < height {
                        *d = plane[row * width + column];
                    }
                }
            }
            *a = sub(&d[0], &d[2]);
            *b = add(&d[1], &d[2]);
            *c = sub(&d[2], &d[1]);
            *e = sub(&d[1], &d[3]);
        }
        for (y, t) in rows.iter().enumerate() {
            let at = |point: usize| (4 * y + point) * step + i;
            out[at(0)] = sub(&t[0], &t[2]);
            out[at(1)] = add(&t[1], &t[2]);
            out[at(2)] = sub(&t[2], &t[1]);
            out[at(3)] = sub(&t[1], &t[3]);
        }
    }
}

/// Aᵀ m A of some tiles of one plane, where vector `p · step + i` of `sums` is point `p` of the tile that is the
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
    let (sums, plane) = (
        sums.as_chunks::<LANES>().0,
        plane.as_chunks_mut::<LANES>().0,
    );
    let [height, width] = tiling.target;
    for (i, tile) in tiles.enumerate() {
        let [top, left] = tiling.corner(tile);
        let mut rows = [[[0.0; LANES]; 4]; 2];
        let [upper, lower] = &mut rows;
        for (x, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
            let m = |y: usize| &sums[(4 * y + x) * step + i];
            *upper = add(&add(m(0), m(1)), m(2));
            *lower = sub(&sub(m(1), m(2)), m(3));
        }
        for (y, t) in rows.iter().enumerate() {
            let both = [
                add(&add(&t[0], &t[1]), &t[2]),
                sub(&sub(&t[1], &t[2]), &t[3]),
            ];
            for (x, sum) in both.iter().enumerate() {
                if top + y < height && left + x < width {
                    let out = &mut plane[(top + y) * width + left + x];
                    for (out, sum) in out.iter_mut().zip(sum) {
                        let held = if finish.onto { *out } else { 0.0 };
                        let value = sum + finish.bias + held;
                        *out = if finish.relu && value < 0.0 {
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

/// A y Aᵀ, the adjoint of what [`gather`] does, element by element of four equally long slices: a tile's outputs,
/// row by row. `out` has the points one after the other.
#[inline(always)]
pub(super) fn spread_back(y: [&[f32]; 4], out: &mut [f32]) {
    let y = y.map(|y| y.as_chunks::<LANES>().0);
    let out = out.as_chunks_mut::<LANES>().0;
    let len = y[0].len();
    for i in 0..len {
        let [a, b, c, d] = y.map(|y| y[i]);
        let left = [a, add(&a, &c), sub(&a, &c), c.map(|v| -v)];
        let right = [b, add(&b, &d), sub(&b, &d), d.map(|v| -v)];
        for (row, (left, right)) in left.iter().zip(&right).enumerate() {
            let at = |point: usize| (4 * row + point) * len + i;
            out[at(0)] = *left;
            out[at(1)] = add(left, right);
            out[at(2)] = sub(left, right);
            out[at(3)] = right.map(|v| -v);
        }
    }
}

/// G g Gᵀ of `N` kernels of 3 × 3 at once.
pub(crate) fn kernel_points<const N: usize>(g: &[[f32; N]; 9]) -> [[f32; N]; POINTS] {
    let three = |a: &[f32; N], b: &[f32; N], c: &[f32; N]| -> [[f32; N]; 4] {
        [
            *a,
            std::array::from_fn(|i| 0.5 * (a[i] + b[i] + c[i])),
            std::array::from_fn(|i| 0.5 * (a[i] - b[i] + c[i])),
            *c,
        ]
    };
    let columns = [0, 1, 2].map(|x| three(&g[x], &g[3 + x], &g[6 + x]));
    let mut points = [[0.0; N]; POINTS];
    for (y, points) in points.chunks_exact_mut(4).enumerate() {
        points.copy_from_slice(&three(&columns[0][y], &columns[1][y], &columns[2][y]));
    }
    points
}

/// Gᵀ p G, the adjoint of [`kernel_points`], of sixteen kernels at once.
#[inline(always)]
pub(crate) fn kernels_back(p: [&Vector; POINTS]) -> [Vector; 9] {
    let three = |a: &Vector, b: &Vector, c: &Vector, d: &Vector| -> [Vector; 3] {
        [
            std::array::from_fn(|i| a[i] + 0.5 * (b[i] + c[i])),
            std::array::from_fn(|i| 0.5 * (b[i] - c[i])),
            std::array::from_fn(|i| 0.5 * (b[i] + c[i]) + d[i]),
        ]
    };
    let columns = [0, 1, 2, 3].map(|x| three(p[x], p[4 + x], p[8 + x], p[12 + x]));
    let mut found = [[0.0; LANES]; 9];
    for (y, found) in found.chunks_exact_mut(3).enumerate() {
        let row = three(
            &columns[0][y],
            &columns[1][y],
            &columns[2][y],
            &columns[3][y],
        );
        found.copy_from_slice(&row);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One axis of each transform as a matrix, in the paper's words.
    const A: [[f32; 2]; 4] = [[1., 0.], [1., 1.], [1., -1.], [0., -1.]];
    const G: [[f32; 3]; 4] = [
        [1., 0., 0.],
        [0.5, 0.5, 0.5],
        [0.5, -0.5, 0.5],
        [0., 0., 1.],
    ];

    #[test]
    fn transforms_are_those_of_the_paper() {
        let g: [f32; 9] = std::array::from_fn(|i| (i * i) as f32 - 3.0);
        let y: [f32; 4] = [2.0, -1.0, 5.0, 3.0];
        let vectors = y.map(|v| [v; LANES]);
        let mut spread = [0.0; POINTS * LANES];
        spread_back([0, 1, 2, 3].map(|i| &vectors[i][..]), &mut spread);
        let points = kernel_points(&g.map(|g| [g]));
        for row in 0..4 {
            for column in 0..4 {
                let at = row * 4 + column;
                let kernel: f32 = (0..9)
                    .map(|k| G[row][k / 3] * g[k] * G[column][k % 3])
                    .sum();
                assert_eq!(points[at], [kernel]);
                let output: f32 = (0..4)
                    .map(|k| A[row][k / 2] * y[k] * A[column][k % 2])
                    .sum();
                assert_eq!(spread[at * LANES], output);
            }
        }
        let p: [Vector; POINTS] = std::array::from_fn(|i| [(i * 7 % 5) as f32; LANES]);
        let back = kernels_back(std::array::from_fn(|i| &p[i]));
        for (k, back) in back.iter().enumerate() {
            let expected: f32 = (0..POINTS)
                .map(|i| G[i / 4][k / 3] * p[i][0] * G[i % 4][k % 3])
                .sum();
            assert_eq!(back[0], expected);
        }
    }
}
