//! Label spreading over a graph (Zhou et al. 2004), with classes that count alike.
//!
//! `F ← α S F + (1 − α) Y`, from F = Y on; row i of Y is the label of candidate i, divided by how much its class is
//! labeled, and 0 without a label. At the end each row is scaled to sum 1.

use rayon::prelude::*;

use crate::{EdgeWeight, Graph, GraphError, Neighbours, Target};

/// The settings of spreading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpreadSettings {
    /// α, how much comes from neighbours in a round.
    pub alpha: f64,
    /// How many rounds.
    pub rounds: usize,
}

impl Default for SpreadSettings {
    fn default() -> Self {
        Self {
            alpha: 0.95,
            rounds: 30,
        }
    }
}

/// Added to every value before rows are scaled: a candidate that no label reached has equal shares.
const FLOOR: f64 = 1e-9;

/// What labels say of each candidate of a graph, `[candidate][class]`: rows are positive and sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    classes: usize,
    rows: Vec<f64>,
}

impl Graph {
    /// Spreads labels over the candidates.
    ///
    /// # Errors
    /// Labels of candidates that there are not, or that are no distribution over the classes; settings out of range.
    pub fn spread(
        &self,
        labels: &[(usize, Target<'_>)],
        classes: usize,
        settings: &SpreadSettings,
    ) -> Result<Spread, GraphError> {
        let alpha = settings.alpha;
        if !(0.0..1.0).contains(&alpha) {
            return Err(GraphError::Setting {
                name: "alpha",
                value: alpha,
                must: "at least 0 and below 1",
            });
        }
        if classes == 0 {
            return Err(GraphError::Setting {
                name: "classes",
                value: 0.0,
                must: "at least 1",
            });
        }
        let start = self.start(labels, classes)?;
        let mut now = start.clone();
        let mut next = vec![0.0; now.len()];
        for _ in 0..settings.rounds {
            next.par_chunks_mut(classes)
                .zip(start.par_chunks(classes))
                .enumerate()
                .for_each(|(candidate, (next, start))| {
                    next.fill(0.0);
                    for (other, value) in self.edges(candidate) {
                        let row = &now[other * classes..][..classes];
                        next.iter_mut().zip(row).for_each(|(n, f)| *n += value * f);
                    }
                    for (n, y) in next.iter_mut().zip(start) {
                        *n = alpha * *n + (1.0 - alpha) * y;
                    }
                });
            std::mem::swap(&mut now, &mut next);
        }
        for row in now.chunks_exact_mut(classes) {
            row.iter_mut().for_each(|f| *f += FLOOR);
            scale(row);
        }
        Ok(Spread { classes, rows: now })
    }

    /// Y, balanced over classes.
    fn start(
        &self,
        labels: &[(usize, Target<'_>)],
        classes: usize,
    ) -> Result<Vec<f64>, GraphError> {
        let candidates = self.len();
        let mut rows = vec![0.0; candidates * classes];
        let mut mass = vec![0.0; classes];
        for (candidate, target) in labels.iter().copied() {
            if candidate >= candidates {
                return Err(GraphError::Candidate {
                    candidate,
                    candidates,
                });
            }
            let target = target
                .distribution(classes)
                .ok_or(GraphError::Target { candidate, classes })?;
            let row = &mut rows[candidate * classes..][..classes];
            for ((y, sum), t) in row.iter_mut().zip(&mut mass).zip(target) {
                *y += t;
                *sum += t;
            }
        }
        for row in rows.chunks_exact_mut(classes) {
            for (y, sum) in row.iter_mut().zip(&mass) {
                if *sum > 0.0 {
                    *y /= sum;
                }
            }
        }
        Ok(rows)
    }
}

impl Spread {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All rows.
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }

    /// The row of a candidate.
    pub fn row(&self, candidate: usize) -> &[f64] {
        &self.rows[candidate * self.classes..][..self.classes]
    }

    /// The rows of others, `[query][class]`: the mean of their neighbours' rows, by the weights of the edges. Where no
    /// neighbour has a weight, all count alike. Panics if a neighbour is not of this graph.
    pub fn outside(&self, neighbours: &Neighbours, weight: EdgeWeight) -> Vec<f64> {
        let mut out = vec![0.0; neighbours.queries() * self.classes];
        out.par_chunks_mut(self.classes)
            .enumerate()
            .for_each(|(query, out)| {
                let weights = neighbours.of(query).map(|(_, cosine)| weight.of(cosine));
                let none = weights.sum::<f64>() == 0.0;
                for (other, cosine) in neighbours.of(query) {
                    let weight = if none { 1.0 } else { weight.of(cosine) };
                    let row = self.row(other);
                    out.iter_mut().zip(row).for_each(|(o, f)| *o += weight * f);
                }
                scale(out);
            });
        out
    }
}

fn scale(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}
