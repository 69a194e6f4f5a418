//! The names of a table's columns.

use std::collections::HashMap;
use std::path::Path;

use super::TableError;

/// More columns than any table that people make; a file that claims more is damaged.
const MOST: usize = 100_000;

/// The names of a table's columns, in order. A name may be empty: spreadsheets
/// and data frames write columns without one. Such a column is never found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header(Vec<String>);

impl Header {
    /// Takes the names, without the spaces around them.
    ///
    /// # Errors
    /// No column has a name, or two have the same, also in another case.
    pub fn new<S: AsRef<str>>(
        file: &Path,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, TableError> {
        let mut header = Header::default();
        let mut seen = HashMap::new();
        for name in names {
            header.add(file, &mut seen, name.as_ref())?;
        }
        if header.0.iter().all(String::is_empty) {
            return Err(TableError::file(
                file,
                "has no header; its first row must name the columns",
            ));
        }
        Ok(header)
    }

    /// Takes one more name in; `seen` has the place of each name so far.
    pub(crate) fn add(
        &mut self,
        file: &Path,
        seen: &mut HashMap<String, usize>,
        name: &str,
    ) -> Result<usize, TableError> {
        let (name, at) = (name.trim(), self.0.len());
        if at == MOST {
            let problem = format!("has more than {MOST} columns; is it a table?");
            return Err(TableError::file(file, problem));
        }
        self.0.push(name.to_owned());
        if name.is_empty() {
            return Ok(at);
        }
        let Some(first) = seen.insert(name.to_lowercase(), at) else {
            return Ok(at);
        };
        let problem = match self.0[first].as_str() {
            same if same == name => "is there twice; rename or remove one".to_owned(),
            other => format!("is there twice, also as {other}; rename or remove one"),
        };
        Err(TableError::column(file, name, problem))
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The column of that name, in any case.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim().to_lowercase();
        let is_it = |column: &String| !column.is_empty() && column.to_lowercase() == name;
        self.0.iter().position(is_it)
    }

    /// The column of that name, in any case.
    ///
    /// # Errors
    /// There is none; the error lists those that are there.
    pub fn require(&self, file: &Path, name: &str) -> Result<usize, TableError> {
        self.find(name).ok_or_else(|| {
            TableError::file(file, format!("column {name} is missing; {}", self.there()))
        })
    }

    /// The columns that are there, in a few words.
    pub fn there(&self) -> String {
        const SHOWN: usize = 12;
        let shown: Vec<&str> = self.0.iter().take(SHOWN).map(String::as_str).collect();
        match self.0.len().saturating_sub(SHOWN) {
            0 if shown.is_empty() => "it has none".to_owned(),
            0 => format!("it has {}", shown.join(", ")),
            more => format!("it has {} and {more} more", shown.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(names: &[&str]) -> Result<Header, String> {
        Header::new(Path::new("x.csv"), names).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_found_in_any_case_and_a_column_without_one_never() {
        let header = header(&["", " File ", "label", ""]).unwrap();
        assert_eq!(header.find("file"), Some(1));
        assert_eq!(header.find("LABEL "), Some(2));
        assert_eq!(header.find(""), None);
        let error = header.require(Path::new("x.csv"), "key").unwrap_err();
        let want = "x.csv: column key is missing; it has , File, label, ";
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn two_columns_of_one_name_are_refused_also_in_another_case() {
        let want = "x.csv: column label: is there twice; rename or remove one";
        assert_eq!(header(&["label", "a", "label "]).unwrap_err(), want);
        let want = "x.csv: column Label: is there twice, also as label; rename or remove one";
        assert_eq!(header(&["label", "a", "Label"]).unwrap_err(), want);
    }

    #[test]
    fn a_header_without_a_name_is_none() {
        for names in [&[][..], &["", " "]] {
            let error = header(names).unwrap_err();
            assert!(error.contains("has no header"), "{error}");
        }
    }
}
