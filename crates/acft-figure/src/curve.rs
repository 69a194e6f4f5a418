//! The learning curve: a score on the test set against the labels it cost, one line a strategy.

use super::frame::Frame;
use super::heading::{MARGIN, heading};
use super::label::{self, Label};
use super::lines::{self, Line};
use super::style::{MUTED, Style, styles};
use super::svg::{self, Element};
use super::text::Font;

/// One curve of a plot.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What the curve is called; a strategy's name gives it the strategy's colour, dash and marker.
    pub name: String,
    /// (labels, score), in any order. Points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// (low, high) around each point, in the order of `points`; where one is not finite the band has a gap.
    pub band: Option<Vec<(f64, f64)>>,
    /// The labels of those points that wear a ring, as something is to be known of them.
    pub ringed: Vec<f64>,
}

/// A plot of learning curves.
#[derive(Clone, Debug, Default)]
pub struct CurvePlot {
    /// What the plot shows, in bold above it.
    pub title: String,
    /// The remark under the title: data, seeds, what the bands are. May be empty.
    pub subtitle: String,
    /// The horizontal axis and its unit.
    pub x_label: String,
    /// The vertical axis and its unit.
    pub y_label: String,
    /// The curves, the last one uppermost.
    pub series: Vec<Series>,
    /// Named horizontal lines, such as the score of full training.
    pub reference_lines: Vec<(String, f64)>,
    /// What a guess would score: a thin line where the axis reaches it, which it is not stretched for.
    pub chance: Option<f64>,
    /// All names that share out the styles, where other plots have some of them: each then looks the same in all of them.
    pub names: Vec<String>,
}

const LEFT: f64 = 68.0;
const BELOW: f64 = 54.0;
const PLOT_WIDTH: f64 = 500.0;
const PLOT_HEIGHT: f64 = 320.0;
const SUBTITLE: Font = Font::regular(12.0);
const CHANCE: Font = Font::regular(10.5);

impl CurvePlot {
    /// The plot as SVG text. Equal plots give equal bytes.
    pub fn svg(&self) -> String {
        let styled = self.series.iter().zip(self.styles());
        let curves: Vec<Line> = styled
            .map(|(series, style)| Line::new(series, style))
            .collect();
        let mut frame = Frame::around(&curves, &self.reference_lines);
        let labels = self.labels(&curves, &frame);

        let mut body = Vec::new();
        let label_width = labels.iter().map(Label::width).fold(0.0, f64::max);
        let width = LEFT + PLOT_WIDTH + label_width + MARGIN;
        let top = heading(&self.title, &self.subtitle, width, &mut body) + 16.0;
        let bottom = top + PLOT_HEIGHT.max(labels.iter().map(Label::height).sum());
        frame.place((LEFT, LEFT + PLOT_WIDTH), (top, bottom));
        body.extend(frame.draw(&self.x_label, &self.y_label));

        // Many bands over each other would darken the curves.
        let opacity = if curves.len() > 4 { 0.08 } else { 0.15 };
        let references = self.reference_lines.iter().enumerate();
        body.extend(
            curves
                .iter()
                .flat_map(|curve| lines::band(curve, &frame, opacity)),
        );
        body.extend(self.chance(&frame));
        body.extend(
            references.filter_map(|(place, &(_, value))| lines::reference(place, value, &frame)),
        );
        body.extend(curves.iter().map(|curve| lines::curve(curve, &frame)));
        body.extend(label::draw(&labels, &frame));
        if curves.iter().all(|curve| curve.points.is_empty()) {
            let (middle, centre) = (LEFT + PLOT_WIDTH / 2.0, (top + bottom) / 2.0);
            let note = SUBTITLE.write(middle, centre, "no points yet");
            body.push(note.set("text-anchor", "middle").set("fill", MUTED));
        }
        svg::document(width, bottom + BELOW, &self.title, body)
    }

    fn styles(&self) -> Vec<Style> {
        let own = || self.series.iter().map(|series| series.name.as_str());
        if self.names.is_empty() {
            return styles(&own().collect::<Vec<_>>());
        }
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        for name in own() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let styles = styles(&names);
        let of = |name: &str| names.iter().position(|known| *known == name);
        own().filter_map(of).map(|at| styles[at]).collect()
    }

    fn chance(&self, frame: &Frame) -> Option<Element> {
        let value = self.chance?;
        (frame.y.low..=frame.y.high).contains(&value).then(|| {
            let y = frame.y.map(value);
            let line = svg::line((frame.x.start, y), (frame.x.end, y));
            let name = CHANCE.write(frame.x.start + 4.0, y - 4.0, "chance");
            svg::group()
                .with(line.set("stroke", MUTED).at("stroke-width", 0.7))
                .with(name.set("fill", MUTED))
        })
    }

    fn labels(&self, curves: &[Line], frame: &Frame) -> Vec<Label> {
        let ticks = &frame.y_ticks;
        let curves = curves.iter().map(|curve| Label::of_curve(curve, ticks));
        let references = self.reference_lines.iter().enumerate();
        let references = references
            .map(|(place, (name, value))| Label::of_reference(place, name, *value, ticks));
        curves.chain(references).collect()
    }
}

#[cfg(test)]
mod tests;
