//! Several backups of a project in one folder, of which the last are kept.

use std::fs;
use std::path::{Path, PathBuf};

use acft_server::now;
use anyhow::Context;

use super::{LIST, Made, PREFIX, make};
use crate::moment::iso;
use crate::open::name;
use crate::staging::{Staging, sweep};

/// Backups of one project in one folder, named by the moment of each.
pub struct Series<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The folder of the backups.
    pub to: &'a Path,
    /// How many are kept, at least 1.
    pub keep: usize,
}

impl Series<'_> {
    /// Makes one more backup, and then removes those that are too many.
    ///
    /// # Errors
    /// As [`make`]; nothing was removed then.
    pub fn next(&self) -> anyhow::Result<Made> {
        fs::create_dir_all(self.to)
            .with_context(|| format!("cannot make the folder {}", self.to.display()))?;
        let before = self.all().pop();
        let made = make(self.root, &self.free_name(), before.as_deref())?;
        self.prune(&made.place);
        Ok(made)
    }

    /// The backups that are there, oldest first.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        let start = format!("{}-", name(self.root));
        within(self.to, |name| {
            name.strip_prefix(&start).is_some_and(is_moment)
        })
    }

    fn free_name(&self) -> PathBuf {
        let moment: String = iso(now())
            .chars()
            .filter(|letter| *letter != '-' && *letter != ':')
            .collect();
        let name = format!("{}-{moment}", name(self.root));
        let names = (1..10_000).map(|count| match count {
            1 => self.to.join(&name),
            _ => self.to.join(format!("{name}-{count:04}")),
        });
        let last = self.all().pop();
        let is_free = |path: &PathBuf| !path.exists();
        // After the last one, also where that is of this second; a clock that
        // was set back leaves no such name.
        names
            .clone()
            .filter(is_free)
            .find(|path| last.as_ref().is_none_or(|last| path > last))
            .or_else(|| names.clone().find(is_free))
            .unwrap_or_else(|| self.to.join(&name))
    }

    /// A backup that is being removed is none any more, also if a kill comes.
    fn prune(&self, made: &Path) {
        let mut others = self.all();
        others.retain(|place| place != made);
        let too_many = (others.len() + 1).saturating_sub(self.keep.max(1));
        for old in others.iter().take(too_many) {
            if let Ok(staging) = Staging::begin(self.to, PREFIX) {
                let _ = fs::rename(old, staging.path().join("old"));
            }
        }
        sweep(self.to, PREFIX);
    }
}

/// The newest backup in a folder, whichever project it is of.
pub fn newest(folder: &Path) -> Option<PathBuf> {
    let mut all = within(folder, |name| {
        name.match_indices('-')
            .any(|(at, _)| is_moment(&name[at + 1..]))
    });
    // By the moment, which is the end of the name.
    all.sort_by_key(|path| super::read_list(path).map_or_else(|_| String::new(), |list| list.made));
    all.pop()
}

fn within(folder: &Path, is_one: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_one))
        .map(|entry| entry.path())
        .filter(|path| path.join(LIST).is_file())
        .collect();
    found.sort();
    found
}

/// Whether a text is a moment as names have it: 20261130T205500Z, and a number
/// where there are several of one second.
fn is_moment(text: &str) -> bool {
    let (moment, count) = text.split_at_checked(16).unwrap_or((text, ""));
    let is_digit = |letter: u8| letter.is_ascii_digit();
    moment.len() == 16
        && moment.bytes().enumerate().all(|(at, letter)| match at {
            8 => letter == b'T',
            15 => letter == b'Z',
            _ => is_digit(letter),
        })
        && (count.is_empty()
            || count
                .strip_prefix('-')
                .is_some_and(|count| count.len() == 4 && count.bytes().all(is_digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_names_are_known() {
        for (text, known) in [
            ("20261130T205500Z", true),
            ("20261130T205500Z-0002", true),
            ("20261130T205500Z-2", false),
            ("20261130T2055", false),
            ("old", false),
            ("20261130T205500Ä", false),
        ] {
            assert_eq!(is_moment(text), known, "{text}");
        }
    }
}
