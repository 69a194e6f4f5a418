//! A table or a log on its way to a terminal.

use std::io::{self, Write};

use crate::escaped;

/// Escapes what is written through it. A character whose bytes come in two
/// writes is escaped, or not, as a whole.
pub struct Escaping<W: Write> {
    inner: W,
    /// The first bytes of a character.
    begun: Vec<u8>,
}

impl<W: Write> Escaping<W> {
    /// A writer before `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            begun: Vec::new(),
        }
    }

    /// Writes out whole characters, and bytes that are of none.
    fn pass_on(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.begun);
        for chunk in bytes.utf8_chunks() {
            self.inner.write_all(escaped(chunk.valid()).as_bytes())?;
            let invalid = chunk.invalid();
            let is_last = bytes.ends_with(invalid) && may_go_on(invalid);
            if is_last && std::ptr::eq(invalid.as_ptr_range().end, bytes.as_ptr_range().end) {
                self.begun = invalid.to_vec();
            } else {
                for byte in invalid {
                    write!(self.inner, "\\x{byte:02x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Whether bytes may be the beginning of a character.
fn may_go_on(bytes: &[u8]) -> bool {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 0,
    };
    bytes.len() < length
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        self.pass_on()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for Escaping<W> {
    /// What was begun as a character and never ended is none.
    fn drop(&mut self) {
        for byte in std::mem::take(&mut self.begun) {
            // Whoever flushed it has heard of a disk that is full.
            let _ = write!(self.inner, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(parts: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut writer = Escaping::new(&mut out);
        for part in parts {
            writer.write_all(part).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_character_is_seen_whole_however_it_is_written() {
        let text = "a\u{1b}[0m,é,\u{202e},画\n".as_bytes();
        let expected = "a\\u{1b}[0m,é,\\u{202e},画\n";
        assert_eq!(written(&[text]), expected);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(written(&bytes), expected);
    }

    #[test]
    fn bytes_that_are_no_character_are_written_out() {
        assert_eq!(written(&[b"a\xff\x9bb"]), "a\\xff\\x9bb");
        assert_eq!(written(&[b"\xe7", b"\x94", b"b"]), "\\xe7\\x94b");
        assert_eq!(written(&[b"a\xe7\x94"]), "a\\xe7\\x94");
    }
}
