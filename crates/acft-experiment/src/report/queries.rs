//! The queried candidates and their predictions: those of the highest-ranked candidates (Fig. 7), the patterns of the
//! drawn ones (Sec. 5.5), and the highest- and lowest-ranked ones in pictures (Fig. B.11).

use std::collections::BTreeMap;
use std::sync::Arc as Shared;

use acft::CandidateId;
use acft::patterns::Pattern;
use acft::prediction::Predictions;
use acft_figure::bars::{BarPlot, Panel as Bars};
use acft_figure::gallery::{Gallery, Row as Pictures, Tile};
use acft_figure::histograms::{Cell, Histograms, Row};
use acft_images::{ImagePatches, PatchSource};
use acft_run::data;
use acft_run::favoured::{Favoured, QueryPredictions, Seen};
use acft_run::folder::read_predictions;

use super::document::{Figure, Table, Value, plain};
use super::panel::{Arm, Panel, Run};

/// How many of each side the gallery shows.
const PICTURES: usize = 5;

/// The class whose probability tells the pattern: the positive one of two, else the dominant one of each candidate.
#[derive(Clone, Copy)]
enum Watched {
    Class(usize),
    Dominant,
}

impl Watched {
    fn of(panel: &Panel) -> Self {
        let classes = panel.classes();
        if classes.len() != 2 {
            return Self::Dominant;
        }
        let positive = panel
            .any_run()
            .and_then(|run| run.settings.positive.as_ref());
        let at = positive.and_then(|name| classes.iter().position(|class| class == name));
        Self::Class(at.unwrap_or(1))
    }

    /// Of each patch, in their order.
    fn values(self, seen: &Seen) -> Vec<f64> {
        let class = match self {
            Self::Class(class) => class,
            Self::Dominant => {
                let classes = seen.patches.first().map_or(0, Vec::len);
                let mean = |class: usize| seen.patches.iter().map(|row| row[class]).sum::<f64>();
                let before = |best: usize, class: usize| {
                    if mean(class) > mean(best) {
                        class
                    } else {
                        best
                    }
                };
                (0..classes).fold(0, before)
            }
        };
        seen.patches.iter().map(|row| row[class]).collect()
    }

    fn name(self, panel: &Panel) -> String {
        match self {
            Self::Class(class) => format!("P({}) of a patch", panel.classes()[class]),
            Self::Dominant => "P(dominant class) of a patch".to_owned(),
        }
    }
}

/// The predictions of one step of the run whose queries are looked into: the first of the first arm that kept some, as
/// one of an earlier version did not.
fn at_step(panel: &Panel, step: u32) -> anyhow::Result<Option<(&Arm, &Run, QueryPredictions)>> {
    for arm in panel.active() {
        for run in &arm.runs {
            let step = step.min(run.steps.last().map_or(1, |last| last.step));
            if let Some(predictions) = read_predictions(&run.root, step)?
                && !predictions.favoured.is_empty()
            {
                return Ok(Some((arm, run, predictions)));
            }
        }
    }
    Ok(None)
}

/// The reason if the arm is not that of the contrast.
fn instead(panel: &Panel, arm: &Arm) -> String {
    match &panel.data.contrast {
        Some((ours, _)) if *ours != arm.name => format!(
            " {ours}, which the contrast is about, chose none by a criterion, or has no finished run that kept them: this is {} \
             instead.",
            arm.name
        ),
        _ => String::new(),
    }
}

fn criterion_name(of: &Favoured) -> String {
    match of.alpha {
        1.0 => format!("{}, all patches", of.criterion),
        alpha => format!("{}, majority (α\u{a0}=\u{a0}{alpha})", of.criterion),
    }
}

fn source(arm: &Arm, run: &Run, step: u32) -> String {
    format!("{}, seed {}, step {step}", arm.name, run.curve.seed())
}

/// The patches that majority selection keeps: all, where what was kept is no prediction.
fn kept(seen: &Seen, alpha: f64) -> Vec<usize> {
    let classes = seen.patches.first().map_or(0, Vec::len);
    let rows = seen.patches.concat();
    match Predictions::new(&rows, classes) {
        Ok(predictions) => predictions.majority(alpha),
        Err(_) => (0..seen.patches.len()).collect(),
    }
}

/// The patches that are kept, and the others.
fn split(values: &[f64], kept: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let of = |is_kept: bool| {
        let patches = values.iter().enumerate();
        let of = patches.filter(|(at, _)| kept.contains(at) == is_kept);
        of.map(|(_, value)| *value).collect()
    };
    (of(true), of(false))
}

/// The distribution of predictions over the patches of the ten highest-ranked candidates, by criterion.
pub(super) fn distributions(panel: &Panel, step: u32) -> anyhow::Result<Option<Figure>> {
    let Some((arm, run, predictions)) = at_step(panel, step)? else {
        return Ok(None);
    };
    let watched = Watched::of(panel);
    let rows = predictions.favoured.iter().map(|of| Row {
        name: criterion_name(of),
        cells: of
            .most
            .iter()
            .map(|seen| {
                let all = watched.values(seen);
                let pattern =
                    Pattern::of(&all).map_or_else(String::new, |pattern| pattern.to_string());
                let (values, left_out) = split(&all, &kept(seen, of.alpha));
                Cell {
                    caption: format!("{pattern} · {}", seen.label),
                    values,
                    left_out,
                }
            })
            .collect(),
    });
    let figure = Histograms {
        title: format!("{}: predictions of the ten most favoured", panel.title()),
        subtitle: format!(
            "{}; dark are the patches that the criterion looks at, pale those that majority selection leaves out; beneath each \
             candidate its pattern (A to G) and its true label",
            source(arm, run, predictions.step)
        ),
        x_label: watched.name(panel),
        rows: rows.collect(),
    };
    Ok(Some(Figure {
        name: format!("{}-distributions", panel.slug()),
        svg: figure.svg(),
        caption: format!(
            "How the network's predictions spread over the patches of the ten candidates that each criterion puts first, \
             from the most favoured on ({}; the paper's Fig. 7). One seed: an illustration.{}",
            source(arm, run, predictions.step),
            instead(panel, arm)
        ),
    }))
}

/// The patterns of the drawn candidates, step by step: figure and table.
pub(super) fn patterns(panel: &Panel) -> anyhow::Result<Option<(Figure, Table)>> {
    let watched = Watched::of(panel);
    let mut panels = Vec::new();
    let mut table = Table {
        name: format!("{}-patterns", panel.slug()),
        caption: "The share of the labels of all steps that fell on each pattern: the row of the paper's Table 1 that the \
                  predictions over a candidate's patches are nearest to."
            .to_owned(),
        head: std::iter::once("arm".to_owned())
            .chain(Pattern::ALL.map(|pattern| pattern.to_string()))
            .collect(),
        csv_head: ["arm", "step", "pattern", "share"].map(str::to_owned).to_vec(),
        ..Table::default()
    };
    for arm in &panel.curves {
        let mut by_step: BTreeMap<u32, BTreeMap<Pattern, usize>> = BTreeMap::new();
        for run in &arm.runs {
            for step in &run.steps {
                let Some(predictions) = read_predictions(&run.root, step.step)? else {
                    continue;
                };
                let counts = by_step.entry(step.step).or_default();
                for seen in &predictions.drawn {
                    if let Some(pattern) = Pattern::of(&watched.values(seen)) {
                        *counts.entry(pattern).or_default() += 1;
                    }
                }
            }
        }
        if by_step.is_empty() {
            continue;
        }
        let shares = |counts: &BTreeMap<Pattern, usize>| -> Vec<f64> {
            let all = counts.values().sum::<usize>().max(1) as f64;
            let of = |pattern| counts.get(&pattern).copied().unwrap_or(0) as f64 / all;
            Pattern::ALL.map(of).to_vec()
        };
        let mut total: BTreeMap<Pattern, usize> = BTreeMap::new();
        let mut bars = Vec::new();
        for (step, counts) in &by_step {
            for (pattern, share) in Pattern::ALL.iter().zip(shares(counts)) {
                table.csv_rows.push(vec![
                    arm.name.clone(),
                    step.to_string(),
                    pattern.to_string(),
                    plain(Some(share)),
                ]);
            }
            for (pattern, count) in counts {
                *total.entry(*pattern).or_default() += count;
            }
            bars.push((step.to_string(), shares(counts)));
        }
        let mut row = vec![Value::name(&arm.name)];
        row.extend(
            shares(&total)
                .iter()
                .map(|share| Value::number(format!("{:.0} %", 100.0 * share))),
        );
        table.rows.push(row);
        panels.push(Bars {
            name: arm.name.clone(),
            bars,
        });
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let plot = BarPlot {
        title: format!("{}: prediction patterns of what was queried", panel.title()),
        marks: Pattern::ALL.map(|pattern| pattern.to_string()).to_vec(),
        subtitle: format!(
            "share of each step's batch, all seeds together; by {}",
            watched.name(panel)
        ),
        x_label: "step".to_owned(),
        y_label: "share of the batch".to_owned(),
        parts: Pattern::ALL
            .map(|pattern| format!("{pattern}: {}", pattern.description()))
            .to_vec(),
        panels,
        ..BarPlot::default()
    };
    let figure = Figure {
        name: format!("{}-patterns", panel.slug()),
        svg: plot.svg(),
        caption: format!(
            "Which of the paper's prediction patterns (Table 1) the queried candidates had when they were drawn, over the \
             steps (Sec. 5.5).{}",
            match watched {
                Watched::Class(_) => "",
                // The table is of two classes.
                Watched::Dominant =>
                    " They are patterns of two classes, here the dominant one against all others: a network that is sure of \
                     nothing is nearest to A or F.",
            }
        ),
    };
    Ok(Some((figure, table)))
}

/// Pictures of the highest- and lowest-ranked candidates. If the data cannot be opened, the tiles stay empty.
pub(super) fn gallery(panel: &Panel, step: u32) -> anyhow::Result<Option<Figure>> {
    let Some((arm, run, predictions)) = at_step(panel, step)? else {
        return Ok(None);
    };
    let pictures = PicturesOf::open(panel);
    let tile = |seen: &Seen| Tile {
        rgb: pictures
            .as_ref()
            .map(|pictures| pictures.get(&seen.key))
            .unwrap_or_default(),
        side: pictures.as_ref().map_or(0, |pictures| pictures.side),
        caption: vec![seen.label.clone(), score(seen.score)],
    };
    let rows = predictions.favoured.iter().map(|of| Pictures {
        name: criterion_name(of),
        most: of.most.iter().take(PICTURES).map(tile).collect(),
        least: of.least.iter().take(PICTURES).map(tile).collect(),
    });
    let figure = Gallery {
        title: format!("{}: most and least favoured candidates", panel.title()),
        subtitle: format!(
            "{}; beneath each its true label and its score",
            source(arm, run, predictions.step)
        ),
        rows: rows.collect(),
    };
    Ok(Some(Figure {
        name: format!("{}-gallery", panel.slug()),
        svg: figure.svg(),
        caption: format!(
            "The five candidates of the pool that each criterion favours most and least ({}; the paper's Fig. B.11). One seed: an \
             illustration.{}",
            source(arm, run, predictions.step),
            instead(panel, arm)
        ),
    }))
}

/// Three significant digits.
fn score(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 0.01 || middle == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}

/// The first patch of each candidate, as the network sees it.
struct PicturesOf {
    patches: ImagePatches,
    ids: BTreeMap<String, CandidateId>,
    side: usize,
}

impl PicturesOf {
    fn open(panel: &Panel) -> Option<Shared<Self>> {
        let settings = panel.any_run()?.settings.clone();
        let told = |error: &dyn std::fmt::Display| {
            eprintln!(
                "note: the gallery of {} has no pictures: {error}",
                panel.title()
            );
        };
        let data = data::open(&settings, &|_, _| {})
            .inspect_err(|error| told(error))
            .ok()?;
        let side = settings.input?;
        let ids = (0..)
            .zip(&data.candidates)
            .map(|(id, candidate)| (candidate.key.to_string(), CandidateId(id)))
            .collect();
        let patches = ImagePatches::new(data.candidates, settings.patches?, side, 0);
        Some(Shared::new(Self { patches, ids, side }))
    }

    /// Empty where it cannot be read.
    fn get(&self, key: &str) -> Vec<u8> {
        let mut rgb = vec![0; self.side * self.side * 3];
        let read = self
            .ids
            .get(key)
            .map(|id| self.patches.write_patch(*id, 0, &mut rgb));
        match read {
            Some(Ok(())) => rgb,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, panel};
    use super::*;

    fn seen(patches: &[[f64; 2]]) -> Seen {
        Seen {
            candidate: String::new(),
            key: String::new(),
            label: "1".to_owned(),
            score: 0.0,
            patches: patches.iter().map(|row| row.to_vec()).collect(),
        }
    }

    #[test]
    fn the_patches_that_majority_selection_keeps_are_told_apart() {
        // Class 0 dominates; the half that is surest of it is kept, whichever class is watched.
        let seen = seen(&[[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.3, 0.7]]);
        let values = Watched::Class(1).values(&seen);
        assert_eq!(
            split(&values, &kept(&seen, 0.5)),
            (vec![0.1, 0.2], vec![0.8, 0.7])
        );
        assert_eq!(split(&values, &kept(&seen, 1.0)), (values, vec![]));
    }

    #[test]
    fn another_active_arm_stands_in_for_one_of_the_contrast_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("predictions")).unwrap();
        let predictions = QueryPredictions {
            step: 1,
            drawn: vec![],
            favoured: vec![Favoured {
                criterion: "entropy".to_owned(),
                alpha: 1.0,
                most: vec![seen(&[[0.9, 0.1]])],
                least: vec![],
            }],
        };
        std::fs::write(
            folder.path().join("predictions/step-0001.json"),
            serde_json::to_vec(&predictions).unwrap(),
        )
        .unwrap();
        let points: &[&[(usize, f64)]] = &[[(25, 0.6)].as_slice(); 2];
        for ours in ["ACFT(HQ)", "RFT"] {
            let mut panel = panel(
                vec![arm("RFT", points), {
                    // The first seed is of an earlier version, which kept none.
                    let mut active = arm("ACFT(LQ)", points);
                    active.runs[1].root = folder.path().to_owned();
                    active
                }],
                vec![],
            );
            panel.data.contrast = Some((ours.to_owned(), "RFT".to_owned()));
            let figure = distributions(&panel, 1).unwrap().unwrap();
            assert!(figure.caption.contains("(ACFT(LQ), seed 1, step 1;"));
            let why = format!("{ours}, which the contrast is about");
            assert!(figure.caption.contains(&why), "{}", figure.caption);
        }
    }
}
