//! Rows in the order of their scores, ties kept together.
//!
//! Every metric of ranks walks the same blocks of tied rows. Sorting is the
//! expensive part and does not depend on the rows' weights, so a bootstrap
//! sorts once and walks often.

/// Rows by descending score, cut into blocks of equal scores.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    rows: Vec<u32>,
    /// The end of each block in `rows`.
    ends: Vec<u32>,
}

impl Ranking {
    /// Ranks rows 0, 1, … by their scores; `None` if one is NaN, which has no rank.
    pub(crate) fn new(scores: impl IntoIterator<Item = f64>) -> Option<Self> {
        let scores: Vec<f64> = scores.into_iter().collect();
        if scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let count = u32::try_from(scores.len()).expect("a test set of fewer than 2^32 rows");
        let mut rows: Vec<u32> = (0..count).collect();
        rows.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        // Compared with ==, so that 0.0 and -0.0, which sort apart, tie.
        let mut ends: Vec<u32> = (1..count)
            .filter(|&i| scores[rows[i as usize] as usize] != scores[rows[i as usize - 1] as usize])
            .collect();
        if count > 0 {
            ends.push(count);
        }
        Some(Self { rows, ends })
    }

    /// The blocks of tied rows, highest score first.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.rows[start as usize..end as usize])
    }

    /// (positives, negatives) in each block, highest score first; `weight` is
    /// how often a row counts.
    pub(crate) fn counts(
        &self,
        positive: impl Fn(usize) -> bool,
        weight: impl Fn(usize) -> u64,
    ) -> impl Iterator<Item = (u64, u64)> {
        self.blocks().map(move |block| {
            block.iter().fold((0, 0), |(yes, no), &row| {
                let (row, weight) = (row as usize, weight(row as usize));
                if positive(row) {
                    (yes + weight, no)
                } else {
                    (yes, no + weight)
                }
            })
        })
    }

    /// The share of (positive, negative) pairs in the right order, a tie
    /// counting half; `None` without both kinds. Counted in whole numbers, so
    /// the result is rounded once.
    pub(crate) fn auc(
        &self,
        positive: impl Fn(usize) -> bool,
        weight: impl Fn(usize) -> u64,
    ) -> Option<f64> {
        let (mut positives, mut negatives, mut half_pairs) = (0_u64, 0_u64, 0_u64);
        for (yes, no) in self.counts(positive, weight) {
            half_pairs += no * (2 * positives + yes);
            positives += yes;
            negatives += no;
        }
        let all = 2 * positives * negatives;
        (all > 0).then(|| half_pairs as f64 / all as f64)
    }
}
