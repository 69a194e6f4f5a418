//! The second moment `Σ x xᵀ / n` and the covariance of rows, in one pass over a stream.
//!
//! Products and sums are in f64, a block of rows at a time, in the order of the rows. Only tiles on and above the diagonal
//! are computed, each by one thread.

use faer::{Accum, Mat, Par, linalg::matmul::matmul};
use rayon::prelude::*;

use crate::blocks::{BLOCK, Blocks};

/// Columns of a tile.
const TILE: usize = 256;

/// The sums that a second moment needs, of the rows so far.
#[derive(Clone, Debug)]
pub struct SecondMoment {
    totals: Totals,
    blocks: Blocks,
}

#[derive(Clone, Debug)]
struct Totals {
    count: u64,
    sums: Vec<f64>,
    tiles: Vec<Tile>,
}

/// Σ of the products of some columns with some others.
#[derive(Clone, Debug)]
struct Tile {
    left: usize,
    right: usize,
    products: Mat<f64>,
}

impl SecondMoment {
    /// Of no rows yet.
    pub fn new(width: usize) -> Self {
        let panels = width.div_ceil(TILE);
        let size = |panel: usize| TILE.min(width - panel * TILE);
        let tiles = (0..panels).flat_map(|left| {
            (left..panels).map(move |right| Tile {
                left,
                right,
                products: Mat::zeros(size(left), size(right)),
            })
        });
        Self {
            totals: Totals {
                count: 0,
                sums: vec![0.0; width],
                tiles: tiles.collect(),
            },
            blocks: Blocks::new(width),
        }
    }

    /// Takes more rows in. How they are cut into calls changes nothing. Panics if they are not whole rows.
    pub fn add(&mut self, rows: &[f32]) {
        let width = self.totals.sums.len();
        assert!(rows.len().is_multiple_of(width), "whole rows");
        let Self { totals, blocks } = self;
        blocks.add(rows, |block| totals.merge(block));
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.totals.count + (self.blocks.rest().len() / self.totals.sums.len()) as u64
    }

    /// The mean, and `Σ (x − mean)(x − mean)ᵀ / n` in full: symmetric to the last bit.
    pub fn covariance(mut self) -> (Vec<f64>, Mat<f64>) {
        self.totals.merge(self.blocks.rest());
        let Totals { count, sums, tiles } = self.totals;
        let count = count.max(1) as f64;
        let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let mut out = Mat::zeros(mean.len(), mean.len());
        for tile in tiles {
            for (column, products) in tile.products.col_iter().enumerate() {
                for (row, product) in products.iter().enumerate() {
                    let (i, j) = (tile.left * TILE + row, tile.right * TILE + column);
                    if i <= j {
                        let value = product / count - mean[i] * mean[j];
                        out[(i, j)] = value;
                        out[(j, i)] = value;
                    }
                }
            }
        }
        (mean, out)
    }
}

impl Totals {
    fn merge(&mut self, rows: &[f32]) {
        let width = self.sums.len();
        let count = rows.len() / width;
        if count == 0 {
            return;
        }
        debug_assert!(count <= BLOCK);
        self.count += count as u64;
        for row in rows.chunks_exact(width) {
            for (sum, value) in self.sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let panels: Vec<Mat<f64>> = (0..width.div_ceil(TILE))
            .into_par_iter()
            .map(|panel| {
                let first = panel * TILE;
                Mat::from_fn(count, TILE.min(width - first), |row, column| {
                    f64::from(rows[row * width + first + column])
                })
            })
            .collect();
        self.tiles.par_iter_mut().for_each(|tile| {
            let (left, right) = (panels[tile.left].transpose(), &panels[tile.right]);
            matmul(&mut tile.products, Accum::Add, left, right, 1.0, Par::Seq);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covariance_is_that_of_plain_sums_over_several_tiles() {
        let (rows, width) = (300, TILE + 7);
        let values: Vec<f32> = (0..rows * width)
            .map(|i| ((i * 7919 + i / width * 13) % 101) as f32 / 50.0 - 1.0)
            .collect();
        let mut moment = SecondMoment::new(width);
        moment.add(&values[..width * 10]);
        moment.add(&values[width * 10..]);
        assert_eq!(moment.count(), rows as u64);
        let (mean, covariance) = moment.covariance();
        let x = |row: usize, column: usize| f64::from(values[row * width + column]);
        for (i, j) in [
            (0, 0),
            (3, TILE + 2),
            (TILE + 6, TILE + 6),
            (TILE - 1, TILE),
        ] {
            let plain: f64 = (0..rows)
                .map(|r| (x(r, i) - mean[i]) * (x(r, j) - mean[j]))
                .sum();
            let plain = plain / rows as f64;
            assert!((covariance[(i, j)] - plain).abs() < 1e-12, "{i} {j}");
            assert_eq!(covariance[(i, j)].to_bits(), covariance[(j, i)].to_bits());
        }
    }
}
