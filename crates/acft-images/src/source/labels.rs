//! What a label says: the one rule for every file that brings labels.
//!
//! 1. The spaces around it go.
//! 2. An empty cell is no label. Neither is one of [`NO_LABEL`], in any case,
//!    unless a class has that very name.
//! 3. A list, an object, bytes, and true or false are refused.
//! 4. A whole number is one class however it is written: `1`, `1.0` and `1.00`
//!    are the class `1`.
//! 5. Two spellings of one letter in Unicode (composed, or with a combining
//!    mark) are the same.
//!
//! Two classes whose names then differ in case alone are refused, unless they
//! were named as classes (see [`twins`]).

use std::collections::HashMap;

use acft_tables::{Cell, Kind, TableError, shown};
use unicode_normalization::UnicodeNormalization;

/// Words that programs write where there is no value.
pub const NO_LABEL: [&str; 8] = ["nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nat"];

/// What the cell of a label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The cell is empty.
    Nothing,
    /// The cell has a word for nothing, of [`NO_LABEL`].
    Word(String),
    /// The name of a class: one of those that are known where it means one.
    Class(String),
}

impl Said {
    /// Reads a cell by the rule; `known` are the classes that exist already, if any.
    ///
    /// # Errors
    /// The cell holds something that is no label.
    pub fn read(cell: &Cell<'_>, known: Option<&KnownClasses>) -> Result<Self, TableError> {
        if cell.kind() == Kind::Bool {
            let problem = format!(
                "{} is true or false, which names no class; write the name of the class",
                shown(cell.text())
            );
            return Err(cell.error(problem));
        }
        let text = cell.value()?;
        let infinite = || text.parse().is_ok_and(|number: f64| number.is_infinite());
        if cell.kind() == Kind::Number && infinite() {
            return Err(cell.error(format!("{text} is no class; write the name of the class")));
        }
        Ok(Self::of(text, known))
    }

    /// Reads a text by the rule.
    pub fn of(text: &str, known: Option<&KnownClasses>) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        if let Some(class) = known.and_then(|known| known.find(text)) {
            return Self::Class(class.to_owned());
        }
        if NO_LABEL.contains(&text.to_lowercase().as_str()) {
            return Self::Word(text.to_owned());
        }
        Self::Class(settled(text))
    }

    /// The class, if it names one.
    pub fn class(self) -> Option<String> {
        match self {
            Self::Class(class) => Some(class),
            Self::Nothing | Self::Word(_) => None,
        }
    }
}

/// Classes that exist already. A label is one of them if it has its name, or
/// means the same by the rule.
#[derive(Clone, Debug)]
pub struct KnownClasses {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    by_meaning: HashMap<String, usize>,
}

impl KnownClasses {
    /// Takes the names in their order.
    pub fn new(names: &[String]) -> Self {
        let (mut by_name, mut by_meaning) = (HashMap::new(), HashMap::new());
        for (at, name) in names.iter().enumerate() {
            by_name.entry(name.clone()).or_insert(at);
            by_meaning.entry(settled(name)).or_insert(at);
        }
        Self {
            names: names.to_vec(),
            by_name,
            by_meaning,
        }
    }

    fn find(&self, text: &str) -> Option<&str> {
        let exact = self.by_name.get(text);
        let meant = || self.by_meaning.get(&settled(text));
        exact.or_else(meant).map(|at| self.names[*at].as_str())
    }
}

/// The name of a class as it is kept: composed, and a whole number without its fraction.
pub fn settled(text: &str) -> String {
    let text = text.trim();
    if let Some((whole, fraction)) = text.split_once('.')
        && fraction.bytes().all(|digit| digit == b'0')
        && is_whole(whole)
    {
        return if whole == "-0" { "0" } else { whole }.to_owned();
    }
    text.nfc().collect()
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Two names that differ in case, in the form of their letters or in inner
/// spaces alone, if there are any: a person would take them for one class.
pub fn twins<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<[&'a str; 2]> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names {
        let first = *seen.entry(folded(name)).or_insert(name);
        if first != name {
            return Some([first, name]);
        }
    }
    None
}

fn folded(name: &str) -> String {
    let small = name.nfkc().collect::<String>().to_lowercase();
    let words: Vec<&str> = small.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str, known: &[&str]) -> Said {
        let names: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        let known = (!names.is_empty()).then(|| KnownClasses::new(&names));
        Said::of(text, known.as_ref())
    }

    #[test]
    fn a_label_is_settled_by_the_rule() {
        let is = |text: &str, want: &str| {
            assert_eq!(class(text, &[]), Said::Class(want.to_owned()), "{text:?}");
        };
        is(" benign ", "benign");
        is("1", "1");
        is("1.0", "1");
        is("12.", "12");
        is("-1.00", "-1");
        is("-0.0", "0");
        is("0.50", "0.50");
        is("1.5", "1.5");
        is("01", "01");
        is("v1.0", "v1.0");
        is(".0", ".0");
        is("e\u{301}", "\u{e9}");
        for word in ["nan", "NaN", "None", "NULL", "N/A", " na ", "<NA>"] {
            assert!(matches!(class(word, &[]), Said::Word(_)), "{word}");
        }
        assert_eq!(class("  ", &[]), Said::Nothing);
    }

    #[test]
    fn a_known_class_is_found_as_it_is_named() {
        let is = |text: &str, known: &[&str], want: &str| {
            assert_eq!(class(text, known), Said::Class(want.to_owned()), "{text:?}");
        };
        is("none", &["none", "mild"], "none");
        is("1", &["0.0", "1.0"], "1.0");
        is("1.0", &["0", "1"], "1");
        is("1.0", &["1", "1.0"], "1.0");
        is("\u{e9}", &["e\u{301}"], "e\u{301}");
        is("Mild", &["none", "mild"], "Mild");
        assert!(matches!(class("None", &["none"]), Said::Word(_)));
    }

    #[test]
    fn names_that_a_person_takes_for_one_are_twins() {
        assert_eq!(twins(["a", "b"]), None);
        assert_eq!(twins(["a", "b", "a"]), None);
        assert_eq!(twins(["Benign", "m", "benign"]), Some(["Benign", "benign"]));
        assert_eq!(twins(["\u{ff21}", "a"]), Some(["\u{ff21}", "a"]));
        assert_eq!(
            twins(["not  sure", "not sure"]),
            Some(["not  sure", "not sure"])
        );
        assert_eq!(twins(["\u{c9}", "e\u{301}"]), Some(["\u{c9}", "e\u{301}"]));
    }
}
