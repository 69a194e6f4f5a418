//! Reads settings files that people write, with errors that name the line.

use toml::Table;

use crate::bad_input;

/// Parses a file.
pub fn table(text: &str) -> anyhow::Result<Table> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        bad_input!("line {line}: {}", error.message())
    })
}

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(other, word);
    known
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
}

/// Refuses an unknown setting, and suggests the nearest known one.
pub fn require_known<'a>(
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

/// Adds the line to TOML's error about a value of the wrong kind. Its message ends in the name
/// of the setting.
pub fn with_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = error.to_string();
    let message = message.trim().replace('\n', " ");
    let name = message.rsplit('`').nth(1).unwrap_or_default();
    bad_input!("line {}: {message}", line_of(text, name))
}

/// The line on which a setting is set, from 1.
pub fn line_of(text: &str, name: &str) -> usize {
    let ends = |rest: &str| rest.trim_start().starts_with(['=', ']']);
    let by_itself = |line: &str| {
        let line = line.trim_start().trim_start_matches('[');
        line.strip_prefix(name).is_some_and(ends)
    };
    // In a dotted key, or in a table on one line.
    let within = |line: &str| {
        let is_one = |before: char| before.is_whitespace() || "[.{,".contains(before);
        let found = |at: usize| line[..at].ends_with(is_one) && ends(&line[at + name.len()..]);
        !line.trim_start().starts_with('#') && line.match_indices(name).any(|(at, _)| found(at))
    };
    text.lines()
        .position(by_itself)
        .or_else(|| text.lines().position(within))
        .map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_setting_is_found_by_itself_first_then_within_a_line() {
        let text = "# rate = 1\nat.rooms.lr = 1\n\tlr = 'x'\nat.lung = { positive = '#1', rate = 2 }\n[[arm]]\nfoster = 1\n";
        for (name, line) in [("lr", 3), ("rate", 4), ("arm", 5), ("ter", 1)] {
            assert_eq!(line_of(text, name), line, "{name}");
        }
    }
}
