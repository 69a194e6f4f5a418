//! One colour a class, and the legend that names them.

use acft_figure::axis::format_value;
use acft_figure::style::INK;
use acft_figure::svg::{Element, rect};

use super::{CONTENT, DOMINANT, Explanation, MARGIN, NOTE};

/// Pale, so that the dominant class leads; of clearly different lightness where neighbours would touch.
const OTHERS: [&str; 6] = [
    "#cfcfcf", "#e2a86b", "#8fc7b0", "#8c8c8c", "#d9b3cf", "#e8dc93",
];

/// The colour of each class, in their order.
pub(super) fn class_colours(explanation: &Explanation) -> Vec<&'static str> {
    let mut others = OTHERS.iter().cycle();
    (0..explanation.classes.len())
        .map(|class| {
            if class == explanation.dominant {
                DOMINANT
            } else {
                others.next().copied().unwrap_or(OTHERS[0])
            }
        })
        .collect()
}

/// Names the classes and their means over all patches from `top`; returns the y below.
pub(super) fn legend(explanation: &Explanation, top: f64, body: &mut Vec<Element>) -> f64 {
    let count = explanation.patches.len().max(1) as f64;
    let (mut x, mut y) = (MARGIN, top);
    for (class, (name, colour)) in explanation
        .classes
        .iter()
        .zip(class_colours(explanation))
        .enumerate()
    {
        let mean = explanation
            .patches
            .iter()
            .map(|patch| patch.probability(class))
            .sum::<f64>()
            / count;
        let suffix = format!(": mean P {}", format_value(mean, 3));
        let lines = NOTE.wrap(&format!("{name}{suffix}"), CONTENT - 18.0);
        let width = 18.0
            + lines
                .iter()
                .map(|line| NOTE.width(line))
                .fold(0.0, f64::max);
        if x > MARGIN && x + width > MARGIN + CONTENT {
            (x, y) = (MARGIN, y + 18.0);
        }
        body.push(rect(x, y - 9.0, 11.0, 11.0).set("fill", colour));
        for (index, line) in lines.iter().enumerate() {
            y += if index > 0 { 16.0 } else { 0.0 };
            body.push(NOTE.write(x + 18.0, y, line).set("fill", INK));
        }
        x += width + 26.0;
    }
    y
}
