//! The learning curves on one data (Fig. 5 and 6), and their areas.

use acft::curve::LearningCurve;
use acft::saving::FEWEST_SEEDS;
use acft::seeds::Spread;
use acft_figure::curve::{CurvePlot, Series};

use super::document::{Figure, Table, Value, plain};
use super::panel::{Arm, Panel};

/// The confidence level of all intervals.
pub(super) const CONFIDENCE: f64 = 0.95;

/// The AUC of a network that guesses.
const CHANCE: f64 = 0.5;

/// The picture: means over seeds, with bands, and the horizontal lines.
pub(super) fn figure(panel: &Panel) -> Option<Figure> {
    let seeds = panel.curves.iter().map(|arm| arm.runs.len()).max()?;
    let bands = bands(seeds);
    let metric = panel.metric.name();
    let series: Vec<Series> = panel.curves.iter().filter_map(series).collect();
    let mut caption = format!("Learning curves: {metric} against labels queried, {bands}.");
    if !panel.lines.is_empty() {
        caption += " Horizontal: trained once on all labels of the pool; their number, and how many seeds the line is the \
                    mean of, stand beside its name.";
    }
    if series.iter().any(|series| !series.ringed.is_empty()) {
        caption += " A ring around a point: in at least one of the seeds that step gave a sign that training diverges; the \
                    table of runs says which.";
    }
    let plot = CurvePlot {
        title: format!("{}: {metric} against labels", panel.title()),
        subtitle: bands,
        x_label: "labels queried".to_owned(),
        y_label: metric.to_owned(),
        series,
        reference_lines: panel.lines.iter().filter_map(line).collect(),
        chance: Some(CHANCE),
        names: panel.names.clone(),
    };
    Some(Figure {
        name: format!("{}-curves", panel.slug()),
        svg: plot.svg(),
        caption,
    })
}

fn line(arm: &Arm) -> Option<(String, f64)> {
    let dead = match (arm.dead(), arm.runs.len()) {
        (0, _) => String::new(),
        (1, 1) => ", dead".to_owned(),
        (dead, _) => format!(", {dead} of them dead"),
    };
    let name = format!(
        "{} ({} labels, {}{dead})",
        arm.name,
        arm.last_labels(),
        count_seeds(arm.runs.len()).replace(' ', "\u{a0}"),
    );
    Some((name, last(arm)?.mean))
}

/// As people say it.
pub(super) fn count_seeds(seeds: usize) -> String {
    match seeds {
        1 => "1 seed".to_owned(),
        seeds => format!("{seeds} seeds"),
    }
}

fn series(arm: &Arm) -> Option<Series> {
    let mean = LearningCurve::mean(arm.curves()).ok()?;
    let around = |labels: usize| {
        let values: Vec<f64> = arm
            .curves()
            .filter_map(|curve| curve.extended_to(labels).at(labels))
            .collect();
        edges(&values).unwrap_or(UNKNOWN)
    };
    let steps = arm.runs.iter().flat_map(|run| &run.steps);
    let with_signs = steps.filter(|step| !step.warnings.is_empty());
    Some(Series {
        name: arm.name.clone(),
        points: mean
            .points()
            .iter()
            .map(|point| (point.labels as f64, point.value))
            .collect(),
        band: Some(
            mean.points()
                .iter()
                .map(|point| around(point.labels))
                .collect(),
        ),
        ringed: with_signs.map(|step| step.labels as f64).collect(),
    })
}

/// The sentence if there is no band.
pub(super) const UNKNOWN: (f64, f64) = (f64::NAN, f64::NAN);

/// The sentence on the bands of a figure, by the largest number of seeds.
pub(super) fn bands(seeds: usize) -> String {
    match seeds {
        0 | 1 => "one seed each: an anecdote".to_owned(),
        // With few seeds Student's interval spans the page, and says no more than that they are few.
        few if few < FEWEST_SEEDS => format!(
            "mean of up to {few} seeds, too few for an interval; the bands reach from the lowest to the highest"
        ),
        seeds => format!(
            "mean of up to {seeds} seeds; the bands are 95 % intervals of the mean (Student), with fewer than 5 seeds the range"
        ),
    }
}

/// The band at one point; `None` for a single seed.
pub(super) fn edges(values: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = if values.len() < FEWEST_SEEDS {
        (values.len() > 1).then_some(())?;
        values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(*value), high.max(*value))
            })
    } else {
        Spread::of(values)?.interval(CONFIDENCE)?
    };
    // A share is no more than 1.
    Some((low.max(0.0), high.min(1.0)))
}

/// The values that the curves end at.
pub(super) fn last(arm: &Arm) -> Option<Spread> {
    let values: Vec<f64> = arm.curves().map(|curve| curve.last().value).collect();
    Spread::of(&values)
}

/// The area under each seed's curve, over the labels that all arms have.
pub(super) fn alcs(arm: &Arm, range: (usize, usize)) -> Vec<(u64, f64)> {
    arm.runs
        .iter()
        .filter_map(|run| {
            let shared = run.curve.curve().between(range.0, range.1)?;
            Some((run.curve.seed(), shared.alc()))
        })
        .collect()
}

/// The differences of two arms over the seeds that both have.
pub(super) fn paired(ours: &[(u64, f64)], others: &[(u64, f64)]) -> Option<Spread> {
    let differences: Vec<f64> = ours
        .iter()
        .filter_map(|(seed, value)| {
            let other = others.iter().find(|other| other.0 == *seed)?;
            Some(value - other.1)
        })
        .collect();
    Spread::of(&differences)
}

/// The area, the end and the difference from the reference of each arm; `None` without a finished run.
pub(super) fn worth(panel: &Panel) -> Option<Table> {
    panel.any_run()?;
    let range = panel.range();
    let reference = panel.reference();
    let areas_of = |arm: &Arm| range.map_or_else(Vec::new, |range| alcs(arm, range));
    let of_reference = reference.map(areas_of).unwrap_or_default();
    let metric = panel.metric.name();
    let mut caption = match range {
        Some((from, to)) => format!(
            "Area under the {metric} curve from {from} to {to} labels, divided by the range (ALC, mean ± sd over seeds); the \
             same on a log2 axis after Guyon et al. 2011; and the {metric} at the end."
        ),
        None => format!("The {metric} at the end (mean ± sd over seeds)."),
    };
    if let Some(arm) = reference {
        caption += &format!(
            " The difference in ALC is from {}, paired over seeds, with its 95 % interval (Student).",
            arm.name
        );
    }
    let mut table = Table {
        name: format!("{}-alc", panel.slug()),
        caption,
        head: ["arm", "seeds", "ALC", "log2 ALC", "at the end"]
            .map(str::to_owned)
            .to_vec(),
        csv_head: [
            "arm",
            "seeds",
            "alc_mean",
            "alc_sd",
            "alc_log2_mean",
            "alc_log2_sd",
            "last_mean",
            "last_sd",
            "difference_mean",
            "difference_low",
            "difference_high",
            "paired_seeds",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    if reference.is_some() {
        let more = ["difference in ALC", "paired seeds"].map(str::to_owned);
        table.head.extend(more);
    }
    for arm in &panel.curves {
        let areas = areas_of(arm);
        let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
        let logs: Vec<f64> = arm
            .curves()
            .filter_map(|curve| Some(curve.between(range?.0, range?.1)?.alc_log2()))
            .collect();
        let (Some(alc), Some(log), Some(end)) = (Spread::of(&values), Spread::of(&logs), last(arm))
        else {
            continue;
        };
        let difference = match reference {
            Some(reference) if reference.name != arm.name => paired(&areas, &of_reference),
            _ => None,
        };
        let interval = difference.and_then(|spread| spread.interval(CONFIDENCE));
        let told = difference.map_or_else(String::new, |spread| match interval {
            Some((low, high)) => format!("{:+.4} ({low:+.4} to {high:+.4})", spread.mean),
            None => format!("{:+.4}", spread.mean),
        });
        let paired_seeds = difference.map_or_else(String::new, |spread| spread.seeds.to_string());
        let mut row = vec![
            Value::name(&arm.name),
            Value::number(alc.seeds.to_string()),
            Value::number(mean_sd(&alc)),
            Value::number(mean_sd(&log)),
            Value::number(mean_sd(&end)),
        ];
        if reference.is_some() {
            row.extend([told, paired_seeds].map(Value::number));
        }
        table.rows.push(row);
        table.csv_rows.push(vec![
            arm.name.clone(),
            alc.seeds.to_string(),
            plain(Some(alc.mean)),
            plain(alc.sd),
            plain(Some(log.mean)),
            plain(log.sd),
            plain(Some(end.mean)),
            plain(end.sd),
            plain(difference.map(|spread| spread.mean)),
            plain(interval.map(|ends| ends.0)),
            plain(interval.map(|ends| ends.1)),
            difference.map_or_else(String::new, |spread| spread.seeds.to_string()),
        ]);
    }
    for line in &panel.lines {
        let Some(end) = last(line) else { continue };
        let mut row = vec![Value::number(""); table.head.len()];
        row[0] = Value::name(format!("{} ({} labels)", line.name, line.last_labels()));
        row[1] = Value::number(end.seeds.to_string());
        row[4] = Value::number(mean_sd(&end));
        table.rows.push(row);
        let mut row = vec![line.name.clone(), end.seeds.to_string()];
        row.extend([None; 4].map(plain));
        row.extend([Some(end.mean), end.sd, None, None, None, None].map(plain));
        table.csv_rows.push(row);
    }
    Some(table)
}

/// 0.912 ± 0.004.
pub(super) fn mean_sd(spread: &Spread) -> String {
    match spread.sd {
        Some(sd) => format!("{:.3} ± {sd:.3}", spread.mean),
        None => format!("{:.3}", spread.mean),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, line, panel};
    use super::*;
    use acft_run::signs;

    #[test]
    fn a_band_has_a_gap_where_it_has_one_seed_alone() {
        let mut uneven = arm("RFT", &[&[(25, 0.6), (50, 0.7)], &[(50, 0.8)]]);
        let drawn = series(&uneven).unwrap();
        assert_eq!(drawn.points, [(50.0, 0.75)]);
        assert_eq!(drawn.band, Some(vec![(0.7, 0.8)]));
        uneven.runs.pop();
        let band = series(&uneven).unwrap().band.unwrap();
        assert!(band.iter().all(|edges| edges.0.is_nan()));
    }

    #[test]
    fn steps_that_gave_a_sign_of_divergence_wear_a_ring_and_the_title_says_what_is_seen() {
        let mut swinging = arm("RFT", &[&[(25, 0.6), (50, 0.4)]]);
        swinging.runs[0].steps[1].warnings = vec!["the training loss rose".to_owned()];
        let figure = figure(&panel(vec![swinging], vec![])).unwrap();
        assert_eq!(figure.svg.matches("r=\"6.5\"").count(), 1);
        assert!(figure.svg.contains(">lung: test AUC against labels<"));
        assert!(figure.svg.contains(">chance<"));
        assert!(figure.caption.contains("A ring around a point"));
    }

    #[test]
    fn a_line_says_how_many_labels_and_seeds_it_rests_on() {
        let of_all = super::line(&line("full-training", &[&[(2000, 0.97)], &[(2000, 0.99)]]));
        let (name, value) = of_all.unwrap();
        assert_eq!(name, "full-training (2000 labels, 2\u{a0}seeds)");
        assert!((value - 0.98).abs() < 1e-12);
        let mut dead = line("from-scratch", &[&[(2000, 0.5)], &[(2000, 0.9)]]);
        dead.runs[0].steps[0].warnings = vec![format!("the {}", signs::DEAD)];
        let (name, _) = super::line(&dead).unwrap();
        assert_eq!(
            name,
            "from-scratch (2000 labels, 2\u{a0}seeds, 1 of them dead)"
        );
        dead.runs.pop();
        let (name, _) = super::line(&dead).unwrap();
        assert_eq!(name, "from-scratch (2000 labels, 1\u{a0}seed, dead)");
    }

    #[test]
    fn lines_are_told_where_no_curve_is_finished_and_no_difference_without_a_reference() {
        let lines = vec![line("full-training", &[&[(2000, 0.97)]])];
        let table = worth(&panel(vec![], lines)).unwrap();
        assert_eq!(table.rows.len(), 1);
        assert_eq!(table.head.len(), 5);
        assert!(worth(&panel(vec![], vec![])).is_none());
    }
}
