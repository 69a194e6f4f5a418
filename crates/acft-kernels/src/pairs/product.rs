//! The two ways to multiply weights with images of pairs.

use std::ops::Range;

use super::{
    direction::{Direction, Panel},
    matrices::Matrices,
    tiles::Tiles,
};
use crate::{conv::Epilogue, isa::Isa};

/// How a convolution is computed.
#[derive(Debug)]
pub(super) enum Product {
    /// In small tiles, of vectors.
    Tiles(Tiles),
    /// In matrices.
    Matrices(Matrices),
}

/// What the sums become: pairs, or themselves. It begins with the first row that is computed.
pub(super) enum Target<'a> {
    Pairs(&'a mut [u32]),
    Sums(&'a mut [f32]),
}

impl Product {
    /// Packs weights; see [`Direction::pack`].
    pub(super) fn new(isa: Isa, direction: &Direction, weights: &[f32]) -> Self {
        if isa.has_matrices() && Matrices::pays(direction) {
            Self::Matrices(Matrices::new(isa, direction, weights))
        } else {
            Self::Tiles(Tiles::new(isa, direction, weights))
        }
    }

    /// Rows that are computed together.
    pub(super) fn panels(&self) -> &[Panel] {
        match self {
            Self::Tiles(tiles) => tiles.panels(),
            Self::Matrices(matrices) => matrices.panels(),
        }
    }

    /// Some panels of one block; `out` begins with the first of them.
    pub(super) fn run(
        &self,
        isa: Isa,
        panels: Range<usize>,
        x: &[u32],
        epilogue: Epilogue<'_>,
        out: Target<'_>,
    ) {
        match self {
            Self::Tiles(tiles) => tiles.run(isa, panels, x, epilogue, out),
            Self::Matrices(matrices) => matrices.run(isa, panels, x, epilogue, out),
        }
    }
}
