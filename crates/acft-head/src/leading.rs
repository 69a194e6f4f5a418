//! The largest eigenvalues of a symmetric matrix, and their vectors, by block Lanczos.
//!
//! A network's layers give 2,880 features, of which the first 256 axes are wanted: the full solver spends nearly all of
//! its time on the others. Here a basis Q is grown by blocks, each the product of the matrix with the block before, made
//! orthogonal to all that are there (Golub & Underwood 1977; Saad, *Numerical Methods for Large Eigenvalue Problems*, ch.
//! 6), and `Qᵀ A Q` is solved in full (Rayleigh & Ritz). It ends when all wanted pairs have a residual
//! `‖A v − λ v‖ ≤ 1e-9 λ_1`, where features in f32 know the covariance to 1e-8. What the blocks do not
//! find in [`SHARE`] of the dimensions, the full solver finds.
//!
//! The first block is noise from a fixed seed. Products are cut into panels of rows by their shapes alone, each computed by one
//! thread: no bit depends on the number of threads.

use std::ops::Range;

use faer::{Accum, Mat, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;

use crate::{
    MapError,
    eigen::{self, Eigen, upright},
};

/// Columns of a block.
const BLOCK: usize = 32;
/// Rows of a product that one thread computes.
const PANEL: usize = 192;
/// A pair is found when its residual is below this share of the largest eigenvalue.
const TOLERANCE: f64 = 1e-9;
/// A new direction that is shorter than this share of the matrix is rounding.
const ROUNDING: f64 = 1e-13;
/// The most of all dimensions that the basis may have: beyond, the full solver is faster.
const SHARE: f64 = 0.6;
/// Matrices up to this size are solved in full.
const SMALL: usize = 128;

/// The `wanted` largest eigenvalues of a symmetric matrix without negative ones, and their vectors.
///
/// # Errors
/// If a solver gives up.
pub(crate) fn leading(matrix: &Mat<f64>, wanted: usize) -> Result<Eigen, MapError> {
    let size = matrix.nrows();
    if size > SMALL && 4 * wanted < size {
        let mut basis = Basis::new(matrix);
        let most = (SHARE * size as f64) as usize;
        let mut next = 3 * wanted;
        while next <= most && basis.grow(next) {
            if let Some(found) = basis.pairs(wanted)? {
                return Ok(found);
            }
            next = basis.columns() + wanted.max(BLOCK) / 2;
        }
    }
    let mut all = eigen::symmetric(matrix)?;
    all.values.truncate(wanted);
    all.vectors.truncate(wanted);
    Ok(all)
}

/// An orthonormal basis Q, with `A Q` and `Qᵀ A Q`.
struct Basis<'a> {
    matrix: MatRef<'a, f64>,
    /// About as large as the largest eigenvalue.
    scale: f64,
    q: Mat<f64>,
    products: Mat<f64>,
    small: Mat<f64>,
    /// Random numbers used so far.
    drawn: u64,
}

impl<'a> Basis<'a> {
    fn new(matrix: &'a Mat<f64>) -> Self {
        let size = matrix.nrows();
        let scale = (0..size).fold(0.0_f64, |most, i| most.max(matrix[(i, i)].abs()));
        Self {
            matrix: matrix.as_ref(),
            scale,
            q: Mat::zeros(size, 0),
            products: Mat::zeros(size, 0),
            small: Mat::zeros(0, 0),
            drawn: 0,
        }
    }

    fn columns(&self) -> usize {
        self.q.ncols()
    }

    /// Adds blocks until there are at least so many columns. Says whether it could.
    fn grow(&mut self, columns: usize) -> bool {
        while self.columns() < columns {
            let from = self.columns();
            let last = from.saturating_sub(BLOCK)..from;
            let mut block = match from {
                0 => Mat::from_fn(self.q.nrows(), BLOCK, |_, _| 0.0),
                _ => self.products.subcols(last.start, last.len()).to_owned(),
            };
            if !self.orthonormalise(&mut block) {
                return false;
            }
            self.push(&block);
        }
        true
    }

    /// Makes the columns orthogonal to Q and to each other, of length 1. Where nothing is left of one, noise takes its
    /// place: the blocks so far are a space that the matrix maps to itself, and may lack other vectors of the same values.
    fn orthonormalise(&mut self, block: &mut Mat<f64>) -> bool {
        let mut shortest = self.scale * ROUNDING;
        for round in 0..6 {
            let along = product(self.q.transpose(), block.as_ref());
            *block -= &product(self.q.as_ref(), along.as_ref());
            let mut columns = columns(block);
            // A column that had length 1 and keeps most of it is orthogonal to rounding.
            let mut done = round > 0;
            for column in 0..columns.len() {
                let (earlier, rest) = columns.split_at_mut(column);
                let vector = &mut rest[0];
                for other in earlier {
                    let along = dot(other, vector);
                    let pairs = vector.iter_mut().zip(other);
                    pairs.for_each(|(v, o)| *v -= along * *o);
                }
                let length = dot(vector, vector).sqrt();
                done &= length > 0.5;
                if length <= shortest {
                    self.draw(vector);
                    done = false;
                } else {
                    vector.iter_mut().for_each(|v| *v /= length);
                }
            }
            *block = Mat::from_fn(block.nrows(), block.ncols(), |row, column| {
                columns[column][row]
            });
            if done {
                return true;
            }
            shortest = 1e-3;
        }
        false
    }

    /// Noise of length 1.
    fn draw(&mut self, vector: &mut [f64]) {
        for value in vector.iter_mut() {
            self.drawn += 1;
            *value = noise(self.drawn);
        }
        let length = dot(vector, vector).sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
    }

    fn push(&mut self, block: &Mat<f64>) {
        let (size, from) = (self.q.nrows(), self.columns());
        let to = from + block.ncols();
        let append = |old: &Mat<f64>, new: &Mat<f64>| {
            Mat::from_fn(size, to, |row, column| match column < from {
                true => old[(row, column)],
                false => new[(row, column - from)],
            })
        };
        let products = product(self.matrix, block.as_ref());
        self.q = append(&self.q, block);
        let border = product(self.q.transpose(), products.as_ref());
        self.products = append(&self.products, &products);
        self.small = Mat::from_fn(to, to, |row, column| {
            match (row.min(column), row.max(column)) {
                (_, high) if high < from => self.small[(row, column)],
                (low, high) => border[(low, high - from)],
            }
        });
    }

    /// The largest pairs, if all of them are good enough.
    fn pairs(&self, wanted: usize) -> Result<Option<Eigen>, MapError> {
        let Eigen {
            mut values,
            mut vectors,
        } = eigen::symmetric(&self.small)?;
        values.truncate(wanted);
        vectors.truncate(wanted);
        let turn = Mat::from_fn(self.columns(), wanted, |row, column| vectors[column][row]);
        let found = product(self.q.as_ref(), turn.as_ref());
        let mapped = product(self.products.as_ref(), turn.as_ref());
        let largest = values.first().copied().unwrap_or(0.0).abs();
        let good = values.iter().enumerate().all(|(column, value)| {
            let residual = (0..found.nrows())
                .map(|row| (mapped[(row, column)] - value * found[(row, column)]).powi(2))
                .sum::<f64>();
            residual.sqrt() <= TOLERANCE * largest
        });
        Ok(good.then(|| Eigen {
            vectors: columns(&found).into_iter().map(upright).collect(),
            values,
        }))
    }
}

fn columns(matrix: &Mat<f64>) -> Vec<Vec<f64>> {
    let column = |column| matrix.col(column).iter().copied().collect();
    (0..matrix.ncols()).map(column).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `left · right`.
fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Mat<f64> {
    let (rows, columns) = (left.nrows(), right.ncols());
    let starts: Vec<usize> = (0..rows).step_by(PANEL).collect();
    let panels: Vec<(Range<usize>, Mat<f64>)> = starts
        .into_par_iter()
        .map(|start| {
            let span = start..rows.min(start + PANEL);
            let mut panel = Mat::zeros(span.len(), columns);
            let some = left.subrows(start, span.len());
            matmul(&mut panel, Accum::Replace, some, right, 1.0, Par::Seq);
            (span, panel)
        })
        .collect();
    let mut out = Mat::zeros(rows, columns);
    for (span, panel) in panels {
        out.subrows_mut(span.start, span.len()).copy_from(&panel);
    }
    out
}

/// A number from −1 to 1, the same for the same number (splitmix64, Steele, Lea & Flood 2014).
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = SMALL + 92;
    const WANTED: usize = 20;

    type Values = fn(usize) -> f64;

    /// `V diag(values) Vᵀ`, with V a product of reflections.
    fn with_values(values: impl Fn(usize) -> f64) -> Mat<f64> {
        let mut out = Mat::from_fn(SIZE, SIZE, |row, column| match row == column {
            true => values(row),
            false => 0.0,
        });
        for seed in 0..3_u64 {
            let v: Vec<f64> = (0..SIZE as u64)
                .map(|i| noise(i + seed * 10_000 + 1))
                .collect();
            let length: f64 = v.iter().map(|v| v * v).sum();
            // H A H, with H = I − 2 v vᵀ / vᵀv.
            for _ in 0..2 {
                for column in 0..SIZE {
                    let along: f64 = (0..SIZE).map(|row| v[row] * out[(row, column)]).sum();
                    for row in 0..SIZE {
                        out[(row, column)] -= 2.0 * v[row] * along / length;
                    }
                }
                out = out.transpose().to_owned();
            }
        }
        out
    }

    fn check(matrix: &Mat<f64>, values: impl Fn(usize) -> f64, what: &str) {
        let found = leading(matrix, WANTED).expect("it has values");
        assert_eq!((found.values.len(), found.vectors.len()), (WANTED, WANTED));
        let largest = values(0);
        for (i, (value, vector)) in found.values.iter().zip(&found.vectors).enumerate() {
            assert!(
                (value - values(i)).abs() <= 1e-9 * largest,
                "{what} {i}: {value} for {}",
                values(i)
            );
            for (j, other) in found.vectors.iter().enumerate() {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                let wanted = f64::from(u8::from(i == j));
                assert!((along - wanted).abs() < 1e-10, "{what} {i} {j}: {along}");
            }
            let residual = (0..SIZE)
                .map(|row| {
                    let mapped: f64 = (0..SIZE).map(|k| matrix[(row, k)] * vector[k]).sum();
                    (mapped - value * vector[row]).powi(2)
                })
                .sum::<f64>();
            assert!(residual.sqrt() <= 2e-9 * largest, "{what} {i}: {residual}");
        }
    }

    #[test]
    fn it_finds_what_is_there_whatever_the_values() {
        let cases: [(&str, Values); 6] = [
            ("a power", |i| 100.0 / (1.0 + i as f64)),
            ("nearly flat", |i| 1.0 - i as f64 * 1e-4),
            ("all alike", |_| 3.0),
            ("seven that are not 0", |i| {
                if i < 7 { 9.0 - i as f64 } else { 0.0 }
            }),
            ("more alike than a block has columns", |i| {
                if i < 50 { 2.0 } else { 1e-3 }
            }),
            ("nothing", |_| 0.0),
        ];
        for (what, values) in cases {
            check(&with_values(values), values, what);
        }
    }

    #[test]
    fn blocks_find_the_pairs_of_a_spectrum_that_falls_off() {
        let matrix = with_values(|i| 100.0 * 0.8_f64.powi(i as i32));
        let mut basis = Basis::new(&matrix);
        assert!(basis.grow(SIZE * 6 / 10));
        let found = basis.pairs(WANTED).expect("the small matrix has values");
        assert!(found.is_some(), "the full solver was not needed");
    }

    #[test]
    fn threads_change_no_bit() {
        let matrix = with_values(|i| 1.0 / (1.0 + i as f64));
        let solve = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool.expect("threads").install(|| leading(&matrix, WANTED));
            let found = found.expect("it has values");
            let all = found.vectors.concat().into_iter().chain(found.values);
            all.map(f64::to_bits).collect::<Vec<_>>()
        };
        assert!(solve(1) == solve(2) && solve(1) == solve(5));
    }
}
