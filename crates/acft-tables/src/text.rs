//! The rows of a CSV file, one after the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ErrorKind};

use super::decode::Decoded;
use super::marks::Marks;
use super::{Header, TableError, separator};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;
/// Bytes in which the header is looked for.
const HEADER: u64 = 1 << 20;

/// The start of the file, which was read to find the separator, and the rest.
type Source = io::Chain<io::Cursor<Vec<u8>>, Decoded<File>>;

/// Reads a file row by row, in memory that does not grow with their number.
pub struct TextRows {
    file: PathBuf,
    reader: csv::Reader<Marks<Source>>,
    header: Header,
    separator: u8,
    record: ByteRecord,
}

/// One row of a CSV file: as many cells as the header has, as they stand there.
#[derive(Clone, Copy, Debug)]
pub struct TextRow<'r> {
    /// Its number, as [the crate](crate) counts.
    pub number: u64,
    record: &'r ByteRecord,
}

impl<'r> TextRow<'r> {
    /// The bytes of a cell, without its quotes. A column that is not there is empty.
    pub fn bytes(&self, column: usize) -> &'r [u8] {
        self.record.get(column).unwrap_or_default()
    }
}

impl TextRows {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, or its header names no columns, or two alike.
    pub fn open(file: &Path) -> Result<Self, TableError> {
        let fail = |error| TableError::read(file, error);
        let mut source = Decoded::new(File::open(file).map_err(fail)?).map_err(fail)?;
        let mut start = Vec::new();
        let mut first = source.by_ref().take(HEADER);
        first.read_to_end(&mut start).map_err(fail)?;
        let is_tsv = file
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
        let blank = start
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let separator = separator::of_header(&start[blank.count()..], is_tsv);
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .buffer_capacity(BUFFER)
            .from_reader(Marks::new(io::Cursor::new(start).chain(source)));
        let mut rows = Self {
            file: file.to_owned(),
            reader,
            header: Header::default(),
            separator,
            record: ByteRecord::new(),
        };
        rows.header = rows.read_header()?;
        Ok(rows)
    }

    fn read_header(&mut self) -> Result<Header, TableError> {
        let Some(row) = self.advance()? else {
            let problem = "is empty; it needs a header and a row for each entry";
            return Err(TableError::file(&self.file, problem));
        };
        let mut names = Vec::with_capacity(self.record.len());
        for (column, name) in (1..).zip(&self.record) {
            let name = str::from_utf8(name).map_err(|_| self.not_utf8(row, column))?;
            if name.contains(['\n', '\r']) {
                return Err(self.open_quote(row, column));
            }
            names.push(name);
        }
        Header::new(&self.file, names)
    }

    /// The names of the columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next row; none at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or the row is not sound.
    pub fn next_row(&mut self) -> Result<Option<TextRow<'_>>, TableError> {
        let number = self.advance()?;
        let record = &self.record;
        Ok(number.map(|number| TextRow { number, record }))
    }

    /// Reads the next record, and says its row.
    fn advance(&mut self) -> Result<Option<u64>, TableError> {
        let begin = self.reader.position().byte();
        self.reader.get_mut().begin(begin);
        let read = self.reader.read_byte_record(&mut self.record);
        let end = self.reader.position().byte();
        let marks = self.reader.get_mut();
        let row = marks.row();
        let quotes = marks.quotes(end);
        if !read.map_err(|error| self.fault(row, error))? {
            return Ok(None);
        }
        let has_breaks = memchr::memchr3(b'\n', b'\r', 0, self.record.as_slice()).is_some();
        if has_breaks || quotes > 0 {
            self.check(row, quotes)?;
        }
        Ok(Some(row))
    }

    /// Looks for what a reader of CSV takes without complaint.
    fn check(&self, row: u64, quotes: usize) -> Result<(), TableError> {
        for (column, cell) in (1..).zip(&self.record) {
            if memchr::memchr(0, cell).is_some() {
                let problem = "has a zero byte: the file is damaged, or is no text in UTF-8; \
                               save it as UTF-8";
                return Err(self.at(row, column, problem));
            }
            if memchr::memchr2(b'\n', b'\r', cell).is_some() && self.is_open(cell, quotes) {
                return Err(self.open_quote(row, column));
            }
            let text = cell.trim_ascii_start();
            if text.len() < cell.len() && text.starts_with(b"\"") {
                let problem = "a quote after a space is part of the text, and quotes nothing; \
                               take the space out";
                return Err(self.at(row, column, problem));
            }
        }
        Ok(())
    }

    /// Whether a cell with line breaks may be rows that an open quote swallowed.
    ///
    /// A quote that was left open either has no partner in its record, or ends
    /// the text at a line break, or takes in the separators of at least one row.
    fn is_open(&self, cell: &[u8], quotes: usize) -> bool {
        let is_break = |byte: Option<&u8>| matches!(byte, Some(b'\n' | b'\r'));
        let text = cell.trim_ascii();
        let trimmed_breaks = cell.len() > text.len()
            && (cell.iter().take_while(|byte| byte.is_ascii_whitespace()))
                .chain(
                    cell.iter()
                        .rev()
                        .take_while(|byte| byte.is_ascii_whitespace()),
                )
                .any(|byte| is_break(Some(byte)));
        let separators = memchr::memchr_iter(self.separator, cell).count();
        quotes % 2 == 1 || trimmed_breaks || separators + 1 >= self.record.len()
    }

    fn open_quote(&self, row: u64, column: usize) -> TableError {
        let problem = "a quote is not closed, or the cell has line breaks; close the quote, or \
                       take the line breaks out";
        self.at(row, column, problem)
    }

    fn not_utf8(&self, row: u64, column: usize) -> TableError {
        self.at(row, column, "is not UTF-8; save the file as UTF-8")
    }

    /// A fault of a cell; columns are counted from 1.
    fn at(&self, row: u64, column: usize, problem: &str) -> TableError {
        match self.header.names().get(column - 1) {
            Some(name) if !name.is_empty() => TableError::cell(&self.file, row, name, problem),
            _ => TableError::cell(&self.file, row, &column.to_string(), problem),
        }
    }

    fn fault(&self, row: u64, error: csv::Error) -> TableError {
        match error.into_kind() {
            ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                TableError::row(&self.file, row, format!("{error}; is a quote not closed?"))
            }
            ErrorKind::Io(error) => TableError::read(&self.file, error),
            ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                let problem = format!(
                    "{len} cells where the header has {expected_len}; is a {} missing, or a text \
                     with one not quoted?",
                    separator::name(self.separator)
                );
                TableError::row(&self.file, row, problem)
            }
            other => TableError::file(&self.file, format!("{other:?}")),
        }
    }
}
