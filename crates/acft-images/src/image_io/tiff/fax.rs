//! CCITT compression, in which pixels are black or white. The tables of codes
//! and Group 4 are the `fax` crate's.

use std::convert::Infallible;

use fax::{BitReader, ByteReader, Color, maps};

use super::super::ImageFault;
use super::directory::damaged;

/// Rows of runs, each beginning at a whole byte.
pub(super) fn huffman(bytes: &[u8], width: u32, rows: usize) -> Result<Vec<u8>, ImageFault> {
    let mut codes = Codes::new(bytes);
    let mut out = Rows::new(width);
    for _ in 0..rows {
        out.push(&codes.row(width)?);
        codes.pass_to_whole_byte();
    }
    Ok(out.bytes)
}

/// Rows of runs, each usually behind an end-of-line code.
pub(super) fn group3(bytes: &[u8], width: u32, rows: usize) -> Result<Vec<u8>, ImageFault> {
    let mut codes = Codes::new(bytes);
    let mut out = Rows::new(width);
    for _ in 0..rows {
        codes.pass_end_of_line()?;
        out.push(&codes.row(width)?);
    }
    Ok(out.bytes)
}

/// Rows as differences to the row above.
pub(super) fn group4(bytes: &[u8], width: u32, rows: usize) -> Result<Vec<u8>, ImageFault> {
    let side = |pixels: usize| u16::try_from(pixels).map_err(|_| ImageFault::Truncated);
    let width16 = side(width as usize)?;
    let reader = bytes.iter().copied().map(Result::<u8, Infallible>::Ok);
    let Ok(mut decoder) = fax::decoder::Group4Decoder::new(reader, width16);
    let mut out = Rows::new(width);
    for _ in 0..rows {
        match decoder.advance() {
            Ok(fax::decoder::DecodeStatus::Incomplete) => out.push(decoder.transition()),
            Ok(fax::decoder::DecodeStatus::End) => break,
            Err(_) => return Err(damaged("CCITT Group 4: a code that is none")),
        }
    }
    Ok(out.bytes)
}

/// Rows of bits, of which 1 is black.
struct Rows {
    width: usize,
    bytes: Vec<u8>,
}

impl Rows {
    fn new(width: u32) -> Self {
        Self {
            width: width as usize,
            bytes: Vec::new(),
        }
    }

    /// Adds a row whose colour changes at these places; it begins white.
    fn push(&mut self, changes: &[u16]) {
        let begin = self.bytes.len();
        self.bytes.resize(begin + self.width.div_ceil(8), 0);
        let row = &mut self.bytes[begin..];
        for black in changes.chunks(2) {
            let from = usize::from(black[0]).min(self.width);
            let to = black.get(1).map_or(self.width, |to| usize::from(*to));
            for x in from..to.min(self.width) {
                row[x / 8] |= 0x80 >> (x % 8);
            }
        }
    }
}

/// Codes of runs, one after the other.
struct Codes<'a> {
    reader: ByteReader<Bytes<'a>>,
}

type Bytes<'a> = Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a>;

impl<'a> Codes<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // The tables look at more bits than the last code has.
        let behind = std::iter::repeat_n(0, 4);
        let bytes: Bytes<'a> = Box::new(bytes.iter().copied().chain(behind).map(Ok));
        let Ok(reader) = ByteReader::new(bytes);
        Self { reader }
    }

    /// Where the colour of one row changes.
    fn row(&mut self, width: u32) -> Result<Vec<u16>, ImageFault> {
        let (mut at, mut colour, mut changes) = (0, Color::White, Vec::new());
        while at < width {
            at += self.run(colour)?;
            colour = !colour;
            changes.push(u16::try_from(at.min(width)).unwrap_or(u16::MAX));
        }
        Ok(changes)
    }

    /// The length of a run: codes of 64 and more go on with the next code.
    fn run(&mut self, colour: Color) -> Result<u32, ImageFault> {
        let mut length = 0;
        loop {
            let part = match colour {
                Color::White => maps::white::decode(&mut self.reader),
                Color::Black => maps::black::decode(&mut self.reader),
            };
            let part = part.ok_or_else(|| damaged("CCITT: a code that is none"))?;
            length += u32::from(part);
            if part < 64 {
                return Ok(length);
            }
            if length > u32::from(u16::MAX) {
                return Err(damaged("CCITT: a run longer than any row"));
            }
        }
    }

    fn pass_to_whole_byte(&mut self) {
        let bits = self.reader.bits_to_byte_boundary();
        let Ok(()) = self.reader.consume(bits);
    }

    /// Passes an end-of-line code (eleven zeros and a one), if there is one,
    /// and the zeros that may fill up a byte before it.
    fn pass_end_of_line(&mut self) -> Result<(), ImageFault> {
        if self.reader.peek(11) != Some(0) {
            return Ok(());
        }
        loop {
            let bit = self.reader.peek(1).ok_or(ImageFault::Truncated)?;
            let Ok(()) = self.reader.consume(1);
            if bit == 1 {
                return Ok(());
            }
        }
    }
}
