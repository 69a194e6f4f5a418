//! Reading images: any supported file becomes 8-bit RGB, upright.
//!
//! The format is told by the bytes, never by the name. What a header claims is
//! checked against [`MAX_SIDE`] and [`MAX_PIXELS`] before any pixel is
//! allocated, so that a hostile header cannot exhaust the memory.
//!
//! Conversions, each a choice:
//! - grey becomes three equal channels;
//! - alpha is dropped, not composited, as PIL's `convert("RGB")` does;
//! - 16-bit samples keep their high byte (`>> 8`): linear, and the same for
//!   every image, where min–max scaling would make grey levels depend on the
//!   brightest pixel;
//! - the EXIF orientation is applied, so "left" is left as a viewer shows it.

mod jpeg;

use std::{
    fs,
    io::{Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageReader, Limits, RgbImage,
    metadata::Orientation,
};

use crate::source::PixelBox;

/// The longest side of an image, in pixels, that is read.
pub const MAX_SIDE: u32 = 16_384;

/// The most pixels of an image that is read.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The longest file, in bytes, that is read as an image.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// What a decoder may allocate: 100 megapixels of 16-bit RGBA, and some slack.
const MAX_ALLOC: u64 = 1 << 30;

/// An image that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct ImageError {
    /// The file at fault.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: ImageFault,
}

/// Why a file cannot be used as an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// There is no such file.
    #[error("no such file")]
    Missing,
    /// The path names a folder, a pipe or another thing that is no file.
    #[error("not a regular file")]
    NotAFile,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The file has no bytes.
    #[error("empty file")]
    Empty,
    /// The file is longer than [`MAX_FILE_BYTES`].
    #[error("{0} bytes long, more than the limit of {MAX_FILE_BYTES}")]
    TooLong(u64),
    /// The bytes begin like no image format that is known.
    #[error("not an image: its bytes begin like none of PNG, JPEG, TIFF, BMP and WebP")]
    NotAnImage,
    /// A side is zero.
    #[error("{width} x {height} pixels: it has no pixels")]
    NoPixels {
        /// Claimed width, pixels.
        width: u32,
        /// Claimed height, pixels.
        height: u32,
    },
    /// A side or the area is beyond the limits.
    #[error(
        "{width} x {height} pixels, more than the limit of {MAX_SIDE} a side and {MAX_PIXELS} in all: \
         cut it into tiles or shrink it"
    )]
    TooLarge {
        /// Claimed width, pixels.
        width: u32,
        /// Claimed height, pixels.
        height: u32,
    },
    /// Samples that are neither 8 nor 16 bits wide.
    #[error("its samples are {0:?}, neither 8 nor 16 bits wide: convert it first")]
    Samples(ExtendedColorType),
    /// A candidate's box does not lie in the image.
    #[error(
        "box {region} lies outside the image of {width} x {height} pixels: has the file changed?"
    )]
    BoxOutside {
        /// The candidate's box.
        region: PixelBox,
        /// Width of the image, pixels.
        width: u32,
        /// Height of the image, pixels.
        height: u32,
    },
    /// The file ends before its pixels do.
    #[error("truncated: the file ends before its pixels do")]
    Truncated,
    /// The decoder refuses the bytes.
    #[error("cannot be decoded: {0}")]
    Decode(image::ImageError),
    /// The decoder panicked: a defect of it, and no reason to stop at the
    /// other images.
    #[error("its decoder failed in a way that it should not")]
    Panicked,
}

impl ImageFault {
    /// The fault of the file at `path`.
    pub fn at(self, path: &Path) -> ImageError {
        ImageError {
            path: path.to_owned(),
            fault: self,
        }
    }
}

/// Reads a whole file that is to be an image, at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// The file is missing, empty, too long, no regular file, or unreadable.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ImageError> {
    read(path).map_err(|fault| fault.at(path))
}

fn read(path: &Path) -> Result<Vec<u8>, ImageFault> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ImageFault::Missing,
        _ => ImageFault::Read(error),
    };
    // Looked at before it is opened: opening a named pipe would wait for ever.
    let metadata = fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(ImageFault::NotAFile);
    }
    match metadata.len() {
        0 => return Err(ImageFault::Empty),
        length if length > MAX_FILE_BYTES => return Err(ImageFault::TooLong(length)),
        _ => {}
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read, hence the limit here too.
    let file = fs::File::open(path).map_err(io)?;
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok(bytes)
}

/// One image that makes a decoder panic is one that cannot be read.
fn guarded<T>(path: &Path, look: impl FnOnce() -> Result<T, ImageFault>) -> Result<T, ImageError> {
    // A decoder lives within `look`: nothing half done is seen again.
    catch_unwind(AssertUnwindSafe(look))
        .unwrap_or(Err(ImageFault::Panicked))
        .map_err(|fault| fault.at(path))
}

/// Width and height, in pixels, that [`decode`] will give, from the header alone.
///
/// # Errors
/// As [`decode`], as far as the header tells; pixels that cannot be decoded
/// are noticed by [`decode`] only.
pub fn dimensions(path: &Path, bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    header(path, bytes).map(|header| (header.width, header.height))
}

/// The size of an image once it is turned upright.
fn upright_size((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

/// Decodes the bytes of the file at `path` (which only errors name).
///
/// # Errors
/// The bytes are no image, beyond the limits, truncated or damaged.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage, ImageError> {
    guarded(path, || Ok(into_rgb8(upright(bytes)?)))
}

/// What the header says of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width of the upright image, pixels.
    pub width: u32,
    /// Height of the upright image, pixels.
    pub height: u32,
    /// Whether the samples are grey values of 16 bits.
    pub grey16: bool,
    /// Whether a browser shows the file's own bytes as [`decode`] would: a PNG
    /// or JPEG of 8 bits, without alpha and not CMYK, stored upright.
    pub plain: Option<&'static str>,
}

/// Reads the header of an image.
///
/// # Errors
/// As [`dimensions`].
pub fn header(path: &Path, bytes: &[u8]) -> Result<Header, ImageError> {
    guarded(path, || header_of(bytes))
}

fn header_of(bytes: &[u8]) -> Result<Header, ImageFault> {
    let (decoder, orientation) = open(bytes)?;
    let (width, height) = upright_size(decoder.dimensions(), orientation);
    let color = decoder.color_type();
    let simple = matches!(color, image::ColorType::L8 | image::ColorType::Rgb8)
        && orientation == Orientation::NoTransforms;
    let format = match image::guess_format(bytes) {
        Ok(image::ImageFormat::Png) => Some("image/png"),
        // Browsers convert CMYK by its colour profile, and the decoder does not.
        Ok(image::ImageFormat::Jpeg) if jpeg::components(bytes) != Some(4) => Some("image/jpeg"),
        _ => None,
    };
    Ok(Header {
        width,
        height,
        grey16: matches!(color, image::ColorType::L16 | image::ColorType::La16),
        plain: format.filter(|_| simple),
    })
}

/// Grey values of 16 bits, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grey16 {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// width × height values, rows from the top.
    pub values: Vec<u16>,
}

/// Decodes an image whose samples are grey values of 16 bits, and keeps all of
/// them; none where the image has other samples. Alpha is dropped.
///
/// # Errors
/// As [`decode`].
pub fn decode_grey16(path: &Path, bytes: &[u8]) -> Result<Option<Grey16>, ImageError> {
    let image = guarded(path, || upright(bytes))?;
    let (width, height) = (image.width(), image.height());
    let values = match image {
        DynamicImage::ImageLuma16(pixels) => pixels.into_raw(),
        DynamicImage::ImageLumaA16(pixels) => pixels.into_raw().into_iter().step_by(2).collect(),
        _ => return Ok(None),
    };
    Ok(Some(Grey16 {
        width,
        height,
        values,
    }))
}

/// Decodes an image as it is stored, and turns it upright.
fn upright(bytes: &[u8]) -> Result<DynamicImage, ImageFault> {
    let (decoder, orientation) = open(bytes)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| match error {
        image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageFault::Truncated
        }
        error => ImageFault::Decode(error),
    })?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// A decoder whose header has passed every check, and the EXIF orientation.
fn open(bytes: &[u8]) -> Result<(impl ImageDecoder + '_, Orientation), ImageFault> {
    if bytes.is_empty() {
        return Err(ImageFault::Empty);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(ImageFault::Read)?;
    match reader.format() {
        None => return Err(ImageFault::NotAnImage),
        Some(image::ImageFormat::Jpeg) if jpeg::is_truncated(bytes) => {
            return Err(ImageFault::Truncated);
        }
        Some(_) => {}
    }
    if let Some((width, height)) = claimed_size(bytes)
        && (width == 0 || height == 0)
    {
        return Err(ImageFault::NoPixels { width, height });
    }
    // Sides are checked below, with a message that names them.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(ImageFault::Decode)?;

    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(ImageFault::NoPixels { width, height });
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageFault::TooLarge { width, height });
    }
    let color = decoder.color_type();
    if matches!(color, image::ColorType::Rgb32F | image::ColorType::Rgba32F) {
        return Err(ImageFault::Samples(decoder.original_color_type()));
    }
    // Damaged metadata is no reason to refuse sound pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, orientation))
}

/// The size in the header of a PNG or a BMP, whose decoders refuse a size of
/// zero with a message that does not say so.
fn claimed_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| bytes.get(at..)?.first_chunk::<4>();
    if bytes.starts_with(b"\x89PNG") {
        Some((
            u32::from_be_bytes(*word(16)?),
            u32::from_be_bytes(*word(20)?),
        ))
    } else if bytes.starts_with(b"BM") {
        // A negative height means that rows run from top to bottom.
        let side = |at| word(at).map(|side| i32::from_le_bytes(*side).unsigned_abs());
        Some((side(18)?, side(22)?))
    } else {
        None
    }
}

fn into_rgb8(image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let grey = |samples: &mut dyn Iterator<Item = u8>| samples.flat_map(|v| [v; 3]).collect();
    let high = |v: &u16| (v >> 8) as u8;
    let pixels: Vec<u8> = match image {
        DynamicImage::ImageRgb8(rgb) => return rgb,
        DynamicImage::ImageLuma8(p) => grey(&mut p.into_raw().into_iter()),
        DynamicImage::ImageLumaA8(p) => grey(&mut p.into_raw().into_iter().step_by(2)),
        DynamicImage::ImageLuma16(p) => grey(&mut p.as_raw().iter().map(high)),
        DynamicImage::ImageLumaA16(p) => grey(&mut p.as_raw().iter().step_by(2).map(high)),
        DynamicImage::ImageRgb16(p) => p.as_raw().iter().map(high).collect(),
        DynamicImage::ImageRgba16(p) => {
            let rgb = p.as_raw().chunks_exact(4).flat_map(|p| &p[..3]);
            rgb.map(high).collect()
        }
        DynamicImage::ImageRgba8(p) => {
            let rgb = p.as_raw().chunks_exact(4).flat_map(|p| &p[..3]);
            rgb.copied().collect()
        }
        // Float samples are refused by `open`; the enum may grow.
        other => return other.into_rgb8(),
    };
    RgbImage::from_raw(width, height, pixels).expect("three samples were made a pixel")
}

#[cfg(test)]
mod tests;
