//! The frame of a plot: ranges, grid, axes and their titles.

use super::axis::{Scale, Ticks};
use super::lines::Line;
use super::style::{GRID, INK, MUTED, RULE};
use super::svg::{self, Element};
use super::text::Font;

/// Scores closer together than this are not stretched over the whole height: noise would look like a result.
const LEAST_SPAN: f64 = 0.05;
const TICK: Font = Font::regular(12.0);
const AXIS_TITLE: Font = Font::regular(13.0);

/// The area of a plot, with what its axes show.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) x: Scale,
    /// Starts at the bottom: canvas coordinates grow downwards, scores upwards.
    pub(super) y: Scale,
    pub(super) x_ticks: Ticks,
    pub(super) y_ticks: Ticks,
}

impl Frame {
    /// A frame that shows every point, band and reference line; it has no place on the canvas yet.
    pub(super) fn around(curves: &[Line], references: &[(String, f64)]) -> Self {
        let xs = curves
            .iter()
            .flat_map(|curve| curve.points.iter().map(|&(x, _)| x));
        let (x_low, x_high) = label_range(xs);
        let ys = curves.iter().flat_map(|curve| {
            let band = curve.band.iter().flatten();
            let band = band.flat_map(|&(_, low, high)| [low, high]);
            curve.points.iter().map(|&(_, y)| y).chain(band)
        });
        let (low, high) = score_range(ys.chain(references.iter().map(|&(_, value)| value)));
        let y_ticks = Ticks::new(low, high, 8);
        let (y_low, y_high) = y_ticks.enclose(low, high);
        let scale = |low, high| Scale {
            low,
            high,
            start: 0.0,
            end: 1.0,
        };
        Self {
            x: scale(x_low, x_high),
            y: scale(y_low, y_high),
            x_ticks: Ticks::new(x_low, x_high, 9),
            y_ticks,
        }
    }

    /// Puts the frame between `left` and `right`, and between `top` and `bottom`.
    pub(super) fn place(&mut self, (left, right): (f64, f64), (top, bottom): (f64, f64)) {
        (self.x.start, self.x.end) = (left, right);
        (self.y.start, self.y.end) = (bottom, top);
    }

    /// Grid, axes, axis values and axis titles.
    pub(super) fn draw(&self, x_label: &str, y_label: &str) -> Vec<Element> {
        let (left, right, bottom, top) = (self.x.start, self.x.end, self.y.start, self.y.end);
        let mut grid = svg::group().set("stroke", GRID).at("stroke-width", 1.0);
        let mut marks = svg::group().set("stroke", RULE).at("stroke-width", 1.0);
        let mut values = svg::group().set("fill", MUTED);
        for tick in self.y_ticks.within(self.y.low, self.y.high) {
            let y = self.y.map(tick);
            grid.push(svg::line((left, y), (right, y)));
            values.push(
                TICK.write(left - 8.0, y + 4.3, &self.y_ticks.label(tick))
                    .set("text-anchor", "end"),
            );
        }
        for tick in self.x_ticks.within(self.x.low, self.x.high) {
            let x = self.x.map(tick);
            grid.push(svg::line((x, bottom), (x, top)));
            marks.push(svg::line((x, bottom), (x, bottom + 5.0)));
            values.push(
                TICK.write(x, bottom + 19.0, &self.x_ticks.label(tick))
                    .set("text-anchor", "middle"),
            );
        }
        marks.push(svg::line((left, bottom), (right, bottom)));
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let titles = svg::group()
            .set("fill", INK)
            .set("text-anchor", "middle")
            .with(AXIS_TITLE.write(middle, bottom + 41.0, x_label))
            .with(AXIS_TITLE.write(0.0, 0.0, y_label).set(
                "transform",
                format_args!("translate(24 {centre:.1}) rotate(-90)"),
            ));
        vec![grid, marks, values, titles]
    }
}

/// Labels begin at 0, so that distances are costs, unless the curve lies far from it.
fn label_range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    match extent(values) {
        None => (0.0, 1.0),
        Some((low, high)) if low >= 0.0 && low <= high / 2.0 => (0.0, padded(high)),
        Some((low, high)) if low < high => (low, padded(high)),
        Some((low, _)) => (low.min(0.0), padded(low.max(1.0))),
    }
}

/// A little room behind the last point, so that its marker is not cut by the frame.
fn padded(high: f64) -> f64 {
    if high > 0.0 { high * 1.02 } else { 1.0 }
}

/// The scores' range, widened about its middle to the least span, and within 0 to 1 where all scores are.
fn score_range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let Some((low, high)) = extent(values) else {
        return (0.0, 1.0);
    };
    let missing = (LEAST_SPAN - (high - low)).max(0.0) / 2.0;
    let (wide_low, wide_high) = (low - missing, high + missing);
    if low >= 0.0 && high <= 1.0 {
        (wide_low.max(0.0), wide_high.min(1.0))
    } else {
        (wide_low, wide_high)
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .fold(None, |extent, value| match extent {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_the_data_and_are_never_empty() {
        for (values, expected) in [
            (vec![], (0.0, 1.0)),
            (vec![25.0, 400.0], (0.0, 408.0)),
            (vec![25.0], (0.0, 25.5)),
            (vec![0.0], (0.0, 1.0)),
            (vec![900.0, 1000.0], (900.0, 1020.0)),
            (vec![f64::NAN, 10.0, 100.0], (0.0, 102.0)),
        ] {
            assert_eq!(label_range(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn noise_is_not_stretched_and_a_share_stays_a_share() {
        let (low, high) = score_range([0.901, 0.902].into_iter());
        assert!((high - low - LEAST_SPAN).abs() < 1e-12);
        assert_eq!(score_range([0.99, 1.0].into_iter()).1, 1.0);
        assert_eq!(score_range([0.2, 0.9].into_iter()), (0.2, 0.9));
        assert_eq!(score_range([-0.5, 3.0].into_iter()), (-0.5, 3.0));
    }
}
