//! Where a report may be written.

use std::path::Path;

use acft_run::bad_input;
use acft_run::files::is_temporary;

use super::was_begun;

/// A report replaces an earlier one, and lies in no folder of other things.
pub fn require_report_or_nothing(to: &Path) -> anyhow::Result<()> {
    let is_report = was_begun(to)
        || std::fs::read_to_string(to.join("report.html"))
            .is_ok_and(|page| page.contains("Written by acft "));
    let in_the_way = match std::fs::read_dir(to) {
        _ if is_report => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(bad_input!("cannot use {}: {error}", to.display())),
        // What a kill left of a file that was being written is in nobody's way.
        Ok(mut entries) => entries
            .find(|entry| {
                let name = entry.as_ref().map(std::fs::DirEntry::file_name);
                !name.is_ok_and(|name| is_temporary(&name.to_string_lossy()))
            })
            .transpose()?,
    };
    match in_the_way {
        None => Ok(()),
        Some(entry) => Err(bad_input!(
            "{} is no folder of a report, and not empty (it has {}): choose another one with --to",
            to.display(),
            entry.file_name().display()
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_lies_where_nothing_else_does() {
        let home = tempfile::tempdir().unwrap();
        let to = home.path().join("to");
        require_report_or_nothing(&to).unwrap();
        std::fs::create_dir(&to).unwrap();
        std::fs::write(to.join(".acft-files.txt-1.tmp"), "").unwrap();
        require_report_or_nothing(&to).unwrap();
        std::fs::write(to.join("chapter.tex"), "").unwrap();
        let error = require_report_or_nothing(&to).unwrap_err().to_string();
        assert!(error.contains("(it has chapter.tex)"), "{error}");
        std::fs::write(to.join("report.html"), "of someone else").unwrap();
        std::fs::write(to.join("files.txt"), "chapter.tex\n").unwrap();
        assert!(require_report_or_nothing(&to).is_err());
        // Of one that was cut short: the page is written last.
        std::fs::write(to.join("files.txt"), "tables/alc.csv\n").unwrap();
        require_report_or_nothing(&to).unwrap();
        std::fs::remove_file(to.join("files.txt")).unwrap();
        std::fs::write(to.join("report.html"), "Written by acft 0.1.0.").unwrap();
        require_report_or_nothing(&to).unwrap();
        assert!(require_report_or_nothing(&to.join("report.html")).is_err());
    }
}
