//! The text of `acft.toml`: read with errors that name the line, written with
//! a comment above each.

use std::path::Path;

use acft_run::bad_input;
use acft_run::settings::{Described, Flags};
use acft_run::toml_text::{line_of, require_known, table, with_line};
use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Labeling, Server};

/// The file's name.
pub(super) const NAME: &str = "acft.toml";

const LABELING: &str = "labeling";
const SERVER: &str = "server";

/// What the file says.
pub(super) struct Parts {
    pub(super) flags: Flags,
    pub(super) labeling: Labeling,
    pub(super) server: Server,
}

/// Reads the file.
pub(super) fn read(path: &Path) -> anyhow::Result<Parts> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| bad_input!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|error| bad_input!("{}: {error:#}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Parts> {
    let mut table = table(text)?;
    let labeling = section(text, &mut table, LABELING)?;
    let server = section(text, &mut table, SERVER)?;
    let known: Vec<String> = settings().into_iter().map(|one| one.name).collect();
    require_known(
        text,
        &table,
        known.iter().map(String::as_str).chain([LABELING, SERVER]),
    )?;
    let flags = table.try_into().map_err(|error| with_line(text, &error))?;
    Ok(Parts {
        flags,
        labeling,
        server,
    })
}

/// Takes a table of the file out; all at its default where it is not there.
fn section<T>(text: &str, table: &mut Table, name: &str) -> anyhow::Result<T>
where
    T: DeserializeOwned + Serialize + Default,
{
    let Some(value) = table.remove(name) else {
        return Ok(T::default());
    };
    let Value::Table(section) = value else {
        return Err(bad_input!(
            "line {}: {name} is a table: write [{name}] on a line of its own, and its settings below",
            line_of(text, name)
        ));
    };
    let known: Vec<&str> = comments(name).iter().map(|(name, _)| *name).collect();
    require_known(text, &section, known.iter().copied())?;
    section.try_into().map_err(|error| with_line(text, &error))
}

/// All of them, in the order of the flags.
fn settings() -> Vec<Described> {
    let mut settings = Flags::described();
    settings.retain(|setting| !OF_NO_PROJECT.contains(&setting.name.as_str()));
    for setting in &mut settings {
        if let Some((_, help)) = HELP.iter().find(|(name, _)| *name == setting.name) {
            setting.help = (*help).to_owned();
        }
        setting.help = setting.help.trim_end_matches('.').replace("--", "");
    }
    settings
}

/// The settings of which a project knows less than a simulation does, and what they are in a project.
pub const HELP: [(&str, &str); 4] = [
    (
        "strategy",
        "rft, aft-lq, acft-q, acft-lq, acft-hq, acft-hq-balanced or rcft-hq [default: acft-lq]",
    ),
    (
        "query",
        "How to query: random or active; with --learn, instead of --strategy",
    ),
    (
        "learn",
        "What to learn from: reset-lq, q, lq, hq or hq-balanced",
    ),
    (
        "criterion",
        "entropy, diversity, or acft, the sum of both (see --lambda1, --lambda2) [default: diversity]",
    ),
];

/// What only a simulation is asked.
const OF_NO_PROJECT: [&str; 13] = [
    "steps",
    "noise",
    "no-validation",
    "no-test",
    "test-patches",
    "pool",
    "out",
    "first-query",
    "first-steps",
    "gamma",
    "axes",
    "neighbors",
    "features",
];

/// What the settings of the two tables are.
fn comments(table: &str) -> &'static [(&'static str, &'static str)] {
    match table {
        LABELING => &[
            (
                "every",
                "Fine-tune once there are so many new labels [default: as many as a batch]",
            ),
            (
                "overlap",
                "How many experts label each candidate before its label counts",
            ),
            (
                "show-guess",
                "Show the network's guess after the label is given, or before (which sways experts)",
            ),
            (
                "holdout-one-in",
                "Where the data has no validation labels: one in so many candidates is drawn at random (of few groups, where there are groups) and kept for judging models, and nothing of its group or image is learned from; 0 for none",
            ),
            (
                "holdout-per-class",
                "Judge models once so many of each class are held out; until then every model is used",
            ),
            (
                "tolerance",
                "How much lower the AUC on held-out candidates may be for a new model to be used",
            ),
            (
                "lease-minutes",
                "How long a candidate is kept for the expert who was served it",
            ),
        ],
        _ => &[
            (
                "address",
                "The address to listen on; 0.0.0.0 is everywhere, and needs tokens (acft annotator add)",
            ),
            ("port", "The port"),
            (
                "public-url",
                "The address that a proxy with TLS gives to this server, such as \"https://label.example.org/\": everybody then needs a token (docs/deployment-proxy.md)",
            ),
            (
                "allow-hosts",
                "Names of this machine, beside its addresses, by which /health and /metrics are asked, and by which the page is opened without tokens",
            ),
            (
                "max-connections",
                "How many connections are held at once, as far as the system lets the process open files; the one that is silent longest makes room for a new one",
            ),
            (
                "max-image-mib",
                "The largest image that /api/predict and /api/feedback take, in MiB",
            ),
            (
                "disk-cache-mib",
                "How much of decoded images is kept in cache/, in MiB; 0 keeps nothing, and the folder may be deleted at any time",
            ),
            (
                "backup-to",
                "The folder that backups are made in while the project is served; best on another disk [default: none are made]",
            ),
            (
                "backup-every",
                "How many hours lie between two backups; none is made where nothing has happened since the last",
            ),
            (
                "backup-keep",
                "How many backups are kept; older ones are removed",
            ),
        ],
    }
}

/// Writes the file.
pub(super) fn write(flags: &Flags, labeling: &Labeling, server: &Server) -> anyhow::Result<String> {
    let values = flags.table()?;
    let mut text = String::from(
        "# A project of acft. Change what you like and start the server again; a line\n\
         # that begins with # is not read. The data, the network, its input and\n\
         # patches, and the seed were settled when the project was made: they stand\n\
         # here to be looked up. More images join by `acft add`, and classes are\n\
         # changed by `acft classes`.\n",
    );
    let settings = settings();
    let mut heading = "";
    for setting in &settings {
        if setting.heading != heading {
            heading = &setting.heading;
            text += &format!("\n## {heading}\n");
        }
        text += &line(&setting.name, values.get(&setting.name), &setting.help)?;
    }
    for (name, table) in [
        (LABELING, Table::try_from(labeling)?),
        (SERVER, Table::try_from(server)?),
    ] {
        text += &format!("\n[{name}]\n");
        for (setting, comment) in comments(name) {
            text += &line(setting, table.get(*setting), comment)?;
        }
    }
    Ok(text)
}

/// A comment and the setting; what has no value is there to be filled in.
fn line(name: &str, value: Option<&Value>, comment: &str) -> anyhow::Result<String> {
    let mut text = wrapped(comment);
    match value {
        Some(value) => {
            let one = Table::from_iter([(name.to_owned(), value.clone())]);
            text += &toml::to_string(&one).context("a setting cannot be written")?;
        }
        None => text += &format!("# {name} =\n"),
    }
    Ok(text)
}

/// A comment in lines that fit.
fn wrapped(comment: &str) -> String {
    const WIDTH: usize = 78;
    let mut text = String::from("#");
    let mut column = 1;
    for word in comment.split_whitespace() {
        if column + 1 + word.chars().count() > WIDTH {
            text += "\n#";
            column = 1;
        }
        text += " ";
        text += word;
        column += 1 + word.chars().count();
    }
    text + "\n"
}
