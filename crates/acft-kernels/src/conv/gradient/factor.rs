//! What the factors of a gradient of weights may consist of, and how they are multiplied.

use crate::{
    conv::product::largest,
    isa::{COLUMNS, Isa, Left, Loops, ROWS, Start, Terms, Tile},
    lanes::LANES,
    scratch::Scratch,
};

/// What the factors of a gradient consist of.
pub(crate) trait Factor: Copy + Default + Send + Sync {
    /// Terms that a position of a block of images is.
    const TERMS: usize;

    /// The terms of sums, as products want them.
    type Terms: Sync;

    /// Rows that share terms, at most.
    fn rows(isa: Isa) -> usize;

    fn terms(isa: Isa, terms: Terms) -> Self::Terms;

    /// Adds products to the sums of some rows.
    fn add(isa: Isa, products: &Products<'_, Self>, sums: &mut [f32]);

    /// Adds what was turned, `[term][channel]`, to a sum for each channel, of which there are `sums.len()`.
    fn total(isa: Isa, turned: &[Self], sums: &mut [f32]);

    /// What a thread keeps for the turned factor, and for the sums.
    fn buffers(scratch: &mut Scratch) -> (&mut Vec<Self>, &mut Vec<f32>);
}

impl Factor for f32 {
    const TERMS: usize = LANES;

    type Terms = Terms;

    fn rows(_: Isa) -> usize {
        ROWS
    }

    fn terms(_: Isa, terms: Terms) -> Terms {
        terms
    }

    fn add(isa: Isa, products: &Products<'_, Self>, sums: &mut [f32]) {
        products.in_tiles(products.terms, |first, tile| {
            isa.tile(tile, &mut sums[first..]);
        });
    }

    fn total(isa: Isa, turned: &[f32], sums: &mut [f32]) {
        isa.vectorized(Total {
            turned,
            sums,
            value: |v| v,
        });
    }

    fn buffers(scratch: &mut Scratch) -> (&mut Vec<Self>, &mut Vec<f32>) {
        (&mut scratch.turned, &mut scratch.sums)
    }
}

/// The loops of [`Factor::total`].
pub(crate) struct Total<'a, T, F> {
    pub(crate) turned: &'a [T],
    pub(crate) sums: &'a mut [f32],
    /// What a term adds.
    pub(crate) value: F,
}

impl<T: Copy, F: Fn(T) -> f32> Loops for Total<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.sums.len();
        for (vector, sums) in self.sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            // Four sums, as one would wait for itself: the terms of a position are a multiple of four.
            let [mut first, mut second, mut third, mut fourth] = [[0.0; LANES]; 4];
            for terms in self.turned.chunks_exact(4 * width) {
                let vectors = terms.as_chunks::<LANES>().0;
                let [a, b, c, d] = [0, 1, 2, 3].map(|term| &vectors[term * width / LANES + vector]);
                for lane in 0..LANES {
                    first[lane] += (self.value)(a[lane]);
                    second[lane] += (self.value)(b[lane]);
                    third[lane] += (self.value)(c[lane]);
                    fourth[lane] += (self.value)(d[lane]);
                }
            }
            for lane in 0..LANES {
                sums[lane] += (first[lane] + second[lane]) + (third[lane] + fourth[lane]);
            }
        }
    }
}

/// What is added to the sums of some rows, each `width` long: of every row and column, the products of terms.
pub(crate) struct Products<'a, T: Factor> {
    pub(crate) x: &'a [T],
    /// Where each row begins in the input.
    pub(crate) rows: &'a [usize],
    /// The distance of neighbouring rows, if it is always the same.
    pub(crate) step: Option<usize>,
    pub(crate) turned: &'a [T],
    pub(crate) width: usize,
    pub(crate) terms: &'a T::Terms,
}

impl<T: Factor> Products<'_, T> {
    /// Calls `each` for every tile and the first of its sums.
    pub(crate) fn in_tiles(&self, terms: &Terms, mut each: impl FnMut(usize, &Tile<'_, T>)) {
        let mut done = 0;
        while done < self.rows.len() {
            let rows = largest(self.rows.len() - done);
            let mut offsets = [0; ROWS];
            offsets[..rows].copy_from_slice(&self.rows[done..][..rows]);
            for first in (0..self.width).step_by(COLUMNS * LANES) {
                let columns = [0, 1, 2].map(|column| first + column * LANES);
                let columns = &columns[..COLUMNS.min((self.width - first) / LANES)];
                let tile = Tile {
                    rows,
                    left: Left::Rows {
                        rows: offsets,
                        step: 1,
                    },
                    a: self.x,
                    b: self.turned,
                    columns,
                    terms,
                    start: Start::Output,
                    relu: false,
                    out_row: self.width,
                    out_columns: columns,
                };
                each(done * self.width, &tile);
            }
            done += rows;
        }
    }
}
