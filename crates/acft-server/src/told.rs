//! Texts that leave the server. Whatever went wrong, an answer names no folder
//! of this machine: texts become [`Told`] on their way out, and only then are
//! they written.

use std::fmt;

use serde::Serialize;

/// A text that names no folder of this machine. The whole of it is in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Told(String);

impl Told {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<String>> From<T> for Told {
    fn from(text: T) -> Self {
        let whole = text.into();
        let told = without_folders(&whole);
        if told != whole {
            tracing::warn!("answered without its folders: {whole}");
        }
        Self(told)
    }
}

/// The name of a candidate as clients see it: a manifest may name files by
/// their whole paths.
pub(crate) fn name(name: &str) -> String {
    match path_at(name, 0) {
        Some(_) => last_part(name).to_owned(),
        None => name.to_owned(),
    }
}

/// Addresses of our own, which begin as a path does.
const OWN: [&str; 5] = ["/api/", "/assets/", "/health", "/metrics", "/openapi.json"];

/// The text with each absolute path cut down to its last part.
fn without_folders(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut before = None;
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if begins_word(before)
            && let Some(end) = path_at(text, at)
        {
            let path = &text[at..end];
            match OWN.iter().any(|own| path.starts_with(own)) {
                true => told += path,
                false => told += last_part(path),
            }
            before = path.chars().next_back();
            at = end;
            continue;
        }
        told.push(letter);
        before = Some(letter);
        at += letter.len_utf8();
    }
    told
}

/// Whether a path may begin behind this letter.
fn begins_word(before: Option<char>) -> bool {
    before.is_none_or(|letter| letter.is_whitespace() || "\"'`([{<=,;:|".contains(letter))
}

/// The end of the absolute path that begins at a place, if one does.
fn path_at(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let root = root_of(rest)?;
    let mut end = at + root;
    for letter in text[end..].chars() {
        let ends = match letter {
            // A folder's name may have a space in it; then more of the path follows.
            ' ' => !goes_on(&text[end + 1..]),
            letter => letter.is_control() || "\"'`)]}>,;:|*?".contains(letter),
        };
        if ends {
            break;
        }
        end += letter.len_utf8();
    }
    (end > at + root).then_some(end)
}

/// How long the root is that a text begins with: `/`, `C:\`, `\\`.
fn root_of(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes {
        [b'/', b'/' | b' ', ..] => None,
        [b'/', ..] => Some(1),
        [b'\\', b'\\', ..] => Some(2),
        [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic() => Some(3),
        _ => None,
    }
}

/// Whether the next word is more of a path.
fn goes_on(text: &str) -> bool {
    let word = text.split([' ', '"', '\'', '`', ':', ',']).next();
    let word = word.unwrap_or_default();
    !word.starts_with(['/', '\\']) && word.contains(['/', '\\'])
}

fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_left_out_and_the_rest_stays() {
        for (whole, told) in [
            (
                "/home/ada/lungs/models/ab12.safetensors is missing: choose another",
                "ab12.safetensors is missing: choose another",
            ),
            (
                "cannot write /srv/p/feedback/x.png: no space",
                "cannot write x.png: no space",
            ),
            (
                "cannot open \"/srv/a b/x.png\" (gone)",
                "cannot open \"x.png\" (gone)",
            ),
            (
                "cannot open /srv/a b/c d/x.png: gone",
                "cannot open x.png: gone",
            ),
            ("in /srv/lungs/, as it was", "in lungs, as it was"),
            (
                r"cannot open C:\Users\ada\x.png: gone",
                "cannot open x.png: gone",
            ),
            (
                r"cannot open \\nas\share\x.png: gone",
                "cannot open x.png: gone",
            ),
            ("error:/tmp/x", "error:x"),
            ("(/tmp/x)", "(x)"),
        ] {
            assert_eq!(without_folders(whole), told);
        }
    }

    #[test]
    fn what_is_no_folder_of_this_machine_stays() {
        for text in [
            "/openapi.json says what each route takes",
            "ask for the next one, or list them with /api/review",
            "GET /api/models lists them; /health and /metrics too",
            "open http://127.0.0.1:8500/ with the server's port",
            "images/case 5.png breaks off",
            "case 3 / case 4",
            "either/or, 1/2 and ../x",
            "",
            "/",
            "Größe /",
        ] {
            assert_eq!(without_folders(text), text);
        }
    }

    #[test]
    fn a_candidate_that_is_named_by_its_path_loses_the_folders() {
        assert_eq!(name("/data/scans/case 1.png"), "case 1.png");
        assert_eq!(name("scans/case 1.png#1,2,3,4"), "scans/case 1.png#1,2,3,4");
        assert_eq!(name("case: /5"), "case: /5");
    }
}
