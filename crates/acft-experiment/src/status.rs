//! The progress of an experiment.

use std::fmt;

use serde::Serialize;

use super::grid::{Grid, Stage};
use super::results;
use super::run::refuse_others;
use super::sources::Sources;

/// The runs of each arm on each data, and the time that is left.
#[derive(Debug, Serialize)]
pub struct Status {
    out: String,
    /// Whether there are results in it.
    written: bool,
    arms: Vec<Arm>,
    failures: Vec<Failure>,
    /// The time that is left if runs are made one after the other, estimated from the steps so far; `None` before there are any.
    seconds_left: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
struct Arm {
    data: String,
    network: String,
    arm: String,
    finished: usize,
    begun: usize,
    failed: usize,
    to_do: usize,
    /// Mean AUC of the finished runs at their end, on the test set; on the validation set if no test label was read.
    last_auc: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Failure {
    run: String,
    reason: String,
}

impl Status {
    /// Counts the runs of a grid.
    ///
    /// # Errors
    /// A run's notes cannot be read.
    pub fn of(grid: &Grid) -> anyhow::Result<Self> {
        // Means over runs that do not belong together say nothing. Settings come first: M_0 differs where they do.
        grid.cells.iter().try_for_each(refuse_others)?;
        grid.require_whole()?;
        Sources::of(&grid.cells)?;
        let mut arms: Vec<Arm> = Vec::new();
        let mut aucs: Vec<Vec<f64>> = Vec::new();
        let mut failures = Vec::new();
        let (mut seconds, mut made, mut left) = (0.0, 0_u64, 0_u64);
        for cell in &grid.cells {
            let same = |arm: &Arm| {
                (&arm.data, &arm.network, &arm.arm) == (&cell.data, &cell.network, &cell.arm)
            };
            let at = arms.iter().position(same).unwrap_or_else(|| {
                arms.push(Arm {
                    data: cell.data.clone(),
                    network: cell.network.clone(),
                    arm: cell.arm.clone(),
                    ..Arm::default()
                });
                aucs.push(Vec::new());
                arms.len() - 1
            });
            let steps = results::steps(cell)?;
            made += steps.len() as u64;
            seconds += steps
                .iter()
                .map(|step| step.seconds.query + step.seconds.train + step.seconds.evaluate)
                .sum::<f64>();
            let stage = cell.stage()?;
            match stage {
                Stage::Finished => {
                    arms[at].finished += 1;
                    aucs[at].extend(steps.last().and_then(|step| step.test_auc.or(step.val_auc)));
                }
                Stage::Begun => arms[at].begun += 1,
                Stage::Failed => {
                    arms[at].failed += 1;
                    failures.push(Failure {
                        run: cell.title(),
                        reason: cell.failure()?.unwrap_or_default(),
                    });
                }
                Stage::ToDo => arms[at].to_do += 1,
            }
            if matches!(stage, Stage::Begun | Stage::ToDo) {
                let steps_of = cell.settings.flags.steps.map_or(0, u64::from);
                left += steps_of.saturating_sub(steps.len() as u64);
            }
        }
        for (arm, aucs) in arms.iter_mut().zip(&aucs) {
            arm.last_auc = (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64);
        }
        Ok(Self {
            out: grid.out.display().to_string(),
            written: grid.out.join("results.jsonl").is_file(),
            arms,
            failures,
            seconds_left: (made > 0).then(|| seconds / made as f64 * left as f64),
        })
    }

    /// How many runs failed.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |arm: &Arm| {
            let parts = [&arm.data, &arm.network, &arm.arm];
            let named: Vec<&str> = parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(String::as_str)
                .collect();
            named.join(" ")
        };
        let width = self
            .arms
            .iter()
            .map(|arm| name(arm).chars().count())
            .max()
            .unwrap_or(0)
            .max(4);
        writeln!(
            f,
            "{:<width$}  finished  begun  failed  to do  AUC at the end",
            "runs"
        )?;
        for arm in &self.arms {
            let auc = arm
                .last_auc
                .map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
            writeln!(
                f,
                "{:<width$}  {:>8}  {:>5}  {:>6}  {:>5}  {auc}",
                name(arm),
                arm.finished,
                arm.begun,
                arm.failed,
                arm.to_do
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "failed: {}: {}", failure.run, failure.reason)?;
        }
        if self.failed() > 0 {
            writeln!(
                f,
                "once what is wrong is mended, acft experiment run --retry makes failed runs again"
            )?;
        }
        if let Some(seconds) = self.seconds_left.filter(|seconds| *seconds > 0.0) {
            let minutes = (seconds / 60.0).ceil();
            writeln!(
                f,
                "about {:.0} h {:.0} min of computing are left",
                (minutes / 60.0).floor(),
                minutes % 60.0
            )?;
        }
        if self.written {
            let out = &self.out;
            writeln!(f, "results: {out}/results.jsonl, {out}/results.parquet")?;
        }
        Ok(())
    }
}
