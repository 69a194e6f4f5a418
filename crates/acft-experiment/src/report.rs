//! `acft experiment report`: what came of the runs, as a page with every figure and table.

mod about;
mod contrast;
mod cost;
mod curves;
mod document;
mod labels;
mod overview;
mod panel;
mod place;
mod queries;
mod runs;
#[cfg(test)]
mod sample;
mod savings;
mod table4;

use std::path::{Path, PathBuf};

use acft_run::bad_input;

use super::grid::{Grid, VERSION};
use super::run::refuse_others;
use super::sources::Sources;
pub(crate) use contrast::declare;
use document::{Block, Document, Section};
use panel::Panel;
pub use place::require_report_or_nothing;

/// Whether a report was begun in a folder, whether or not it was finished.
pub(super) fn was_begun(out: &Path) -> bool {
    document::listed(out).is_ok_and(|files| !files.is_empty())
}

/// Writes the report of the finished runs; returns the page.
///
/// # Errors
/// No run is finished, one is damaged, or the report cannot be written.
pub fn write(
    grid: &Grid,
    file: &Path,
    command: &str,
    step: u32,
    out: &Path,
) -> anyhow::Result<PathBuf> {
    let finished = grid.finished()?;
    finished.iter().try_for_each(|cell| refuse_others(cell))?;
    grid.require_whole()?;
    Sources::of(finished)?;
    let panels = panel::read(grid)?;
    // Runs that failed alone make no report; beside others that are finished, they are a part of it.
    if panels.iter().all(|panel| panel.record.is_none()) {
        return Err(bad_input!(
            "no run in {} is finished: make some with acft experiment run {}",
            grid.out.display(),
            file.display()
        ));
    }
    let mut document = Document {
        title: format!("{}: how many labels does it take?", grid.experiment.name),
        remark: format!(
            "{} of {} runs are finished. Written by acft {VERSION}.",
            panels
                .iter()
                .flat_map(|panel| panel.curves.iter().chain(&panel.lines))
                .map(|arm| arm.runs.len())
                .sum::<usize>(),
            grid.cells.len()
        ),
        sections: Vec::new(),
    };
    let mut blocks: Vec<Block> = panels
        .iter()
        .map(|panel| Block::Text(overview::plainly(panel)))
        .collect();
    blocks.extend(overview::key(&panels).map(Block::Table));
    blocks.push(Block::Text(overview::ALC.to_owned()));
    blocks.extend(contrast::findings(grid, &panels)?);
    blocks.extend(table4::table(&panels).map(Block::Table));
    document.sections.push(Section {
        title: "Overview".to_owned(),
        blocks,
    });
    for panel in &panels {
        document.sections.push(section(panel, step, command)?);
    }
    document.write(out)?;
    Ok(out.join("report.html"))
}

fn section(panel: &Panel, step: u32, command: &str) -> anyhow::Result<Section> {
    let mut blocks = vec![Block::Table(runs::table(panel))];
    blocks.extend(about::builds(panel).map(Block::Text));
    blocks.extend(about::failures(panel).map(Block::Table));
    blocks.extend(curves::figure(panel).map(Block::Figure));
    blocks.extend(curves::worth(panel).map(Block::Table));
    blocks.extend(savings::savings(panel).map(Block::Table));
    if panel.any_run().is_some() {
        blocks.extend(of_runs(panel, step, command)?);
    }
    Ok(Section {
        title: panel.title(),
        blocks,
    })
}

/// What there is where at least one run is finished.
fn of_runs(panel: &Panel, step: u32, command: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    if !panel.curves.is_empty() {
        blocks.push(Block::Heading("What was asked".to_owned()));
    }
    blocks.extend(labels::class_ratio(panel).into_iter().map(Block::Figure));
    if let Some((figure, table)) = queries::patterns(panel)? {
        blocks.push(Block::Figure(figure));
        blocks.push(Block::Table(table));
    }
    blocks.extend(queries::distributions(panel, step)?.map(Block::Figure));
    blocks.extend(queries::gallery(panel, step)?.map(Block::Figure));
    blocks.push(Block::Heading(
        "What was learned from, and what it cost".to_owned(),
    ));
    blocks.extend(labels::reuse(panel).map(Block::Figure));
    blocks.extend(cost::by_arm(panel).map(Block::Table));
    blocks.extend(cost::by_step(panel).map(Block::Table));
    blocks.push(Block::Heading("To paste".to_owned()));
    blocks.extend(about::paragraph(panel, command).map(Block::Text));
    blocks.push(Block::Table(about::settings(panel)));
    Ok(blocks)
}
