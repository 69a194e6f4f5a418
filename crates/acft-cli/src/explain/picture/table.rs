//! Entropy and diversity with and without majority selection.

use acft_figure::axis::format_value;
use acft_figure::style::{INK, MUTED, RULE};
use acft_figure::svg::{Element, line};
use acft_figure::text::Font;

use super::{Explanation, MARGIN, NOTE, SMALL, WIDTH};

const LEFT: f64 = 410.0;
const HEADING: Font = Font::bold(12.0);
const NUMBER: Font = Font::regular(14.0);

/// Draws the table at the right from `top`; returns the y below.
pub(super) fn draw(explanation: &Explanation, top: f64, body: &mut Vec<Element>) -> f64 {
    let right = WIDTH - MARGIN;
    let (kept_x, all_x) = (right - 105.0, right);
    let rule = |y: f64| line((LEFT, y), (right, y)).set("stroke", RULE);
    let end = |element: Element| element.set("text-anchor", "end");

    body.push(
        HEADING
            .write(LEFT, top + 6.0, "Scores over the patches")
            .set("fill", INK),
    );
    let count = explanation.patches.len();
    let mut y = top + 34.0;
    for (x, head, remark) in [
        (
            kept_x,
            "with majority",
            format!("kept {}", explanation.kept_count()),
        ),
        (all_x, "without", format!("all {count}")),
    ] {
        body.push(end(NOTE.write(x, y, head).set("fill", INK)));
        body.push(end(SMALL.write(x, y + 15.0, &remark).set("fill", MUTED)));
    }
    y += 24.0;
    body.push(rule(y));
    for (name, symbol, (kept, all)) in [
        ("entropy", "e", explanation.entropy),
        ("diversity", "d", explanation.diversity),
    ] {
        y += 25.0;
        body.push(
            NUMBER
                .write(LEFT, y, &format!("{name} {symbol}"))
                .set("fill", INK),
        );
        body.push(end(Font::bold(14.0)
            .write(kept_x, y, &significant(kept))
            .set("fill", INK)));
        body.push(end(NUMBER
            .write(all_x, y, &significant(all))
            .set("fill", INK)));
        y += 10.0;
        body.push(rule(y));
    }
    y += 6.0;
    let note = "Eq. 1, natural logarithm: entropy is the mean over patches, diversity the sum over pairs of patches.";
    for remark in SMALL.wrap(note, right - LEFT) {
        y += 15.0;
        body.push(SMALL.write(LEFT, y, &remark).set("fill", MUTED));
    }
    y
}

/// Four significant digits, or three decimals for what is smaller than one.
fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "undefined".to_owned();
    }
    let whole = value.abs().max(1.0).log10().floor() as usize + 1;
    format_value(value, 4usize.saturating_sub(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_four_digits() {
        for (value, expected) in [
            (0.0, "0.000"),
            (0.457_12, "0.457"),
            (20.7931, "20.79"),
            (618.605, "618.6"),
            (1408.33, "1408"),
            (123_456.7, "123,457"),
            (f64::NAN, "undefined"),
        ] {
            assert_eq!(significant(value), expected);
        }
    }
}
