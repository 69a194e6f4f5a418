//! Reading images: any supported file becomes 8-bit RGB, upright.
//!
//! The format is told by the bytes, never by the name. What a header claims is
//! checked against [`MAX_SIDE`] and [`MAX_PIXELS`] before any pixel is
//! allocated, so that a hostile header cannot exhaust the memory.
//!
//! Pixels are those that Pillow decodes, or the file is refused with a reason.
//! `scripts/reference/image_variants.py` makes files of many kinds with Pillow's
//! pixels, and `tests/image_variants.rs` holds this module against them.
//!
//! Conversions, each a choice:
//! - grey becomes three equal channels;
//! - alpha is dropped, not composited, as PIL's `convert("RGB")` does; colours
//!   that were multiplied by their alpha are divided by it;
//! - samples of more than 8 bits are laid under a [`Window`], the same for every
//!   image of a set: scaling each by itself would make grey levels depend on the
//!   brightest pixel. Without a window they keep their highest 8 bits;
//! - the orientation in EXIF or XMP is applied, so "left" is left as a viewer
//!   shows it.

mod budget;
mod cmyk;
mod deep;
mod exif;
mod jpeg;
mod png;
mod quiet;
mod range;
mod tiff;
mod window;

use std::{
    fs,
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, metadata::Orientation,
};

pub use budget::set_decoding_memory;
pub use deep::Deep;
use jpeg::Jpeg;
use png::Png;
pub use range::{Chosen, choose_window};
pub use window::{Window, WindowError};

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
    /// A kind of file that is not read: what it has, and what to do.
    #[error("{0}")]
    Unread(String),
    /// The bytes contradict themselves.
    #[error("{0}")]
    Damaged(String),
    /// Signed samples have no grey levels of their own.
    #[error(
        "its samples are signed, and no window says which of them are black and which white: \
         set one, as in window = \"-1000..400\""
    )]
    NoWindow,
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
    quiet::caught(look)
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

/// Decodes the bytes of the file at `path` (which only errors name). Samples
/// of more than 8 bits are laid under the window.
///
/// # Errors
/// The bytes are no image, beyond the limits, truncated or damaged, or of a
/// kind that is not read.
pub fn decode(path: &Path, bytes: &[u8], window: Option<Window>) -> Result<RgbImage, ImageError> {
    guarded(path, || {
        let _room = room_for(bytes)?;
        let Decoded { image, deep, .. } = upright(bytes)?;
        let levels = deep.unwrap_or(Deep::PLAIN).levels(window);
        into_rgb8(image, &levels.ok_or(ImageFault::NoWindow)?)
    })
}

/// What the header says of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width of the upright image, pixels.
    pub width: u32,
    /// Height of the upright image, pixels.
    pub height: u32,
    /// Whether the samples are grey values of more than 8 bits, from 0.
    pub grey16: bool,
    /// What is known of samples of more than 8 bits.
    pub deep: Option<Deep>,
    /// Whether a browser shows the file's own bytes as [`decode`] would: a PNG
    /// or JPEG of 8 bits, without alpha, gamma, colour profile or animation,
    /// not CMYK, stored upright.
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
    let of = |size, told: exif::Told, grey: bool, deep: Option<Deep>| {
        let (width, height) = upright_size(size, told.orientation());
        Header {
            width,
            height,
            grey16: grey && deep.is_some_and(|deep| deep.offset == 0),
            deep,
            plain: None,
        }
    };
    let facts = match Format::of(bytes)? {
        Format::Tiff => {
            let head = tiff::head(bytes)?;
            return Ok(of(head.size, head.told, head.grey, head.deep));
        }
        Format::Jpeg(jpeg) if !jpeg.is_common() => {
            let size = (u32::from(jpeg.width), u32::from(jpeg.height));
            return Ok(of(
                size,
                exif::orientation(jpeg.exif, jpeg.xmp),
                false,
                None,
            ));
        }
        facts => facts,
    };
    let (decoder, told) = open(bytes, &facts)?;
    let color = decoder.color_type();
    let grey16 = matches!(color, image::ColorType::L16 | image::ColorType::La16);
    let deep = (color.bytes_per_pixel() / color.channel_count() > 1).then(|| facts.deep());
    let simple = matches!(color, image::ColorType::L8 | image::ColorType::Rgb8);
    Ok(Header {
        plain: facts
            .plain()
            .filter(|_| simple && told == exif::Told::Upright),
        ..of(decoder.dimensions(), told, grey16, deep)
    })
}

/// Grey values of 16 bits, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grey16 {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bits that the file has room for in a value, 9 to 16.
    pub bits: u8,
    /// width × height values, rows from the top.
    pub values: Vec<u16>,
}

/// Decodes an image whose samples are grey values of more than 8 bits, and
/// keeps all of them; none where the image has other samples, or signed ones.
/// Alpha is dropped.
///
/// # Errors
/// As [`decode`].
pub fn decode_grey16(path: &Path, bytes: &[u8]) -> Result<Option<Grey16>, ImageError> {
    let Decoded { image, deep, .. } = guarded(path, || {
        let _room = room_for(bytes)?;
        upright(bytes)
    })?;
    let deep = deep.unwrap_or(Deep::PLAIN);
    let (width, height) = (image.width(), image.height());
    let values = match image {
        DynamicImage::ImageLuma16(pixels) if deep.offset == 0 => pixels.into_raw(),
        DynamicImage::ImageLumaA16(pixels) => pixels.into_raw().into_iter().step_by(2).collect(),
        _ => return Ok(None),
    };
    Ok(Some(Grey16 {
        width,
        height,
        bits: deep.bits,
        values,
    }))
}

/// Waits until there is room to decode an image.
fn room_for(bytes: &[u8]) -> Result<budget::Room<'static>, ImageFault> {
    let header = header_of(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    Ok(budget::room(pixels))
}

/// An image as a decoder gives it.
struct Decoded {
    image: DynamicImage,
    /// What is known of samples of more than 8 bits.
    deep: Option<Deep>,
    told: exif::Told,
}

/// Decodes an image as it is stored, and turns it upright.
fn upright(bytes: &[u8]) -> Result<Decoded, ImageFault> {
    let mut decoded = match Format::of(bytes)? {
        Format::Tiff => tiff::decode(bytes)?,
        Format::Jpeg(jpeg) if !jpeg.is_common() => Decoded {
            image: jpeg::decode(bytes, &jpeg)?,
            deep: None,
            told: exif::orientation(jpeg.exif, jpeg.xmp),
        },
        facts => {
            let (decoder, told) = open(bytes, &facts)?;
            let image = DynamicImage::from_decoder(decoder).map_err(undecoded)?;
            Decoded {
                image,
                deep: Some(facts.deep()),
                told,
            }
        }
    };
    decoded.image.apply_orientation(decoded.told.orientation());
    Ok(decoded)
}

fn undecoded(error: image::ImageError) -> ImageFault {
    match error {
        image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageFault::Truncated
        }
        error => ImageFault::Decode(error),
    }
}

/// The format that the bytes have, and what they tell before a decoder sees them.
enum Format<'a> {
    Tiff,
    Jpeg(Jpeg<'a>),
    Png(Png<'a>),
    /// Known to the `image` crate alone, or damaged before it tells anything.
    Other,
}

impl<'a> Format<'a> {
    /// Tells the format, and refuses what no decoder may be given.
    fn of(bytes: &'a [u8]) -> Result<Self, ImageFault> {
        if bytes.is_empty() {
            return Err(ImageFault::Empty);
        }
        if tiff::is_tiff(bytes) {
            return Ok(Self::Tiff);
        }
        match image::guess_format(bytes) {
            Ok(ImageFormat::Jpeg) => match Jpeg::read(bytes) {
                Some(jpeg) => {
                    check_size(jpeg.width.into(), jpeg.height.into())?;
                    jpeg.check()?;
                    jpeg.believe(bytes)?;
                    Ok(Self::Jpeg(jpeg))
                }
                None => Ok(Self::Other),
            },
            Ok(ImageFormat::Png) => match Png::read(bytes) {
                Some(png) => {
                    png.believe()?;
                    Ok(Self::Png(png))
                }
                None => Ok(Self::Other),
            },
            Ok(ImageFormat::Bmp | ImageFormat::WebP) => Ok(Self::Other),
            Ok(other) => Err(ImageFault::Unread(format!(
                "a file of the kind {other:?}, which is not read: save it as PNG"
            ))),
            Err(_) => Err(ImageFault::NotAnImage),
        }
    }

    /// What is known of its samples, should they have 16 bits.
    fn deep(&self) -> Deep {
        let significant = match self {
            Self::Png(png) => png.significant,
            _ => None,
        };
        Deep {
            tagged: range::of_significant(significant),
            ..Deep::PLAIN
        }
    }

    /// The media type of a file that shows nothing but its pixels.
    fn plain(&self) -> Option<&'static str> {
        match self {
            Self::Png(png) if png.is_plain => Some("image/png"),
            // Browsers convert CMYK by its colour profile, and the decoder does not.
            Self::Jpeg(jpeg) if !jpeg.has_profile && jpeg.components.len() < 4 => {
                Some("image/jpeg")
            }
            _ => None,
        }
    }
}

/// A decoder whose header has passed every check, and what is told of the
/// orientation.
fn open<'a>(
    bytes: &'a [u8],
    format: &Format<'_>,
) -> Result<(impl ImageDecoder + 'a, exif::Told), ImageFault> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(ImageFault::Read)?;
    if let Some((width, height)) = bitmap_size(bytes)? {
        check_size(width, height)?;
    }
    // Sides are checked below, with a message that names them.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(ImageFault::Decode)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    // Damaged metadata is no reason to refuse sound pixels.
    let told = match format {
        Format::Jpeg(jpeg) => exif::orientation(jpeg.exif, jpeg.xmp),
        Format::Png(png) => exif::orientation(png.exif, png.xmp),
        _ => {
            let exif = decoder.exif_metadata().unwrap_or_default();
            let xmp = decoder.xmp_metadata().unwrap_or_default();
            exif::orientation(exif.as_deref(), xmp.as_deref())
        }
    };
    Ok((decoder, told))
}

/// Refuses a size of nothing, and one beyond the limits.
fn check_size(width: u32, height: u32) -> Result<(), ImageFault> {
    if width == 0 || height == 0 {
        return Err(ImageFault::NoPixels { width, height });
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageFault::TooLarge { width, height });
    }
    Ok(())
}

/// The size in the header of a BMP, whose decoder refuses a size of zero with
/// a message that does not say so, and makes room for pixels that are not there.
fn bitmap_size(bytes: &[u8]) -> Result<Option<(u32, u32)>, ImageFault> {
    let word = |at: usize| -> Option<u32> {
        let word = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    // Older headers are shorter, and have sides of 16 bits.
    if !bytes.starts_with(b"BM") || word(14).is_none_or(|header| header < 40) {
        return Ok(None);
    }
    let (Some(width), Some(height)) = (word(18), word(22)) else {
        return Ok(None);
    };
    // A negative height means that rows run from top to bottom.
    let height = height.cast_signed().unsigned_abs();
    let width = width.cast_signed().unsigned_abs();
    let bits = u64::from(word(28).unwrap_or(0) & 0xFFFF);
    let is_packed = matches!(word(30), Some(1 | 2 | 4 | 5));
    let needed = (u64::from(width) * bits / 8).saturating_mul(u64::from(height));
    check_size(width, height)?;
    if !is_packed && needed > bytes.len() as u64 {
        return Err(ImageFault::Truncated);
    }
    Ok(Some((width, height)))
}

/// `levels` has the grey level of every sample of 16 bits.
fn into_rgb8(image: DynamicImage, levels: &[u8]) -> Result<RgbImage, ImageFault> {
    let (width, height) = (image.width(), image.height());
    let grey = |samples: &mut dyn Iterator<Item = u8>| samples.flat_map(|v| [v; 3]).collect();
    let level = |sample: &u16| levels[usize::from(*sample)];
    let pixels: Vec<u8> = match image {
        DynamicImage::ImageRgb8(rgb) => return Ok(rgb),
        DynamicImage::ImageLuma8(p) => grey(&mut p.into_raw().into_iter()),
        DynamicImage::ImageLumaA8(p) => grey(&mut p.into_raw().into_iter().step_by(2)),
        DynamicImage::ImageLuma16(p) => grey(&mut p.as_raw().iter().map(level)),
        DynamicImage::ImageLumaA16(p) => grey(&mut p.as_raw().iter().step_by(2).map(level)),
        DynamicImage::ImageRgb16(p) => p.as_raw().iter().map(level).collect(),
        DynamicImage::ImageRgba16(p) => {
            let rgb = p.as_raw().chunks_exact(4).flat_map(|p| &p[..3]);
            rgb.map(level).collect()
        }
        DynamicImage::ImageRgba8(p) => {
            let rgb = p.as_raw().chunks_exact(4).flat_map(|p| &p[..3]);
            rgb.copied().collect()
        }
        other => {
            return Err(ImageFault::Unread(format!(
                "samples of the kind {:?}: save it with 8 or 16 bits a sample",
                other.color()
            )));
        }
    };
    RgbImage::from_raw(width, height, pixels).ok_or(ImageFault::Truncated)
}

#[cfg(test)]
mod tests;
