//! Reads the finished runs, by data and network, with their learning curves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use acft::curve::{CurveError, LearningCurve, Point};
use acft::saving::{SavingError, SeedCurve, TestSet};
use acft_run::folder::read_json;
use acft_run::record::{DataRecord, StepRecord};
use acft_run::settings::Flags;
use acft_run::{signs, test_set};
use anyhow::Context;

use crate::file::{Data, Kind};
use crate::grid::{Cell, Grid, Note, Stage};
use crate::results;
use crate::sources;

/// The runs on one data with one network.
pub(super) struct Panel {
    pub data: Data,
    /// Empty if the experiment has only one network.
    pub network: String,
    pub metric: Metric,
    pub curves: Vec<Arm>,
    pub lines: Vec<Arm>,
    /// The data as the first run found them; `None` before a run is finished.
    pub record: Option<DataRecord>,
    /// All arms of the experiment, so that an arm looks the same in all figures.
    pub names: Vec<String>,
    /// The progress of each arm, in the order of the file.
    pub made: Vec<Made>,
    /// Runs that failed.
    pub failures: Vec<Failure>,
}

/// The numbers of runs of an arm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub arm: String,
    pub planned: usize,
    /// The finished runs, which the figures show.
    pub finished: usize,
    pub failed: usize,
}

/// A run that failed, or that has no metric.
pub(super) struct Failure {
    pub run: String,
    pub steps: usize,
    pub reason: String,
}

/// The measure of the curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    Test,
    /// If the runs did not use the test labels.
    Validation,
}

/// The seeds of one arm.
#[derive(Clone)]
pub(super) struct Arm {
    pub name: String,
    /// The strategy as `acft simulate` names it.
    pub preset: String,
    /// By seed.
    pub runs: Vec<Run>,
}

/// One seed of one arm.
#[derive(Clone)]
pub(super) struct Run {
    pub root: PathBuf,
    pub steps: Vec<StepRecord>,
    pub curve: SeedCurve,
    /// The records of the run.
    pub settings: Flags,
    /// The machines and builds that made it, if known.
    pub note: Note,
}

impl Metric {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Test => "test AUC",
            Self::Validation => "validation AUC",
        }
    }

    fn of(self, step: &StepRecord) -> Option<f64> {
        match self {
            Self::Test => step.test_auc,
            Self::Validation => step.val_auc,
        }
    }
}

impl Panel {
    /// Its name for people.
    pub(super) fn title(&self) -> String {
        match self.network.as_str() {
            "" => self.data.entry.name.clone(),
            network => format!("{}, {network}", self.data.entry.name),
        }
    }

    /// Its name as a part of file names. Names of data and networks have no @, so that no two panels share one.
    pub(super) fn slug(&self) -> String {
        self.title().replace(", ", "@")
    }

    /// The reference arm: that of the contrast, else random fine-tuning from M_0, else the first arm that queries at
    /// random. Savings against another arm are reported only if the contrast declares it.
    pub(super) fn reference(&self) -> Option<&Arm> {
        let find = |is: &dyn Fn(&Arm) -> bool| self.curves.iter().find(|arm| is(arm));
        match &self.data.contrast {
            Some((_, name)) => find(&|arm| arm.name == *name),
            None => find(&|arm| arm.preset == "rft").or_else(|| find(&Arm::queries_at_random)),
        }
    }

    /// The arms whose queries are shown, that of the contrast first; arms that query at random are left out.
    pub(super) fn active(&self) -> Vec<&Arm> {
        let mut arms: Vec<&Arm> = self.curves.iter().collect();
        arms.retain(|arm| !arm.queries_at_random());
        let ours = self.data.contrast.as_ref().map(|names| names.0.as_str());
        arms.sort_by_key(|arm| ours != Some(arm.name.as_str()));
        arms
    }

    /// The line of training on all labels that starts from the same weights as the arms. A line from scratch beside
    /// pre-trained arms answers another question. A line of a dead network is no reference.
    pub(super) fn full_training(&self) -> Option<&Arm> {
        let from_scratch =
            |arm: &Arm| Some(arm.runs.first()?.settings.from_scratch.unwrap_or(false));
        let of_arms = self.curves.first().and_then(from_scratch);
        let mut lines = self.lines.iter().filter(|line| line.dead() == 0);
        lines.find(|line| from_scratch(line) == of_arms)
    }

    /// The names of the classes; empty before a run is finished.
    pub(super) fn classes(&self) -> &[String] {
        self.record
            .as_ref()
            .map_or(&[], |record| record.classes.as_slice())
    }

    /// The range of labels, from the latest start to the latest end. Curves that stopped early go on flat, because their
    /// models do not change any more.
    pub(super) fn range(&self) -> Option<(usize, usize)> {
        let curves = || self.curves.iter().flat_map(Arm::curves);
        let from = curves().map(|curve| curve.first().labels).max()?;
        let to = curves().map(|curve| curve.last().labels).max()?;
        (from <= to).then_some((from, to))
    }

    /// The settings of one run, for the settings that all runs share.
    pub(super) fn any_run(&self) -> Option<&Run> {
        self.curves
            .iter()
            .chain(&self.lines)
            .find_map(|arm| arm.runs.first())
    }
}

impl Arm {
    pub(super) fn curves(&self) -> impl Iterator<Item = &LearningCurve> {
        self.runs.iter().map(|run| run.curve.curve())
    }

    /// The labels that its run of most labels ends at.
    pub(super) fn last_labels(&self) -> usize {
        self.curves()
            .map(|curve| curve.last().labels)
            .max()
            .unwrap_or_default()
    }

    /// The number of runs with a dead layer after the last step.
    pub(super) fn dead(&self) -> usize {
        let dead = |run: &&Run| {
            let last = run.steps.last().map(|step| &step.warnings);
            last.is_some_and(|warnings| warnings.iter().any(|text| text.contains(signs::DEAD)))
        };
        self.runs.iter().filter(dead).count()
    }

    pub(super) fn seeds(&self) -> BTreeSet<u64> {
        self.runs.iter().map(|run| run.curve.seed()).collect()
    }

    /// The same arm with some of its seeds.
    pub(super) fn of_seeds(&self, seeds: &BTreeSet<u64>) -> Self {
        let runs = self.runs.iter();
        let chosen = runs.filter(|run| seeds.contains(&run.curve.seed()));
        Self {
            name: self.name.clone(),
            preset: self.preset.clone(),
            runs: chosen.cloned().collect(),
        }
    }

    pub(super) fn queries_at_random(&self) -> bool {
        self.runs
            .first()
            .is_some_and(|run| run.settings.query.as_deref() == Some("random"))
    }
}

/// Reads the finished runs and the stages of the others. Data and networks without an arm are left out.
pub(super) fn read(grid: &Grid) -> anyhow::Result<Vec<Panel>> {
    let mut panels = Vec::new();
    let experiment = &grid.experiment;
    let curves = experiment.arms.iter().filter(|arm| arm.kind == Kind::Curve);
    let names: Vec<String> = curves.map(|arm| arm.entry.name.clone()).collect();
    for data in &experiment.data {
        for network in &experiment.networks {
            let cells: Vec<&Cell> = grid
                .cells
                .iter()
                .filter(|cell| cell.data == data.entry.name && cell.network == network.name)
                .collect();
            if !cells.is_empty() {
                panels.push(Panel {
                    names: names.clone(),
                    ..panel(data, &network.name, &cells)?
                });
            }
        }
    }
    Ok(panels)
}

fn panel(data: &Data, network: &str, cells: &[&Cell]) -> anyhow::Result<Panel> {
    // A run that fails belongs to an arm, which the table of failures names as a part of the run.
    let mut failures: Vec<(&Cell, usize, String)> = Vec::new();
    let mut finished: Vec<(&Cell, Vec<StepRecord>)> = Vec::new();
    for cell in cells {
        match cell.stage()? {
            Stage::Finished => finished.push((*cell, results::steps(cell)?)),
            Stage::Failed => {
                let reason = cell.failure()?.unwrap_or_default();
                failures.push((cell, results::steps(cell)?.len(), reason));
            }
            Stage::Begun | Stage::ToDo => {}
        }
    }
    let record: Option<DataRecord> = match finished.first() {
        Some((first, _)) => sources::record(first)?,
        None => None,
    };
    let classes = record.as_ref().map_or(0, |record| record.classes.len());
    finished
        .iter_mut()
        .flat_map(|(_, steps)| steps)
        .for_each(|step| see_dead_layer(step, classes));
    let tested = finished
        .iter()
        .flat_map(|(_, steps)| steps)
        .any(|step| step.test_auc.is_some());
    let metric = if tested {
        Metric::Test
    } else {
        Metric::Validation
    };
    let mut panel = Panel {
        data: data.clone(),
        network: network.to_owned(),
        metric,
        curves: Vec::new(),
        lines: Vec::new(),
        record,
        names: Vec::new(),
        made: Vec::new(),
        failures: Vec::new(),
    };
    let mut groups = Groups::default();
    for (cell, steps) in finished {
        let made = steps.len();
        let run = match read_run(cell, steps, metric, &mut groups) {
            Ok(run) => run,
            Err(error) if makes_no_curve(&error) => {
                failures.push((cell, made, format!("{error:#}")));
                continue;
            }
            Err(error) => {
                return Err(error.context(format!("the run {}", cell.settings.out.display())));
            }
        };
        let arms = match cell.kind {
            Kind::Curve => &mut panel.curves,
            Kind::Line => &mut panel.lines,
        };
        let at = arms
            .iter()
            .position(|arm| arm.name == cell.arm)
            .unwrap_or_else(|| {
                arms.push(Arm {
                    name: cell.arm.clone(),
                    preset: cell.settings.preset.clone(),
                    runs: Vec::new(),
                });
                arms.len() - 1
            });
        arms[at].runs.push(run);
    }
    // Arms stand as in the file, whichever of them was finished first.
    let place = |name: &str| cells.iter().position(|cell| cell.arm == name);
    panel.curves.sort_by_key(|arm| place(&arm.name));
    panel.lines.sort_by_key(|arm| place(&arm.name));
    for arm in panel.curves.iter_mut().chain(&mut panel.lines) {
        arm.runs.sort_by_key(|run| run.curve.seed());
    }
    for cell in cells {
        if !panel.made.iter().any(|made| made.arm == cell.arm) {
            let arms = panel.curves.iter().chain(&panel.lines);
            panel.made.push(Made {
                arm: cell.arm.clone(),
                planned: cells.iter().filter(|other| other.arm == cell.arm).count(),
                finished: arms
                    .filter(|arm| arm.name == cell.arm)
                    .map(|arm| arm.runs.len())
                    .sum(),
                failed: failures.iter().filter(|of| of.0.arm == cell.arm).count(),
            });
        }
    }
    panel.failures = failures
        .into_iter()
        .map(|(cell, steps, reason)| Failure {
            run: cell.title(),
            steps,
            reason,
        })
        .collect();
    Ok(panel)
}

/// The sign of a layer that is dead, or as good as dead, where the build that made the step did not know it: the losses
/// tell it.
fn see_dead_layer(step: &mut StepRecord, classes: usize) {
    let told = step.warnings.iter().any(|text| text.contains(signs::DEAD));
    if !told && signs::sticks(&step.loss, classes) {
        step.warnings.push(format!("the {}", signs::DEAD));
    }
}

/// Whether a run is complete but has no learning curve, for example because its network predicts NaN. This is a result of
/// the run; the others are shown all the same.
fn makes_no_curve(error: &anyhow::Error) -> bool {
    error.is::<SavingError>() || error.is::<CurveError>()
}

fn read_run(
    cell: &Cell,
    steps: Vec<StepRecord>,
    metric: Metric,
    groups: &mut Groups,
) -> anyhow::Result<Run> {
    let root = cell.settings.out.clone();
    let judged = match metric {
        Metric::Test => judged(cell.seed, &root, &steps, groups)?,
        Metric::Validation => None,
    };
    let curve = match judged {
        Some(curve) => curve,
        None => SeedCurve::new(cell.seed, curve(&steps, metric)?),
    };
    let asked = cell.settings.flags.clone();
    Ok(Run {
        curve,
        steps,
        // The files may lie elsewhere than where the run was made.
        settings: Flags {
            data: asked.data,
            manifest: asked.manifest,
            weights: asked.weights,
            ..Flags::read(&root.join("config.toml"))?
        },
        note: cell.note()?.unwrap_or_default(),
        root,
    })
}

fn curve(steps: &[StepRecord], metric: Metric) -> anyhow::Result<LearningCurve> {
    let points = growing(steps)
        .filter_map(|step| {
            Some(Point {
                labels: step.labels,
                value: metric.of(step)?,
            })
        })
        .collect();
    LearningCurve::new(points).with_context(|| format!("no step has a {}", metric.name()))
}

/// The steps that added a label.
fn growing(steps: &[StepRecord]) -> impl Iterator<Item = &StepRecord> {
    let mut before = 0;
    steps.iter().filter(move |step| {
        let grown = step.labels > before;
        before = before.max(step.labels);
        grown
    })
}

/// Numbers of test groups, the same in all runs.
#[derive(Default)]
struct Groups(BTreeMap<String, usize>);

impl Groups {
    fn number(&mut self, name: &str) -> usize {
        let next = self.0.len();
        *self.0.entry(name.to_owned()).or_insert(next)
    }
}

/// The curve with its predictions, so that the test set can be resampled; `None` if they were not kept.
fn judged(
    seed: u64,
    root: &Path,
    steps: &[StepRecord],
    groups: &mut Groups,
) -> anyhow::Result<Option<SeedCurve>> {
    let Some(rows) = test_set::read_rows(root)? else {
        return Ok(None);
    };
    let record: DataRecord = read_json(&root.join("data.json"))?;
    let classes = record.classes.len();
    let mut kept: Vec<(usize, Vec<f64>)> = Vec::new();
    for step in growing(steps) {
        match test_set::read_predictions(root, step.step)? {
            Some(values) if values.len() == rows.len() * classes => {
                kept.push((step.labels, values))
            }
            _ => return Ok(None),
        }
    }
    // A candidate that one step could not read judges none of them.
    let readable: Vec<usize> = (0..rows.len())
        .filter(|row| {
            kept.iter()
                .all(|(_, values)| values[row * classes].is_finite())
        })
        .collect();
    let class_of = |name: &str| record.classes.iter().position(|class| class == name);
    let labels: Option<Vec<usize>> = readable
        .iter()
        .map(|row| class_of(&rows[*row].label))
        .collect();
    let labels = labels.context("test.csv has a label that data.json lacks")?;
    let of_groups: Vec<usize> = readable
        .iter()
        .map(|row| match rows[*row].group.as_str() {
            "" => groups.number(&rows[*row].key),
            group => groups.number(group),
        })
        .collect();
    for (_, values) in &mut kept {
        let left = readable
            .iter()
            .flat_map(|row| values[row * classes..][..classes].iter().copied())
            .collect();
        *values = left;
    }
    // A two-class AUC is the same whichever class is called positive.
    let test = TestSet {
        classes,
        positive: (classes == 2).then_some(1),
        labels: &labels,
        groups: &of_groups,
    };
    let steps = kept
        .iter()
        .map(|(labels, values)| (*labels, values.as_slice()));
    Ok(Some(SeedCurve::judged(seed, test, steps)?))
}

#[cfg(test)]
mod tests;
