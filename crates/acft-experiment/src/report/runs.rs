//! The progress and the failures of each arm, which no curve shows.

use acft_run::signs;

use super::document::{Table, Value};
use super::panel::{Arm, Panel};

/// A sign of divergence: a part of its text in the records, and its name in the report.
struct Sign {
    part: &'static str,
    name: &'static str,
    meaning: &'static str,
}

const SIGNS: [Sign; 5] = [
    Sign {
        part: signs::DEAD,
        name: "last layer dead",
        meaning: "the loss sticks where a network is that says the same of everything",
    },
    Sign {
        part: signs::ROSE,
        name: "loss rose",
        meaning: "the last epoch's loss is above the first one's",
    },
    Sign {
        part: signs::FELL,
        name: "validation fell",
        meaning: "the validation AUC is far below its best",
    },
    Sign {
        part: signs::ONE_SIDED,
        name: "H one-sided",
        meaning: "nine in ten of the labels that the last network gets wrong are of one class, which the next one is pushed to",
    },
    Sign {
        part: signs::MOST_WRONG,
        name: "most of L wrong",
        meaning: "the last network gets more than half of its labels wrong",
    },
];

/// The sign that a text names; `None` if it is unknown.
fn sign(warning: &str) -> Option<usize> {
    SIGNS.iter().position(|sign| warning.contains(sign.part))
}

/// In how many steps each sign occurred; unknown signs come last.
fn seen(arm: Option<&Arm>) -> [usize; SIGNS.len() + 1] {
    let mut seen = [0; SIGNS.len() + 1];
    for step in arm
        .iter()
        .flat_map(|arm| &arm.runs)
        .flat_map(|run| &run.steps)
    {
        for (at, seen) in seen.iter_mut().enumerate() {
            let is_it = |warning: &String| sign(warning).unwrap_or(SIGNS.len()) == at;
            *seen += usize::from(step.warnings.iter().any(is_it));
        }
    }
    seen
}

/// The table with a row for each arm: runs, steps, signs of divergence.
pub(super) fn table(panel: &Panel) -> Table {
    let arms: Vec<(Option<&Arm>, [usize; SIGNS.len() + 1])> = panel
        .made
        .iter()
        .map(|made| {
            let mut arms = panel.curves.iter().chain(&panel.lines);
            let arm = arms.find(|arm| arm.name == made.arm);
            (arm, seen(arm))
        })
        .collect();
    let names: Vec<&str> = SIGNS
        .iter()
        .map(|sign| sign.name)
        .chain(["other signs"])
        .collect();
    let told: Vec<usize> = (0..names.len())
        .filter(|&at| arms.iter().any(|(_, seen)| seen[at] > 0))
        .collect();
    let mut head = vec!["arm", "finished", "failed", "steps"];
    head.extend(told.iter().map(|&at| names[at]));
    head.push("unreadable");
    let mut csv_head = vec!["arm", "planned", "finished", "failed", "steps"];
    csv_head.extend(&names);
    csv_head.push("unreadable");
    let mut table = Table {
        name: format!("{}-runs", panel.slug()),
        caption: caption(panel, &told),
        head: head.into_iter().map(str::to_owned).collect(),
        csv_head: csv_head
            .into_iter()
            .map(|name| name.replace([' ', '-'], "_").to_lowercase())
            .collect(),
        ..Table::default()
    };
    for (made, (arm, seen)) in panel.made.iter().zip(&arms) {
        let steps = arm
            .iter()
            .flat_map(|arm| &arm.runs)
            .flat_map(|run| &run.steps);
        let unreadable: usize = steps.clone().map(|step| step.unreadable.len()).sum();
        let steps = steps.count();
        let count = |count: usize| {
            Value::number(match count {
                0 => "–".to_owned(),
                count => format!("{count} of {steps}"),
            })
        };
        let mut row = vec![
            Value::name(&made.arm),
            Value::number(format!("{} of {}", made.finished, made.planned)),
            Value::number(made.failed.to_string()),
            Value::number(steps.to_string()),
        ];
        row.extend(told.iter().map(|&at| count(seen[at])));
        row.push(Value::number(unreadable.to_string()));
        table.rows.push(row);
        let counts = [made.planned, made.finished, made.failed, steps];
        let counts = counts.iter().chain(seen).chain([&unreadable]);
        let mut csv = vec![made.arm.clone()];
        csv.extend(counts.map(usize::to_string));
        table.csv_rows.push(csv);
    }
    table
}

fn caption(panel: &Panel, told: &[usize]) -> String {
    let mut text = String::from(
        "The runs that this page is made of, of those that are planned, and what went wrong in them: in how many of their steps a \
         run noted a sign that training diverges",
    );
    let meanings: Vec<String> = told
        .iter()
        .filter_map(|&at| SIGNS.get(at))
        .map(|sign| format!("{}: {}", sign.name, sign.meaning))
        .collect();
    text += &match meanings.is_empty() {
        true => ", which none did.".to_owned(),
        false => format!(" ({}).", meanings.join("; ")),
    };
    text += " Unreadable: candidates that a run could not read, and went on without.";
    if let Some(record) = &panel.record {
        let (left_out, duplicates) = (record.left_out.len(), record.duplicates.len());
        if left_out + duplicates > 0 {
            text += &format!(
                " Of the data, {left_out} files or rows could not be used, and {duplicates} byte-identical copies were dropped; \
                 data.json of a run lists them."
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::panel::Made;
    use super::super::sample::{arm, panel};
    use super::*;
    use acft_run::record::Unreadable;

    #[test]
    fn what_went_wrong_is_told_by_arm_and_sign() {
        let mut ours = arm("ACFT(HQ)", &[&[(25, 0.6), (50, 0.5)], &[(25, 0.6)]]);
        let dead = "the training loss sticks at ln 2: the last layer is dead and learns no more; try a lower --lr";
        let one_sided =
            "68 of the 68 labels that it gets wrong are \"1\": H ∪ Q is one-sided; try --learn lq";
        ours.runs[0].steps[1].warnings = vec![dead.to_owned(), one_sided.to_owned()];
        ours.runs[1].steps[0].warnings = vec![one_sided.to_owned(), "new".to_owned()];
        ours.runs[0].steps[0].unreadable = vec![Unreadable {
            candidate: String::new(),
            key: String::new(),
            reason: String::new(),
        }];
        let mut panel = panel(vec![ours, arm("RFT", &[&[(25, 0.7)]])], vec![]);
        panel.made[0].planned = 4;
        panel.made[0].failed = 1;
        panel.made.push(Made {
            arm: "AFT".to_owned(),
            planned: 2,
            ..Made::default()
        });
        panel.record.as_mut().unwrap().left_out = vec!["a.png: no image".to_owned()];
        let table = table(&panel);
        let rows: Vec<String> = table
            .rows
            .iter()
            .map(|row| {
                let texts: Vec<&str> = row.iter().map(|value| value.text.as_str()).collect();
                texts.join("|")
            })
            .collect();
        assert_eq!(
            table.head.join("|"),
            "arm|finished|failed|steps|last layer dead|H one-sided|other signs|unreadable"
        );
        assert_eq!(
            rows,
            [
                "ACFT(HQ)|2 of 4|1|3|1 of 3|2 of 3|1 of 3|1",
                "RFT|1 of 1|0|1|–|–|–|0",
                "AFT|0 of 2|0|0|–|–|–|0",
            ]
        );
        assert_eq!(table.csv_head[8], "h_one_sided");
        assert!(table.caption.contains("1 files or rows could not be used"));
        assert_eq!(
            table.csv_rows[0].join(","),
            "ACFT(HQ),4,2,1,3,1,0,0,2,0,1,1"
        );
    }

    #[test]
    fn the_signs_of_earlier_builds_are_known() {
        for (warning, name) in [
            (
                "the validation AUC fell to 0.6, its best was 0.9",
                "validation fell",
            ),
            (
                "the training loss rose from 0.1 to 0.2: try a lower --lr",
                "loss rose",
            ),
            (
                "the last network gets 185 of its 340 labels wrong",
                "most of L wrong",
            ),
        ] {
            assert_eq!(SIGNS[sign(warning).unwrap()].name, name);
        }
        assert_eq!(sign("something else"), None);
    }
}
