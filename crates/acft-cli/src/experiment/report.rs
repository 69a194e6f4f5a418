//! `acft experiment report`: what came of the runs, as a page with every figure and table.

mod about;
mod contrast;
mod curves;
mod document;
mod labels;
mod panel;
mod queries;
mod table4;

use std::path::{Path, PathBuf};

use super::grid::{Grid, VERSION};
use crate::cli::bad_input;
pub(super) use contrast::declare;
use document::{Block, Document, Section};
use panel::Panel;

/// Writes the report of the finished runs; returns the page.
///
/// # Errors
/// No run is finished, one is damaged, or the report cannot be written.
pub(super) fn write(
    grid: &Grid,
    file: &Path,
    command: &str,
    step: u32,
    out: &Path,
) -> anyhow::Result<PathBuf> {
    let panels = panel::read(grid)?;
    if panels.is_empty() {
        return Err(bad_input!(
            "no run in {} is finished: make some with acft experiment run {}",
            grid.out.display(),
            file.display()
        ));
    }
    let mut document = Document {
        title: format!("{}: how many labels does it take?", grid.experiment.name),
        remark: format!(
            "{} finished runs of {}. Written by acft {VERSION}.",
            panels
                .iter()
                .flat_map(|panel| panel.curves.iter().chain(&panel.lines))
                .map(|arm| arm.runs.len())
                .sum::<usize>(),
            grid.cells.len()
        ),
        sections: Vec::new(),
    };
    let mut overview = Section {
        title: "Overview".to_owned(),
        blocks: contrast::findings(grid, &panels)?,
    };
    overview
        .blocks
        .extend(table4::table(&panels).map(Block::Table));
    document.sections.push(overview);
    for panel in &panels {
        document.sections.push(section(panel, step, command)?);
    }
    document.write(out)?;
    Ok(out.join("report.html"))
}

fn section(panel: &Panel, step: u32, command: &str) -> anyhow::Result<Section> {
    let mut blocks = Vec::new();
    if !panel.missing.is_empty() {
        let shown: Vec<&str> = panel.missing.iter().take(6).map(String::as_str).collect();
        let more = match panel.missing.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("Not finished, and so not here: {}{more}.", shown.join("; "));
        blocks.push(Block::Text(text));
    }
    blocks.extend(about::failures(panel).map(Block::Table));
    blocks.extend(curves::figure(panel).map(Block::Figure));
    blocks.extend(curves::worth(panel).map(Block::Table));
    blocks.extend(curves::savings(panel).map(Block::Table));
    blocks.push(Block::Heading("What was asked".to_owned()));
    blocks.extend(labels::class_ratio(panel).map(Block::Figure));
    if let Some((figure, table)) = queries::patterns(panel)? {
        blocks.push(Block::Figure(figure));
        blocks.push(Block::Table(table));
    }
    blocks.extend(queries::distributions(panel, step)?.map(Block::Figure));
    blocks.extend(queries::gallery(panel, step)?.map(Block::Figure));
    blocks.push(Block::Heading(
        "What was learned from, and what it cost".to_owned(),
    ));
    blocks.push(Block::Figure(labels::reuse(panel)));
    blocks.push(Block::Table(labels::cost(panel)));
    blocks.push(Block::Heading("To paste".to_owned()));
    blocks.extend(about::paragraph(panel, command).map(Block::Text));
    blocks.push(Block::Table(about::settings(panel)));
    Ok(Section {
        title: panel.title(),
        blocks,
    })
}
