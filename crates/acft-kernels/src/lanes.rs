//! The layout of images: sixteen side by side.

use rayon::prelude::*;

use crate::{check, isa::Isa};

/// Images of a block.
pub const LANES: usize = 16;

/// The number of blocks that hold `images` images.
pub fn blocks(images: usize) -> usize {
    images.div_ceil(LANES)
}

/// Lays images side by side: from `[image][element]`, `elements` each, to `[block][element][LANES]`.
///
/// Lanes of the last block that have no image become 0. Panics, naming the argument, if a slice has another
/// length.
pub fn interleave(isa: Isa, elements: usize, images: &[f32], out: &mut [f32]) {
    let count = count(elements, images.len());
    check::length("images", images, count * elements);
    check::length("out", out, blocks(count) * LANES * elements);
    if elements == 0 {
        return;
    }
    out.par_chunks_mut(elements * LANES)
        .zip(images.par_chunks(elements * LANES))
        .for_each(|(out, images)| {
            let rows = images.len() / elements;
            if rows < LANES {
                out.fill(0.0);
            }
            isa.transpose(images, [rows, elements], elements, out, LANES);
        });
}

/// The inverse of [`interleave`]: as many images as `images` has room for.
///
/// Panics, naming the argument, if a slice has another length.
pub fn separate(isa: Isa, elements: usize, interleaved: &[f32], images: &mut [f32]) {
    let count = count(elements, images.len());
    check::length("images", images, count * elements);
    check::length("interleaved", interleaved, blocks(count) * LANES * elements);
    if elements == 0 {
        return;
    }
    images
        .par_chunks_mut(elements * LANES)
        .zip(interleaved.par_chunks(elements * LANES))
        .for_each(|(images, block)| {
            let rows = images.len() / elements;
            isa.transpose(block, [elements, rows], LANES, images, elements);
        });
}

fn count(elements: usize, len: usize) -> usize {
    len.checked_div(elements).unwrap_or(0)
}
