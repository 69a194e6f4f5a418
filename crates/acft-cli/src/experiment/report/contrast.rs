//! What was declared beforehand, and whether it is confirmed.

use std::collections::BTreeMap;
use std::path::Path;

use acft::saving::{FEWEST_SEEDS, LabelSaving};

use super::curves::{CONFIDENCE, alcs, paired};
use super::document::Block;
use super::panel::{Arm, Metric, Panel};
use super::savings::{ends, in_words, minutes, saving};
use crate::experiment::grid::{Grid, Stage};
use crate::simulate::folder::{read_json, write_atomically};

/// Ours and the reference of each data, as they were when the first run began.
type Declared = BTreeMap<String, (String, String)>;

const NAME: &str = "declared.json";

/// Keeps what is declared, before the first run: what is declared when results are known is no prediction.
pub(in crate::experiment) fn declare(grid: &Grid) -> anyhow::Result<()> {
    let path = grid.out.join(NAME);
    if path.is_file() {
        return Ok(());
    }
    for cell in &grid.cells {
        if cell.stage()? != Stage::ToDo {
            return Ok(());
        }
    }
    let declared: Declared = grid
        .experiment
        .data
        .iter()
        .filter_map(|data| Some((data.entry.name.clone(), data.contrast.clone()?)))
        .collect();
    write_atomically(&path, &serde_json::to_vec(&declared)?)
}

/// What the overview says of the contrasts.
pub(super) fn findings(grid: &Grid, panels: &[Panel]) -> anyhow::Result<Vec<Block>> {
    let kept = declared(&grid.out)?;
    let mut blocks = Vec::new();
    for panel in panels {
        if let Some((ours, reference)) = &panel.data.contrast {
            let of_kept = kept
                .as_ref()
                .and_then(|kept| kept.get(&panel.data.entry.name));
            let in_advance = of_kept.is_some_and(|kept| (&kept.0, &kept.1) == (ours, reference));
            let planned = planned(grid, panel, ours, reference);
            blocks.push(Block::Finding(sentence(
                panel, ours, reference, planned, in_advance,
            )));
        }
    }
    let text = match blocks.len() {
        0 => "No contrast is declared: everything on this page is exploratory.".to_owned(),
        1 => "Everything else on this page is exploratory.".to_owned(),
        several => format!(
            "The intervals of these {several} contrasts are not corrected for multiple comparisons. Everything else on this page is \
             exploratory."
        ),
    };
    blocks.push(Block::Text(text));
    Ok(blocks)
}

fn declared(out: &Path) -> anyhow::Result<Option<Declared>> {
    let path = out.join(NAME);
    path.is_file().then(|| read_json(&path)).transpose()
}

/// The pairs of seeds that there are to be.
fn planned(grid: &Grid, panel: &Panel, ours: &str, reference: &str) -> usize {
    let count = |arm: &str| {
        let of_arm = grid.cells.iter().filter(|cell| {
            (cell.arm.as_str(), &cell.data, &cell.network)
                == (arm, &panel.data.entry.name, &panel.network)
        });
        of_arm.count()
    };
    count(ours).min(count(reference))
}

fn sentence(
    panel: &Panel,
    ours: &str,
    reference: &str,
    planned: usize,
    in_advance: bool,
) -> String {
    let mut text = format!("{}: {ours} against {reference}", panel.title());
    text += match in_advance {
        true => ", declared before the first run. ",
        false => ", not known to be declared before the first run, and so exploratory. ",
    };
    let arm = |name: &str| panel.curves.iter().find(|arm| arm.name == name);
    let (Some(ours), Some(reference)) = (arm(ours), arm(reference)) else {
        return text + "No run of one of them is finished yet.";
    };
    let range = range_of([ours, reference]);
    let areas = range.map(|range| (alcs(ours, range), alcs(reference, range)));
    let Some(difference) = areas.and_then(|(ours, reference)| paired(&ours, &reference)) else {
        return text + "They have no seed in common yet.";
    };
    let metric = panel.metric.name();
    let interval = difference.interval(CONFIDENCE);
    let told = match interval {
        Some((low, high)) => {
            format!(
                "{:+.4}, 95 % interval {low:+.4} to {high:+.4}",
                difference.mean
            )
        }
        None => format!("{:+.4} in one seed", difference.mean),
    };
    if difference.seeds < planned {
        // A verdict now could be one that was waited for.
        text += &format!(
            "Interim, {} of {planned} paired seeds, and so without a verdict: the ALC of the {metric} differs by {told}.",
            difference.seeds
        );
        return text;
    }
    let verdict = match interval {
        Some((low, _)) if low > 0.0 => "is better",
        Some((_, high)) if high < 0.0 => "is worse",
        _ => "is not shown to differ",
    };
    text += &format!(
        "By the ALC of the {metric} {} {verdict}: {told}, {} paired seeds.",
        ours.name, difference.seeds
    );
    if panel.metric == Metric::Test
        && let Ok(saving) = saving(reference, ours)
    {
        text += &format!(" Label saving: {}.", worth(&saving, ours, panel));
    }
    if difference.seeds < FEWEST_SEEDS {
        text += " Fewer than 5 seeds: an anecdote.";
    }
    text
}

/// From the later of their starts to the later of their ends: a curve that stopped early goes on flat.
fn range_of(arms: [&Arm; 2]) -> Option<(usize, usize)> {
    let curves = || arms.iter().flat_map(|arm| arm.curves());
    let from = curves().map(|curve| curve.first().labels).max()?;
    let to = curves().map(|curve| curve.last().labels).max()?;
    Some((from, to))
}

fn worth(saving: &LabelSaving, ours: &Arm, panel: &Panel) -> String {
    let mut text = in_words(saving, ours);
    if let Some(ends) = ends(saving) {
        text += &format!(", 95 % interval {ends}");
    }
    if let Some(minutes) = minutes(saving, panel) {
        text += &format!(", {minutes:.0} minutes of an expert");
    }
    text
}
