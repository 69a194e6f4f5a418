//! How a request names a class: by its number or by its name, and never by
//! something that could be either.
//!
//! In JSON a number is the class's number and a text is its name. Behind the
//! question mark everything is a text: `class-number=` is the number,
//! `class-name=` the name, and `class=` either of them, as long as it can mean
//! only one.

use std::fmt;

use acft_project::{ClassId, Ledger};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// A class as a body in JSON names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClassRef {
    Number(i64),
    Name(String),
}

impl ClassRef {
    /// The class of today that is meant.
    pub(crate) fn find(&self, ledger: &Ledger) -> Result<ClassId, Problem> {
        match self {
            Self::Number(number) => numbered(ledger, *number),
            Self::Name(name) => named(ledger, name),
        }
    }
}

impl<'de> Deserialize<'de> for ClassRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = ClassRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class: its number, or its name as a text")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<ClassRef, E> {
                Ok(ClassRef::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<ClassRef, E> {
                Ok(ClassRef::Number(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ClassRef, E> {
                Ok(ClassRef::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A class as the parameters of an address name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassParams {
    /// The number or the name.
    pub(crate) class: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) number: Option<String>,
}

impl ClassParams {
    /// Whether none of them says anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.class.is_none() && self.name.is_none() && self.number.is_none()
    }

    /// The class of today that is meant; none where none is named.
    pub(crate) fn find(&self, ledger: &Ledger) -> Result<Option<ClassId>, Problem> {
        let found = match (&self.class, &self.name, &self.number) {
            (None, None, None) => return Ok(None),
            (Some(text), None, None) => either(ledger, text),
            (None, Some(name), None) => named(ledger, name),
            (None, None, Some(number)) => number_in(ledger, number),
            _ => Err(Problem::malformed(
                "a class is given twice",
                "give one of the parameters class, class-name and class-number",
            )),
        };
        found.map(Some)
    }
}

/// A class of today by its number or its name, where only one can be meant.
fn either(ledger: &Ledger, text: &str) -> Result<ClassId, Problem> {
    let by_name = ledger.classes().named(text);
    if !is_whole_number(text) {
        return by_name.map_or_else(|| named(ledger, text), Ok);
    }
    let by_number = number_in(ledger, text);
    match (by_name, by_number) {
        (Some(named), Ok(numbered)) if named == numbered => Ok(named),
        (None, numbered) if !has_numbers_for_names(ledger) => numbered,
        (named, numbered) => Err(Problem::unprocessable(
            match (named, numbered) {
                (Some(_), Ok(_)) => {
                    format!("class={text} may be the name of one class and the number of another")
                }
                (Some(_), Err(_)) | (None, Ok(_)) => format!(
                    "class={text} may be a name or a number, and classes here have numbers for names"
                ),
                (None, Err(_)) => format!("the project has no class {text:?}"),
            },
            format!(
                "say class-name= or class-number= instead of class=; {}",
                known(ledger)
            ),
        )),
    }
}

/// Whether a whole number is the name of a class that has another number.
fn has_numbers_for_names(ledger: &Ledger) -> bool {
    let classes = ledger.classes();
    let differs = |class: ClassId| {
        let name = classes.name(class);
        is_whole_number(name) && name.parse() != Ok(class.0)
    };
    classes.current().any(differs)
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['+', '-']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn number_in(ledger: &Ledger, text: &str) -> Result<ClassId, Problem> {
    match text.parse() {
        Ok(number) => numbered(ledger, number),
        Err(_) => Err(Problem::unprocessable(
            format!("{text:?} is no class's number"),
            known(ledger),
        )),
    }
}

fn named(ledger: &Ledger, name: &str) -> Result<ClassId, Problem> {
    ledger.classes().named(name).ok_or_else(|| {
        Problem::unprocessable(format!("the project has no class {name:?}"), known(ledger))
    })
}

/// A class of today by its number.
fn numbered(ledger: &Ledger, number: i64) -> Result<ClassId, Problem> {
    let classes = ledger.classes();
    let class = u16::try_from(number).ok().map(ClassId);
    if let Some(class) = class.filter(|class| classes.current().any(|known| known == *class)) {
        return Ok(class);
    }
    let ever = class.filter(|class| class.0 < classes.ever());
    let error = match ever {
        Some(class) => format!(
            "class {number} was merged into {:?}, which is class {}",
            classes.name(classes.today(class)),
            classes.today(class).0
        ),
        None => format!("the project has no class {number}"),
    };
    Err(Problem::unprocessable(error, known(ledger)))
}

fn known(ledger: &Ledger) -> String {
    let classes = ledger.classes();
    let listed: Vec<String> = classes
        .current()
        .map(|class| format!("{} ({})", class.0, classes.name(class)))
        .collect();
    format!("the classes are {}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft_project::{Event, EventId, Moment};

    use super::*;

    fn ledger(names: &[&str]) -> Ledger {
        let mut ledger = Ledger::new(1);
        let mut events = vec![Event::Created {
            seed: 0,
            version: String::new(),
        }];
        events.extend(
            names
                .iter()
                .zip(0..)
                .map(|(name, number)| Event::ClassAdded {
                    class: ClassId(number),
                    name: (*name).to_owned(),
                }),
        );
        for (event, id) in events.iter().zip(1..) {
            ledger.apply(EventId(id), Moment(0), event, &[]).unwrap();
        }
        ledger
    }

    /// What `class=TEXT` means: a class's number, or nothing.
    fn means(names: &[&str], text: &str) -> Option<u16> {
        let params = ClassParams {
            class: Some(text.to_owned()),
            ..ClassParams::default()
        };
        params
            .find(&ledger(names))
            .ok()
            .flatten()
            .map(|class| class.0)
    }

    #[test]
    fn a_text_that_can_mean_one_class_means_it() {
        let plain = ["benign", "malignant"];
        for (text, class) in [
            ("benign", Some(0)),
            ("malignant", Some(1)),
            ("0", Some(0)),
            ("1", Some(1)),
            ("2", None),
            ("-1", None),
            ("Benign", None),
            ("", None),
        ] {
            assert_eq!(means(&plain, text), class, "{text:?}");
        }
        // Names that are the numbers too mean the same either way.
        for (text, class) in [("0", 0), ("1", 1), ("2", 2)] {
            assert_eq!(means(&["0", "1", "2"], text), Some(class));
        }
    }

    #[test]
    fn a_text_that_can_mean_two_things_means_nothing() {
        for names in [
            &["1", "2", "3"][..],
            &["1", "0"],
            &["none", "1", "3", "2"],
            &["0", "10"],
            &["01", "x"],
        ] {
            for text in ["1", "2", "3", "10", "01"] {
                let class = means(names, text);
                // Nothing, or what both the name and the number say.
                let agrees = |class: u16| names.get(usize::from(class)) == Some(&text);
                assert!(class.is_none_or(agrees), "{text} of {names:?} is {class:?}");
            }
        }
        assert_eq!(means(&["none", "1", "3", "2"], "none"), Some(0));
        assert_eq!(means(&["1", "2", "3"], "0"), None);
    }

    #[test]
    fn names_and_numbers_can_always_be_told_apart() {
        let ledger = ledger(&["1", "2", "3"]);
        let by_name = |name: &str| ClassParams {
            name: Some(name.to_owned()),
            ..ClassParams::default()
        };
        let by_number = |number: &str| ClassParams {
            number: Some(number.to_owned()),
            ..ClassParams::default()
        };
        assert_eq!(by_name("1").find(&ledger).unwrap(), Some(ClassId(0)));
        assert_eq!(by_number("1").find(&ledger).unwrap(), Some(ClassId(1)));
        assert_eq!(by_number("3").find(&ledger).unwrap_err().status, 422);
        assert_eq!(by_number("x").find(&ledger).unwrap_err().status, 422);
        assert_eq!(ClassParams::default().find(&ledger).unwrap(), None);
        let both = ClassParams {
            class: Some("1".to_owned()),
            ..by_name("1")
        };
        assert_eq!(both.find(&ledger).unwrap_err().status, 400);

        let said = |json: &str| serde_json::from_str::<ClassRef>(json).unwrap();
        assert_eq!(said("1").find(&ledger).unwrap(), ClassId(1));
        assert_eq!(said("\"1\"").find(&ledger).unwrap(), ClassId(0));
        for (json, status) in [
            ("\"4\"", 422),
            ("3", 422),
            ("-1", 422),
            ("18446744073709551615", 422),
        ] {
            assert_eq!(
                said(json).find(&ledger).unwrap_err().status,
                status,
                "{json}"
            );
        }
        for json in ["1.0", "true", "null", "[1]", "{}", "18446744073709551616"] {
            assert!(serde_json::from_str::<ClassRef>(json).is_err(), "{json}");
        }
    }
}
