//! Panels of runs that were never made, for tests.

use std::collections::BTreeMap;

use acft::curve::{LearningCurve, Point};
use acft::saving::SeedCurve;
use acft_run::record::{Rates, Seconds, StepRecord};
use acft_run::settings::Flags;

use super::panel::{Arm, Made, Metric, Panel, Run};
use crate::file::{Data, Entry};
use crate::grid::Note;

/// Of so many labels, whose last ten are new.
pub(super) fn step(step: u32, labels: usize, auc: f64) -> StepRecord {
    StepRecord {
        step,
        labels,
        test_auc: Some(auc),
        val_auc: None,
        test_auprc: None,
        test_sensitivity: None,
        test_ece: None,
        h: None,
        q: 10,
        trained_on: labels,
        batch_classes: BTreeMap::new(),
        h_classes: None,
        loss: vec![0.5],
        scored: 10,
        seconds: Seconds {
            query: 1.0,
            train: 10.0,
            evaluate: 2.0,
        },
        patches_per_second: Rates::default(),
        model: String::new(),
        unreadable: Vec::new(),
        stop_set: None,
        warnings: Vec::new(),
    }
}

/// A run a curve of (labels, AUC), from seed 0 on. Queries at random where its name begins with R.
pub(super) fn arm(name: &str, curves: &[&[(usize, f64)]]) -> Arm {
    let at_random = name.starts_with('R');
    let run = |(seed, points): (u64, &&[(usize, f64)])| {
        let curve = points
            .iter()
            .map(|&(labels, value)| Point { labels, value });
        let steps = (1..).zip(points.iter());
        Run {
            root: "nowhere".into(),
            steps: steps
                .map(|(t, &(labels, auc))| step(t, labels, auc))
                .collect(),
            curve: SeedCurve::new(seed, LearningCurve::new(curve.collect()).expect("a curve")),
            settings: Flags {
                query: Some(if at_random { "random" } else { "active" }.to_owned()),
                learn: Some("reset-lq".to_owned()),
                ..Flags::default()
            },
            note: Note::default(),
        }
    };
    Arm {
        name: name.to_owned(),
        preset: name.to_lowercase(),
        runs: (0..).zip(curves).map(run).collect(),
    }
}

/// All labels at once.
pub(super) fn line(name: &str, curves: &[&[(usize, f64)]]) -> Arm {
    let mut line = arm(name, curves);
    line.preset = "rft".to_owned();
    for run in &mut line.runs {
        run.settings.query = Some("random".to_owned());
    }
    line
}

/// Two classes, 0 and 1.
pub(super) fn panel(curves: Vec<Arm>, lines: Vec<Arm>) -> Panel {
    let record = serde_json::from_value(serde_json::json!({
        "classes": ["0", "1"],
        "pool": 2000,
        "validation": 0,
        "test": 100,
        "digest": "",
        "pretrained": "",
        "held_out": [],
        "left_out": [],
        "duplicates": [],
    }));
    let made = |arm: &Arm| Made {
        arm: arm.name.clone(),
        planned: arm.runs.len(),
        finished: arm.runs.len(),
        failed: 0,
    };
    Panel {
        data: Data {
            entry: Entry {
                name: "lung".to_owned(),
                flags: Flags::default(),
            },
            contrast: None,
            seconds_per_label: None,
        },
        network: String::new(),
        metric: Metric::Test,
        names: curves.iter().map(|arm| arm.name.clone()).collect(),
        made: curves.iter().chain(&lines).map(made).collect(),
        curves,
        lines,
        record: Some(record.expect("a record")),
        failures: Vec::new(),
    }
}
