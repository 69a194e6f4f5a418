//! The outputs of a sweep, cut into panels.

use super::{Span, Sweep};
use crate::isa::{Isa, OutRun, Panel};

/// Some outputs: what they read, and where they go.
pub(super) struct Lanes {
    pub(super) panel: Panel,
    pub(super) runs: Vec<OutRun>,
}

impl Lanes {
    /// No outputs yet.
    pub(super) fn new(isa: Isa) -> Self {
        Self {
            panel: isa.panel(),
            runs: Vec::new(),
        }
    }
}

/// Hands out the outputs of a sweep, image by image, a panel at a time.
pub(super) struct Walk<'a> {
    spans: &'a [Span],
    images: usize,
    image_src: usize,
    image_dst: usize,
    step: usize,
    image: usize,
    span: usize,
    offset: usize,
}

impl<'a> Walk<'a> {
    /// Begins at the first of `images` images, whose elements are so far apart in source and target.
    pub(super) fn new(sweep: &'a Sweep, images: usize, image_src: usize, image_dst: usize) -> Self {
        let Sweep { spans, step, .. } = sweep;
        Self {
            spans,
            images,
            image_src,
            image_dst,
            step: *step,
            image: 0,
            span: 0,
            offset: 0,
        }
    }

    /// Fills the lanes with the next outputs; false if none are left.
    pub(super) fn fill(&mut self, lanes: &mut Lanes) -> bool {
        let Lanes { panel, runs } = lanes;
        panel.clear();
        runs.clear();
        while panel.room() > 0 && self.image < self.images {
            let Some(span) = self.spans.get(self.span) else {
                (self.image, self.span) = (self.image + 1, 0);
                continue;
            };
            let len = panel.room().min(span.len - self.offset);
            let dst = self.image * self.image_dst + span.dst + self.offset * self.step;
            match runs.last_mut() {
                Some(OutRun {
                    len: before,
                    dst: at,
                    ..
                }) if *at + *before * self.step == dst => *before += len,
                _ => runs.push(OutRun {
                    lane: panel.used(),
                    len,
                    dst,
                }),
            }
            panel.push(self.image * self.image_src + span.src + self.offset, len);
            self.offset += len;
            if self.offset == span.len {
                (self.span, self.offset) = (self.span + 1, 0);
            }
        }
        panel.used() > 0
    }
}
