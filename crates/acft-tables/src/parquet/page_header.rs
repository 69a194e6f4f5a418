//! What the header of a page claims, read without unpacking the page.
//!
//! The header is a struct of Thrift's compact protocol. Only its sizes are
//! wanted; all else is passed over.

use std::io::{self, Read};

/// The sizes that a page's header claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    /// Bytes when unpacked.
    pub(super) unpacked: u64,
    /// Bytes in the file, behind the header.
    pub(super) packed: u64,
    /// Values, nulls included.
    pub(super) values: u64,
}

/// Structures within structures; a page's header has three.
const DEEPEST: u8 = 16;

/// Types of the compact protocol.
mod kind {
    pub(super) const STOP: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const STRUCT: u8 = 12;
}

/// Reads the header of the page that begins here.
pub(super) fn read(source: &mut impl Read) -> io::Result<Claim> {
    let mut claim = Claim::default();
    let mut thrift = Thrift { source };
    let mut last = 0;
    while let Some((id, kind)) = thrift.field(&mut last)? {
        match (id, kind) {
            (2, kind::I32) => claim.unpacked = thrift.size()?,
            (3, kind::I32) => claim.packed = thrift.size()?,
            // The headers of data pages and of the dictionary.
            (5 | 7 | 8, kind::STRUCT) => claim.values = thrift.values()?,
            _ => thrift.skip(kind, DEEPEST)?,
        }
    }
    Ok(claim)
}

struct Thrift<'a, R> {
    source: &'a mut R,
}

impl<R: Read> Thrift<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    /// A number that cannot be negative.
    fn size(&mut self) -> io::Result<u64> {
        let zigzag = self.varint()?;
        if zigzag & 1 == 1 {
            return Err(damaged());
        }
        Ok(zigzag >> 1)
    }

    /// The next field of a struct: its number and its type; none at the end.
    fn field(&mut self, last: &mut i64) -> io::Result<Option<(i64, u8)>> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0xf);
        if kind == kind::STOP {
            return Ok(None);
        }
        *last = match delta {
            0 => i64::try_from(self.size()?).map_err(|_| damaged())?,
            delta => last.saturating_add(i64::from(delta)),
        };
        Ok(Some((*last, kind)))
    }

    /// The first field of a struct, which counts its values.
    fn values(&mut self) -> io::Result<u64> {
        let (mut last, mut values) = (0, 0);
        while let Some((id, kind)) = self.field(&mut last)? {
            match (id, kind) {
                (1, kind::I32) => values = self.size()?,
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        Ok(values)
    }

    fn skip(&mut self, kind: u8, depth: u8) -> io::Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(damaged)?;
        match kind {
            kind::TRUE | kind::FALSE => Ok(()),
            kind::BYTE => self.byte().map(drop),
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(drop),
            kind::DOUBLE => self.pass(8),
            kind::BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            kind::LIST | kind::SET => {
                let byte = self.byte()?;
                let count = match byte >> 4 {
                    15 => self.varint()?,
                    few => u64::from(few),
                };
                match byte & 0xf {
                    // In a list these take a byte each.
                    kind::TRUE | kind::FALSE => self.pass(count),
                    kind => (0..count).try_for_each(|_| self.skip(kind, depth)),
                }
            }
            kind::STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            _ => Err(damaged()),
        }
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.source.by_ref().take(bytes), &mut io::sink())?;
        match passed == bytes {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the header of a page is damaged",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_sizes_are_found_among_other_fields() {
        let header = [
            0x15, 0x00, // 1: type
            0x15, 0x80, 0x10, // 2: unpacked, 1024
            0x15, 0xc8, 0x01, // 3: packed, 100
            0x2c, // 5: the header of a data page
            0x15, 0x14, // 1: values, 10
            0x15, 0x00, // 2: encoding
            0x3c, 0x18, 0x02, b'a', b'b', 0x00, // 5: statistics
            0x00, 0x00,
        ];
        let claim = Claim {
            unpacked: 1024,
            packed: 100,
            values: 10,
        };
        assert_eq!(read(&mut &header[..]).unwrap(), claim);
        for cut in 0..header.len() {
            assert!(read(&mut &header[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_negative_size_or_a_bottomless_structure_is_refused() {
        assert!(read(&mut &[0x25, 0x01, 0x00][..]).is_err());
        assert!(read(&mut &[0x1c; 100][..]).is_err());
        assert!(read(&mut &[0x99, 0xf9, 0xff, 0xff][..]).is_err());
    }
}
