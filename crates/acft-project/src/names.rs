//! What an annotator may be called: one rule for the command line, the API and
//! the header of those who say their name without a token.

/// The most characters of a name.
pub const NAME_LIMIT: usize = 64;

/// Names that sign labels which no person gave on the page: labels that came
/// with the data, or from a file; and the program's own.
pub const RESERVED_NAMES: [&str; 3] = ["manifest", "import", "acft"];

/// Why a name is not one that an annotator may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It signs labels that no person gave on the page.
    #[error(
        "{0:?} is what labels are signed with that came with the data or from a file; choose another name"
    )]
    Reserved(String),
    /// It cannot be read, or does not fit into a header and a cell.
    #[error(
        "{0:?} cannot be an annotator's name: use 1 to {NAME_LIMIT} letters, without space around them"
    )]
    Unfit(String),
}

/// The name, if an annotator may be called that.
///
/// # Errors
/// It is reserved, empty, too long, or has characters that cannot be seen.
pub fn annotator_name(name: &str) -> Result<&str, BadName> {
    let is_plain = name.trim() == name && !name.chars().any(is_unseen);
    if !is_plain || !(1..=NAME_LIMIT).contains(&name.chars().count()) {
        let shown = name.chars().take(NAME_LIMIT).collect();
        return Err(BadName::Unfit(shown));
    }
    if RESERVED_NAMES.contains(&name.to_lowercase().as_str()) {
        return Err(BadName::Reserved(name.to_owned()));
    }
    Ok(name)
}

/// Control characters, and those of no width: with one of them a name looks
/// like another.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_taken() {
        let longest = "x".repeat(NAME_LIMIT);
        for name in ["ada", "Jörg Müller", "李", "manifesto", "expert", &longest] {
            assert_eq!(annotator_name(name), Ok(name));
        }
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        for name in ["manifest", "import", "acft", "Manifest", "IMPORT"] {
            assert_eq!(
                annotator_name(name),
                Err(BadName::Reserved(name.to_owned()))
            );
        }
    }

    #[test]
    fn what_cannot_be_seen_or_is_too_long_is_refused() {
        let long = "x".repeat(NAME_LIMIT + 1);
        for name in [
            "",
            " ",
            " ada",
            "ada ",
            "a\nb",
            "a\u{1b}[2Jb",
            "mani\u{200b}fest",
            &long,
        ] {
            assert!(
                matches!(annotator_name(name), Err(BadName::Unfit(_))),
                "{name:?}"
            );
        }
    }
}
