//! What is drawn inside a plot: curves with their bands, reference lines, and the lines that lead to labels.

use super::curve::Series;
use super::frame::Frame;
use super::style::{MUTED, RULE, Style};
use super::svg::{self, Element};

/// More markers than this on one curve would hide it; the rest is thinned evenly.
const MOST_MARKERS: usize = 24;
/// Wide enough to clear every marker.
const RING: f64 = 6.5;

/// A series made fit to draw: its style, its finite points in ascending order, and its band in the pieces where that is
/// finite.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) style: Style,
    pub(super) points: Vec<(f64, f64)>,
    /// (labels, low, high)
    pub(super) band: Vec<Vec<(f64, f64, f64)>>,
    /// Those of the points that wear a ring.
    pub(super) ringed: Vec<(f64, f64)>,
}

impl Line {
    pub(super) fn new(series: &Series, style: Style) -> Self {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let mut points = series.points.clone();
        points.retain(|&(x, y)| finite(&[x, y]));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let edges = series.band.iter().flatten();
        let mut band: Vec<_> = series
            .points
            .iter()
            .zip(edges)
            .map(|(&(x, _), &(low, high))| (x, low, high))
            .collect();
        band.sort_by(|a, b| a.0.total_cmp(&b.0));
        let pieces = band.split(|&(x, low, high)| !finite(&[x, low, high]));
        let ringed = points
            .iter()
            .filter(|point| series.ringed.contains(&point.0));
        Self {
            name: series.name.clone(),
            style,
            band: pieces
                .filter(|piece| !piece.is_empty())
                .map(<[_]>::to_vec)
                .collect(),
            ringed: ringed.copied().collect(),
            points,
        }
    }
}

/// The area between a curve's low and high edges, piece by piece. A piece of a single point is an upright bar.
pub(super) fn band(line: &Line, frame: &Frame, opacity: f64) -> Vec<Element> {
    let at = |x: f64, y: f64| (frame.x.map(x), frame.y.map(y));
    let draw = |piece: &Vec<(f64, f64, f64)>| {
        if let &[(x, low, high)] = piece.as_slice() {
            let bar = svg::line(at(x, low), at(x, high))
                .set("stroke", line.style.colour)
                .at("stroke-width", 6.0);
            return bar.at("stroke-opacity", 2.0 * opacity);
        }
        let lower = piece.iter().map(|&(x, low, _)| at(x, low));
        let upper = piece.iter().rev().map(|&(x, _, high)| at(x, high));
        let outline: Vec<_> = lower.chain(upper).collect();
        svg::polygon(&outline)
            .set("fill", line.style.colour)
            .at("fill-opacity", opacity)
    };
    line.band.iter().map(draw).collect()
}

/// A curve and its markers; browsers show its name under the pointer.
pub(super) fn curve(line: &Line, frame: &Frame) -> Element {
    let points: Vec<_> = line
        .points
        .iter()
        .map(|&(x, y)| (frame.x.map(x), frame.y.map(y)))
        .collect();
    let mut group = svg::group().with(Element::new("title").with_text(line.name.as_str()));
    if points.len() > 1 {
        group.push(line.style.stroke(svg::polyline(&points)));
    }
    let stride = points.len().div_ceil(MOST_MARKERS).max(1);
    // Counted from the end: the last point is the one that the label reads out.
    for &(x, y) in points.iter().rev().step_by(stride) {
        group.push(line.style.mark(x, y));
    }
    for &(x, y) in &line.ringed {
        let ring = Element::new("circle")
            .at("cx", frame.x.map(x))
            .at("cy", frame.y.map(y))
            .at("r", RING);
        group.push(
            ring.set("fill", "none")
                .set("stroke", line.style.colour)
                .at("stroke-width", 1.1),
        );
    }
    group
}

/// The horizontal line at `value`, if that is a number; `place` is which of them it is.
pub(super) fn reference(place: usize, value: f64, frame: &Frame) -> Option<Element> {
    let y = value.is_finite().then(|| frame.y.map(value))?;
    let line = svg::line((frame.x.start, y), (frame.x.end, y));
    Some(reference_stroke(place, line))
}

/// The thin line from the end of a curve to its label.
pub(super) fn leader(end: (f64, f64), label: (f64, f64)) -> Element {
    svg::line((end.0 + 5.0, end.1), (label.0 - 3.0, label.1))
        .set("stroke", RULE)
        .at("stroke-width", 0.7)
        .set("stroke-dasharray", "1 2")
}

/// What a label stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Curve(Style),
    /// A reference line, by its place among them.
    Reference(usize),
}

/// What stands before a label, `width` wide: a curve's line and marker, or a piece of a reference line.
pub(super) fn sample(of: Of, x: f64, y: f64, width: f64) -> Element {
    let piece = svg::line((x, y), (x + width, y));
    match of {
        Of::Curve(style) => svg::group()
            .with(style.stroke(piece))
            .with(style.mark(x + width / 2.0, y)),
        Of::Reference(place) => reference_stroke(place, piece),
    }
}

/// Grey, so that no curve is taken for one; dots, strokes or both tell them apart.
fn reference_stroke(place: usize, line: Element) -> Element {
    const DASHES: [&str; 3] = ["1.5 2.5", "8 3.5", "8 3 1.5 3"];
    line.set("stroke", MUTED)
        .at("stroke-width", 1.1)
        .set("stroke-dasharray", DASHES[place % DASHES.len()])
}
