//! Stacked bars in several panels that share their axes: what each step was made of, a panel a strategy.

use super::axis::{Scale, Ticks};
use super::heading::{MARGIN, heading};
use super::style::{GRID, INK, MUTED, PAPER, RULE};
use super::svg::{self, Element};
use super::text::Font;

/// Several panels of stacked bars.
#[derive(Clone, Debug, Default)]
pub struct BarPlot {
    /// What the plot shows, in bold above it.
    pub title: String,
    /// The remark under the title. May be empty.
    pub subtitle: String,
    /// What a bar stands for.
    pub x_label: String,
    /// What its height counts.
    pub y_label: String,
    /// The parts of every bar, from the bottom up.
    pub parts: Vec<String>,
    /// What stands inside each part where there is room, so that neighbours are told apart in grey. May be empty.
    pub marks: Vec<String>,
    /// Whether the last part is what the others leave, which no colour should draw the eye to.
    pub last_is_rest: bool,
    /// One beside the other.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// What stands above it.
    pub name: String,
    /// What stands below each bar, and the height of each of its parts.
    pub bars: Vec<(String, Vec<f64>)>,
}

const LEFT: f64 = 66.0;
const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 150.0;
/// Between panels, side by side and one below the other.
const GAP: (f64, f64) = (26.0, 66.0);
const SUBTITLE: Font = Font::regular(12.0);
const NAME: Font = Font::bold(12.5);
const TICK: Font = Font::regular(11.0);
const MARK: Font = Font::bold(8.0);
const AXIS_TITLE: Font = Font::regular(12.5);

/// From dark to light (the map called viridis), so that the order reads in grey too.
const FILLS: [&str; 8] = [
    "#440154", "#46337e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725",
];

impl BarPlot {
    /// The plot as SVG text. Equal plots give equal bytes.
    pub fn svg(&self) -> String {
        let columns = match self.panels.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let rows = self.panels.len().div_ceil(columns).max(1);
        let width = LEFT + columns as f64 * (WIDTH + GAP.0) - GAP.0 + MARGIN;
        let mut body = Vec::new();
        let mut top = heading(&self.title, &self.subtitle, width, &mut body);
        top = self.legend(width, top + 8.0, &mut body) + 34.0;

        let highest = self
            .panels
            .iter()
            .flat_map(|panel| &panel.bars)
            .map(|(_, parts)| parts.iter().sum())
            .fold(0.0, f64::max);
        // A whole that is 1 is a share, and its axis ends there.
        let ticks = Ticks::new(0.0, highest.max(f64::MIN_POSITIVE), 5);
        let highest = if (highest - 1.0).abs() < 1e-9 {
            1.0
        } else {
            ticks.enclose(0.0, highest).1
        };
        for (at, panel) in self.panels.iter().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let left = LEFT + column as f64 * (WIDTH + GAP.0);
            let y = top + row as f64 * (HEIGHT + GAP.1);
            let scale = Scale {
                low: 0.0,
                high: highest,
                start: y + HEIGHT,
                end: y,
            };
            body.push(self.draw(panel, left, &scale, &ticks, column == 0));
        }
        let bottom = top + rows as f64 * (HEIGHT + GAP.1) - GAP.1;
        let middle = f64::midpoint(LEFT, width - MARGIN);
        let centre = f64::midpoint(top, bottom);
        body.push(
            AXIS_TITLE
                .write(middle, bottom + 38.0, &self.x_label)
                .set("text-anchor", "middle")
                .set("fill", INK),
        );
        body.push(
            AXIS_TITLE
                .write(0.0, 0.0, &self.y_label)
                .set(
                    "transform",
                    format_args!("translate(22 {centre:.1}) rotate(-90)"),
                )
                .set("text-anchor", "middle")
                .set("fill", INK),
        );
        svg::document(width, bottom + 52.0, &self.title, body)
    }

    /// Names the parts in a row, or several; returns the y below.
    fn legend(&self, width: f64, top: f64, body: &mut Vec<Element>) -> f64 {
        let mut group = svg::group().set("fill", INK);
        let (mut x, mut baseline) = (MARGIN, top + 10.0);
        for (part, name) in self.parts.iter().enumerate() {
            let needed = 15.0 + SUBTITLE.width(name);
            if x + needed > width - MARGIN && x > MARGIN {
                (x, baseline) = (MARGIN, baseline + 17.0);
            }
            group.push(
                svg::rect(x, baseline - 9.0, 10.0, 10.0)
                    .set("fill", self.fill(part))
                    .set("stroke", RULE)
                    .at("stroke-width", 0.5),
            );
            group.push(SUBTITLE.write(x + 15.0, baseline, name));
            x += needed + 18.0;
        }
        body.push(group);
        baseline
    }

    fn fill(&self, part: usize) -> &'static str {
        match self.parts.len() {
            parts if self.last_is_rest && part + 1 == parts => GRID,
            // The light end of the map would be taken for the grey of the rest.
            parts if self.last_is_rest => FILLS[(5 * part).div_ceil((parts - 1).max(2) - 1).min(5)],
            parts => fill(part, parts),
        }
    }

    fn draw(
        &self,
        panel: &Panel,
        left: f64,
        y: &Scale,
        ticks: &Ticks,
        with_values: bool,
    ) -> Element {
        let right = left + WIDTH;
        let mut group = svg::group();
        group.push(NAME.write(left, y.end - 8.0, &panel.name).set("fill", INK));
        for tick in ticks.within(0.0, y.high) {
            group.push(svg::line((left, y.map(tick)), (right, y.map(tick))).set("stroke", GRID));
            if with_values {
                group.push(
                    TICK.write(left - 6.0, y.map(tick) + 4.0, &ticks.label(tick))
                        .set("text-anchor", "end")
                        .set("fill", MUTED),
                );
            }
        }
        let pitch = WIDTH / panel.bars.len().max(1) as f64;
        let marks: Vec<(&String, f64)> = self.marks.iter().map(|m| (m, MARK.width(m))).collect();
        let widest = panel
            .bars
            .iter()
            .map(|(name, _)| TICK.width(name))
            .fold(0.0, f64::max);
        let stride = ((widest + 6.0) / pitch).ceil().max(1.0) as usize;
        for (at, (name, parts)) in panel.bars.iter().enumerate() {
            let x = left + at as f64 * pitch;
            let mut from = 0.0;
            for (part, height) in parts.iter().enumerate() {
                let (below, above) = (y.map(from), y.map(from + height));
                from += height;
                if below - above <= 1e-3 {
                    continue;
                }
                let fill = self.fill(part);
                group.push(
                    svg::rect(x + 0.12 * pitch, above, 0.76 * pitch, below - above)
                        .set("fill", fill)
                        .set("stroke", PAPER)
                        .at("stroke-width", 0.5),
                );
                if let Some(&(mark, width)) = marks.get(part)
                    && below - above > MARK.size + 1.0
                    && 0.76 * pitch > width
                {
                    let baseline = f64::midpoint(below, above) + 0.36 * MARK.size;
                    group.push(
                        MARK.write(x + pitch / 2.0, baseline, mark)
                            .set("text-anchor", "middle")
                            .set("fill", if is_dark(fill) { PAPER } else { INK }),
                    );
                }
            }
            if at.is_multiple_of(stride) {
                group.push(
                    TICK.write(x + pitch / 2.0, y.start + 15.0, name)
                        .set("text-anchor", "middle")
                        .set("fill", MUTED),
                );
            }
        }
        group.with(svg::line((left, y.start), (right, y.start)).set("stroke", RULE))
    }
}

/// Spread evenly over the map, from dark to light.
fn fill(part: usize, parts: usize) -> &'static str {
    let last = FILLS.len() - 1;
    FILLS[(part * last / parts.saturating_sub(1).max(1)).min(last)]
}

/// Whether white letters are read on it better than black ones.
fn is_dark(fill: &str) -> bool {
    FILLS[..5].contains(&fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_from_dark_to_light() {
        for parts in 1..=8 {
            let fills: Vec<&str> = (0..parts).map(|part| fill(part, parts)).collect();
            let mut different = fills.clone();
            different.dedup();
            assert_eq!(fills, different, "{parts} parts");
        }
        assert_eq!(
            (fill(0, 3), fill(1, 3), fill(2, 3)),
            (FILLS[0], FILLS[3], FILLS[7])
        );
    }

    #[test]
    fn parts_beside_a_rest_are_told_apart_in_grey() {
        let plot = BarPlot {
            parts: ["a", "b", "c", "rest"].map(str::to_owned).to_vec(),
            last_is_rest: true,
            ..BarPlot::default()
        };
        let grey = |part: usize| {
            let fill = u32::from_str_radix(&plot.fill(part)[1..], 16).unwrap_or_default();
            let of = |shift: u32| f64::from(fill >> shift & 0xff);
            0.299 * of(16) + 0.587 * of(8) + 0.114 * of(0)
        };
        for part in 1..4 {
            assert!(grey(part) - grey(part - 1) > 40.0, "{part}");
        }
    }

    #[test]
    fn a_part_is_as_high_as_its_share() {
        let plot = BarPlot {
            title: "t".into(),
            parts: vec!["a".into(), "b".into()],
            panels: vec![Panel {
                name: "p".into(),
                bars: vec![("1".into(), vec![0.25, 0.75])],
            }],
            ..BarPlot::default()
        };
        let svg = plot.svg();
        assert!(svg.contains("height=\"37.5\" fill=\"#440154\""), "{svg}");
        assert!(svg.contains("height=\"112.5\" fill=\"#fde725\""), "{svg}");
        assert!(BarPlot::default().svg().starts_with("<svg"));
    }
}
