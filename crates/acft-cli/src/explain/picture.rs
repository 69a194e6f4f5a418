//! The paper's Fig. 1 for one candidate: its patches by the dominant class, the kept share α, and what that does to the scores.

mod classes;
mod histogram;
mod patches;
mod table;

use acft_figure::style::{INK, MUTED};
use acft_figure::svg::{self, Element};
use acft_figure::text::Font;

/// Why one candidate got its score.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    /// The candidate's name.
    pub(crate) candidate: String,
    /// The classes' names, in the order of the probabilities.
    pub(crate) classes: Vec<String>,
    /// The dominant class: argmax over classes of the mean over patches.
    pub(crate) dominant: usize,
    /// The share of patches that majority selection keeps, 0 < α ≤ 1.
    pub(crate) alpha: f64,
    /// The patches by the dominant class's probability, descending.
    pub(crate) patches: Vec<PatchView>,
    /// Entropy of Eq. 1 over the kept patches, and over all.
    pub(crate) entropy: (f64, f64),
    /// Diversity of Eq. 1 over the kept patches, and over all.
    pub(crate) diversity: (f64, f64),
    /// The candidate's label, if it has one.
    pub(crate) label: Option<String>,
}

/// One patch and what the network says of it.
#[derive(Clone, Debug)]
pub(crate) struct PatchView {
    /// `side` × `side` pixels of three bytes, row by row. A buffer of another length is drawn as an empty tile.
    pub(crate) rgb: Vec<u8>,
    /// Width and height in pixels.
    pub(crate) side: usize,
    /// Softmax output, one value a class.
    pub(crate) probabilities: Vec<f64>,
    /// Whether majority selection keeps the patch.
    pub(crate) kept: bool,
    /// The patch's index j under the patch policy, from 0.
    pub(crate) index: usize,
}

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 20.0;
const CONTENT: f64 = WIDTH - 2.0 * MARGIN;
const TITLE: Font = Font::bold(15.0);
const NOTE: Font = Font::regular(12.0);
const SMALL: Font = Font::regular(11.0);
/// The dominant class.
const DOMINANT: &str = "#0064a4";
/// What majority selection keeps, and what it leaves out.
const KEPT: &str = "#c8370a";
const LEFT_OUT: &str = "#efc8ba";

impl Explanation {
    /// The picture as SVG text, patches embedded. Equal explanations give equal bytes.
    pub(crate) fn svg(&self) -> String {
        let mut body = Vec::new();
        let mut y = self.heading(&mut body);
        y = patches::draw(self, y, &mut body);
        y = classes::legend(self, y + 8.0, &mut body);
        let top = y + 32.0;
        let left = histogram::draw(self, top, &mut body);
        let right = table::draw(self, top, &mut body);
        svg::document(WIDTH, left.max(right) + MARGIN, &self.candidate, body)
    }

    /// Writes the candidate's name and the facts about it; returns the y below.
    fn heading(&self, body: &mut Vec<Element>) -> f64 {
        let label = self
            .label
            .as_ref()
            .map_or("no label yet".to_owned(), |label| format!("label: {label}"));
        let facts = format!("dominant class: {}   ·   {label}", self.dominant_name());
        let mut y = 14.0;
        for (content, font, fill, leading) in [
            (&self.candidate, TITLE, INK, 20.0),
            (&facts, NOTE, MUTED, 17.0),
        ] {
            for line in font.wrap(content, CONTENT) {
                y += leading;
                body.push(font.write(MARGIN, y, &line).set("fill", fill));
            }
        }
        y + 14.0
    }

    fn dominant_name(&self) -> &str {
        self.classes.get(self.dominant).map_or("?", String::as_str)
    }

    fn kept_count(&self) -> usize {
        self.patches.iter().filter(|patch| patch.kept).count()
    }
}

impl PatchView {
    fn probability(&self, class: usize) -> f64 {
        self.probabilities
            .get(class)
            .copied()
            .filter(|p| p.is_finite())
            .unwrap_or(0.0)
            .clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests;
