//! The cost of a step of each arm, in seconds and in patches.

use acft_run::record::StepRecord;

use super::document::{Table, Value, plain};
use super::labels::labels_of;
use super::panel::Panel;

/// The total cost of some steps.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    steps: usize,
    query: f64,
    train: f64,
    evaluate: f64,
    scored: f64,
    trained: f64,
    /// Whether some query scored more candidates than it drew.
    is_scored: bool,
}

impl Sum {
    fn of<'a>(steps: impl Iterator<Item = &'a StepRecord>) -> Self {
        steps.fold(Self::default(), |sum, step| {
            let (seconds, rates) = (step.seconds, step.patches_per_second);
            Self {
                steps: sum.steps + 1,
                query: sum.query + seconds.query,
                train: sum.train + seconds.train,
                evaluate: sum.evaluate + seconds.evaluate,
                scored: sum.scored + rates.query.unwrap_or(0.0) * seconds.query,
                trained: sum.trained + rates.train.unwrap_or(0.0) * seconds.train,
                is_scored: sum.is_scored || step.scored > step.q,
            }
        })
    }

    /// Seconds and patches of a step.
    fn of_a_step(&self) -> [f64; 5] {
        let all = [
            self.query,
            self.train,
            self.evaluate,
            self.scored,
            self.trained,
        ];
        all.map(|sum| sum / self.steps.max(1) as f64)
    }

    /// Patches a second, of all of them over all the time: a mean of rates would weigh a short step as much as a long one.
    fn rates(&self) -> [Option<f64>; 2] {
        let rate = |patches: f64, seconds: f64| {
            (patches > 0.0 && seconds > 0.0).then(|| patches / seconds)
        };
        [
            // A query that looks at its batch alone has no rate worth the name.
            rate(self.scored, self.query).filter(|_| self.is_scored),
            rate(self.trained, self.train),
        ]
    }
}

/// The cost of a step in time and patches; `None` without a finished run.
pub(super) fn by_arm(panel: &Panel) -> Option<Table> {
    panel.any_run()?;
    let mut table = Table {
        name: format!("{}-cost", panel.slug()),
        caption: "Seconds and patches a step (means over steps and seeds), and patches a second (all patches over all seconds). \
                  Patches are what arms can be compared by. Times hold for the machine, the build and the load that each run was \
                  made with: where arms were made by other builds, or beside other work, their times say little of the arms, and \
                  none of them says how fast this program is."
            .to_owned(),
        head: [
            "arm", "query, s", "fine-tune, s", "judge, s", "patches scored", "trained", "scored /s", "trained /s",
            "minutes a run",
        ]
            .map(str::to_owned)
            .to_vec(),
        csv_head: [
            "arm", "query_seconds", "train_seconds", "evaluate_seconds", "patches_scored", "patches_trained",
            "scored_per_second", "trained_per_second", "minutes_a_run",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    for arm in panel.curves.iter().chain(&panel.lines) {
        let sum = Sum::of(arm.runs.iter().flat_map(|run| &run.steps));
        let minutes = (sum.query + sum.train + sum.evaluate) / 60.0 / arm.runs.len().max(1) as f64;
        let mut numbers: Vec<Option<f64>> = sum.of_a_step().map(Some).to_vec();
        numbers.extend(sum.rates());
        numbers.push(Some(minutes));
        let told = |(value, digits): (&Option<f64>, usize)| {
            Value::number(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}")))
        };
        let mut row = vec![Value::name(&arm.name)];
        row.extend(numbers.iter().zip([1, 1, 1, 0, 0, 0, 0, 1]).map(told));
        table.rows.push(row);
        let mut csv = vec![arm.name.clone()];
        csv.extend(numbers.into_iter().map(plain));
        table.csv_rows.push(csv);
    }
    Some(table)
}

/// The same step by step, for machines.
pub(super) fn by_step(panel: &Panel) -> Option<Table> {
    panel.any_run()?;
    let mut table = Table {
        name: format!("{}-cost-steps", panel.slug()),
        caption:
            "Seconds and patches of each step of each arm, as means over the seeds that made it."
                .to_owned(),
        csv_head: [
            "arm",
            "step",
            "seeds",
            "query_seconds",
            "train_seconds",
            "evaluate_seconds",
            "patches_scored",
            "patches_trained",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    for arm in panel.curves.iter().chain(&panel.lines) {
        for (at, _) in labels_of(arm) {
            let sum = Sum::of(arm.runs.iter().filter_map(|run| run.steps.get(at)));
            let mut row = vec![
                arm.name.clone(),
                (at + 1).to_string(),
                sum.steps.to_string(),
            ];
            row.extend(sum.of_a_step().map(|number| plain(Some(number))));
            table.csv_rows.push(row);
        }
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, panel};
    use super::*;
    use acft_run::record::{Rates, Seconds};

    fn timed(step: &mut StepRecord, patches: f64, seconds: f64) {
        step.seconds = Seconds {
            train: seconds,
            ..Seconds::default()
        };
        step.patches_per_second = Rates {
            train: Some(patches / seconds),
            query: None,
        };
    }

    #[test]
    fn the_rate_is_that_of_the_patches_and_seconds_beside_it() {
        let mut rft = arm("RFT", &[&[(25, 0.6), (50, 0.7)]]);
        // A quick step and one that waited for others: the mean of their rates would be 505.
        timed(&mut rft.runs[0].steps[0], 1000.0, 1.0);
        timed(&mut rft.runs[0].steps[1], 1000.0, 99.0);
        let table = by_arm(&panel(vec![rft], vec![])).unwrap();
        let told: Vec<&str> = table.rows[0]
            .iter()
            .map(|value| value.text.as_str())
            .collect();
        assert_eq!(
            told,
            ["RFT", "0.0", "50.0", "0.0", "0", "1000", "–", "20", "1.7"]
        );
        assert!(by_arm(&panel(vec![], vec![])).is_none());
    }

    #[test]
    fn seconds_and_patches_are_told_step_by_step() {
        let mut rft = arm("RFT", &[&[(25, 0.6), (50, 0.7)], &[(25, 0.6)]]);
        timed(&mut rft.runs[0].steps[0], 100.0, 1.0);
        timed(&mut rft.runs[1].steps[0], 300.0, 2.0);
        timed(&mut rft.runs[0].steps[1], 500.0, 4.0);
        let table = by_step(&panel(vec![rft], vec![])).unwrap();
        let zero = "0.000000";
        let rows = [
            ["RFT", "1", "2", zero, "1.500000", zero, zero, "200.000000"],
            ["RFT", "2", "1", zero, "4.000000", zero, zero, "500.000000"],
        ];
        assert_eq!(table.csv_rows, rows);
        assert!(table.rows.is_empty());
    }
}
