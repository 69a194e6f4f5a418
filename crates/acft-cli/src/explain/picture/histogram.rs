//! The prediction pattern of Fig. 1: how many patches have which probability of the dominant class.

use acft_figure::axis::{Scale, Ticks};
use acft_figure::histograms::{BINS, bin};
use acft_figure::style::{GRID, INK, MUTED, RULE};
use acft_figure::svg::{self, Element, group, line, rect};
use acft_figure::text::Font;

use super::{Explanation, KEPT, LEFT_OUT, MARGIN, NOTE, SMALL};

const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 120.0;
const HEADING: Font = Font::bold(12.0);

/// Draws the histogram at the left from `top`; returns the y below.
pub(super) fn draw(explanation: &Explanation, top: f64, body: &mut Vec<Element>) -> f64 {
    let bins = count(explanation);
    let most = bins
        .iter()
        .map(|&(kept, left_out)| kept + left_out)
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    let ticks = Ticks::new(0.0, most.max(4.0), 5);
    let highest = ticks.enclose(0.0, most.max(4.0)).1;
    let (plot_left, plot_top) = (MARGIN + 34.0, top + 34.0);
    let x = Scale {
        low: 0.0,
        high: 1.0,
        start: plot_left,
        end: MARGIN + WIDTH,
    };
    let y = Scale {
        low: 0.0,
        high: highest,
        start: plot_top + HEIGHT,
        end: plot_top,
    };

    body.push(
        HEADING
            .write(MARGIN, top + 6.0, "Prediction pattern")
            .set("fill", INK),
    );
    body.push(key(explanation, top + 24.0));
    let mut axes = group().set("fill", MUTED);
    for tick in ticks.within(0.0, highest) {
        axes.push(line((x.start, y.map(tick)), (x.end, y.map(tick))).set("stroke", GRID));
        axes.push(
            SMALL
                .write(x.start - 6.0, y.map(tick) + 4.0, &ticks.label(tick))
                .set("text-anchor", "end"),
        );
    }
    body.push(axes);
    body.push(bars(&bins, &x, &y));

    let base = y.start;
    let mut below = group().set("fill", MUTED).set("text-anchor", "middle");
    below.push(line((x.start, base), (x.end, base)).set("stroke", RULE));
    let shares = Ticks::new(0.0, 1.0, 6);
    for tick in shares.within(0.0, 1.0) {
        below.push(line((x.map(tick), base), (x.map(tick), base + 4.0)).set("stroke", RULE));
        below.push(SMALL.write(x.map(tick), base + 16.0, &shares.label(tick)));
    }
    body.push(below);
    // A long class name is broken rather than drawn into the table.
    let mut baseline = base + 19.0;
    for title in NOTE.wrap(
        &format!("P({}) of a patch", explanation.dominant_name()),
        x.end - x.start,
    ) {
        baseline += 15.0;
        let middle = (x.start + x.end) / 2.0;
        body.push(
            NOTE.write(middle, baseline, &title)
                .set("text-anchor", "middle")
                .set("fill", INK),
        );
    }
    let centre = (plot_top + base) / 2.0;
    let turn = format!("translate({:.1} {centre:.1}) rotate(-90)", MARGIN + 9.0);
    body.push(
        NOTE.write(0.0, 0.0, "patches")
            .set("transform", turn)
            .set("text-anchor", "middle")
            .set("fill", INK),
    );
    baseline
}

/// Patches kept and left out in each bin of [0, 1]; the last bin is closed.
fn count(explanation: &Explanation) -> [(usize, usize); BINS] {
    let mut bins = [(0, 0); BINS];
    for patch in &explanation.patches {
        let (kept, left_out) = &mut bins[bin(patch.probability(explanation.dominant))];
        *(if patch.kept { kept } else { left_out }) += 1;
    }
    bins
}

fn bars(bins: &[(usize, usize); BINS], x: &Scale, y: &Scale) -> Element {
    let mut group = group();
    for (bin, &(kept, left_out)) in bins.iter().enumerate() {
        let (from, to) = (
            x.map(bin as f64 / BINS as f64),
            x.map((bin + 1) as f64 / BINS as f64),
        );
        let (left, width) = (from + 1.5, to - from - 3.0);
        let mut stack = |low: usize, high: usize, colour: &str| {
            if high > low {
                let (bottom, top) = (y.map(low as f64), y.map(high as f64));
                group.push(rect(left, top, width, bottom - top).set("fill", colour));
            }
        };
        stack(0, kept, KEPT);
        stack(kept, kept + left_out, LEFT_OUT);
    }
    group
}

fn key(explanation: &Explanation, baseline: f64) -> Element {
    let kept = explanation.kept_count();
    let left_out = explanation.patches.len() - kept;
    let mut group = svg::group().set("fill", INK);
    let mut x = MARGIN + 34.0;
    for (colour, name) in [
        (KEPT, format!("kept ({kept})")),
        (LEFT_OUT, format!("left out ({left_out})")),
    ] {
        group.push(rect(x, baseline - 9.0, 10.0, 10.0).set("fill", colour));
        group.push(SMALL.write(x + 15.0, baseline, &name));
        x += 15.0 + SMALL.width(&name) + 18.0;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::super::tests::explanation;
    use super::*;

    #[test]
    fn every_patch_is_counted_once_in_its_bin() {
        let explained = explanation(&[1.0, 0.95, 0.9, 0.3, 0.29, 0.0], 2, 2);
        let bins = count(&explained);
        assert_eq!(bins[9], (2, 1));
        assert_eq!((bins[3], bins[2], bins[0]), ((0, 1), (0, 1), (0, 1)));
        assert_eq!(
            bins.iter()
                .map(|(kept, left_out)| kept + left_out)
                .sum::<usize>(),
            6
        );
    }
}
