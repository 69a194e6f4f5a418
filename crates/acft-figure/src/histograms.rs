//! Small histograms in rows: how the predictions of some candidates spread over their patches (the paper's Fig. 7).

use super::heading::{MARGIN, heading};
use super::style::{GRID, INK, MUTED, RULE};
use super::svg::{self, Element};
use super::text::Font;

/// Rows of candidates, each by its own criterion.
#[derive(Clone, Debug, Default)]
pub struct Histograms {
    /// What the figure shows, in bold above it.
    pub title: String,
    /// The remark under the title. May be empty.
    pub subtitle: String,
    /// What is counted, such as P(nodule) of a patch.
    pub x_label: String,
    /// From the top.
    pub rows: Vec<Row>,
}

/// The candidates that one criterion puts first.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What stands beside it.
    pub name: String,
    /// From the left.
    pub cells: Vec<Cell>,
}

/// One candidate.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// A probability a patch, of those that count.
    pub values: Vec<f64>,
    /// Of those that majority selection leaves out: pale, on top of the others.
    pub left_out: Vec<f64>,
    /// Beneath the histogram.
    pub caption: String,
}

/// Of every histogram of probabilities.
pub const BINS: usize = 10;
const NAME: f64 = 118.0;
const CELL: (f64, f64) = (64.0, 52.0);
const GAP: (f64, f64) = (9.0, 34.0);
const BAR: &str = "#00528c";
const PALE: &str = "#a9cbe3";
const SUBTITLE: Font = Font::regular(12.0);
const ROW: Font = Font::bold(12.0);
const SMALL: Font = Font::regular(10.0);

impl Histograms {
    /// The figure as SVG text. Equal figures give equal bytes.
    pub fn svg(&self) -> String {
        let columns = self.rows.iter().map(|row| row.cells.len()).max();
        let columns = columns.unwrap_or(0).max(1) as f64;
        let width = 2.0 * MARGIN + NAME + columns * (CELL.0 + GAP.0) - GAP.0;
        let mut body = Vec::new();
        let mut top = heading(&self.title, &self.subtitle, width, &mut body);
        top += 14.0;
        // One scale for all, so that a high bar means the same everywhere.
        let most = self
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .map(|cell| cell.values.len() + cell.left_out.len())
            .max()
            .unwrap_or(1)
            .max(1) as f64;
        for (at, row) in self.rows.iter().enumerate() {
            let y = top + at as f64 * (CELL.1 + GAP.1);
            let mut baseline = y + CELL.1 / 2.0 - 2.0;
            for line in ROW.wrap(&row.name, NAME - 10.0) {
                body.push(ROW.write(MARGIN, baseline, &line).set("fill", INK));
                baseline += 15.0;
            }
            for (column, cell) in row.cells.iter().enumerate() {
                let x = MARGIN + NAME + column as f64 * (CELL.0 + GAP.0);
                body.push(cell.draw(x, y, most));
            }
        }
        let bottom = top + self.rows.len() as f64 * (CELL.1 + GAP.1) - GAP.1;
        body.push(
            SUBTITLE
                .write(
                    MARGIN + NAME,
                    bottom + 44.0,
                    &format!(
                        "{}, from 0 (left) to 1 (right); one scale for all",
                        self.x_label
                    ),
                )
                .set("fill", MUTED),
        );
        svg::document(width, bottom + 58.0, &self.title, body)
    }
}

impl Cell {
    fn draw(&self, x: f64, y: f64, most: f64) -> Element {
        let mut group = svg::group();
        group.push(
            svg::rect(x, y, CELL.0, CELL.1)
                .set("fill", GRID)
                .at("fill-opacity", 0.45),
        );
        let pitch = CELL.0 / BINS as f64;
        let mut tops = [y + CELL.1; BINS];
        for (values, fill) in [(&self.values, BAR), (&self.left_out, PALE)] {
            for (bin, count) in count(values).into_iter().enumerate() {
                if count > 0 {
                    let height = CELL.1 * count as f64 / most;
                    tops[bin] -= height;
                    let left = x + bin as f64 * pitch + 0.5;
                    group.push(svg::rect(left, tops[bin], pitch - 1.0, height).set("fill", fill));
                }
            }
        }
        group.push(svg::line((x, y + CELL.1), (x + CELL.0, y + CELL.1)).set("stroke", RULE));
        let lines = SMALL.wrap(&self.caption, CELL.0 + GAP.0 - 2.0);
        for (at, line) in lines.iter().take(2).enumerate() {
            group.push(
                SMALL
                    .write(x + CELL.0 / 2.0, y + CELL.1 + 12.0 + 11.0 * at as f64, line)
                    .set("text-anchor", "middle")
                    .set("fill", MUTED),
            );
        }
        group
    }
}

/// Values in each bin.
fn count(values: &[f64]) -> [usize; BINS] {
    let mut bins = [0; BINS];
    for value in values {
        bins[bin(*value)] += 1;
    }
    bins
}

/// The tenth of [0, 1] that a value lies in, from 0; the last is closed.
pub fn bin(value: f64) -> usize {
    // A hair is added so that 0.3, which is not a binary fraction, falls into the bin that starts with it.
    ((value * BINS as f64 + 1e-9) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_that_are_left_out_stand_pale_on_top_of_those_that_count() {
        let cell = Cell {
            values: vec![0.95, 0.95],
            left_out: vec![0.95, 0.05],
            caption: String::new(),
        };
        let svg = cell.draw(0.0, 0.0, 4.0).to_string();
        for bar in [
            format!("y=\"26\" width=\"5.4\" height=\"26\" fill=\"{BAR}\""),
            format!("y=\"13\" width=\"5.4\" height=\"13\" fill=\"{PALE}\""),
            format!("y=\"39\" width=\"5.4\" height=\"13\" fill=\"{PALE}\""),
        ] {
            assert!(svg.contains(&bar), "{bar} is not in\n{svg}");
        }
    }

    #[test]
    fn each_patch_is_counted_in_its_tenth() {
        let bins = count(&[0.0, 0.3, 0.39, 1.0, 0.95]);
        assert_eq!(bins, [1, 0, 0, 2, 0, 0, 0, 0, 0, 2]);
    }
}
