//! Files of settings that people write: errors name the line.

use toml::Table;

use crate::cli::bad_input;

/// The file as a table.
pub(crate) fn table(text: &str) -> anyhow::Result<Table> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        bad_input!("line {line}: {}", error.message())
    })
}

/// What was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(other, word);
    known
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
}

/// Refuses a setting that is not known, with the nearest that is.
pub(crate) fn require_known<'a>(
    text: &str,
    table: &Table,
    known: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Result<()> {
    for name in table.keys() {
        if known.clone().any(|other| other == name) {
            continue;
        }
        let nearest = nearest(name, known.clone());
        return Err(bad_input!(
            "line {}: there is no setting {name:?}; did you mean {nearest:?}?",
            line_of(text, name)
        ));
    }
    Ok(())
}

/// A value of the wrong kind; TOML's message ends in the setting's name.
pub(crate) fn told(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = error.to_string();
    let message = message.trim().replace('\n', " ");
    let name = message.rsplit('`').nth(1).unwrap_or_default();
    bad_input!("line {}: {message}", line_of(text, name))
}

/// The line on which a setting is set, from 1.
pub(crate) fn line_of(text: &str, name: &str) -> usize {
    // By itself, in a dotted key, or in a table on one line.
    let sets = |line: &&str| {
        let line = line.split('#').next().unwrap_or_default();
        line.match_indices(name).any(|(at, _)| {
            let begins = line[..at].chars().next_back();
            let begins = begins.is_none_or(|before| "[.{, ".contains(before));
            begins && line[at + name.len()..].trim_start().starts_with(['=', ']'])
        })
    };
    text.lines()
        .position(|line| sets(&line))
        .map_or(1, |at| at + 1)
}
