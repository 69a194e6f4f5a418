//! Colours, dashes and markers: one look for every figure, and one style a strategy in all of them.

use super::svg::{self, Element};

/// The embedded font first, then fonts that browsers have.
pub const FONT_FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// The paper a figure is printed on.
pub const PAPER: &str = "#ffffff";
/// Titles and labels.
pub const INK: &str = "#1f1f1f";
/// Axis values and remarks.
pub const MUTED: &str = "#595959";
/// Axis lines.
pub const RULE: &str = "#8a8a8a";
/// Grid lines and empty tracks.
pub const GRID: &str = "#e6e6e6";

/// How a curve is drawn. Colour, dash and marker each tell it apart alone, so that print without colour still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// As CSS writes it.
    pub colour: &'static str,
    /// The dash pattern, as SVG writes it; a solid line without one.
    pub dash: Option<&'static str>,
    /// What marks its points.
    pub marker: Marker,
}

/// The shape at a curve's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A filled circle.
    Circle,
    /// A circle that is not filled.
    Ring,
    /// A filled square.
    Square,
    /// A square that is not filled.
    HollowSquare,
    /// A filled triangle.
    Triangle,
    /// A triangle that is not filled.
    HollowTriangle,
    /// A filled diamond.
    Diamond,
    /// A diamond that is not filled.
    HollowDiamond,
    /// A filled triangle that points down.
    Wedge,
    /// A triangle that points down and is not filled.
    HollowWedge,
    /// Two diagonal strokes.
    Cross,
    /// An upright cross.
    Plus,
}

/// The strategies' own styles come first, then the ones that names unknown to us may take.
/// Colours are Okabe and Ito's and kin, darkened where thin lines would fade on paper; pairs that share a hue
/// (active and random querying of one learning strategy) differ in lightness, dash and marker.
const STYLES: [Style; 12] = [
    Style {
        colour: "#757575",
        dash: Some("6 3"),
        marker: Marker::Ring,
    },
    Style {
        colour: "#d98c00",
        dash: Some("9 3 2 3"),
        marker: Marker::Triangle,
    },
    Style {
        colour: "#a8457e",
        dash: Some("2 2.5"),
        marker: Marker::Wedge,
    },
    Style {
        colour: "#00528c",
        dash: None,
        marker: Marker::Square,
    },
    Style {
        colour: "#c8370a",
        dash: None,
        marker: Marker::Circle,
    },
    Style {
        colour: "#f08a62",
        dash: Some("4 3"),
        marker: Marker::HollowDiamond,
    },
    Style {
        colour: "#007a5a",
        dash: Some("12 3"),
        marker: Marker::Diamond,
    },
    Style {
        colour: "#3fae8b",
        dash: Some("4 3"),
        marker: Marker::HollowTriangle,
    },
    Style {
        colour: "#4ea6dc",
        dash: Some("4 3"),
        marker: Marker::HollowSquare,
    },
    Style {
        colour: "#4b2e83",
        dash: Some("6 2 1.5 2 1.5 2"),
        marker: Marker::Cross,
    },
    Style {
        colour: "#8a6d1f",
        dash: Some("2 2 6 2"),
        marker: Marker::HollowWedge,
    },
    Style {
        colour: "#111111",
        dash: Some("1.5 3"),
        marker: Marker::Plus,
    },
];

/// Spellings of each strategy, lower case with `-` for everything else, and the style that it keeps in every figure.
const STRATEGIES: [(&str, usize); 21] = [
    ("rft", 0),
    ("random-reset-lq", 0),
    ("aft", 1),
    ("aft-lq", 1),
    ("active-reset-lq", 1),
    ("acft-q", 2),
    ("active-q", 2),
    ("acft-lq", 3),
    ("active-lq", 3),
    ("acft-hq", 4),
    ("active-hq", 4),
    ("rcft-hq", 5),
    ("random-hq", 5),
    ("hq-balanced", 6),
    ("acft-hq-balanced", 6),
    ("active-hq-balanced", 6),
    ("rcft-hq-balanced", 7),
    ("random-hq-balanced", 7),
    ("rcft-lq", 8),
    ("random-lq", 8),
    ("random-q", 10),
];

/// Names unknown to us take the strongest free styles first.
const FREE_ORDER: [usize; 12] = [3, 4, 6, 1, 9, 8, 2, 11, 7, 10, 5, 0];

/// One style a name: a strategy's own where the name is one or begins with one ("ACFT(HQ), seed 1"), else the next free
/// one. No two of up to twelve names share a style.
pub fn styles(names: &[&str]) -> Vec<Style> {
    let mut taken = [false; STYLES.len()];
    let mut own: Vec<Option<usize>> = vec![None; names.len()];
    // A name that only begins with a strategy's takes no style that another has by its whole name.
    for whole in [true, false] {
        for (own, name) in own.iter_mut().zip(names) {
            if own.is_none()
                && let Some((style, is_whole)) = strategy_style(name)
                && (is_whole || !whole)
                && !taken[style]
            {
                taken[style] = true;
                *own = Some(style);
            }
        }
    }
    let mut free = FREE_ORDER
        .into_iter()
        .filter(|&style| !taken[style])
        .collect::<Vec<_>>()
        .into_iter();
    let mut beyond = 0_usize;
    own.into_iter()
        .map(|own| match own.or_else(|| free.next()) {
            Some(style) => STYLES[style],
            None => {
                // More curves than styles: pair colours with other markers, so that repeats still differ.
                let (round, colour) = (beyond / STYLES.len(), beyond % STYLES.len());
                beyond += 1;
                Style {
                    colour: STYLES[colour].colour,
                    ..STYLES[(colour + round + 1) % STYLES.len()]
                }
            }
        })
        .collect()
}

/// The style of the strategy that a name begins with, and whether it is all of the name.
fn strategy_style(name: &str) -> Option<(usize, bool)> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let spelled = words.join("-");
    STRATEGIES
        .iter()
        .filter(|(strategy, _)| {
            spelled
                .strip_prefix(strategy)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
        .max_by_key(|(strategy, _)| strategy.len())
        .map(|&(strategy, style)| (style, strategy == spelled))
}

impl Style {
    /// A line through `points` in this style.
    pub fn stroke(&self, line: Element) -> Element {
        let line = line
            .set("stroke", self.colour)
            .at("stroke-width", 1.8)
            .set("stroke-linejoin", "round");
        match self.dash {
            Some(dash) => line.set("stroke-dasharray", dash),
            None => line.set("stroke-linecap", "round"),
        }
    }

    /// This style's marker at (`x`, `y`).
    pub fn mark(&self, x: f64, y: f64) -> Element {
        let corners = |offsets: &[(f64, f64)]| {
            let points: Vec<(f64, f64)> =
                offsets.iter().map(|&(dx, dy)| (x + dx, y + dy)).collect();
            svg::polygon(&points)
        };
        let circle = || Element::new("circle").at("cx", x).at("cy", y).at("r", 3.3);
        let square = || svg::rect(x - 3.0, y - 3.0, 6.0, 6.0);
        let triangle = || corners(&[(0.0, -4.0), (3.8, 2.8), (-3.8, 2.8)]);
        let wedge = || corners(&[(0.0, 4.0), (3.8, -2.8), (-3.8, -2.8)]);
        let diamond = || corners(&[(0.0, -4.3), (4.3, 0.0), (0.0, 4.3), (-4.3, 0.0)]);
        let solid = |shape: Element| {
            shape
                .set("fill", self.colour)
                .set("stroke", PAPER)
                .at("stroke-width", 0.8)
        };
        let hollow = |shape: Element| {
            shape
                .set("fill", PAPER)
                .set("stroke", self.colour)
                .at("stroke-width", 1.5)
        };
        let strokes = |arms: [((f64, f64), (f64, f64)); 2]| {
            arms.into_iter().fold(
                svg::group()
                    .set("stroke", self.colour)
                    .at("stroke-width", 1.7),
                |group, ((ax, ay), (bx, by))| {
                    group.with(svg::line((x + ax, y + ay), (x + bx, y + by)))
                },
            )
        };
        match self.marker {
            Marker::Circle => solid(circle()),
            Marker::Ring => hollow(circle()),
            Marker::Square => solid(square()),
            Marker::HollowSquare => hollow(square()),
            Marker::Triangle => solid(triangle()),
            Marker::HollowTriangle => hollow(triangle()),
            Marker::Diamond => solid(diamond()),
            Marker::HollowDiamond => hollow(diamond()),
            Marker::Wedge => solid(wedge()),
            Marker::HollowWedge => hollow(wedge()),
            Marker::Cross => strokes([((-3.0, -3.0), (3.0, 3.0)), ((-3.0, 3.0), (3.0, -3.0))]),
            Marker::Plus => strokes([((-4.0, 0.0), (4.0, 0.0)), ((0.0, -4.0), (0.0, 4.0))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_keeps_its_style_however_it_is_spelled_and_wherever_it_stands() {
        let alone = |name: &str| styles(&[name])[0];
        for (a, b) in [
            ("rft", "RFT(LQ)"),
            ("acft-hq", "ACFT(HQ), diversity, seed 1"),
            ("hq-balanced", "active hq-balanced"),
            ("rcft-hq", "random HQ"),
        ] {
            assert_eq!(alone(a), alone(b), "{a} and {b}");
            assert_eq!(styles(&["something else", a])[1], alone(b));
        }
        assert_ne!(alone("acft-hq"), alone("acft-hq-balanced"));
    }

    #[test]
    fn a_whole_name_wins_over_one_that_only_begins_with_it_wherever_it_stands() {
        let both = styles(&["ACFT(HQ)+noise", "ACFT(HQ)"]);
        assert_eq!(both[1], styles(&["ACFT(HQ)"])[0]);
        assert_ne!(both[0], both[1]);
    }

    #[test]
    fn many_names_get_many_styles() {
        let names: Vec<String> = (0..40)
            .map(|i| {
                if i == 5 {
                    "rft".into()
                } else {
                    format!("acft-hq {i}")
                }
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for count in [2, 12, 40] {
            let styles = styles(&names[..count]);
            for (i, style) in styles.iter().enumerate() {
                assert!(
                    !styles[..i].contains(style),
                    "{count} names: style {i} repeats"
                );
            }
        }
    }
}
