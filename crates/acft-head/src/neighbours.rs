//! The nearest neighbours by cosine, exactly.

use rayon::prelude::*;

use crate::product::project;

/// Queries of a task.
const QUERIES: usize = 64;
/// Candidates that they are compared with at once: 1 MiB of similarities.
const CANDIDATES: usize = 4096;

/// The nearest candidates of each query, nearest first; equal ones by their number.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    each: usize,
    indices: Vec<u32>,
    cosines: Vec<f32>,
}

impl Neighbours {
    /// How many each query has.
    pub fn each(&self) -> usize {
        self.each
    }

    /// The neighbours of a query, and their cosines.
    pub fn of(&self, query: usize) -> impl Iterator<Item = (usize, f32)> {
        let span = query * self.each..(query + 1) * self.each;
        let cosines = &self.cosines[span.clone()];
        let indices = self.indices[span].iter().map(|index| *index as usize);
        indices.zip(cosines.iter().copied())
    }

    /// The number of queries; 0 where they have no neighbours.
    pub fn queries(&self) -> usize {
        self.indices.len().checked_div(self.each).unwrap_or(0)
    }
}

/// The `wanted` nearest of `candidates` for each of `queries`, rows of `width` features, or as many as there are.
///
/// A row of zeros has a cosine of 0 with all. Takes O(queries · candidates · width); memory for the result, and a few MiB
/// a thread. Panics if rows are not whole.
pub fn nearest(candidates: &[f32], queries: &[f32], width: usize, wanted: usize) -> Neighbours {
    let (candidates, queries) = (unit_rows(candidates, width), unit_rows(queries, width));
    among(&candidates, &queries, width, wanted, Own::Counts)
}

/// Whether a query may be its own neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Query i is candidate i, and is left out.
    LeftOut,
    /// Queries are others.
    Counts,
}

/// As [`nearest`], of rows whose length is 1.
pub(crate) fn among(
    candidates: &[f32],
    queries: &[f32],
    width: usize,
    wanted: usize,
    own: Own,
) -> Neighbours {
    let others = match own {
        Own::LeftOut => (candidates.len() / width).saturating_sub(1),
        Own::Counts => candidates.len() / width,
    };
    let each = wanted.min(others);
    if each == 0 {
        return Neighbours {
            each,
            indices: Vec::new(),
            cosines: Vec::new(),
        };
    }
    let found: Vec<Vec<Best>> = queries
        .par_chunks(QUERIES * width)
        .enumerate()
        .map(|(task, queries)| {
            let mut best = vec![Best::new(each); queries.len() / width];
            for (block, some) in candidates.chunks(CANDIDATES * width).enumerate() {
                let cosines = project(queries, some, None, width);
                let row = some.len() / width;
                for (i, (best, cosines)) in best.iter_mut().zip(cosines.chunks(row)).enumerate() {
                    let left_out = (own == Own::LeftOut).then_some(task * QUERIES + i);
                    best.meet(cosines, block * CANDIDATES, left_out);
                }
            }
            best
        })
        .collect();
    let all = || found.iter().flatten().flat_map(|best| &best.found);
    Neighbours {
        each,
        indices: all().map(|(index, _)| *index).collect(),
        cosines: all().map(|(_, cosine)| *cosine).collect(),
    }
}

/// The best so far, best first.
#[derive(Clone)]
struct Best {
    wanted: usize,
    found: Vec<(u32, f32)>,
}

impl Best {
    fn new(wanted: usize) -> Self {
        let found = Vec::with_capacity(wanted + 1);
        Self { wanted, found }
    }

    /// Meets candidates in the order of their numbers, so that of equal ones the first stays.
    fn meet(&mut self, cosines: &[f32], first: usize, left_out: Option<usize>) {
        for (i, cosine) in cosines.iter().enumerate() {
            let full = self.found.len() == self.wanted;
            if full && self.found.last().is_some_and(|(_, worst)| cosine <= worst) {
                continue;
            }
            if left_out == Some(first + i) {
                continue;
            }
            let at = self.found.partition_point(|(_, better)| better >= cosine);
            self.found.insert(at, ((first + i) as u32, *cosine));
            self.found.truncate(self.wanted);
        }
    }
}

/// Copies of rows, scaled to length 1; a row of zeros stays one.
pub(crate) fn unit_rows(rows: &[f32], width: usize) -> Vec<f32> {
    assert!(width > 0 && rows.len().is_multiple_of(width), "whole rows");
    let mut out = rows.to_vec();
    out.par_chunks_exact_mut(width).for_each(|row| {
        let square: f64 = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        if square > 0.0 {
            let scale = 1.0 / square.sqrt();
            row.iter_mut()
                .for_each(|v| *v = (f64::from(*v) * scale) as f32);
        }
    });
    out
}
