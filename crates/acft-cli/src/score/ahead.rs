//! Reading a zip entry to its very end, where its checksum is compared.

use std::io::{self, Read};

/// Stays one byte ahead of its reader, so that whoever reads exactly as many
/// bytes as an array has still meets the end of the entry, and with it the
/// error of a checksum that does not match.
pub(super) struct Ahead<R> {
    inner: R,
    /// The byte ahead; none before the start and after the end.
    next: Option<u8>,
    started: bool,
}

impl<R: Read> Ahead<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            next: None,
            started: false,
        }
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut byte = [0];
        self.next = loop {
            match self.inner.read(&mut byte) {
                Ok(0) => break None,
                Ok(_) => break Some(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        Ok(())
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            self.advance()?;
            self.started = true;
        }
        let (Some(next), Some((first, rest))) = (self.next, buffer.split_first_mut()) else {
            return Ok(0);
        };
        let more = self.inner.read(rest)?;
        *first = next;
        self.advance()?;
        Ok(1 + more)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Ends in an error, as a checksum does.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 if !buffer.is_empty() => Err(io::ErrorKind::InvalidData.into()),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn every_byte_comes_once_whatever_the_size_of_the_reads() {
        let bytes: Vec<u8> = (0..100).collect();
        for size in [1, 2, 7, 100, 200] {
            let mut ahead = Ahead::new(&bytes[..]);
            let (mut out, mut chunk) = (Vec::new(), vec![0; size]);
            loop {
                match ahead.read(&mut chunk).unwrap() {
                    0 => break,
                    read => out.extend_from_slice(&chunk[..read]),
                }
            }
            assert_eq!(out, bytes, "reads of {size}");
        }
    }

    #[test]
    fn the_error_at_the_end_is_met_by_a_reader_that_stops_before_it() {
        assert!(Failing(b"1234").read_exact(&mut [0; 4]).is_ok());
        assert!(
            Ahead::new(Failing(b"1234"))
                .read_exact(&mut [0; 4])
                .is_err()
        );
    }
}
