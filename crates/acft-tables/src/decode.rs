//! Text in UTF-8 or UTF-16, as UTF-8 without its byte-order mark.

use std::io::{self, Read};

/// Bytes that are taken from the file at once.
const CHUNK: usize = 1 << 16;

/// Reads UTF-16 that begins with a byte-order mark as UTF-8, and passes all
/// other bytes on as they are, but for a mark of UTF-8.
pub(crate) struct Decoded<R> {
    inner: R,
    encoding: Encoding,
    /// What is ready to be read, from `at`.
    ready: Vec<u8>,
    at: usize,
    /// The half of a unit, or of a pair of them, that waits for the other.
    half: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

impl<R: Read> Decoded<R> {
    /// Looks for a byte-order mark.
    pub(crate) fn new(mut inner: R) -> io::Result<Self> {
        let mut start = Vec::new();
        inner.by_ref().take(4).read_to_end(&mut start)?;
        let (encoding, mark) = match start.as_slice() {
            [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => {
                return Err(damaged("UTF-32, which is not read: save it as UTF-8"));
            }
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16(u16::from_le_bytes), 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16(u16::from_be_bytes), 2),
            _ => (Encoding::Utf8, 0),
        };
        start.drain(..mark);
        let mut decoded = Self {
            inner,
            encoding,
            ready: Vec::new(),
            at: 0,
            half: Vec::new(),
        };
        match encoding {
            Encoding::Utf8 => decoded.ready = start,
            Encoding::Utf16(_) => decoded.half = start,
        }
        Ok(decoded)
    }

    /// Decodes the next units; false at the end of the file.
    fn decode(&mut self, unit: fn([u8; 2]) -> u16) -> io::Result<bool> {
        self.ready.clear();
        self.at = 0;
        let before = self.half.len();
        let mut bytes = std::mem::take(&mut self.half);
        let mut chunk = self.inner.by_ref().take(CHUNK as u64);
        let is_end = chunk.read_to_end(&mut bytes)? == 0;
        if is_end && before == 0 {
            return Ok(false);
        }
        let mut units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        let mut kept = bytes.len() % 2;
        if units
            .last()
            .is_some_and(|last| (0xd800..0xdc00).contains(last))
            && !is_end
        {
            units.pop();
            kept += 2;
        }
        if is_end && kept > 0 {
            return Err(damaged("UTF-16 of an odd number of bytes"));
        }
        self.half = bytes.split_off(bytes.len() - kept);
        for character in char::decode_utf16(units) {
            let character = character.map_err(|_| damaged("not valid UTF-16"))?;
            let mut utf8 = [0; 4];
            self.ready
                .extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        }
        Ok(true)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() {
            match self.encoding {
                Encoding::Utf8 => return self.inner.read(buffer),
                Encoding::Utf16(unit) => {
                    if !self.decode(unit)? {
                        return Ok(0);
                    }
                }
            }
        }
        let count = buffer.len().min(self.ready.len() - self.at);
        buffer[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decoded(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Decoded::new(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_text_is_the_same_in_every_encoding() {
        for text in ["", "a", "ü,𝄞\n", &"𝄞é".repeat(50_000)] {
            let mut marked = b"\xef\xbb\xbf".to_vec();
            marked.extend_from_slice(text.as_bytes());
            let mut little = b"\xff\xfe".to_vec();
            little.extend(utf16(text, u16::to_le_bytes));
            let mut big = b"\xfe\xff".to_vec();
            big.extend(utf16(text, u16::to_be_bytes));
            for bytes in [text.as_bytes(), &marked, &little, &big] {
                assert_eq!(decoded(bytes).unwrap(), text);
            }
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for (bytes, want) in [
            (&b"\xff\xfea\0b"[..], "odd number"),
            (b"\xff\xfe\0\xd8", "not valid UTF-16"),
            (b"\xff\xfe\0\xdca\0", "not valid UTF-16"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        ] {
            let error = decoded(bytes).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
