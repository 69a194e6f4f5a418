//! The factors of a gradient of weights as pairs of images, multiplied in tiles or in matrices.

use crate::{
    conv::{Factor, Products, Total},
    isa::{
        BANDS, Isa, MATRIX, Matrix, Product, ROWS, SIDE, STRIP, Slab, Slabs, Start, Terms, ZEROS,
        first, second,
    },
    lanes::LANES,
    scratch::{self, Scratch},
};

/// Pairs of images of a block.
pub(super) const IMAGES: usize = LANES / 2;

impl Factor for u32 {
    const TERMS: usize = IMAGES;

    type Terms = PairTerms;

    fn rows(isa: Isa) -> usize {
        if isa.has_matrices() {
            BANDS * SIDE
        } else {
            ROWS
        }
    }

    fn terms(isa: Isa, terms: Terms) -> PairTerms {
        if isa.has_matrices() {
            PairTerms::Matrices(slabs(&terms))
        } else {
            PairTerms::Tiles(terms)
        }
    }

    fn add(isa: Isa, products: &Products<'_, Self>, sums: &mut [f32]) {
        match products.terms {
            PairTerms::Tiles(terms) => products.in_tiles(terms, |first, tile| {
                isa.pair_sums(tile, &mut sums[first..]);
            }),
            PairTerms::Matrices(slabs) => in_matrices(isa, products, slabs, sums),
        }
    }

    fn total(isa: Isa, turned: &[u32], sums: &mut [f32]) {
        isa.vectorized(Total {
            turned,
            sums,
            value: |pair| first(pair) + second(pair),
        });
    }

    fn buffers(scratch: &mut Scratch) -> (&mut Vec<Self>, &mut Vec<f32>) {
        (&mut scratch.turned_pairs, &mut scratch.sums)
    }
}

/// The terms of sums, for the product that is used.
pub(crate) enum PairTerms {
    Tiles(Terms),
    Matrices(Slabs),
}

/// Runs of whole positions in slabs of two of them, and of one where one is left over.
fn slabs(terms: &Terms) -> Slabs {
    let (mut whole, mut half) = (Vec::new(), Vec::new());
    for run in terms.runs() {
        let slab = |done: usize| Slab {
            a: run.a + done,
            b: run.b + done * terms.step_b(),
        };
        let end = run.len / SIDE * SIDE;
        whole.extend((0..end).step_by(SIDE).map(slab));
        half.extend((end..run.len).step_by(IMAGES).map(slab));
    }
    Slabs::new(terms.step_b(), whole, half)
}

/// Products by matrices. The rows of the input are multiplied as they lie if they are evenly spaced, and are collected
/// otherwise.
fn in_matrices(isa: Isa, products: &Products<'_, u32>, slabs: &Slabs, sums: &mut [f32]) {
    let Products { x, rows, width, .. } = *products;
    let bands = rows.len().div_ceil(SIDE);
    let multiply = |a: &[u32], starts: &[usize], row_a: usize, slabs: &Slabs, sums: &mut [f32]| {
        for first in (0..width).step_by(STRIP * LANES) {
            let columns: [usize; STRIP] = std::array::from_fn(|i| first + i * LANES);
            let columns = &columns[..STRIP.min((width - first) / LANES)];
            let product = Product {
                rows: rows.len(),
                a,
                bands: starts,
                row_a,
                b: products.turned,
                columns,
                slabs,
                start: Start::Output,
                relu: false,
                out_row: width,
                out_columns: columns,
            };
            isa.matrix_sums(&product, sums);
        }
    };
    // Two bands are read up to their last row.
    let whole = bands == 1 || rows.len().is_multiple_of(SIDE);
    if let Some(step) = products.step.filter(|_| whole) {
        let starts = [rows[0], rows[(bands - 1) * SIDE]];
        return multiply(x, &starts[..bands], step, slabs, sums);
    }
    let mut offsets = [ZEROS; BANDS * SIDE];
    offsets[..rows.len()].copy_from_slice(rows);
    scratch::with(|Scratch { matrices, .. }| {
        let starts: Vec<_> = slabs.lefts().collect();
        let collected = scratch::reserve(matrices, starts.len() * bands);
        isa.collect(x, &starts, &offsets[..bands * SIDE], collected);
        let slabs = slabs.with_lefts((0..).map(|slab| slab * bands * MATRIX));
        let starts = [0, MATRIX];
        multiply(
            Matrix::words(collected),
            &starts[..bands],
            SIDE,
            &slabs,
            sums,
        );
    });
}
