//! The learning curves of one data (Fig. 5 and 6), and what they are worth.

use std::collections::BTreeSet;

use acft::curve::LearningCurve;
use acft::saving::{
    FEWEST_SEEDS, LabelSaving, Resampled, Saving, SavingOptions, SeedCurve, label_saving,
};
use acft::seeds::Spread;

use super::document::{Figure, Table, Value, plain};
use super::panel::{Arm, Metric, Panel};
use crate::figure::curve::{CurvePlot, Series};

/// Of all intervals.
pub(super) const CONFIDENCE: f64 = 0.95;

/// The picture: means over seeds, with bands, and the horizontal lines.
pub(super) fn figure(panel: &Panel) -> Option<Figure> {
    let seeds = panel.curves.iter().map(|arm| arm.runs.len()).max()?;
    let bands = bands(seeds);
    let series = panel.curves.iter().filter_map(series).collect();
    let reference_lines = panel
        .lines
        .iter()
        .filter_map(|line| Some((line.name.clone(), last(line)?.mean)))
        .collect();
    let plot = CurvePlot {
        title: panel.title(),
        subtitle: bands.clone(),
        x_label: "labels queried".to_owned(),
        y_label: panel.metric.name().to_owned(),
        series,
        reference_lines,
    };
    let lines = match panel.lines.len() {
        0 => "",
        _ => " Horizontal: trained once on all labels.",
    };
    Some(Figure {
        name: format!("{}-curves", panel.slug()),
        svg: plot.svg(),
        caption: format!(
            "Learning curves: {} against labels queried, {bands}.{lines}",
            panel.metric.name()
        ),
    })
}

fn series(arm: &Arm) -> Option<Series> {
    let mean = LearningCurve::mean(arm.curves()).ok()?;
    let edges = |labels: usize| {
        let values: Vec<f64> = arm
            .curves()
            .filter_map(|curve| curve.extended_to(labels).at(labels))
            .collect();
        edges(&values)
    };
    Some(Series {
        name: arm.name.clone(),
        points: mean
            .points()
            .iter()
            .map(|point| (point.labels as f64, point.value))
            .collect(),
        band: mean
            .points()
            .iter()
            .map(|point| edges(point.labels))
            .collect(),
    })
}

/// What the bands of a figure are, whose arms have up to so many seeds.
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

/// The band at one point; none of a single seed.
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

/// What the arm saves against the reference, over the seeds that both have.
pub(super) fn saving(reference: &Arm, arm: &Arm) -> Result<LabelSaving, String> {
    let shared: BTreeSet<u64> = reference
        .seeds()
        .intersection(&arm.seeds())
        .copied()
        .collect();
    let of = |arm: &Arm| -> Vec<SeedCurve> {
        arm.runs
            .iter()
            .filter(|run| shared.contains(&run.curve.seed()))
            .map(|run| run.curve.clone())
            .collect()
    };
    label_saving(&of(reference), &of(arm), &SavingOptions::default())
        .map_err(|error| error.to_string())
}

/// What the labels that are saved would have cost an expert.
pub(super) fn minutes(saving: &LabelSaving, panel: &Panel) -> Option<f64> {
    let seconds = panel.data.seconds_per_label?;
    match saving.saving {
        Saving::Reached(share) => Some(share * saving.reference_labels * seconds / 60.0),
        Saving::Censored { .. } => None,
    }
}

/// Each arm's area, end and difference from the reference.
pub(super) fn worth(panel: &Panel) -> Option<Table> {
    let range = panel.range()?;
    let reference = panel.reference();
    let of_reference = reference.map(|arm| alcs(arm, range)).unwrap_or_default();
    let mut table = Table {
        name: format!("{}-alc", panel.slug()),
        caption: format!(
            "Area under the {} curve from {} to {} labels, divided by the range (mean ± sd over seeds); the same on a log2 \
             axis after Guyon et al. 2011; the {} at the end; and the difference in ALC from {}, paired over seeds, with \
             its 95 % interval (Student).",
            panel.metric.name(),
            range.0,
            range.1,
            panel.metric.name(),
            reference.map_or("the others", |arm| arm.name.as_str()),
        ),
        head: [
            "arm",
            "seeds",
            "ALC",
            "log2 ALC",
            "at the end",
            "difference in ALC",
            "paired seeds",
        ]
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
    for arm in &panel.curves {
        let areas = alcs(arm, range);
        let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
        let logs: Vec<f64> = arm
            .curves()
            .filter_map(|curve| Some(curve.between(range.0, range.1)?.alc_log2()))
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
        table.rows.push(vec![
            Value::name(&arm.name),
            Value::number(alc.seeds.to_string()),
            Value::number(mean_sd(&alc)),
            Value::number(mean_sd(&log)),
            Value::number(mean_sd(&end)),
            Value::number(told),
            Value::number(difference.map_or_else(String::new, |spread| spread.seeds.to_string())),
        ]);
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
        let empty = || Value::number("");
        table.rows.push(vec![
            Value::name(format!("{} (all labels)", line.name)),
            Value::number(end.seeds.to_string()),
            empty(),
            empty(),
            Value::number(mean_sd(&end)),
            empty(),
            empty(),
        ]);
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

/// What each arm saves, against the reference and against training on all labels.
pub(super) fn savings(panel: &Panel) -> Option<Table> {
    if panel.metric == Metric::Validation {
        return None;
    }
    let reference = panel.reference()?;
    let full = panel.lines.first();
    let mut table = Table {
        name: format!("{}-savings", panel.slug()),
        caption: format!(
            "Label saving at equal AUC: 1 − n(τ)/n_R(τ), where τ lies 95 % of the way from the first to the last AUC of {} \
             (isotonic, interpolated in log labels); 95 % intervals by bootstrap over what stands beside them. \
             Over all targets: the mean distance along the axis of log labels, over the share of the reference's rise that the \
             arm reached at all; an arm that reaches little of it is flattered.{}",
            reference.name,
            full.map_or_else(String::new, |line| {
                format!(" Against {}: the same with its AUC as the target, and all labels as what it costs.", line.name)
            }),
        ),
        head: ["arm", "against", "its labels", "saving", "95 % interval", "over", "over all targets", "of the rise"]
            .map(str::to_owned)
            .to_vec(),
        csv_head: [
            "arm", "against", "seeds", "target", "labels_of_the_other", "saving", "censored", "low", "low_censored", "high",
            "high_censored", "resampled", "over_all_targets", "reached",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    let with_minutes = panel.data.seconds_per_label.is_some();
    if with_minutes {
        table.head.push("expert minutes saved".to_owned());
        table.csv_head.push("minutes_saved".to_owned());
    }
    for other in std::iter::once(reference).chain(full) {
        for arm in panel.curves.iter().filter(|arm| arm.name != other.name) {
            let outcome = saving(other, arm);
            let (row, csv) = saving_row(arm, other, outcome.as_ref());
            table.rows.push(row);
            table.csv_rows.push(csv);
            if with_minutes {
                let minutes = outcome.ok().and_then(|saving| minutes(&saving, panel));
                let told = minutes.map_or_else(String::new, |minutes| format!("{minutes:.1}"));
                table.rows.last_mut()?.push(Value::number(told));
                table.csv_rows.last_mut()?.push(plain(minutes));
            }
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What an arm saves. A bound says how few labels the arm had, and is easily taken for a saving: it stands in the table for
/// machines alone.
pub(super) fn in_words(saving: &LabelSaving, arm: &Arm) -> String {
    match saving.saving {
        Saving::Reached(share) => format!("{:.1} %", 100.0 * share),
        Saving::Censored { .. } => {
            let last = arm.curves().map(|curve| curve.last().labels).max();
            format!("not reached with {} labels", last.unwrap_or_default())
        }
    }
}

/// From where to where the interval of a saving reaches; none where it never is.
pub(super) fn ends(saving: &LabelSaving) -> Option<String> {
    let interval = saving.interval.as_ref()?;
    let end = |saving: Saving| match saving {
        Saving::Reached(share) => format!("{:.1} %", 100.0 * share),
        Saving::Censored { .. } => "never".to_owned(),
    };
    let ends = [interval.low, interval.high];
    let is_any = ends.iter().any(|end| matches!(end, Saving::Reached(_)));
    is_any.then(|| ends.map(end).join(" to "))
}

fn saving_row(
    arm: &Arm,
    other: &Arm,
    outcome: Result<&LabelSaving, &String>,
) -> (Vec<Value>, Vec<String>) {
    let names = [arm.name.clone(), other.name.clone()];
    let saving = match outcome {
        Ok(saving) => saving,
        Err(why) => {
            let mut row: Vec<Value> = names.clone().map(Value::name).to_vec();
            row.push(Value::number(""));
            row.push(Value::number(why.as_str()));
            row.extend(std::iter::repeat_n(Value::number(""), 4));
            let mut csv = names.to_vec();
            csv.extend(std::iter::repeat_n(String::new(), 12));
            return (row, csv);
        }
    };
    let few = if saving.is_anecdotal() {
        " (anecdotal)"
    } else {
        ""
    };
    let interval = saving.interval.as_ref();
    let few = match saving.saving {
        Saving::Reached(_) => few,
        Saving::Censored { .. } => "",
    };
    let resampled = interval.map_or("", |interval| match interval.resampled {
        Resampled::Seeds => "seeds",
        Resampled::Groups => "test sets",
        Resampled::SeedsAndGroups => "seeds, test sets",
    });
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let gap = saving
        .gap
        .map(|gap| [gap.saving(), gap.reached].map(percent));
    let [all_targets, reached] = gap.unwrap_or_default();
    let censored = |saving: Saving| matches!(saving, Saving::Censored { .. }).to_string();
    let mut row: Vec<Value> = names.clone().map(Value::name).to_vec();
    row.extend([
        Value::number(format!("{:.0}", saving.reference_labels)),
        Value::number(format!("{}{few}", in_words(saving, arm))),
        Value::number(ends(saving).unwrap_or_default()),
        Value::name(resampled),
        Value::number(all_targets),
        Value::number(reached),
    ]);
    let mut csv = names.to_vec();
    csv.extend([
        saving.seeds.to_string(),
        plain(Some(saving.target)),
        plain(Some(saving.reference_labels)),
        plain(Some(saving.saving.at_most())),
        censored(saving.saving),
        plain(interval.map(|interval| interval.low.at_most())),
        interval.map_or_else(String::new, |interval| censored(interval.low)),
        plain(interval.map(|interval| interval.high.at_most())),
        interval.map_or_else(String::new, |interval| censored(interval.high)),
        resampled.to_owned(),
        plain(saving.gap.map(acft::saving::Gap::saving)),
        plain(saving.gap.map(|gap| gap.reached)),
    ]);
    (row, csv)
}
