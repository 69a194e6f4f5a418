//! Rows of a stream, cut into blocks of a fixed size.

/// Rows of a block. Sums over rows are made a block at a time, so it decides their order.
pub(crate) const BLOCK: usize = 256;

/// Collects rows until they make a block, so that what is computed does not depend on how the rows came in.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    size: usize,
    waiting: Vec<f32>,
}

impl Blocks {
    pub(crate) fn new(width: usize) -> Self {
        let waiting = Vec::new();
        Self {
            size: BLOCK * width,
            waiting,
        }
    }

    /// Gives each block that these rows complete to `take`.
    pub(crate) fn add(&mut self, mut rows: &[f32], mut take: impl FnMut(&[f32])) {
        if !self.waiting.is_empty() {
            let missing = self.size - self.waiting.len();
            let (first, rest) = rows.split_at(missing.min(rows.len()));
            self.waiting.extend_from_slice(first);
            rows = rest;
            if self.waiting.len() == self.size {
                take(&self.waiting);
                self.waiting.clear();
            }
        }
        let whole = rows.chunks_exact(self.size);
        self.waiting.extend_from_slice(whole.remainder());
        whole.for_each(take);
    }

    /// The rows of the last, unfinished block.
    pub(crate) fn rest(&self) -> &[f32] {
        &self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_depend_on_how_rows_come_in() {
        let rows: Vec<f32> = (0..2 * 3 * BLOCK + 10).map(|i| i as f32).collect();
        let cut = |size: usize| {
            let (mut blocks, mut taken) = (Blocks::new(2), Vec::new());
            for rows in rows.chunks(size) {
                blocks.add(rows, |block| taken.push(block.to_vec()));
            }
            taken.push(blocks.rest().to_vec());
            taken
        };
        let whole = cut(rows.len());
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[3].len(), 10);
        for size in [2, 6, 2 * BLOCK, 2 * BLOCK + 2] {
            assert_eq!(cut(size), whole, "{size}");
        }
    }
}
