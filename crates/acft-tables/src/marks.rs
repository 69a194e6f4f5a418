//! Where lines end and quotes stand in a text that a CSV reader takes in.
//!
//! The reader says at which byte a record begins and ends. The row that people
//! count, and whether a quote was left open, is seen in the bytes alone.

use std::collections::VecDeque;
use std::io::{self, Read};

/// Bytes of one row. A longer one is a quote that was never closed, and what
/// follows it must not fill the memory.
const LONGEST: u64 = 16 << 20;

/// Notes line ends and quotes on the way to the reader.
pub(crate) struct Marks<R> {
    inner: R,
    /// Bytes that went through.
    through: u64,
    /// Where the record begins that is being read.
    begin: u64,
    /// Bytes of line ends, and whether each begins a new row.
    ends: VecDeque<(u64, bool)>,
    quotes: VecDeque<u64>,
    /// The last byte was a carriage return.
    after_return: bool,
    /// The row at `cursor`, from 1.
    row: u64,
    cursor: u64,
}

impl<R: Read> Marks<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            through: 0,
            begin: 0,
            ends: VecDeque::new(),
            quotes: VecDeque::new(),
            after_return: false,
            row: 1,
            cursor: 0,
        }
    }

    /// A record is about to be read from this byte on.
    pub(crate) fn begin(&mut self, at: u64) {
        self.begin = at;
    }

    /// The row of the record that was read from byte `begin` on, behind any
    /// blank lines.
    pub(crate) fn row(&mut self) -> u64 {
        self.cursor = self.cursor.max(self.begin);
        while let Some(&(at, counts)) = self.ends.front()
            && (at < self.begin || at == self.cursor)
        {
            self.ends.pop_front();
            self.row += u64::from(counts);
            self.cursor = self.cursor.max(at + 1);
        }
        self.row
    }

    /// How many quotes stand before byte `end`, and after what was counted before.
    pub(crate) fn quotes(&mut self, end: u64) -> usize {
        let mut count = 0;
        while self.quotes.front().is_some_and(|at| *at < end) {
            self.quotes.pop_front();
            count += 1;
        }
        count
    }
}

impl<R: Read> Read for Marks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.through.saturating_sub(self.begin) > LONGEST {
            let problem = format!("a row of more than {LONGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        let count = self.inner.read(buffer)?;
        let mut after_return = self.after_return.then_some(self.through);
        for at in memchr::memchr3_iter(b'\n', b'\r', b'"', &buffer[..count]) {
            let place = self.through + at as u64;
            match buffer[at] {
                b'"' => self.quotes.push_back(place),
                b'\r' => {
                    self.ends.push_back((place, true));
                    after_return = Some(place + 1);
                }
                _ => self.ends.push_back((place, after_return != Some(place))),
            }
        }
        self.through += count as u64;
        if count > 0 {
            self.after_return = after_return == Some(self.through);
        }
        Ok(count)
    }
}
