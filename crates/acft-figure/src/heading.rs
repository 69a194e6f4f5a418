//! What stands above a figure: its title, and a remark.

use super::style::{INK, MUTED};
use super::svg::Element;
use super::text::Font;

/// From the edges of a figure to its texts.
pub(super) const MARGIN: f64 = 18.0;

const TITLE: Font = Font::bold(16.0);
const REMARK: Font = Font::regular(12.0);

/// Writes a title and a remark, either of which may be empty, across a figure of some width; returns the y below.
pub(super) fn heading(title: &str, remark: &str, width: f64, body: &mut Vec<Element>) -> f64 {
    let mut y = 14.0;
    for (content, font, fill, leading) in [(title, TITLE, INK, 20.0), (remark, REMARK, MUTED, 16.0)]
    {
        if content.is_empty() {
            continue;
        }
        for line in font.wrap(content, width - 2.0 * MARGIN) {
            y += leading;
            body.push(font.write(MARGIN, y - 4.0, &line).set("fill", fill));
        }
    }
    y
}
