//! What was declared beforehand, and whether it is confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acft::saving::{FEWEST_SEEDS, LabelSaving};
use serde::{Deserialize, Serialize};

use super::about::ranges;
use super::curves::{CONFIDENCE, alcs, paired};
use super::document::Block;
use super::panel::{Arm, Metric, Panel};
use super::savings::{ends, in_words, minutes, saving};
use crate::experiment::grid::Grid;
use crate::files::write_atomically;
use crate::simulate::folder::read_json;

/// What is to be confirmed on some data, as it was before the first run on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
struct Declared {
    /// Ours and the reference.
    contrast: (String, String),
    /// Those that both are run with; none where an earlier version kept the contrast alone.
    seeds: Option<BTreeSet<u64>>,
}

/// As it is read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Contrast((String, String)),
    Whole {
        contrast: (String, String),
        seeds: Option<BTreeSet<u64>>,
    },
}

impl From<Kept> for Declared {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Contrast(contrast) => Self {
                contrast,
                seeds: None,
            },
            Kept::Whole { contrast, seeds } => Self { contrast, seeds },
        }
    }
}

const NAME: &str = "declared.json";

/// Keeps what is declared of data that no run has begun on: what is declared when results are known is no prediction.
pub(in crate::experiment) fn declare(grid: &Grid) -> anyhow::Result<()> {
    let before = declared(&grid.out)?;
    let mut declared = before.clone();
    for data in &grid.experiment.data {
        let name = &data.entry.name;
        // Runs of seeds or arms that the file no longer has count too.
        if grid.out.join("runs").join(name).exists() {
            continue;
        }
        declared.remove(name);
        if let Some(contrast) = &data.contrast {
            let seeds = Some(paired_seeds(grid, name, contrast));
            let contrast = contrast.clone();
            declared.insert(name.clone(), Declared { contrast, seeds });
        }
    }
    if declared == before {
        return Ok(());
    }
    write_atomically(&grid.out.join(NAME), &serde_json::to_vec(&declared)?)
}

/// What the overview says of the contrasts: of those that the file names, and of those that it named when it began.
pub(super) fn findings(grid: &Grid, panels: &[Panel]) -> anyhow::Result<Vec<Block>> {
    let declared = declared(&grid.out)?;
    let mut blocks = Vec::new();
    for panel in panels {
        let name = &panel.data.entry.name;
        let (named, kept) = (panel.data.contrast.as_ref(), declared.get(name));
        if let Some(contrast) = named {
            let seeds = paired_seeds(grid, name, contrast);
            let standing = standing(kept, contrast, &seeds);
            blocks.push(sentence(panel, contrast, seeds.len(), &standing));
        }
        if let Some(kept) = kept.filter(|kept| named != Some(&kept.contrast)) {
            let seeds = paired_seeds(grid, name, &kept.contrast);
            let standing = standing(Some(kept), &kept.contrast, &seeds);
            let standing = format!("{standing} The file names it no more.");
            blocks.push(sentence(panel, &kept.contrast, seeds.len(), &standing));
        }
    }
    for (name, kept) in &declared {
        if !grid
            .experiment
            .data
            .iter()
            .any(|data| data.entry.name == *name)
        {
            let (ours, reference) = &kept.contrast;
            blocks.push(format!(
                "{name}: {ours} against {reference}, declared before the first run. The file has these data no more."
            ));
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
    let mut blocks: Vec<Block> = blocks.into_iter().map(Block::Finding).collect();
    blocks.push(Block::Text(text));
    Ok(blocks)
}

/// By the names of the data.
fn declared(out: &Path) -> anyhow::Result<BTreeMap<String, Declared>> {
    let path = out.join(NAME);
    match path.is_file() {
        true => read_json(&path),
        false => Ok(BTreeMap::new()),
    }
}

/// The seeds that both arms are run with.
fn paired_seeds(grid: &Grid, data: &str, contrast: &(String, String)) -> BTreeSet<u64> {
    let of = |arm: &str| -> BTreeSet<u64> {
        let cells = grid.cells.iter();
        let of_arm = cells.filter(|cell| cell.arm == arm && cell.data == data);
        of_arm.map(|cell| cell.seed).collect()
    };
    &of(&contrast.0) & &of(&contrast.1)
}

/// Whether a contrast is what was declared, with the seeds that were.
fn standing(kept: Option<&Declared>, contrast: &(String, String), here: &BTreeSet<u64>) -> String {
    let Some(kept) = kept else {
        return "not known to be declared before the first run, and so exploratory.".to_owned();
    };
    if kept.contrast != *contrast {
        let (ours, reference) = &kept.contrast;
        return format!(
            "exploratory: what was declared before the first run is {ours} against {reference}."
        );
    }
    match &kept.seeds {
        Some(seeds) if seeds.len() != here.len() => format!(
            "exploratory: {} seeds were declared before the first run, {} are here.",
            seeds.len(),
            here.len()
        ),
        Some(seeds) if seeds != here => format!(
            "exploratory: the seeds {} were declared before the first run, {} are here.",
            ranges(seeds),
            ranges(here)
        ),
        _ => "declared before the first run.".to_owned(),
    }
}

fn sentence(
    panel: &Panel,
    (ours, reference): &(String, String),
    planned: usize,
    standing: &str,
) -> String {
    let mut text = format!("{}: {ours} against {reference}, {standing} ", panel.title());
    let arm = |name: &str| panel.curves.iter().find(|arm| arm.name == name);
    let (Some(ours), Some(reference)) = (arm(ours), arm(reference)) else {
        return text + "No finished run of one of them is here.";
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::experiment::file;

    const FILE: &str = "name = 'e'\nseeds = 3\n[settings]\nweights = 'w'\n[[arm]]\nname = 'A'\n[[arm]]\nname = 'R'\n\
                        strategy = 'rft'\n[[data]]\nname = 'lung'\ndata = 'l'\ncontrast = ['A', 'R']\n";

    fn grid(text: &str, folder: &Path) -> Grid {
        let path = folder.join("e.toml");
        std::fs::write(&path, text).unwrap();
        Grid::new(file::read(&path).unwrap(), folder, folder.to_owned(), &path).unwrap()
    }

    #[test]
    fn what_is_declared_stands_from_the_first_run_on_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let check = |text: &str, expected: &str| {
            declare(&grid(text, folder)).unwrap();
            assert_eq!(
                std::fs::read_to_string(folder.join(NAME)).unwrap(),
                expected
            );
        };
        check(FILE, r#"{"lung":{"contrast":["A","R"],"seeds":[0,1,2]}}"#);
        // Nothing has been seen yet.
        let two = FILE.replace("seeds = 3", "seeds = 2");
        let kept = r#"{"lung":{"contrast":["A","R"],"seeds":[0,1]}}"#;
        check(&two, kept);
        std::fs::create_dir_all(folder.join("runs/lung/A")).unwrap();
        check(FILE, kept);
        check(&two.replace("['A', 'R']", "['R', 'A']"), kept);
        // Other data may be added, and what is said of them is said beforehand.
        let more =
            FILE.to_owned() + "[[data]]\nname = 'chest'\ndata = 'c'\ncontrast = ['R', 'A']\n";
        check(
            &more,
            r#"{"chest":{"contrast":["R","A"],"seeds":[0,1,2]},"lung":{"contrast":["A","R"],"seeds":[0,1]}}"#,
        );
    }

    #[test]
    fn a_contrast_stands_with_its_seeds() {
        let contrast = |ours: &str| (ours.to_owned(), "R".to_owned());
        let seeds = |count: u64| (0..count).collect::<BTreeSet<_>>();
        let check = |kept: &str, expected: &str| {
            let kept: Declared = serde_json::from_str(kept).unwrap();
            let told = standing(Some(&kept), &contrast("A"), &seeds(6));
            assert!(told.contains(expected), "{told}");
        };
        check(r#"["A", "R"]"#, "declared before the first run.");
        check(
            r#"{"contrast": ["A", "R"], "seeds": [0, 1, 2, 3, 4, 5]}"#,
            "declared before the first run.",
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}"#,
            "exploratory: 10 seeds were declared before the first run, 6 are here.",
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [4, 5, 6, 7, 8, 9]}"#,
            "exploratory: the seeds 4–9 were declared before the first run, 0–5 are here.",
        );
        check(
            r#"["B", "R"]"#,
            "exploratory: what was declared before the first run is B against R.",
        );
        let unknown = standing(None, &contrast("A"), &seeds(6));
        assert!(unknown.contains("and so exploratory"));
    }
}
