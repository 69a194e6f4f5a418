//! What the chunks of a PNG tell that its decoder does not.

use super::{ImageFault, check_size};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The most that deflate makes of a byte.
const MOST_FROM_A_BYTE: u64 = 1032;

/// What the chunks of a PNG say.
#[derive(Debug, Default)]
pub(super) struct Png<'a> {
    has_header: bool,
    width: u32,
    height: u32,
    /// Bits of a row, without its filter.
    row_bits: u64,
    /// Bits that count of a sample, where the file says that they are fewer.
    pub(super) significant: Option<u8>,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) xmp: Option<&'a [u8]>,
    /// Bytes of compressed pixels.
    compressed: u64,
    /// Whether a browser shows nothing but the pixels: no gamma, no colour
    /// profile, no animation, and no chunk that is not known to be harmless.
    pub(super) is_plain: bool,
}

/// Chunks that change nothing of what a browser shows. That the pixels are
/// sRGB is what it assumes of all others.
const HARMLESS: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"sRGB", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME",
    b"hIST", b"bKGD", b"sBIT", b"eXIf",
];

impl<'a> Png<'a> {
    /// Reads the chunks as far as they are there; none where it is no PNG.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(SIGNATURE)?;
        let mut png = Self {
            is_plain: true,
            ..Self::default()
        };
        while let Some((kind, data, behind)) = chunk(rest) {
            png.take(kind, data);
            rest = behind;
            if kind == b"IEND" {
                break;
            }
        }
        Some(png)
    }

    fn take(&mut self, kind: &[u8; 4], data: &'a [u8]) {
        self.is_plain &= HARMLESS.contains(&kind);
        match kind {
            b"IHDR" => self.header(data),
            b"IDAT" => self.compressed += data.len() as u64,
            b"sBIT" => self.significant = data.iter().copied().max(),
            b"eXIf" => self.exif = self.exif.or(Some(data)),
            b"iTXt" => self.xmp = self.xmp.or_else(|| packet(data)),
            _ => {}
        }
    }

    fn header(&mut self, data: &[u8]) {
        let side = |at: usize| {
            let bytes = data.get(at..).and_then(|data| data.first_chunk());
            bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
        };
        self.has_header = data.len() >= 13;
        (self.width, self.height) = (side(0), side(4));
        let samples = match data.get(9) {
            Some(2) => 3,
            Some(4) => 2,
            Some(6) => 4,
            _ => 1,
        };
        let bits = u64::from(data.get(8).copied().unwrap_or(0));
        self.row_bits = u64::from(self.width) * samples * bits;
    }

    /// Refuses a header that is not there, a size beyond the limits, and one
    /// that the file's bytes cannot fill.
    pub(super) fn believe(&self) -> Result<(), ImageFault> {
        if !self.has_header {
            return Err(ImageFault::Truncated);
        }
        check_size(self.width, self.height)?;
        let needed = (self.row_bits / 8).saturating_mul(u64::from(self.height));
        if self.compressed.saturating_mul(MOST_FROM_A_BYTE) < needed {
            return Err(ImageFault::Truncated);
        }
        Ok(())
    }
}

/// The next chunk, and what is behind it. The last of a file that was cut is
/// as long as there are bytes.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let kind = bytes.get(4..)?.first_chunk()?;
    let data = bytes.get(8..)?;
    let behind = length.checked_add(4).and_then(|end| data.get(end..));
    Some((
        kind,
        &data[..length.min(data.len())],
        behind.unwrap_or_default(),
    ))
}

/// The XMP packet of an international text, where it is one and not compressed.
fn packet(data: &[u8]) -> Option<&[u8]> {
    let rest = data.strip_prefix(b"XML:com.adobe.xmp\0")?;
    // Whether it is compressed, and how; language and translated keyword.
    let rest = rest.strip_prefix(&[0, 0])?;
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    parts.nth(2)
}
