//! The labels that each arm saves: how many it needs for the AUC of the reference, or of training on all labels.

use std::collections::BTreeSet;

use acft::curve::LearningCurve;
use acft::saving::{
    LabelSaving, Resampled, Saving, SavingError, SavingOptions, SeedCurve, isotonic_regression,
    label_saving,
};

use super::document::{Table, Value, plain};
use super::panel::{Arm, Metric, Panel};

/// The saving of an arm, and the runs that it is computed from.
pub(super) struct Measured {
    pub saving: LabelSaving,
    /// The seeds that both arms have; only these are used.
    pub seeds: BTreeSet<u64>,
    /// The labels that the arm has at the end of the longest of their runs.
    pub last_labels: usize,
    /// Whether the reference rises at all. If not, the target is its first value.
    pub rises: bool,
    /// What was resampled for the interval.
    over: &'static str,
}

/// The saving of the arm against the reference, over the seeds that both have.
pub(super) fn saving(reference: &Arm, arm: &Arm) -> Result<Measured, String> {
    measure(reference, arm, &SavingOptions::default())
}

/// The same without the interval, which takes long to compute.
pub(super) fn estimate(reference: &Arm, arm: &Arm) -> Option<Measured> {
    let options = SavingOptions {
        replicates: 0,
        ..SavingOptions::default()
    };
    measure(reference, arm, &options).ok()
}

fn measure(reference: &Arm, arm: &Arm, options: &SavingOptions) -> Result<Measured, String> {
    let shared: BTreeSet<u64> = &reference.seeds() & &arm.seeds();
    let [reference, arm] = [reference, arm].map(|arm| arm.of_seeds(&shared));
    let of =
        |arm: &Arm| -> Vec<SeedCurve> { arm.runs.iter().map(|run| run.curve.clone()).collect() };
    // Test sets that cannot be drawn anew are no reason to tell nothing of the seeds.
    let alone = |curves: Vec<SeedCurve>| -> Vec<SeedCurve> {
        let alone = |curve: &SeedCurve| SeedCurve::new(curve.seed(), curve.curve().clone());
        curves.iter().map(alone).collect()
    };
    let (found, too_few) = match label_saving(&of(&reference), &of(&arm), options) {
        Err(SavingError::TooFewGroups) => {
            let (reference, arm) = (alone(of(&reference)), alone(of(&arm)));
            (label_saving(&reference, &arm, options), true)
        }
        found => (found, false),
    };
    let saving = found.map_err(|error| error.to_string())?;
    let over = match saving.interval.as_ref().map(|interval| interval.resampled) {
        Some(Resampled::Seeds) if too_few => "seeds (too few test groups)",
        None if too_few => "– (too few test groups)",
        Some(Resampled::Seeds) => "seeds",
        Some(Resampled::Groups) => "test sets",
        Some(Resampled::SeedsAndGroups) => "seeds, test sets",
        None => "",
    };
    Ok(Measured {
        saving,
        rises: rises(&reference),
        last_labels: arm.last_labels(),
        seeds: shared,
        over,
    })
}

/// Whether the mean of an arm is more than level once it is monotone, as targets see it.
fn rises(arm: &Arm) -> bool {
    let Ok(mean) = LearningCurve::mean(arm.curves()) else {
        return false;
    };
    let values: Vec<f64> = mean.points().iter().map(|point| point.value).collect();
    let monotone = isotonic_regression(&values);
    monotone.first() < monotone.last()
}

/// The labels that an arm needs for the target; `None` if it ended before.
pub(super) fn labels_needed(saving: &LabelSaving) -> Option<f64> {
    match saving.saving {
        Saving::Reached(share) => Some(saving.reference_labels * (1.0 - share)),
        Saving::Censored { .. } => None,
    }
}

/// The expert's time for the saved labels.
pub(super) fn minutes(saving: &LabelSaving, panel: &Panel) -> Option<f64> {
    let each = minutes_per_label(panel)?;
    match saving.saving {
        Saving::Reached(share) => Some(share * saving.reference_labels * each),
        Saving::Censored { .. } => None,
    }
}

fn minutes_per_label(panel: &Panel) -> Option<f64> {
    panel.data.seconds_per_label.map(|seconds| seconds / 60.0)
}

/// What each arm saves, against the reference and against training on all labels.
pub(super) fn savings(panel: &Panel) -> Option<Table> {
    if panel.metric == Metric::Validation {
        return None;
    }
    let (reference, full) = (panel.reference(), panel.full_training());
    let mut table = Table {
        name: format!("{}-savings", panel.slug()),
        caption: caption(reference, full),
        head: [
            "arm",
            "against",
            "seeds",
            "τ",
            "its labels, n_R",
            "labels, n",
            "labels saved",
            "saving, 1 − n/n_R",
            "over",
            "over all targets",
            "of the rise",
        ]
        .map(str::to_owned)
        .to_vec(),
        csv_head: [
            "arm",
            "against",
            "seeds",
            "target",
            "labels_of_the_other",
            "labels",
            "labels_above",
            "saving",
            "saving_below",
            "low",
            "low_below",
            "high",
            "high_below",
            "over",
            "over_all_targets",
            "over_all_targets_low",
            "over_all_targets_high",
            "reached",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    let each = minutes_per_label(panel);
    if each.is_some() {
        table.head.push("expert minutes saved".to_owned());
        let csv = ["minutes_saved", "minutes_saved_low", "minutes_saved_high"];
        table.csv_head.extend(csv.map(str::to_owned));
    }
    for other in reference.into_iter().chain(full) {
        for arm in panel.curves.iter().filter(|arm| arm.name != other.name) {
            let names = [&arm.name, &other.name];
            let mut row = names.map(Value::name).to_vec();
            let mut csv = names.map(String::clone).to_vec();
            match saving(other, arm) {
                Ok(measured) => {
                    row.extend(cells(&measured, each));
                    csv.extend(numbers(&measured, each));
                }
                Err(why) => row.extend([Value::name(""), Value::name(why)]),
            }
            row.resize(table.head.len(), Value::name(""));
            csv.resize(table.csv_head.len(), String::new());
            table.rows.push(row);
            table.csv_rows.push(csv);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn caption(reference: Option<&Arm>, full: Option<&Arm>) -> String {
    let mut text = String::from("Label saving at equal AUC. ");
    if let Some(reference) = reference {
        text += &format!(
            "Against {}: the target τ lies 95 % of the way from its first to its last AUC (isotonic, interpolated in log \
             labels), n_R are the labels that it needs for that, n those that the arm needs. ",
            reference.name
        );
    }
    if let Some(full) = full {
        text += &format!("Against {}: τ is its AUC, and n_R all labels. ", full.name);
    }
    text + "Seeds are those that both have; with fewer than 5 a saving is an anecdote. In brackets 95 % intervals by bootstrap \
            over what the column \"over\" names; those of labels and minutes are the interval of the share, of this n_R. Where \
            an arm ended before it met τ, \"<\" and \"below\" stand before a bound: the saving that it would have had, had it \
            met τ with its last label. Over all targets: the mean distance along the axis of log labels, as a share (or, where more than twice the labels are \
            needed, as their multiple), over that part of the reference's rise that the arm reached at all. It is far steadier than the saving at one τ near the \
            plateau, but an arm that reaches little of the rise is flattered."
}

/// The saving of an arm, in a sentence.
pub(super) fn in_words(measured: &Measured) -> String {
    let saving = measured.saving.saving;
    let told = bounded(saving, percent);
    match saving {
        Saving::Reached(_) => told,
        Saving::Censored { .. } => {
            format!("{told} (not reached with {} labels)", measured.last_labels)
        }
    }
}

/// The two ends of the interval of a saving.
pub(super) fn ends(saving: &LabelSaving) -> Option<String> {
    let interval = saving.interval.as_ref()?;
    Some(reach([interval.low, interval.high], percent))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A number, or `<` and its bound.
fn bounded(saving: Saving, told: impl Fn(f64) -> String) -> String {
    match saving {
        Saving::Reached(share) => told(share),
        Saving::Censored { below } => format!("< {}", told(below)),
    }
}

/// An interval from end to end. Of a censored end only a bound is known.
fn reach([low, high]: [Saving; 2], told: impl Fn(f64) -> String) -> String {
    let end = |saving: Saving| match saving {
        Saving::Reached(share) => told(share),
        Saving::Censored { below } => format!("below {}", told(below)),
    };
    match (low, high) {
        (Saving::Censored { .. }, Saving::Censored { .. }) => end(high),
        _ => format!("{} to {}", end(low), end(high)),
    }
}

/// The explanation of the columns for people.
fn cells(measured: &Measured, minutes: Option<f64>) -> Vec<Value> {
    let saving = &measured.saving;
    let interval = saving.interval.as_ref();
    let of_all = saving.reference_labels;
    let with_interval = |told: &dyn Fn(f64) -> String| {
        let number = bounded(saving.saving, told);
        match interval {
            Some(interval) => {
                format!("{number} ({})", reach([interval.low, interval.high], told))
            }
            None => number,
        }
    };
    let labels = match labels_needed(saving) {
        Some(labels) => format!("{labels:.0}"),
        None => format!("> {}", measured.last_labels),
    };
    let mut share = with_interval(&percent);
    if saving.is_anecdotal() {
        share += ", anecdotal";
    }
    let gap = saving.gap.map_or_else(String::new, |gap| {
        let ends = interval.and_then(|interval| interval.log_ratio);
        ends.map_or_else(
            || rounded(gap.saving()),
            |(low, high)| {
                let [low, high] = [low, high].map(|ratio| rounded(as_share(ratio)));
                format!("{} ({low} to {high})", rounded(gap.saving()))
            },
        )
    });
    let mut cells = vec![
        Value::number(saving.seeds.to_string()),
        Value::number(format!("{:.3}", saving.target)),
        Value::number(format!("{of_all:.0}")),
        Value::number(labels),
        Value::number(with_interval(&|share| format!("{:.0}", share * of_all))),
        Value::number(share),
        Value::name(measured.over),
        Value::number(gap),
        Value::number(
            saving
                .gap
                .map_or_else(String::new, |gap| rounded(gap.reached)),
        ),
    ];
    cells.extend(minutes.map(|each| {
        Value::number(with_interval(&|share| {
            format!("{:.1}", share * of_all * each)
        }))
    }));
    cells
}

/// The saving as a share. If the labels are more than doubled, their multiple instead.
fn rounded(share: f64) -> String {
    match share < -1.0 {
        true => format!("{:.1} × as many", 1.0 - share),
        false => format!("{:.0} %", 100.0 * share),
    }
}

/// The share of labels that a mean distance along their log axis is.
fn as_share(log_ratio: f64) -> f64 {
    -(-log_ratio).exp_m1()
}

/// The same for machines: a number and a bound never share a column.
fn numbers(measured: &Measured, minutes: Option<f64>) -> Vec<String> {
    let saving = &measured.saving;
    let interval = saving.interval.as_ref();
    let needed = labels_needed(saving);
    let reached = |saving: Saving| match saving {
        Saving::Reached(share) => Some(share),
        Saving::Censored { .. } => None,
    };
    let below = |saving: Saving| match saving {
        Saving::Reached(_) => None,
        Saving::Censored { below } => Some(below),
    };
    let both =
        |saving: Option<Saving>| [saving.and_then(reached), saving.and_then(below)].map(plain);
    let (low, high) = (
        interval.map(|interval| interval.low),
        interval.map(|interval| interval.high),
    );
    let ratios = interval.and_then(|interval| interval.log_ratio);
    let mut csv = vec![
        saving.seeds.to_string(),
        plain(Some(saving.target)),
        plain(Some(saving.reference_labels)),
        plain(needed),
        needed.map_or_else(|| measured.last_labels.to_string(), |_| String::new()),
    ];
    csv.extend(both(Some(saving.saving)));
    csv.extend(both(low));
    csv.extend(both(high));
    csv.extend([
        measured.over.to_owned(),
        plain(saving.gap.map(acft::saving::Gap::saving)),
        plain(ratios.map(|ratios| as_share(ratios.0))),
        plain(ratios.map(|ratios| as_share(ratios.1))),
        plain(saving.gap.map(|gap| gap.reached)),
    ]);
    if let Some(each) = minutes {
        for share in [Some(saving.saving), low, high] {
            let share = share.and_then(reached);
            csv.push(plain(
                share.map(|share| share * saving.reference_labels * each),
            ));
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft::saving::TestSet;

    use super::super::sample::{arm, line, panel};
    use super::*;
    use acft_run::signs;

    fn told(table: &Table, row: usize, column: &str) -> String {
        let at = table.head.iter().position(|name| name == column).unwrap();
        table.rows[row][at].text.clone()
    }

    fn csv<'a>(table: &'a Table, row: usize, column: &str) -> &'a str {
        let at = table.csv_head.iter().position(|name| name == column);
        &table.csv_rows[row][at.unwrap()]
    }

    #[test]
    fn an_end_that_is_only_bounded_is_told_as_a_bound() {
        use Saving::{Censored, Reached};
        let below = |below| Censored { below };
        for (ends, expected) in [
            ([Reached(0.1), Reached(0.2)], "10.0 % to 20.0 %"),
            ([Reached(0.1), below(0.2)], "10.0 % to below 20.0 %"),
            ([below(-0.1), Reached(0.2)], "below -10.0 % to 20.0 %"),
            ([below(-0.1), below(0.2)], "below 20.0 %"),
        ] {
            assert_eq!(reach(ends, percent), expected);
        }
    }

    #[test]
    fn more_than_twice_the_labels_are_told_as_a_multiple() {
        for (share, expected) in [(0.25, "25 %"), (-1.0, "-100 %"), (-11.71, "12.7 × as many")] {
            assert_eq!(rounded(share), expected);
        }
    }

    #[test]
    fn a_target_that_is_never_met_gives_a_bound_and_is_as_anecdotal_as_others() {
        let curves = vec![arm("RFT", &[&[(100, 0.6), (400, 0.8)]])];
        let lines = vec![line("full-training", &[&[(2000, 0.97)]])];
        let table = savings(&panel(curves, lines)).unwrap();
        assert_eq!(told(&table, 0, "saving, 1 − n/n_R"), "< 80.0 %, anecdotal");
        assert_eq!(told(&table, 0, "labels, n"), "> 400");
        assert_eq!(told(&table, 0, "labels saved"), "< 1600");
        assert_eq!(csv(&table, 0, "saving"), "");
        assert_eq!(csv(&table, 0, "saving_below"), "0.800000");
        assert_eq!(csv(&table, 0, "labels_above"), "400");
    }

    #[test]
    fn a_bound_is_of_the_seeds_that_both_have() {
        let low: &[(usize, f64)] = &[(100, 0.6), (300, 0.7)];
        let longer: &[(usize, f64)] = &[(100, 0.6), (900, 0.7)];
        let curves = vec![
            arm("RFT", &[&[(100, 0.6), (400, 0.8)]]),
            arm("ACFT(HQ)", &[low, longer]),
        ];
        let table = savings(&panel(curves, vec![])).unwrap();
        assert_eq!(told(&table, 0, "seeds"), "1");
        assert_eq!(told(&table, 0, "labels, n"), "> 300");
        assert_eq!(csv(&table, 0, "labels_above"), "300");
    }

    #[test]
    fn savings_are_told_in_labels_and_minutes_with_their_intervals() {
        let run = |auc: f64| [(100, 0.6), (200, 0.6 + auc), (400, 0.8)];
        let (slow, fast) = ([run(0.05), run(0.06)], [run(0.19), run(0.2)]);
        let curves = vec![
            arm("RFT", &[&slow[0], &slow[1]]),
            arm("ACFT(HQ)", &[&fast[0], &fast[1]]),
        ];
        let mut panel = panel(curves, vec![]);
        panel.data.seconds_per_label = Some(60.0);
        let table = savings(&panel).unwrap();
        let needed: f64 = csv(&table, 0, "labels").parse().unwrap();
        let of_other: f64 = csv(&table, 0, "labels_of_the_other").parse().unwrap();
        let share: f64 = csv(&table, 0, "saving").parse().unwrap();
        assert!((share - (1.0 - needed / of_other)).abs() < 1e-5);
        // A label takes a minute.
        let minutes: f64 = csv(&table, 0, "minutes_saved").parse().unwrap();
        assert!((minutes - (of_other - needed)).abs() < 1e-3);
        for column in ["labels saved", "expert minutes saved", "over all targets"] {
            let told = told(&table, 0, column);
            assert!(
                told.contains(" (") && told.contains(" to "),
                "{column}: {told}"
            );
        }
        assert_eq!(told(&table, 0, "seeds"), "2");
        let low: f64 = csv(&table, 0, "over_all_targets_low").parse().unwrap();
        let high: f64 = csv(&table, 0, "over_all_targets_high").parse().unwrap();
        let mean: f64 = csv(&table, 0, "over_all_targets").parse().unwrap();
        assert!(low <= mean && mean <= high);
    }

    #[test]
    fn too_few_test_groups_leave_the_interval_over_seeds() {
        // Each class of each test set is a group of its own, and no draw has all of them.
        let judged = |seed: u64, first: f64| {
            let test = TestSet {
                classes: 2,
                positive: Some(1),
                labels: &[0, 1],
                groups: &[2 * seed as usize, 2 * seed as usize + 1],
            };
            let rows = [0.6, 0.4, 1.0 - first, first];
            let later = [0.6, 0.4, 0.1, 0.9];
            let steps = [(25, &rows[..]), (50, &later[..])];
            SeedCurve::judged(seed, test, steps).unwrap()
        };
        let many = |first: f64| {
            let mut arm = arm("RFT", &[&[(25, 0.6), (50, 0.7)][..]; 20]);
            for (seed, run) in arm.runs.iter_mut().enumerate() {
                run.curve = judged(seed as u64, first);
            }
            arm
        };
        let (reference, ours) = (many(0.2), many(0.9));
        let measured = saving(&reference, &ours).unwrap();
        assert_eq!(measured.over, "seeds (too few test groups)");
        assert!(measured.saving.interval.is_some());
    }

    #[test]
    fn full_training_is_the_line_that_starts_where_the_arms_do() {
        let mut scratch = line("from-scratch", &[&[(2000, 0.8)]]);
        scratch.runs[0].settings.from_scratch = Some(true);
        let full = line("full-training", &[&[(2000, 0.9)]]);
        let curves = vec![arm("RFT", &[&[(100, 0.6), (400, 0.95)]])];
        let table = savings(&panel(curves, vec![scratch, full])).unwrap();
        assert_eq!(told(&table, 0, "against"), "full-training");
        // Nothing is saved against what has learned nothing.
        let mut dead = line("full-training", &[&[(2000, 0.5)]]);
        dead.runs[0].steps[0].warnings = vec![format!("the {}", signs::DEAD)];
        let curves = vec![arm("RFT", &[&[(100, 0.6), (400, 0.95)]])];
        assert!(savings(&panel(curves, vec![dead])).is_none());
    }

    #[test]
    fn nothing_is_saved_against_an_arm_that_is_no_reference() {
        let of = |name: &str| {
            let mut arm = arm(name, &[&[(25, 0.6), (50, 0.7)]]);
            arm.preset = "acft-hq".to_owned();
            arm.runs[0].settings.query = Some("active".to_owned());
            arm
        };
        let arms = || vec![of("entropy"), of("diversity")];
        assert!(savings(&panel(arms(), vec![])).is_none());
        let mut declared = panel(arms(), vec![]);
        declared.data.contrast = Some(("diversity".to_owned(), "entropy".to_owned()));
        assert_eq!(told(&savings(&declared).unwrap(), 0, "against"), "entropy");
    }
}
