//! Contrasts that were declared before the first run, and whether they are confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acft::saving::FEWEST_SEEDS;
use acft_run::files::write_atomically;
use acft_run::folder::read_json;
use serde::{Deserialize, Serialize};

use super::about::ranges;
use super::curves::{CONFIDENCE, alcs, paired};
use super::document::Block;
use super::panel::{Arm, Metric, Panel};
use super::savings::{Measured, ends, in_words, minutes, saving};
use crate::grid::{Grid, Stage};

/// A contrast on some data, as it was declared before the first run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
struct Declared {
    /// The two arms: ours, and the reference.
    contrast: (String, String),
    /// Seeds that both arms were run with; `None` in files of earlier builds.
    seeds: Option<BTreeSet<u64>>,
}

/// The form in the file.
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

/// Records the contrasts of data on which no run has begun. A contrast that is declared after results are known
/// predicts nothing.
pub(crate) fn declare(grid: &Grid) -> anyhow::Result<()> {
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

/// The sentences of the overview on all contrasts: those that the file names, and those that it named at first.
pub(super) fn findings(grid: &Grid, panels: &[Panel]) -> anyhow::Result<Vec<Block>> {
    let declared = declared(&grid.out)?;
    let mut contrasts = 0;
    let mut told = Vec::new();
    for panel in panels {
        let name = &panel.data.entry.name;
        let (named, kept) = (panel.data.contrast.as_ref(), declared.get(name));
        let no_more = kept.filter(|kept| named != Some(&kept.contrast));
        let named = named.map(|contrast| (contrast, ""));
        let no_more = no_more.map(|kept| (&kept.contrast, " The file names it no more."));
        for (contrast, remark) in named.into_iter().chain(no_more) {
            let (ours, reference) = contrast;
            let title = format!("{}: {ours} against {reference}", panel.title());
            let here = paired_seeds(grid, name, contrast);
            for (seeds, standing) in standings(kept, contrast, &here) {
                let came_of_it = came_of_it(grid, panel, contrast, &seeds)?;
                told.push(format!("{title}, {standing}{remark} {came_of_it}"));
            }
            contrasts += 1;
        }
    }
    let all = &grid.experiment.data;
    for (name, kept) in &declared {
        if !all.iter().any(|data| data.entry.name == *name) {
            let (ours, reference) = &kept.contrast;
            let title = format!("{name}: {ours} against {reference}");
            told.push(format!(
                "{title}, declared before the first run. The file has these data no more."
            ));
            contrasts += 1;
        }
    }
    let text = match contrasts {
        0 => "No contrast is declared: everything on this page is exploratory.".to_owned(),
        1 => "Everything else on this page is exploratory.".to_owned(),
        several => format!(
            "The intervals of these {several} contrasts are not corrected for multiple comparisons. Everything else on this page is \
             exploratory."
        ),
    };
    let mut blocks: Vec<Block> = told.into_iter().map(Block::Finding).collect();
    blocks.push(Block::Text(text));
    Ok(blocks)
}

/// The declared contrasts, by the names of the data.
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

/// Which seeds a contrast is reported with, and whether as confirmed or explored. It is confirmed on the seeds that it
/// was declared with, and explored on all seeds if there are more.
fn standings(
    kept: Option<&Declared>,
    contrast: &(String, String),
    here: &BTreeSet<u64>,
) -> Vec<(BTreeSet<u64>, String)> {
    let of_all = |standing: String| (here.clone(), standing);
    let Some(kept) = kept else {
        let standing = "not known to be declared before the first run, and so exploratory.";
        return vec![of_all(standing.to_owned())];
    };
    if kept.contrast != *contrast {
        let (ours, reference) = &kept.contrast;
        return vec![of_all(format!(
            "exploratory: what was declared before the first run is {ours} against {reference}."
        ))];
    }
    let Some(seeds) = &kept.seeds else {
        let standing =
            "exploratory: it was declared before the first run, but with which seeds is not known.";
        return vec![of_all(standing.to_owned())];
    };
    if seeds == here {
        return vec![of_all("declared before the first run.".to_owned())];
    }
    if seeds.len() == here.len() {
        return vec![of_all(format!(
            "exploratory: the seeds {} were declared before the first run, {} are here.",
            ranges(seeds),
            ranges(here)
        ))];
    }
    let explored = of_all(format!(
        "exploratory: {} seeds were declared before the first run, {} are here.",
        seeds.len(),
        here.len()
    ));
    match !seeds.is_empty() && seeds.is_subset(here) {
        true => {
            let standing = format!(
                "declared before the first run, with the seeds {}.",
                ranges(seeds)
            );
            vec![(seeds.clone(), standing), explored]
        }
        false => vec![explored],
    }
}

/// The result of a contrast on the runs of some seeds.
fn came_of_it(
    grid: &Grid,
    panel: &Panel,
    contrast: &(String, String),
    seeds: &BTreeSet<u64>,
) -> anyhow::Result<String> {
    let planned = seeds.len();
    let waits = waits(grid, panel, contrast, seeds)?;
    let arm = |name: &str| {
        let arm = panel.curves.iter().find(|arm| arm.name == name)?;
        let arm = arm.of_seeds(seeds);
        (!arm.runs.is_empty()).then_some(arm)
    };
    let arms = arm(&contrast.0).zip(arm(&contrast.1));
    let difference = arms.as_ref().and_then(|(ours, reference)| {
        let range = range_of([ours, reference])?;
        paired(&alcs(ours, range), &alcs(reference, range))
    });
    let Some(((ours, reference), difference)) = arms.as_ref().zip(difference) else {
        return Ok(match (waits, &arms) {
            (false, _) => "No seed has a curve of both, and so there is no verdict.".to_owned(),
            (true, None) => "No finished run of one of them is here.".to_owned(),
            (true, Some(_)) => "They have no seed in common yet.".to_owned(),
        });
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
    // A verdict on some could be one that was waited for, or one on the runs that went well.
    if difference.seeds < planned {
        let why = match (waits, planned - difference.seeds) {
            (true, _) => format!(
                "Interim, {} of {planned} paired seeds, and so without a verdict",
                difference.seeds
            ),
            (false, 1) => {
                format!("1 of the {planned} seeds has no curve of both, and so there is no verdict")
            }
            (false, lost) => {
                format!(
                    "{lost} of the {planned} seeds have no curve of both, and so there is no verdict"
                )
            }
        };
        return Ok(format!("{why}: the ALC of the {metric} differs by {told}."));
    }
    let verdict = match interval {
        Some((low, _)) if low > 0.0 => "is better",
        Some((_, high)) if high < 0.0 => "is worse",
        _ => "is not shown to differ",
    };
    let mut text = format!(
        "By the ALC of the {metric} {} {verdict}: {told}, {} paired seeds.",
        ours.name, difference.seeds
    );
    if panel.metric == Metric::Test
        && let Ok(measured) = saving(reference, ours)
    {
        text += &format!(" Label saving: {}.", worth(&measured, panel));
    }
    if difference.seeds < FEWEST_SEEDS {
        text += " Fewer than 5 seeds: an anecdote.";
    }
    Ok(text)
}

/// Whether a run of a contrast is missing or not finished.
fn waits(
    grid: &Grid,
    panel: &Panel,
    (ours, reference): &(String, String),
    seeds: &BTreeSet<u64>,
) -> anyhow::Result<bool> {
    let of_panel = grid
        .cells
        .iter()
        .filter(|cell| cell.data == panel.data.entry.name && cell.network == panel.network);
    for cell in of_panel {
        let of_contrast = [ours, reference].contains(&&cell.arm) && seeds.contains(&cell.seed);
        if of_contrast && matches!(cell.stage()?, Stage::Begun | Stage::ToDo) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The range of labels on which two curves are compared: from the later start to the later end. A curve that
/// stopped early goes on flat.
fn range_of(arms: [&Arm; 2]) -> Option<(usize, usize)> {
    let curves = || arms.iter().flat_map(|arm| arm.curves());
    let from = curves().map(|curve| curve.first().labels).max()?;
    let to = curves().map(|curve| curve.last().labels).max()?;
    Some((from, to))
}

fn worth(measured: &Measured, panel: &Panel) -> String {
    let mut text = in_words(measured);
    if let Some(ends) = ends(&measured.saving) {
        text += &format!(", 95 % interval {ends}");
    }
    if let Some(minutes) = minutes(&measured.saving, panel) {
        text += &format!(", {minutes:.0} minutes of an expert");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, panel};
    use super::*;
    use crate::file;

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
        let check = |kept: &str, expected: &[(u64, &str)]| {
            let kept: Declared = serde_json::from_str(kept).unwrap();
            let told = standings(Some(&kept), &contrast("A"), &seeds(6));
            let expected = expected.iter();
            let expected: Vec<_> = expected
                .map(|&(count, text)| (seeds(count), text.to_owned()))
                .collect();
            assert_eq!(told, expected);
        };
        check(
            r#"["A", "R"]"#,
            &[(
                6,
                "exploratory: it was declared before the first run, but with which seeds is not known.",
            )],
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [0, 1, 2, 3, 4, 5]}"#,
            &[(6, "declared before the first run.")],
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}"#,
            &[(
                6,
                "exploratory: 10 seeds were declared before the first run, 6 are here.",
            )],
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [0, 1, 2]}"#,
            &[
                (3, "declared before the first run, with the seeds 0–2."),
                (
                    6,
                    "exploratory: 3 seeds were declared before the first run, 6 are here.",
                ),
            ],
        );
        check(
            r#"{"contrast": ["A", "R"], "seeds": [4, 5, 6, 7, 8, 9]}"#,
            &[(
                6,
                "exploratory: the seeds 4–9 were declared before the first run, 0–5 are here.",
            )],
        );
        check(
            r#"["B", "R"]"#,
            &[(
                6,
                "exploratory: what was declared before the first run is B against R.",
            )],
        );
        let unknown = standings(None, &contrast("A"), &seeds(6));
        assert!(unknown[0].1.contains("and so exploratory"));
    }

    /// What is told of A against R, where three seeds are in the file.
    fn told(grid: &Grid, ours: &[&[(usize, f64)]], reference: &[&[(usize, f64)]]) -> Vec<String> {
        let mut panel = panel(vec![arm("A", ours), arm("R", reference)], vec![]);
        panel.data.contrast = Some(("A".to_owned(), "R".to_owned()));
        let blocks = findings(grid, &[panel]).unwrap();
        let texts = blocks.into_iter().map(|block| match block {
            Block::Finding(text) | Block::Text(text) => text,
            _ => unreachable!("findings are texts"),
        });
        texts.collect()
    }

    #[test]
    fn seeds_that_were_added_take_nothing_from_what_was_declared() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        declare(&grid(&FILE.replace("seeds = 3", "seeds = 2"), folder)).unwrap();
        let flat = |auc: f64| [(100, auc), (200, auc)];
        let (low, high, higher) = (flat(0.6), flat(0.7), flat(0.72));
        // The third seed has more labels too, which are no part of what was declared.
        let worse = [(100, 0.5), (400, 0.5)];
        let told = told(
            &grid(FILE, folder),
            &[&high, &higher, &worse],
            &[low.as_slice(); 3],
        );
        assert_eq!(told.len(), 3, "{told:?}");
        for (text, parts) in told.iter().zip([
            [
                "A against R, declared before the first run, with the seeds 0, 1. By the ALC of the test AUC A is not shown to \
                 differ: +0.1100",
                "2 paired seeds.",
            ],
            [
                "exploratory: 2 seeds were declared before the first run, 3 are here. By the ALC of the test AUC A is not shown to \
                 differ: +0.0400",
                "3 paired seeds.",
            ],
            ["Everything else on this page is exploratory.", ""],
        ]) {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }

    #[test]
    fn a_verdict_is_not_waited_for_where_no_run_is_still_to_come() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let grid = grid(FILE, folder);
        declare(&grid).unwrap();
        let curve: &[(usize, f64)] = &[(100, 0.6), (200, 0.7)];
        let check = |ours: &[&[(usize, f64)]], expected: &str| {
            let told = told(&grid, ours, &[curve; 3]);
            assert!(told[0].contains(expected), "{}", told[0]);
        };
        let two = &[curve; 2];
        check(
            two,
            "Interim, 2 of 3 paired seeds, and so without a verdict: the",
        );
        check(&[], "No finished run of one of them is here.");
        for cell in &grid.cells {
            std::fs::create_dir_all(&cell.settings.out).unwrap();
            std::fs::write(cell.settings.out.join("finished.json"), "{}").unwrap();
        }
        check(
            two,
            "1 of the 3 seeds has no curve of both, and so there is no verdict: the ALC",
        );
        check(&two[..1], "2 of the 3 seeds have no curve of both");
        check(
            &[],
            "No seed has a curve of both, and so there is no verdict.",
        );
    }
}
