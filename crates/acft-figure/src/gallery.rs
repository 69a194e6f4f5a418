//! Candidates in pictures: those that each criterion favours most, beside those that it favours least (the paper's
//! Fig. B.11).

use super::heading::{MARGIN, heading};
use super::picture::picture;
use super::style::{INK, MUTED, RULE};
use super::svg::{self, Element};
use super::text::Font;

/// A row a criterion.
#[derive(Clone, Debug, Default)]
pub struct Gallery {
    /// What the figure shows, in bold above it.
    pub title: String,
    /// The remark under the title. May be empty.
    pub subtitle: String,
    /// From the top.
    pub rows: Vec<Row>,
}

/// The extremes of one criterion.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What stands above it.
    pub name: String,
    /// The candidates that rank highest, the first on the left.
    pub most: Vec<Tile>,
    /// Those that rank lowest.
    pub least: Vec<Tile>,
}

/// One candidate.
#[derive(Clone, Debug, Default)]
pub struct Tile {
    /// `side` × `side` pixels of three bytes, row by row; empty where the picture cannot be had.
    pub rgb: Vec<u8>,
    /// Width and height, in pixels.
    pub side: usize,
    /// Beneath the picture, a line each.
    pub caption: Vec<String>,
}

const NAME: f64 = 118.0;
const TILE: f64 = 72.0;
const GAP: f64 = 8.0;
/// Between the most and the least favoured.
const BETWEEN: f64 = 34.0;
const LINE: f64 = 11.5;
const SUBTITLE: Font = Font::regular(12.0);
const ROW: Font = Font::bold(12.0);
const SMALL: Font = Font::regular(10.0);

impl Gallery {
    /// The figure as SVG text. Equal figures give equal bytes.
    pub fn svg(&self) -> String {
        let count = |side: fn(&Row) -> usize| self.rows.iter().map(side).max().unwrap_or(0) as f64;
        let (most, least) = (count(|row| row.most.len()), count(|row| row.least.len()));
        let second = MARGIN + NAME + most * (TILE + GAP) - GAP + BETWEEN;
        let width = second + least * (TILE + GAP) - GAP + MARGIN;
        let captions = self
            .rows
            .iter()
            .flat_map(|row| row.most.iter().chain(&row.least))
            .map(|tile| tile.caption.len())
            .max();
        let pitch = TILE + LINE * captions.unwrap_or(0) as f64 + 16.0;

        let mut body = Vec::new();
        let mut top = heading(&self.title, &self.subtitle, width, &mut body);
        for (x, heading) in [(MARGIN + NAME, "favoured most"), (second, "favoured least")] {
            body.push(SUBTITLE.write(x, top + 18.0, heading).set("fill", INK));
        }
        top += 28.0;
        let bottom = top + pitch * self.rows.len() as f64 - 8.0;
        let middle = second - BETWEEN / 2.0;
        body.push(svg::line((middle, top - 22.0), (middle, bottom)).set("stroke", RULE));
        for (at, row) in self.rows.iter().enumerate() {
            let y = top + at as f64 * pitch;
            let mut baseline = y + TILE / 2.0;
            for line in ROW.wrap(&row.name, NAME - 10.0) {
                body.push(ROW.write(MARGIN, baseline, &line).set("fill", INK));
                baseline += 15.0;
            }
            for (tiles, start) in [(&row.most, MARGIN + NAME), (&row.least, second)] {
                for (column, tile) in tiles.iter().enumerate() {
                    body.push(tile.draw(start + column as f64 * (TILE + GAP), y));
                }
            }
        }
        svg::document(width, bottom + 10.0, &self.title, body)
    }
}

impl Tile {
    fn draw(&self, x: f64, y: f64) -> Element {
        let mut group = svg::group().with(picture(&self.rgb, self.side, (x, y), TILE));
        for (at, line) in self.caption.iter().enumerate() {
            let baseline = y + TILE + LINE * (at + 1) as f64;
            group.push(
                SMALL
                    .write(x + TILE / 2.0, baseline, line)
                    .set("text-anchor", "middle")
                    .set("fill", MUTED),
            );
        }
        group
    }
}
