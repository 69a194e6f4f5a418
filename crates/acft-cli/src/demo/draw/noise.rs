//! Smooth random fields: value noise, summed over octaves.

use super::random::Random;

/// A field over the unit square, about 0 on average and within [−1, 1].
pub(super) struct Field {
    octaves: Vec<Lattice>,
}

struct Lattice {
    cells: usize,
    /// (cells + 1)² values at the corners of the cells.
    corners: Vec<f64>,
    weight: f64,
}

impl Field {
    /// A field that varies over 1 / `cells` of the square, and with each
    /// further octave over half as much at half the weight.
    pub(super) fn new(cells: usize, octaves: usize, random: &mut Random) -> Self {
        let total: f64 = (0..octaves).map(|octave| 0.5_f64.powi(octave as i32)).sum();
        let lattice = |octave: usize| {
            let cells = cells << octave;
            Lattice {
                cells,
                corners: (0..(cells + 1) * (cells + 1))
                    .map(|_| random.between(-1.0, 1.0))
                    .collect(),
                weight: 0.5_f64.powi(octave as i32) / total,
            }
        };
        Self {
            octaves: (0..octaves).map(lattice).collect(),
        }
    }

    pub(super) fn at(&self, place: [f64; 2]) -> f64 {
        self.octaves
            .iter()
            .map(|lattice| lattice.weight * lattice.at(place))
            .sum()
    }
}

impl Lattice {
    fn at(&self, place: [f64; 2]) -> f64 {
        let cell = |along: f64| {
            let along = along.clamp(0.0, 1.0) * self.cells as f64;
            let cell = (along as usize).min(self.cells - 1);
            let t = along - cell as f64;
            (cell, t * t * (3.0 - 2.0 * t))
        };
        let ((column, x), (row, y)) = (cell(place[0]), cell(place[1]));
        let corner = |down: usize, right: usize| {
            self.corners[(row + down) * (self.cells + 1) + column + right]
        };
        let along = |down| corner(down, 0) + x * (corner(down, 1) - corner(down, 0));
        along(0) + y * (along(1) - along(0))
    }
}
