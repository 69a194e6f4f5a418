//! What the program prints for people.
//!
//! A file may be called anything, and so may a class, a column or a patient.
//! Printed as it is, such a name can recolour a terminal, rename its window or
//! turn the rest of a line around. So everything that is printed goes through
//! [`escaped`].
//!
//! A crate that prints begins with
//!
//! ```ignore
//! #[macro_use]
//! extern crate acft_terminal;
//! ```
//!
//! and its `print!`, `println!` and `eprintln!` are those of this crate from
//! then on: none of its messages can forget to escape. JSON has escapes of its
//! own ([`json`]); a table that is not for a terminal keeps its bytes
//! ([`Escaping`] is for one that is).

mod macros;
mod writer;

use std::borrow::Cow;
use std::fmt::Write;

pub use writer::Escaping;

/// Whether a terminal shows a character, rather than obeying it.
///
/// New lines and tabs make up messages and tables. Control characters steer
/// terminals. Marks of the direction of writing, and invisible ones, make a
/// text look like another.
pub fn is_shown(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        // Arabic letter mark, directional marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            false
        }
        // Line and paragraph separators, the byte-order mark, the soft hyphen, invisible tags.
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}' => false,
        other => !other.is_control(),
    }
}

/// A text as a terminal may be given it: what it would obey is written out, as
/// in `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut shown, character);
    }
    Cow::Owned(shown)
}

fn push(shown: &mut String, character: char) {
    if is_shown(character) {
        shown.push(character);
    } else {
        shown.extend(character.escape_unicode());
    }
}

/// JSON as a terminal may be given it: the same values, with JSON's own escapes
/// also for what it does not ask to be escaped.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // Such a character stands within a string; between values there is none.
        if is_shown(character) || character == '\r' {
            shown.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // A String takes everything.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, shown) in [
            ("scan 7.png", "scan 7.png"),
            ("Übergröße/画像.png", "Übergröße/画像.png"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
            (
                "\u{1b}[31mred\u{1b}]0;owned\u{7}",
                "\\u{1b}[31mred\\u{1b}]0;owned\\u{7}",
            ),
            ("over\rwritten\u{8}", "over\\u{d}written\\u{8}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            (
                "a\u{2066}b\u{2069}\u{200f}",
                "a\\u{2066}b\\u{2069}\\u{200f}",
            ),
            ("\u{feff}a\u{2028}", "\\u{feff}a\\u{2028}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn json_stays_the_json_that_it_is() {
        let text = "{\"name\": \"a\\u001b\u{202e}\u{7f}\u{e0041}é\"}\n";
        let shown = json(text);
        assert_eq!(
            shown,
            "{\"name\": \"a\\u001b\\u202e\\u007f\\udb40\\udc41é\"}\n"
        );
        // What is printed after that is not escaped again.
        assert_eq!(escaped(&shown), shown);
    }
}
