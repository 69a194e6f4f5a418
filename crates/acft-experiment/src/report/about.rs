//! The methods: a paragraph to paste, and a table of settings.

use std::collections::BTreeSet;

use acft_run::settings::Flags;

use super::document::{Table, Value};
use super::panel::{Arm, Metric, Panel, Run};
use crate::grid::{Note, VERSION};

/// Data, split, groups, network, seeds, machine, versions, command.
pub(super) fn paragraph(panel: &Panel, command: &str) -> Option<String> {
    let run = panel.any_run()?;
    let settings = &run.settings;
    let record = panel.record.as_ref()?;
    let data = settings.data.as_deref()?;
    let name = data.file_stem().unwrap_or_default().to_string_lossy();
    let pool = match settings.pool {
        Some(pool) if pool < record.pool => format!(
            "a pool of {pool} candidates drawn anew for each seed from {}",
            record.pool
        ),
        _ => format!("a pool of {} candidates", record.pool),
    };
    let judged = match panel.metric {
        Metric::Test => format!("judged on {} test candidates", record.test),
        Metric::Validation => format!(
            "judged on {} validation candidates, no test label read",
            record.validation
        ),
    };
    let views = settings.test_patches.map_or_else(String::new, |patches| {
        format!(" by the mean over {patches} patches of each")
    });
    let groups = match &settings.group_column {
        Some(column) => format!("groups by the column {column}"),
        None => "no groups named beyond what the data itself says".to_owned(),
    };
    let splits = match record.held_out.as_slice() {
        [] => "the splits are those of the data".to_owned(),
        made => format!(
            "splits are made where the data has none, anew for each seed (of the first run: {})",
            made.join(" ")
        ),
    };
    // Of what all labels are worth, where no curve is finished yet.
    let shown = match panel.curves.is_empty() {
        true => &panel.lines,
        false => &panel.curves,
    };
    let seeds: BTreeSet<u64> = shown.iter().flat_map(Arm::seeds).collect();
    let arms: Vec<&str> = shown.iter().map(|arm| arm.name.as_str()).collect();
    let start = match &settings.weights {
        Some(weights) => {
            let name = weights.file_name().unwrap_or_default().to_string_lossy();
            match &record.weights {
                Some(digest) => format!("pre-trained ({name}, BLAKE3 {})", short(digest)),
                None => format!(
                    "pre-trained ({name}; M_0 of the first run has BLAKE3 {})",
                    short(&record.pretrained)
                ),
            }
        }
        None => "randomly initialised".to_owned(),
    };
    let (known, unknown) = noted(panel, Note::machines);
    let machine = match unknown {
        0 => known.join("; "),
        _ if known.is_empty() => "a machine that was not noted".to_owned(),
        runs => format!(
            "{}; {runs} runs on one that was not noted",
            known.join("; ")
        ),
    };
    let commits = match noted(panel, Note::commits) {
        (known, _) if known.is_empty() => "a build that is not known".to_owned(),
        (known, unknown) => told_builds(&known, unknown),
    };
    let arms_runs = || shown.iter().flat_map(|arm| &arm.runs);
    // What differs between arms stands in the table of settings.
    let common = |of: &dyn Fn(&Flags) -> Option<String>| -> String {
        let values: BTreeSet<Option<String>> = arms_runs().map(|run| of(&run.settings)).collect();
        match values.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(value)] => value.clone(),
            [None] => "no set number of".to_owned(),
            _ => "differing".to_owned(),
        }
    };
    let noise = common(&|flags| flags.noise.map(|noise| noise.to_string()));
    let noise = match noise.as_str() {
        "0" => String::new(),
        share => format!(" The simulated expert errs: a share of {share} of the labels is wrong."),
    };
    Some(format!(
        "{} compared on {name}: {pool}, {judged}{views}; {splits}; {groups}; classes {}. Network {} at {} pixels, {start}, its last \
         layer drawn from the seed; patches {}, scored in {}. {} labels a step, {} steps, {} epochs a step, {}, mini-batch {}; \
         the last layer learns at 10 times the rate of the rest, both decay by 0.95 an epoch.{noise} {} ({}). Made with acft \
         {VERSION} ({commits}) on {machine}, from data with the digest {} (of the first run): {command}",
        arms.join(", "),
        record.classes.join(", "),
        common(&|flags| flags.model.map(|model| model.to_string())),
        common(&|flags| flags.input.map(|side| side.to_string())),
        common(&|flags| flags.patches.map(|patches| patches.to_string())),
        common(&|flags| flags.precision.map(|precision| precision.to_string())),
        common(&|flags| flags.batch.map(|batch| batch.to_string())),
        common(&|flags| flags.steps.map(|steps| steps.to_string())),
        common(&|flags| flags.epochs.map(|epochs| epochs.to_string())),
        common(&|flags| flags.optimizer.clone()),
        common(&|flags| flags.minibatch.map(|patches| patches.to_string())),
        match seeds.len() {
            1 => "One seed".to_owned(),
            count => format!("{count} seeds"),
        },
        ranges(&seeds),
        short(&record.digest),
    ))
}

/// The known builds that worked on the runs, each once, and the number of runs with an unknown build.
fn noted<'a>(panel: &'a Panel, of: fn(&'a Note) -> Vec<Option<&'a str>>) -> (Vec<&'a str>, usize) {
    let arms = panel.curves.iter().chain(&panel.lines);
    let of_runs: Vec<_> = arms
        .flat_map(|arm| &arm.runs)
        .map(|run| of(&run.note))
        .collect();
    let unknown = of_runs.iter().filter(|run| run.contains(&None)).count();
    let known: BTreeSet<&str> = of_runs.into_iter().flatten().flatten().collect();
    (known.into_iter().collect(), unknown)
}

fn told_builds(known: &[&str], unknown: usize) -> String {
    let commits = match known {
        [one] => format!("commit {one}"),
        several => format!("commits {}", several.join(", ")),
    };
    match unknown {
        0 => commits,
        1 => format!("{commits}, and 1 run of a build that is not known"),
        runs => format!("{commits}, and {runs} runs of a build that is not known"),
    }
}

/// The warning if the runs are, or may be, of more than one build.
pub(super) fn builds(panel: &Panel) -> Option<String> {
    let (known, unknown) = noted(panel, Note::commits);
    let mut text = String::new();
    if known.len() > 1 || (known.len() == 1 && unknown > 0) {
        text = format!(
            "These runs are of several builds: {}. Builds can differ in the last digits of what a network says, and so \
             in what is asked. ",
            told_builds(&known, unknown)
        );
    }
    let arms = panel.curves.iter().chain(&panel.lines);
    let without = arms
        .flat_map(|arm| &arm.runs)
        .filter(|run| run.note.version.is_empty())
        .count();
    if without > 0 {
        text += &format!(
            "Of {without} of these runs not even the version is known: the note beside their folders is not there."
        );
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}

/// The start of a digest, which is enough to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// The runs that failed, and why: none of them is in a figure.
pub(super) fn failures(panel: &Panel) -> Option<Table> {
    let rows = panel
        .failures
        .iter()
        .map(|failure| {
            let steps = failure.steps.to_string();
            vec![failure.run.clone(), steps, failure.reason.clone()]
        })
        .collect::<Vec<_>>();
    let values = |row: &Vec<String>| {
        let [run, steps, reason] = row.as_slice() else {
            return Vec::new();
        };
        vec![Value::name(run), Value::number(steps), Value::name(reason)]
    };
    (!rows.is_empty()).then(|| Table {
        name: format!("{}-failures", panel.slug()),
        caption: "Runs that failed, and so are in no figure and no other table: seeds that they lack may be those that \
                  were hard. acft experiment run --retry makes those again \
                  that did not come to their end."
            .to_owned(),
        head: ["run", "steps made", "why it failed"].map(str::to_owned).to_vec(),
        rows: rows.iter().map(values).collect(),
        csv_head: ["run", "steps", "reason"].map(str::to_owned).to_vec(),
        csv_rows: rows,
    })
}

/// 0–9, 12.
pub(super) fn ranges(seeds: &BTreeSet<u64>) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for &seed in seeds {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == seed => *end = seed,
            _ => parts.push((seed, seed)),
        }
    }
    let told: Vec<String> = parts
        .iter()
        .map(|(from, to)| match to - from {
            0 => from.to_string(),
            1 => format!("{from}, {to}"),
            _ => format!("{from}–{to}"),
        })
        .collect();
    told.join(", ")
}

/// A setting's name, and how it is told.
type Column = (&'static str, fn(&Flags) -> Option<String>);

/// How the arms ask and learn, and what else they differ in.
pub(super) fn settings(panel: &Panel) -> Table {
    // What a rule does not look at says nothing of it.
    fn active(flags: &Flags) -> bool {
        [&flags.query, &flags.first_query]
            .into_iter()
            .any(|how| how.as_deref() == Some("active"))
    }
    fn continual(flags: &Flags) -> bool {
        tunes(flags) && flags.learn.as_deref() != Some("reset-lq")
    }
    // A head has no rate and no epochs.
    fn tunes(flags: &Flags) -> bool {
        flags.learn.as_deref() != Some("head")
    }
    let columns: [Column; 20] = [
        ("start", |flags| match flags.from_scratch {
            Some(true) => Some("random weights".to_owned()),
            _ => Some("pre-trained".to_owned()),
        }),
        ("query", |flags| flags.query.clone()),
        ("first query", |flags| flags.first_query.clone()),
        ("first steps", |flags| {
            flags.first_steps.map(|value| value.to_string())
        }),
        ("criterion", |flags| {
            flags.criterion.clone().filter(|_| active(flags))
        }),
        ("alpha", |flags| {
            flags
                .alpha
                .filter(|_| active(flags))
                .map(|value| value.to_string())
        }),
        ("omega", |flags| {
            flags
                .omega
                .filter(|_| active(flags))
                .map(|value| value.to_string())
        }),
        ("learn", |flags| flags.learn.clone()),
        ("lr", |flags| {
            flags
                .lr
                .filter(|_| tunes(flags))
                .map(|value| value.to_string())
        }),
        ("lr ratio", |flags| {
            flags
                .lr_ratio
                .filter(|_| continual(flags))
                .map(|value| value.to_string())
        }),
        ("epochs", |flags| {
            flags
                .epochs
                .filter(|_| tunes(flags))
                .map(|value| value.to_string())
        }),
        ("gamma", |flags| {
            flags
                .gamma
                .filter(|_| !tunes(flags))
                .map(|value| value.to_string())
        }),
        ("axes", |flags| {
            flags
                .axes
                .filter(|_| !tunes(flags))
                .map(|value| value.to_string())
        }),
        ("neighbors", |flags| {
            flags
                .neighbors
                .filter(|_| !tunes(flags))
                .map(|value| value.to_string())
        }),
        ("batch", |flags| flags.batch.map(|value| value.to_string())),
        ("patches", |flags| {
            flags.patches.map(|value| value.to_string())
        }),
        ("precision", |flags| {
            flags.precision.map(|value| value.to_string())
        }),
        ("trained in", |flags| {
            flags.train_precision.map(|value| value.to_string())
        }),
        ("noise", |flags| {
            flags
                .noise
                .filter(|noise| *noise > 0.0)
                .map(|value| value.to_string())
        }),
        ("per group", |flags| {
            flags.max_per_group.map(|value| value.to_string())
        }),
    ];
    let arms: Vec<(&str, &Run)> = panel
        .curves
        .iter()
        .chain(&panel.lines)
        .filter_map(|arm| Some((arm.name.as_str(), arm.runs.first()?)))
        .collect();
    let used: Vec<_> = columns
        .into_iter()
        .filter(|(name, of)| {
            let values: BTreeSet<Option<String>> =
                arms.iter().map(|(_, run)| of(&run.settings)).collect();
            // How arms ask and learn is always told, where it says anything of one of them; what else they have in
            // common stands in the paragraph.
            let always = [
                "query",
                "criterion",
                "alpha",
                "omega",
                "learn",
                "lr",
                "lr ratio",
            ];
            values.len() > 1 || always.contains(name) && values != BTreeSet::from([None])
        })
        .collect();
    let mut table = Table {
        name: format!("{}-settings", panel.slug()),
        caption: "How the arms ask and learn, and what else they differ in. The ratio divides the learning rate of continual steps after the first.".to_owned(),
        head: std::iter::once("arm")
            .chain(used.iter().map(|(name, _)| *name))
            .map(str::to_owned)
            .collect(),
        ..Table::default()
    };
    table.csv_head.clone_from(&table.head);
    for (name, run) in arms {
        let values: Vec<String> = std::iter::once(name.to_owned())
            .chain(
                used.iter()
                    .map(|(_, of)| of(&run.settings).unwrap_or_default()),
            )
            .collect();
        table.rows.push(values.iter().map(Value::name).collect());
        table.csv_rows.push(values);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::sample::{line, panel};
    use super::*;

    #[test]
    fn lines_are_told_where_no_curve_is_finished() {
        let mut all = line("full-training", &[&[(2000, 0.9)]]);
        all.runs[0].settings.data = Some("lung".into());
        let text = paragraph(&panel(vec![], vec![all]), "acft");
        let text = text.unwrap_or_default();
        assert!(text.starts_with("full-training compared on lung"), "{text}");
        assert!(text.contains("One seed (0)."), "{text}");
    }

    #[test]
    fn seeds_are_told_as_ranges() {
        for (seeds, told) in [
            (vec![0, 1, 2, 3], "0–3"),
            (vec![0, 1, 5, 7, 8, 9], "0, 1, 5, 7–9"),
            (vec![4], "4"),
        ] {
            assert_eq!(ranges(&seeds.into_iter().collect()), told);
        }
    }
}
