//! A graph over the pool: each candidate is joined to its nearest by mean features.
//!
//! `A = W + Wᵀ` with the weights W of each candidate's k nearest, `S = D^(−1/2) A D^(−1/2)` with the row sums D of A
//! (Zhou, Bousquet, Lal, Weston & Schölkopf, *Learning with Local and Global Consistency*, NeurIPS 2003/2004).

use rayon::prelude::*;

use crate::{
    FeatureError, GraphError, Neighbours, Patches,
    neighbours::{Own, among, unit_rows},
};

/// How much an edge weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeWeight {
    /// The cube of the cosine, 0 below 0: what the method was measured with.
    #[default]
    CubedCosine,
    /// 1.
    Equal,
}

impl EdgeWeight {
    /// The weight of an edge between candidates of this cosine.
    pub fn of(self, cosine: f32) -> f64 {
        match self {
            Self::CubedCosine => f64::from(cosine.max(0.0)).powi(3),
            Self::Equal => 1.0,
        }
    }
}

/// The settings of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphSettings {
    /// k, the neighbours that each candidate chooses.
    pub neighbours: usize,
    /// The weight of an edge.
    pub weight: EdgeWeight,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            neighbours: 10,
            weight: EdgeWeight::CubedCosine,
        }
    }
}

/// The graph of a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    width: usize,
    settings: GraphSettings,
    /// The candidates' mean features, of length 1.
    unit: Vec<f32>,
    /// Of each candidate, where its edges begin; and where the last ones end.
    starts: Vec<usize>,
    columns: Vec<u32>,
    /// S.
    values: Vec<f64>,
}

impl Graph {
    /// The graph of candidates with these mean features, `[candidate][feature]`.
    ///
    /// # Errors
    /// Features that are not finite or not whole rows, more than 2³² candidates, settings out of range.
    pub fn new(means: &[f32], width: usize, settings: GraphSettings) -> Result<Self, GraphError> {
        if settings.neighbours == 0 {
            return Err(GraphError::Setting {
                name: "neighbours",
                value: 0.0,
                must: "at least 1",
            });
        }
        let checked = Patches::new(means, 1, width, 0)?;
        if u32::try_from(checked.candidates()).is_err() {
            return Err(GraphError::Setting {
                name: "candidates",
                value: checked.candidates() as f64,
                must: "less than 2^32",
            });
        }
        let unit = unit_rows(means, width);
        let nearest = among(&unit, &unit, width, settings.neighbours, Own::LeftOut);
        let (starts, columns, values) = affinity(&nearest, checked.candidates(), settings.weight);
        Ok(Self {
            width,
            settings,
            unit,
            starts,
            columns,
            values,
        })
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no candidate.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The settings it was made with.
    pub fn settings(&self) -> GraphSettings {
        self.settings
    }

    /// The edges of a candidate, by their number, with their entries of S.
    pub fn edges(&self, candidate: usize) -> impl Iterator<Item = (usize, f64)> {
        let span = self.starts[candidate]..self.starts[candidate + 1];
        let columns = self.columns[span.clone()].iter().map(|c| *c as usize);
        columns.zip(self.values[span].iter().copied())
    }

    /// The nearest candidates of the graph, for others with these mean features.
    ///
    /// # Errors
    /// Features that are not finite, or of another width.
    pub fn nearest(&self, means: &[f32]) -> Result<Neighbours, FeatureError> {
        let means = Patches::new(means, 1, self.width, 0)?;
        let queries = unit_rows(means.values(), self.width);
        let wanted = self.settings.neighbours;
        Ok(among(&self.unit, &queries, self.width, wanted, Own::Counts))
    }
}

/// S in rows of edges, sorted by their number.
fn affinity(
    nearest: &Neighbours,
    candidates: usize,
    weight: EdgeWeight,
) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); candidates];
    for candidate in 0..nearest.queries() {
        for (other, cosine) in nearest.of(candidate) {
            let weight = weight.of(cosine);
            if weight > 0.0 {
                rows[candidate].push((other as u32, weight));
                rows[other].push((candidate as u32, weight));
            }
        }
    }
    rows.par_iter_mut().for_each(|row| {
        // Who chose each other has the edge twice.
        row.sort_by_key(|(other, _)| *other);
        row.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    });
    let degrees: Vec<f64> = rows
        .iter()
        .map(|row| row.iter().map(|(_, weight)| weight).sum())
        .collect();
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (row, degree) in rows.iter().zip(&degrees) {
        for (other, weight) in row {
            columns.push(*other);
            values.push(weight / (degree * degrees[*other as usize]).sqrt());
        }
        starts.push(columns.len());
    }
    (starts, columns, values)
}
