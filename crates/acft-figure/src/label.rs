//! The labels at the right of a plot: a sample of the line, its name and the score it ends at.

use super::axis::Ticks;
use super::frame::Frame;
use super::lines::{self, Line, Of};
use super::spread::{Wish, spread};
use super::style::{INK, MUTED};
use super::svg::{self, Element};
use super::text::Font;

const FONT: Font = Font::regular(12.5);
/// From the plot to the samples, and a sample with the space behind it.
const GAP: f64 = 14.0;
const SAMPLE: f64 = 32.0;
const WIDEST_NAME: f64 = 190.0;
const LINE_HEIGHT: f64 = 15.0;
/// Between labels, so that the lines of one stand closer to each other than to the next.
const PAD: f64 = 4.0;
/// Between the name and the score.
const SPACE: f64 = 6.0;

/// One label.
#[derive(Clone, Debug)]
pub(super) struct Label {
    of: Of,
    /// (labels, score) at the end of the line; a reference line ends where the plot does.
    end: Option<(f64, f64)>,
    name: Vec<String>,
    reading: String,
}

impl Label {
    /// The label of a curve.
    pub(super) fn of_curve(curve: &Line, ticks: &Ticks) -> Self {
        Self::new(
            &curve.name,
            Of::Curve(curve.style),
            curve.points.last().copied(),
            ticks,
        )
    }

    /// The label of the horizontal line at `value`; `place` is which of them it is.
    pub(super) fn of_reference(place: usize, name: &str, value: f64, ticks: &Ticks) -> Self {
        let end = value.is_finite().then_some((f64::INFINITY, value));
        Self::new(name, Of::Reference(place), end, ticks)
    }

    fn new(name: &str, of: Of, end: Option<(f64, f64)>, ticks: &Ticks) -> Self {
        let reading = end.map_or("no points".to_owned(), |(_, score)| ticks.reading(score));
        let mut name = FONT.wrap(name, WIDEST_NAME);
        // The score stands behind the last line of the name, or on one of its own where that is full.
        let last = name.last().map_or(0.0, |line| FONT.width(line));
        if last + SPACE + FONT.width(&reading) > WIDEST_NAME {
            name.push(String::new());
        }
        Self {
            of,
            end,
            name,
            reading,
        }
    }

    /// Room needed from the plot to the end of the label.
    pub(super) fn width(&self) -> f64 {
        let names = self
            .name
            .iter()
            .map(|line| FONT.width(line))
            .fold(0.0, f64::max);
        GAP + SAMPLE + names.max(self.indent() + FONT.width(&self.reading))
    }

    /// Room needed from the label above to the one below.
    pub(super) fn height(&self) -> f64 {
        LINE_HEIGHT * self.name.len() as f64 + PAD
    }

    /// Where the score starts behind the last line of the name.
    fn indent(&self) -> f64 {
        match self.name.last().map(String::as_str) {
            None | Some("") => 0.0,
            Some(last) => FONT.width(last) + SPACE,
        }
    }

    /// Where the label would like to stand: at the end of its line, or at the bottom without one.
    fn wish(&self, frame: &Frame) -> Wish {
        let centre = self
            .end
            .map_or(frame.y.start, |(_, score)| frame.y.map(score));
        Wish {
            centre,
            height: self.height(),
        }
    }

    fn draw(&self, centre: f64, frame: &Frame) -> Element {
        let x = frame.x.end + GAP;
        let mut group = svg::group().set("fill", INK);
        if let Some((labels, score)) = self.end {
            let end = frame.x.map(labels).min(frame.x.end);
            // A leader from a curve that stopped early would cross the plot like a curve; its sample has to do.
            if frame.x.end - end < 0.1 * (frame.x.end - frame.x.start) {
                group.push(lines::leader((end, frame.y.map(score)), (x, centre)));
            }
        }
        group.push(lines::sample(self.of, x, centre, SAMPLE - 8.0));
        let mut baseline = centre - LINE_HEIGHT * (self.name.len() - 1) as f64 / 2.0 + 4.5;
        for (index, line) in self.name.iter().enumerate() {
            baseline += if index > 0 { LINE_HEIGHT } else { 0.0 };
            if !line.is_empty() {
                group.push(FONT.write(x + SAMPLE, baseline, line));
            }
        }
        let reading = FONT.write(x + SAMPLE + self.indent(), baseline, &self.reading);
        group.with(reading.set("fill", MUTED))
    }
}

/// Draws the labels beside `frame`, each as near to the end of its line as the others let it.
pub(super) fn draw(labels: &[Label], frame: &Frame) -> Vec<Element> {
    let wishes: Vec<Wish> = labels.iter().map(|label| label.wish(frame)).collect();
    let centres = spread(&wishes, frame.y.end, frame.y.start);
    labels
        .iter()
        .zip(centres)
        .map(|(label, centre)| label.draw(centre, frame))
        .collect()
}
