//! One task of a product: some images, from some output channel on.

use super::{
    Epilogue, Product, Sweep,
    walk::{Lanes, Walk},
};
use crate::{
    isa::{Isa, Tile},
    scratch::{self, Scratch},
};

/// Terms of the sum that are packed at once: a panel of them stays in the second-level cache.
const DEPTH: usize = 400;
/// Panels that are packed before they are multiplied with all weights.
const PANELS: usize = 4;

/// What all tasks of a product share.
pub(super) struct Block<'a> {
    pub(super) product: &'a Product,
    pub(super) isa: Isa,
    /// The packed weights of each sweep.
    pub(super) packed: &'a [Vec<f32>],
    pub(super) epilogue: Epilogue<'a>,
}

/// What is multiplied at once: some panels of one group.
struct Part<'a> {
    sweep: &'a Sweep,
    /// The group's weights.
    packed: &'a [f32],
    /// The padded images, from the group's first plane on.
    images: &'a [f32],
    lanes: &'a [Lanes],
    /// The group's first channel, and the first of the group's that `out` holds.
    group_channel: usize,
    first: usize,
}

impl Block<'_> {
    /// Fills `out`, which begins at channel `channel` of image `first`. It holds whole images, or a part of one.
    pub(super) fn run(
        &self,
        scratch: &mut Scratch,
        src: &[f32],
        first: usize,
        channel: usize,
        out: &mut [f32],
    ) {
        let product = self.product;
        let image_dst = product.groups * product.channels * product.plane;
        let count = out.len().div_ceil(image_dst);
        let (from, to) = (product.padded.input_len(), product.padded.len());
        let src = &src[first * from..][..count * from];
        let images: &[f32] = if product.padded.is_identity() {
            src
        } else {
            let images = scratch::reserve(&mut scratch.images, count * to);
            for (image, copy) in src.chunks_exact(from).zip(images.chunks_exact_mut(to)) {
                product.padded.fill(self.isa, image, 0.0, copy);
            }
            images
        };
        let buffers = (&mut scratch.right, &mut scratch.tiles);
        let mut lanes: Vec<_> = (0..PANELS).map(|_| Lanes::new(self.isa)).collect();
        for (sweep, packed) in product.sweeps.iter().zip(self.packed) {
            let mut walk = Walk::new(sweep, count, to, image_dst);
            loop {
                let filled = lanes
                    .iter_mut()
                    .map_while(|lanes| walk.fill(lanes).then_some(()))
                    .count();
                if filled == 0 {
                    break;
                }
                for group in 0..product.groups {
                    let part = Part {
                        sweep,
                        packed: &packed[group * packed.len() / product.groups..],
                        images: &images[group * product.group_src..],
                        lanes: &lanes[..filled],
                        group_channel: group * product.channels,
                        first: channel,
                    };
                    self.multiply(&part, (&mut *buffers.0, &mut *buffers.1), out);
                }
            }
        }
    }

    /// Multiplies some panels with all weights of their group that `out` has room for.
    fn multiply(
        &self,
        part: &Part<'_>,
        (right, tiles): (&mut Vec<f32>, &mut Vec<f32>),
        out: &mut [f32],
    ) {
        let (product, isa) = (self.product, self.isa);
        let (mr, nr) = (isa.mr(), isa.nr());
        // A part of an image holds the channels from the first on, as many as fit.
        let end = product.channels.min(part.first + out.len() / product.plane);
        let terms = part.sweep.taps.len();
        let depth = terms.div_ceil(terms.div_ceil(DEPTH).max(1));
        let right = scratch::reserve(right, PANELS * DEPTH * nr);
        let tiles = scratch::reserve(tiles, PANELS * product.channels.next_multiple_of(mr) * nr);
        let mut done = 0;
        loop {
            let taps = &part.sweep.taps[done..terms.min(done + depth)];
            for (lanes, right) in part.lanes.iter().zip(right.chunks_exact_mut(DEPTH * nr)) {
                isa.gather(part.images, taps, &lanes.panel, right);
            }
            let last = done + taps.len() == terms;
            for row in (part.first..end).step_by(mr) {
                let weights = &part.packed[row * terms + done * mr..];
                let tiles = tiles[row * PANELS * nr..].chunks_exact_mut(mr * nr);
                let panels = part.lanes.iter().zip(right.chunks_exact(DEPTH * nr));
                for ((lanes, right), tile) in panels.zip(tiles) {
                    isa.tile(
                        taps.len(),
                        lanes.panel.used(),
                        weights,
                        right,
                        tile,
                        done == 0,
                    );
                    if last {
                        self.finish(part, lanes, row..end.min(row + mr), tile, out);
                    }
                }
            }
            done += taps.len();
            if last {
                break;
            }
        }
    }

    /// Puts a tile of the given channels of the group where it belongs.
    fn finish(
        &self,
        part: &Part<'_>,
        lanes: &Lanes,
        rows: std::ops::Range<usize>,
        tile: &[f32],
        out: &mut [f32],
    ) {
        let plane = self.product.plane;
        let spec = Tile {
            rows: rows.len(),
            origin: (part.group_channel + rows.start - part.first) * plane,
            row_stride: plane,
            step: part.sweep.step,
            runs: &lanes.runs,
            bias: self
                .epilogue
                .bias
                .map(|bias| &bias[part.group_channel + rows.start..]),
            activation: self.epilogue.activation,
        };
        self.isa.finish(tile, &spec, out);
    }
}
