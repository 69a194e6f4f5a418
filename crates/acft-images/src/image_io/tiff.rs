//! TIFF, classic and big: which of a file's pages is the image, and its pixels.
//!
//! The directories are read here, because the `tiff` crate mirrors the bits of
//! fill order 2, panics at separate planes in tiles, and refuses LZW tiles;
//! decompression is left to crates. What is not known is refused by name.
//! A size is believed only as far as there are bytes that could fill it.

mod assemble;
mod codec;
mod colour;
mod directory;
mod fax;
mod page;

pub(super) use directory::Tiff;

use super::{Decoded, ImageFault, deep::Deep, exif};

/// What the header of a TIFF tells.
pub(super) struct Head {
    /// Stored width and height, pixels.
    pub(super) size: (u32, u32),
    pub(super) told: exif::Told,
    /// Of samples wider than 8 bits.
    pub(super) deep: Option<Deep>,
    /// Whether a pixel is one grey value.
    pub(super) grey: bool,
}

/// Whether the bytes begin like a TIFF.
pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    matches!(
        bytes.first_chunk(),
        Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+")
    )
}

/// Reads the directories, and checks all that they claim.
pub(super) fn head(bytes: &[u8]) -> Result<Head, ImageFault> {
    let page = page::Page::read(&Tiff::open(bytes)?)?;
    Ok(Head {
        size: (page.width, page.height),
        told: page.told,
        deep: page.deep(),
        grey: page.is_grey(),
    })
}

/// Decodes the image as it is stored, not turned.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageFault> {
    let page = page::Page::read(&Tiff::open(bytes)?)?;
    let samples = assemble::samples(bytes, &page)?;
    Ok(Decoded {
        image: colour::image(samples, &page)?,
        deep: page.deep(),
        told: page.told,
    })
}
