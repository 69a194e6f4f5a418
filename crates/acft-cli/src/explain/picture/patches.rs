//! The patches in rows, each with its probabilities beneath, the kept ones framed.

use acft_figure::axis::format_value;
use acft_figure::picture::picture as pixels;
use acft_figure::style::{GRID, INK, MUTED, RULE};
use acft_figure::svg::{self, Element, group, rect};

use super::classes::class_colours;
use super::{CONTENT, Explanation, KEPT, MARGIN, NOTE, PatchView, SMALL};

const GAP: f64 = 12.0;
const LARGEST_TILE: f64 = 124.0;
const BAR: f64 = 7.0;
/// Bar and figures under a tile.
const CAPTION: f64 = 30.0;
const BRACKET: f64 = 24.0;

/// Draws the rows of patches from `top`; returns the y below.
pub(super) fn draw(explanation: &Explanation, top: f64, body: &mut Vec<Element>) -> f64 {
    let patches = &explanation.patches;
    let columns = columns(patches.len());
    let tile = ((CONTENT - GAP * (columns - 1) as f64) / columns as f64).min(LARGEST_TILE);
    let pitch = (tile + GAP, tile + CAPTION + GAP);
    let grid_top = top + BRACKET;
    let colours = class_colours(explanation);

    for (row, patches) in patches.chunks(columns).enumerate() {
        let y = grid_top + pitch.1 * row as f64;
        for (column, patch) in patches.iter().enumerate() {
            let x = MARGIN + pitch.0 * column as f64;
            body.push(picture(patch, x, y, tile));
            body.push(bar(
                patch,
                explanation.dominant,
                &colours,
                (x, y + tile + 6.0),
                tile,
            ));
            let baseline = y + tile + 6.0 + BAR + 13.0;
            let probability = format_value(patch.probability(explanation.dominant), 3);
            body.push(SMALL.write(x, baseline, &probability).set("fill", INK));
            let index = SMALL.write(x + tile, baseline, &format!("#{}", patch.index));
            body.push(index.set("fill", MUTED).set("text-anchor", "end"));
        }
    }
    body.push(bracket(explanation, columns, tile, grid_top));
    grid_top + pitch.1 * patches.len().div_ceil(columns).max(1) as f64
}

/// Up to six patches in one row, up to 24 in rows of at most eight, more in rows of ten, as even as they come.
fn columns(patches: usize) -> usize {
    let most = match patches {
        0..=6 => 6,
        7..=24 => 8,
        _ => 10,
    };
    let rows = patches.div_ceil(most).max(1);
    patches.div_ceil(rows).max(1)
}

/// A bracket over the kept patches of the first row that says how many there are in all.
fn bracket(explanation: &Explanation, columns: usize, tile: f64, y: f64) -> Element {
    let kept = explanation.kept_count();
    let note = format!(
        "kept {kept} of {} (α = {})",
        explanation.patches.len(),
        explanation.alpha
    );
    let here = kept.clamp(1, columns) as f64;
    let (left, right) = (
        MARGIN - 1.0,
        MARGIN + here * tile + (here - 1.0) * GAP + 1.0,
    );
    let (above, below) = (y - 9.0, y - 4.0);
    let points = [(left, below), (left, above), (right, above), (right, below)];
    // The note may be wider than a single kept patch: it starts where the bracket does.
    group()
        .with(
            svg::polyline(&points)
                .set("stroke", KEPT)
                .at("stroke-width", 1.4),
        )
        .with(NOTE.write(left, above - 5.0, &note).set("fill", KEPT))
}

fn picture(patch: &PatchView, x: f64, y: f64, tile: f64) -> Element {
    let mut group = group();
    group.push(pixels(&patch.rgb, patch.side, (x, y), tile));
    let (colour, width) = if patch.kept { (KEPT, 2.4) } else { (RULE, 0.6) };
    group.with(
        rect(x, y, tile, tile)
            .set("fill", "none")
            .set("stroke", colour)
            .at("stroke-width", width),
    )
}

/// The probabilities of one patch as one bar: the dominant class first, then the others in their order.
fn bar(
    patch: &PatchView,
    dominant: usize,
    colours: &[&str],
    (x, y): (f64, f64),
    width: f64,
) -> Element {
    let mut group = group().with(rect(x, y, width, BAR).set("fill", GRID));
    let others = (0..colours.len()).filter(|&class| class != dominant);
    let mut from = 0.0;
    for class in std::iter::once(dominant).chain(others) {
        let to = (from + patch.probability(class)).min(1.0);
        if let Some(&colour) = colours.get(class).filter(|_| to > from) {
            group.push(rect(x + from * width, y, (to - from) * width, BAR).set("fill", colour));
        }
        from = to;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_even() {
        for (patches, expected) in [
            (0, 1),
            (1, 1),
            (6, 6),
            (7, 7),
            (12, 6),
            (21, 7),
            (24, 8),
            (50, 10),
        ] {
            assert_eq!(columns(patches), expected, "{patches} patches");
        }
    }
}
