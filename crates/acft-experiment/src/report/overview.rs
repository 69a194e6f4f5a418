//! The beginning of the page, for people who have not read the paper: the result on each data in a sentence or two, and
//! the meaning of the names of the arms.

use acft::saving::FEWEST_SEEDS;
use acft_run::settings::Flags;

use super::curves::{count_seeds, last};
use super::document::{Table, Value};
use super::panel::{Arm, Metric, Panel};
use super::savings::{Measured, estimate, labels_needed};

/// The explanation before the first number that needs it.
pub(super) const ALC: &str = "ALC is the area under the learning curve divided by its range of labels: the mean AUC along the way.";

/// The result on some data, in sentences.
pub(super) fn plainly(panel: &Panel) -> String {
    let title = panel.title();
    if panel.curves.is_empty() {
        return format!("{title}: no curve is finished yet.");
    }
    let metric = panel.metric.name();
    let Some((reference, end)) = panel
        .reference()
        .and_then(|reference| Some((reference, last(reference)?)))
    else {
        return without_reference(panel);
    };
    let whose = match reference.queries_at_random() {
        true => format!("{}, which asks for labels at random,", reference.name),
        false => reference.name.clone(),
    };
    let mut text = format!(
        "{title}: {whose} ends at a {metric} of {:.3} with {} labels ({}).",
        end.mean,
        reference.last_labels(),
        count_seeds(end.seeds)
    );
    if panel.metric == Metric::Validation {
        return text + " No test label was read, and so no saving is told.";
    }
    let others = panel.curves.iter().filter(|arm| arm.name != reference.name);
    let measured: Vec<_> = others.map(|arm| (arm, estimate(reference, arm))).collect();
    let whole = measured.iter().flat_map(|(_, measured)| measured);
    let Some(widest) = whole.max_by_key(|measured| measured.seeds.len()) else {
        return text;
    };
    let (target, labels) = (widest.saving.target, widest.saving.reference_labels);
    text += &match widest.rises {
        true => {
            format!(
                " For 95 % of its rise, a {metric} of {target:.3}, it needs {labels:.0} labels."
            )
        }
        false => format!(
            " Its curve does not rise: others are held against the {metric} of {target:.3} that it has with {labels:.0} labels."
        ),
    };
    // What is to be met is the reference's, of the seeds that an arm has in common with it.
    let of_others = |measured: &Measured| match measured.seeds == widest.seeds {
        true => String::new(),
        false => format!(
            " (for {:.3}{}, of {} in common)",
            measured.saving.target,
            if measured.rises || !widest.rises {
                ""
            } else {
                ", above which the other does not rise"
            },
            count_seeds(measured.seeds.len())
        ),
    };
    let told: Vec<String> = measured
        .iter()
        .map(|(arm, measured)| match measured {
            None => format!("{} has no seed in common with it", arm.name),
            Some(measured) => {
                let how_many = match labels_needed(&measured.saving) {
                    Some(labels) => format!("needs {labels:.0}"),
                    None => format!("does not get there with {}", measured.last_labels),
                };
                format!("{} {how_many}{}", arm.name, of_others(measured))
            }
        })
        .collect();
    text += &format!(" {}.", told.join("; "));
    let seeds = widest.seeds.len();
    if seeds < FEWEST_SEEDS {
        text += &format!(" {}: too few to tell this from luck.", count_seeds(seeds));
    }
    text
}

/// The sentence on the last value of each arm.
fn without_reference(panel: &Panel) -> String {
    let ends = panel.curves.iter().filter_map(last);
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| {
        (low.min(end.mean), high.max(end.mean))
    });
    let labels = panel.curves.iter().map(Arm::last_labels).max();
    let seeds = panel.curves.iter().map(|arm| arm.runs.len()).max();
    format!(
        "{}: the arms end at a {} of {low:.3} to {high:.3} with {} labels (up to {}). None that queries at random is here, so that \
         nothing tells what others save.",
        panel.title(),
        panel.metric.name(),
        labels.unwrap_or_default(),
        count_seeds(seeds.unwrap_or_default())
    )
}

/// The key of the arms: how each queries and learns; `None` without a run.
pub(super) fn key(panels: &[Panel]) -> Option<Table> {
    let mut table = Table {
        name: "arms".to_owned(),
        caption: "What the names of the arms stand for. Q: the labels that a step asks for; L: those of the steps before; H: those \
                  of L that the last network gets wrong; M_0: the network before the first label. The settings of each data are \
                  told with it."
            .to_owned(),
        head: ["arm", "asks for labels", "starts each step from", "learns from"]
            .map(str::to_owned)
            .to_vec(),
        csv_head: ["arm", "asks", "starts_from", "learns_from"].map(str::to_owned).to_vec(),
        ..Table::default()
    };
    let arms = panels.iter().flat_map(|panel| {
        let lines = panel.lines.iter().map(|line| (line, true));
        panel.curves.iter().map(|arm| (arm, false)).chain(lines)
    });
    for (arm, is_line) in arms {
        let known = table.csv_rows.iter().any(|row| row[0] == arm.name);
        if !known && let Some(row) = row(arm, is_line) {
            table.rows.push(row.iter().map(Value::name).collect());
            table.csv_rows.push(row.to_vec());
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn row(arm: &Arm, is_line: bool) -> Option<[String; 4]> {
    let flags = &arm.runs.first()?.settings;
    let beginning = match flags.from_scratch {
        Some(true) => "M_0, random weights",
        _ => "M_0, pre-trained",
    };
    let (start, learns) = match flags.learn.as_deref() {
        Some("reset-lq") | None => (beginning, "L ∪ Q, all labels so far"),
        Some("q") => ("the last network", "Q, the new labels alone"),
        Some("head") => (
            "the last head, on a network that stays",
            "L ∪ Q, all labels so far",
        ),
        Some("lq") => ("the last network", "L ∪ Q, all labels so far"),
        Some("hq") => ("the last network", "H ∪ Q"),
        Some("hq-balanced") => (
            "the last network",
            "H ∪ Q, and others of L that even the classes out",
        ),
        Some(other) => ("the last network", other),
    };
    let (asks, learns) = match is_line {
        true => ("for all at once".to_owned(), "all labels of the pool"),
        false => (asks(flags), learns),
    };
    Some([arm.name.clone(), asks, start.to_owned(), learns.to_owned()])
}

fn asks(flags: &Flags) -> String {
    let how = |query: &str| match query {
        "random" => "at random".to_owned(),
        "active" => {
            let mut text = format!(
                "where predictions are least settled, by {}",
                flags.criterion.as_deref().unwrap_or("a criterion")
            );
            if let Some(alpha) = flags.alpha.filter(|alpha| *alpha < 1.0) {
                text += &format!(" of the surest {:.0}\u{a0}% of patches", 100.0 * alpha);
            }
            if let Some(omega) = flags.omega.filter(|omega| *omega > 1.0) {
                text += &format!(", drawn from the {omega}\u{a0}×\u{a0}batch that stand highest");
            }
            text
        }
        other => format!("by {other}"),
    };
    let query = how(flags.query.as_deref().unwrap_or("random"));
    match flags.first_query.as_deref().map(how) {
        Some(first) if first != query => format!("first {first}, then {query}"),
        _ => query,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, line, panel};
    use super::*;

    #[test]
    fn what_came_of_the_data_is_told_in_labels() {
        let rising: &[(usize, f64)] = &[(100, 0.6), (200, 0.7), (400, 0.9)];
        let curves = vec![
            arm("RFT", &[rising, rising]),
            arm("ACFT(HQ)", &[&[(100, 0.95)]]),
            arm("ACFT(Q)", &[&[(100, 0.6), (300, 0.7)], &[(100, 0.5)]]),
        ];
        assert_eq!(
            plainly(&panel(curves, vec![])),
            "lung: RFT, which asks for labels at random, ends at a test AUC of 0.900 with 400 labels (2 seeds). For 95 % of its \
             rise, a test AUC of 0.885, it needs 380 labels. ACFT(HQ) needs 100 (for 0.885, of 1 seed in common); ACFT(Q) does not get there \
             with 300. 2 seeds: too few to tell this from luck."
        );
        let active = arm("ACFT(HQ)", &[rising]);
        assert_eq!(
            plainly(&panel(vec![active], vec![])),
            "lung: the arms end at a test AUC of 0.900 to 0.900 with 400 labels (up to 1 seed). None that queries at random is \
             here, so that nothing tells what others save."
        );
        assert!(plainly(&panel(vec![], vec![])).contains("no curve is finished"));
    }

    #[test]
    fn each_arm_is_held_to_the_target_of_the_seeds_that_it_has() {
        let (low, high) = ([(100, 0.6), (400, 0.7)], [(100, 0.8), (400, 0.9)]);
        let mut of_seed_1 = arm("ACFT(Q)", &[&high, &high]);
        of_seed_1.runs.remove(0);
        let curves = vec![
            arm("RFT", &[&low, &high]),
            of_seed_1,
            arm(
                "ACFT(HQ)",
                &[&[(100, 0.6), (700, 0.65)], &[(100, 0.6), (500, 0.65)]],
            ),
        ];
        let text = plainly(&panel(curves, vec![]));
        assert!(
            text.contains(
                "a test AUC of 0.795, it needs 373 labels. ACFT(Q) needs 373 (for 0.895, of 1 seed in common); ACFT(HQ) does not \
                 get there with 700."
            ),
            "{text}"
        );
    }

    #[test]
    fn a_reference_that_does_not_rise_sets_no_target_of_its_rise() {
        let curves = vec![
            arm("RFT", &[&[(100, 0.8), (400, 0.6)]]),
            arm("ACFT(HQ)", &[&[(100, 0.6), (400, 0.9)]]),
        ];
        let text = plainly(&panel(curves, vec![]));
        let expected = "Its curve does not rise: others are held against the test AUC of 0.700 that it has with 100 labels. ACFT(HQ) \
                        needs 159.";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn the_key_says_how_each_arm_asks_and_learns() {
        let points: &[&[(usize, f64)]] = &[&[(100, 0.6)]];
        let mut ours = arm("ACFT(HQ)", points);
        let settings = &mut ours.runs[0].settings;
        settings.learn = Some("hq".to_owned());
        settings.criterion = Some("diversity".to_owned());
        settings.alpha = Some(0.25);
        settings.omega = Some(5.0);
        settings.first_query = Some("random".to_owned());
        let table = key(&[panel(vec![ours], vec![line("full-training", points)])]).unwrap();
        let rows: Vec<String> = table.csv_rows.iter().map(|row| row.join("|")).collect();
        assert_eq!(
            rows,
            [
                "ACFT(HQ)|first at random, then where predictions are least settled, by diversity of the surest 25\u{a0}% of patches, drawn from the \
                 5\u{a0}×\u{a0}batch that stand highest|the last network|H ∪ Q",
                "full-training|for all at once|M_0, pre-trained|all labels of the pool",
            ]
        );
        assert!(key(&[panel(vec![], vec![])]).is_none());
    }
}
