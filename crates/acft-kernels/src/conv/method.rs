//! The two ways to compute a convolution, forward or backward, and how their work is cut.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    product::{Epilogue, Packed, Product},
    winograd::Winograd,
};
use crate::{
    geometry::{Conv2d, Part},
    isa::Isa,
    lanes::LANES,
};

/// Where in the blocks of a tensor those of a convolution are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    /// Elements of a block of the tensor.
    pub(super) block: usize,
    /// The first that belongs to the convolution.
    pub(super) first: usize,
}

impl Within {
    /// Blocks of the tensor are those of the convolution.
    pub(super) fn whole(len: usize) -> Self {
        Self {
            block: len,
            first: 0,
        }
    }

    /// The output of `shape` as a part of images.
    pub(super) fn output(shape: &Conv2d, part: Part) -> Self {
        let [height, width] = shape.output();
        let plane = height * width * LANES;
        Self {
            block: part.of * plane,
            first: part.first * plane,
        }
    }
}

/// How a convolution is computed.
#[derive(Debug)]
pub(super) enum Method {
    /// Each target as the sum over its taps and channels.
    Direct(Product),
    /// Targets in tiles, with fewer products.
    Winograd(Winograd),
}

impl Method {
    /// Computes all blocks, on all threads, from and to the given parts of them. Elements do not depend on how the
    /// work is cut, so the cut may follow the machine.
    pub(super) fn run(
        &self,
        isa: Isa,
        (source, from): (&[f32], Within),
        epilogue: Epilogue<'_>,
        (target, to): (&mut [f32], Within),
    ) {
        let packed = self.packed();
        let plane = self.target_len() / packed.rows();
        let blocks = target.len() / to.block;
        let threads = rayon::current_num_threads();
        let parts = if blocks.is_multiple_of(threads) {
            1
        } else {
            threads.min(packed.panels.len())
        };
        let mut jobs = Vec::new();
        let sources = source.chunks_exact(from.block);
        for (source, target) in sources.zip(target.chunks_exact_mut(to.block)) {
            let source = &source[from.first..][..self.source_len()];
            let mut target = &mut target[to.first..][..self.target_len()];
            for part in 0..parts {
                let cut = |part: usize| part * packed.panels.len() / parts;
                let panels = cut(part)..cut(part + 1);
                let rows: usize = packed.panels[panels.clone()].iter().map(|p| p.rows).sum();
                let (now, later) = target.split_at_mut(rows * plane);
                jobs.push((panels, source, now));
                target = later;
            }
        }
        jobs.into_par_iter().for_each(|(panels, source, target)| {
            self.panels(isa, panels, source, epilogue, target);
        });
    }

    /// Computes one block, on the calling thread.
    pub(super) fn run_block(
        &self,
        isa: Isa,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        self.panels(isa, 0..self.packed().panels.len(), source, epilogue, target);
    }

    /// Some panels of one block; `target` begins with the first of them.
    fn panels(
        &self,
        isa: Isa,
        panels: Range<usize>,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        match self {
            Self::Direct(product) => product.panels(isa, panels, source, epilogue, target),
            Self::Winograd(winograd) => winograd.panels(isa, panels, source, epilogue, target),
        }
    }

    fn packed(&self) -> &Packed {
        match self {
            Self::Direct(product) => &product.packed,
            Self::Winograd(winograd) => &winograd.packed,
        }
    }

    /// Elements of a block of the source.
    pub(super) fn source_len(&self) -> usize {
        match self {
            Self::Direct(product) => product.source_len(),
            Self::Winograd(winograd) => winograd.source_len(),
        }
    }

    /// Elements of a block of the target.
    pub(super) fn target_len(&self) -> usize {
        match self {
            Self::Direct(product) => product.target_len(),
            Self::Winograd(winograd) => winograd.target_len(),
        }
    }
}
