//! Which directory of a TIFF is the image, and what it says of its samples.

use super::super::{ImageFault, check_size, deep::Deep, exif, window::Window};
use super::directory::{Directory, Tiff, damaged, unread};

mod tag {
    pub(super) const SUBFILE: u16 = 254;
    pub(super) const OLD_SUBFILE: u16 = 255;
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const DESCRIPTION: u16 = 270;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const ORIENTATION: u16 = 274;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_BYTES: u16 = 279;
    pub(super) const MIN_SAMPLE: u16 = 280;
    pub(super) const MAX_SAMPLE: u16 = 281;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const T4_OPTIONS: u16 = 292;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOUR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTES: u16 = 325;
    pub(super) const INK_SET: u16 = 332;
    pub(super) const EXTRA: u16 = 338;
    pub(super) const FORMAT: u16 = 339;
    pub(super) const S_MIN_SAMPLE: u16 = 340;
    pub(super) const S_MAX_SAMPLE: u16 = 341;
    pub(super) const JPEG_TABLES: u16 = 347;
    pub(super) const SUBSAMPLING: u16 = 530;
    pub(super) const XMP: u16 = 700;
}

/// What the numbers of a pixel mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Photometric {
    /// Samples of a pixel that make its colour.
    pub(super) fn colours(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How a chunk is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// CCITT, one row at a time, rows begin at whole bytes.
    Huffman,
    Fax3,
    Fax4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
}

/// A strip or a tile: where its bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) at: u64,
    pub(super) length: u64,
}

/// The image of a TIFF: all that is needed to decode it.
pub(super) struct Page<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) little: bool,
    pub(super) bits: u8,
    pub(super) signed: bool,
    /// Samples of a pixel, those beyond its colour too.
    pub(super) samples: usize,
    /// Whether each sample has chunks of its own.
    pub(super) planar: bool,
    pub(super) photometric: Photometric,
    pub(super) compression: Compression,
    /// Whether samples are differences to their left neighbours.
    pub(super) differences: bool,
    /// Whether the bits of each byte are mirrored.
    pub(super) mirrored: bool,
    /// Whether the sample behind the colour is an alpha that it was multiplied by.
    pub(super) associated_alpha: bool,
    /// Width and height of a chunk; a strip is as wide as the image.
    pub(super) chunk: (u32, u32),
    pub(super) chunks: Vec<Chunk>,
    /// Red, green and blue of each colour of a palette.
    pub(super) palette: Option<[Vec<u8>; 3]>,
    pub(super) jpeg_tables: Option<&'a [u8]>,
    pub(super) told: exif::Told,
    tagged: Option<Window>,
}

impl<'a> Page<'a> {
    /// Finds the image of a TIFF and reads what it says of itself.
    pub(super) fn read(tiff: &Tiff<'a>) -> Result<Self, ImageFault> {
        let directory = the_image(tiff)?;
        Reader {
            tiff,
            of: &directory,
        }
        .page()
    }

    /// How wide samples are to be understood, where they are wider than 8 bits.
    pub(super) fn deep(&self) -> Option<Deep> {
        let plain = matches!(
            self.photometric,
            Photometric::WhiteIsZero | Photometric::BlackIsZero | Photometric::Rgb
        );
        (self.bits > 8 && plain).then_some(Deep {
            bits: self.bits,
            offset: if self.signed { i32::from(i16::MIN) } else { 0 },
            tagged: self.tagged,
        })
    }

    /// Whether a pixel is one grey value.
    pub(super) fn is_grey(&self) -> bool {
        matches!(
            self.photometric,
            Photometric::WhiteIsZero | Photometric::BlackIsZero
        )
    }

    /// Whether decompressing has made RGB of the colours.
    pub(super) fn is_converted(&self) -> bool {
        self.compression == Compression::Jpeg && !self.planar
    }

    /// Samples of a pixel in one chunk.
    pub(super) fn samples_in_chunk(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Samples of a pixel that are kept: its colour, and the alpha that it has
    /// to be divided by.
    pub(super) fn kept(&self) -> usize {
        self.photometric.colours() + usize::from(self.associated_alpha)
    }
}

/// The one full image among the directories; thumbnails and masks are none.
fn the_image(tiff: &Tiff<'_>) -> Result<Directory, ImageFault> {
    let mut all = tiff.directories()?;
    let mut full = Vec::new();
    for (at, directory) in all.iter().enumerate() {
        if is_full(tiff, directory)? {
            full.push(at);
        }
    }
    match full.as_slice() {
        // A file of one directory is that image, whatever it calls itself.
        [] if all.len() == 1 => Ok(all.remove(0)),
        [] => Err(unread(
            "nothing but reduced images and masks: save the full image alone",
        )),
        [at] => {
            let frames = frames_behind(tiff, &all[*at]);
            if frames > 1 {
                return Err(several(frames));
            }
            Ok(all.remove(*at))
        }
        more => Err(several(more.len())),
    }
}

fn several(pages: usize) -> ImageFault {
    unread(&format!(
        "{pages} pages, and a candidate is one image: split it into a file a page"
    ))
}

fn is_full(tiff: &Tiff<'_>, directory: &Directory) -> Result<bool, ImageFault> {
    const REDUCED: u64 = 1;
    const MASK: u64 = 4;
    const OLD_REDUCED: u64 = 2;
    let first = |tag| -> Result<Option<u64>, ImageFault> {
        let values = tiff.numbers(directory, tag)?;
        Ok(values.and_then(|values| values.first().copied()))
    };
    if let Some(kind) = first(tag::SUBFILE)? {
        return Ok(kind & (REDUCED | MASK) == 0);
    }
    Ok(first(tag::OLD_SUBFILE)? != Some(OLD_REDUCED))
}

/// How many images ImageJ says to lie one behind the other under this one
/// directory.
fn frames_behind(tiff: &Tiff<'_>, directory: &Directory) -> usize {
    let text = tiff.raw(directory, tag::DESCRIPTION).unwrap_or_default();
    if !text.starts_with(b"ImageJ=") {
        return 1;
    }
    let text = String::from_utf8_lossy(text);
    let count = text.lines().find_map(|line| line.strip_prefix("images="));
    count
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(1)
}

/// Reads one directory.
struct Reader<'r, 'a> {
    tiff: &'r Tiff<'a>,
    of: &'r Directory,
}

impl<'a> Reader<'_, 'a> {
    fn all(&self, tag: u16) -> Result<Option<Vec<u64>>, ImageFault> {
        self.tiff.numbers(self.of, tag)
    }

    fn one(&self, tag: u16, default: u64) -> Result<u64, ImageFault> {
        Ok(self
            .all(tag)?
            .and_then(|values| values.first().copied())
            .unwrap_or(default))
    }

    fn side(&self, tag: u16) -> Result<u32, ImageFault> {
        let side = self.one(tag, 0)?;
        Ok(u32::try_from(side).unwrap_or(u32::MAX))
    }

    fn page(&self) -> Result<Page<'a>, ImageFault> {
        let (width, height) = (self.side(tag::WIDTH)?, self.side(tag::HEIGHT)?);
        check_size(width, height)?;
        let compression = self.compression()?;
        let photometric = self.photometric(compression)?;
        let samples = self.samples(photometric)?;
        let bits = self.bits(samples)?;
        let signed = self.signed(samples, bits)?;
        let planar = match self.one(tag::PLANAR, 1)? {
            1 => false,
            // With one sample there is nothing to separate.
            2 => samples > 1,
            other => return Err(damaged(&format!("its planar configuration is {other}"))),
        };
        check_bits(bits, photometric, compression)?;
        let (chunk, chunks) = self.chunks((width, height), if planar { samples } else { 1 })?;
        Ok(Page {
            width,
            height,
            little: self.tiff.little,
            bits,
            signed,
            samples,
            planar,
            photometric,
            compression,
            differences: self.differences(compression, bits)?,
            mirrored: self.mirrored()?,
            associated_alpha: self.associated_alpha(photometric, samples)?,
            chunk,
            chunks,
            palette: self.palette(photometric, bits)?,
            jpeg_tables: self.tiff.raw(self.of, tag::JPEG_TABLES),
            told: self.told()?,
            tagged: self.tagged()?,
        })
    }

    fn compression(&self) -> Result<Compression, ImageFault> {
        let name = match self.one(tag::COMPRESSION, 1)? {
            1 => return Ok(Compression::None),
            2 => return Ok(Compression::Huffman),
            3 => {
                if self.one(tag::T4_OPTIONS, 0)? & 1 != 0 {
                    return Err(unread(
                        "two-dimensional CCITT Group 3 compression: save it with LZW or deflate",
                    ));
                }
                return Ok(Compression::Fax3);
            }
            4 => return Ok(Compression::Fax4),
            5 => return Ok(Compression::Lzw),
            7 => return Ok(Compression::Jpeg),
            8 | 32946 => return Ok(Compression::Deflate),
            32773 => return Ok(Compression::PackBits),
            6 => "old-style JPEG".to_owned(),
            33003..=33005 | 34712 => "JPEG 2000".to_owned(),
            34892 => "lossy DNG JPEG".to_owned(),
            34925 => "LZMA".to_owned(),
            34926 | 50000 => "Zstandard".to_owned(),
            34927 | 50001 => "WebP".to_owned(),
            34887 => "LERC".to_owned(),
            other => format!("number {other}"),
        };
        Err(unread(&format!(
            "compression {name}, which is not read: save it with LZW or deflate"
        )))
    }

    fn photometric(&self, compression: Compression) -> Result<Photometric, ImageFault> {
        let fax = matches!(
            compression,
            Compression::Huffman | Compression::Fax3 | Compression::Fax4
        );
        let default = if fax { 0 } else { u64::MAX };
        match self.one(tag::PHOTOMETRIC, default)? {
            0 => Ok(Photometric::WhiteIsZero),
            1 => Ok(Photometric::BlackIsZero),
            2 => Ok(Photometric::Rgb),
            3 => Ok(Photometric::Palette),
            5 if self.one(tag::INK_SET, 1)? == 1 => Ok(Photometric::Cmyk),
            6 => {
                let subsampling = self.all(tag::SUBSAMPLING)?.unwrap_or_else(|| vec![2, 2]);
                if compression != Compression::Jpeg && subsampling != [1, 1] {
                    return Err(unread(
                        "subsampled YCbCr colours that are not JPEG: save it as RGB",
                    ));
                }
                Ok(Photometric::YCbCr)
            }
            u64::MAX => Err(damaged("it does not say what its samples mean")),
            other => Err(unread(&format!(
                "colours of kind {other}, which are not read: save it as grey or RGB"
            ))),
        }
    }

    fn samples(&self, photometric: Photometric) -> Result<usize, ImageFault> {
        let samples = self.one(tag::SAMPLES, 1)?;
        // Beyond the colour there may be alpha and such, which is not kept.
        let most = 64;
        if samples > most {
            return Err(unread(&format!(
                "{samples} samples a pixel: save it as RGB"
            )));
        }
        let samples = samples as usize;
        let colours = photometric.colours();
        if samples < colours {
            return Err(damaged(&format!(
                "{samples} samples a pixel are too few for its colours"
            )));
        }
        // What is beyond the colour has to say that it is no colour.
        let extra = self.all(tag::EXTRA)?.map_or(0, |extra| extra.len());
        let channels = colours == 1 && samples > 2;
        if channels || samples > colours + extra.max(1) {
            return Err(unread(&format!(
                "{samples} samples a pixel, which may be channels of their own: save the one to look at as grey, or three as RGB"
            )));
        }
        Ok(samples)
    }

    fn bits(&self, samples: usize) -> Result<u8, ImageFault> {
        let all = self.all(tag::BITS)?.unwrap_or_else(|| vec![1]);
        let bits = *all
            .first()
            .ok_or_else(|| damaged("its samples have no bits"))?;
        if all.iter().take(samples).any(|other| *other != bits) {
            return Err(unread(
                "samples of different widths: save it with 8 or 16 bits a sample",
            ));
        }
        match bits {
            1..=16 => Ok(bits as u8),
            0 => Err(damaged("its samples have no bits")),
            wider => Err(unread(&format!(
                "samples of {wider} bits, neither 8 nor 16 wide: save it with 16 bits a sample"
            ))),
        }
    }

    fn signed(&self, samples: usize, bits: u8) -> Result<bool, ImageFault> {
        let all = self.all(tag::FORMAT)?.unwrap_or_default();
        let format = all.first().copied().unwrap_or(1);
        if all.iter().take(samples).any(|other| *other != format) {
            return Err(unread("samples of different kinds: save it as one kind"));
        }
        match (format, bits) {
            // 4 is "not said", and there is nothing else that they could be.
            (1 | 4, _) => Ok(false),
            (2, 16) => Ok(true),
            (2, _) => Err(unread(&format!(
                "signed samples of {bits} bits: save it with unsigned samples"
            ))),
            (3, _) => Err(unread(
                "samples that are floating-point numbers: save it with 16 bits a sample",
            )),
            _ => Err(unread("samples that are complex numbers")),
        }
    }

    fn differences(&self, compression: Compression, bits: u8) -> Result<bool, ImageFault> {
        // Elsewhere the tag means nothing.
        if !matches!(compression, Compression::Lzw | Compression::Deflate) {
            return Ok(false);
        }
        match self.one(tag::PREDICTOR, 1)? {
            1 => Ok(false),
            2 if bits == 8 || bits == 16 => Ok(true),
            2 => Err(unread(&format!("differences of samples of {bits} bits"))),
            other => Err(unread(&format!(
                "predictor {other}, which is not read: save it with LZW or deflate, without a predictor"
            ))),
        }
    }

    fn mirrored(&self) -> Result<bool, ImageFault> {
        match self.one(tag::FILL_ORDER, 1)? {
            1 => Ok(false),
            2 => Ok(true),
            other => Err(damaged(&format!("its fill order is {other}"))),
        }
    }

    fn associated_alpha(
        &self,
        photometric: Photometric,
        samples: usize,
    ) -> Result<bool, ImageFault> {
        const ASSOCIATED: u64 = 1;
        let plain = matches!(
            photometric,
            Photometric::WhiteIsZero | Photometric::BlackIsZero | Photometric::Rgb
        );
        let extra = self.all(tag::EXTRA)?.unwrap_or_default();
        Ok(plain && samples > photometric.colours() && extra.first() == Some(&ASSOCIATED))
    }

    fn palette(
        &self,
        photometric: Photometric,
        bits: u8,
    ) -> Result<Option<[Vec<u8>; 3]>, ImageFault> {
        if photometric != Photometric::Palette {
            return Ok(None);
        }
        let colours = 1usize << bits;
        let map = self.all(tag::COLOUR_MAP)?.unwrap_or_default();
        if map.len() != 3 * colours {
            return Err(damaged(&format!(
                "its palette has {} numbers, and {colours} colours need {}",
                map.len(),
                3 * colours
            )));
        }
        // Some writers give 8 bits where 16 are asked for; libtiff tells by this.
        let shift = if map.iter().all(|value| *value < 256) {
            0
        } else {
            8
        };
        let level = |value: &u64| (value >> shift).min(255) as u8;
        let third = |at: usize| map[at * colours..][..colours].iter().map(level).collect();
        Ok(Some([third(0), third(1), third(2)]))
    }

    fn told(&self) -> Result<exif::Told, ImageFault> {
        if let Some(value) = self
            .all(tag::ORIENTATION)?
            .and_then(|all| all.first().copied())
        {
            return Ok(exif::told(u8::try_from(value).unwrap_or(0)));
        }
        Ok(exif::orientation(None, self.tiff.raw(self.of, tag::XMP)))
    }

    /// The range of samples that the file tells. Nothing hangs on these tags,
    /// so what is odd in them is passed over.
    fn tagged(&self) -> Result<Option<Window>, ImageFault> {
        let pair = |low, high| -> Option<Window> {
            let number = |tag| {
                let all = self.all(tag).ok()??;
                i32::try_from(*all.first()? as i64).ok()
            };
            Window::new(number(low)?, number(high)?).ok()
        };
        Ok(pair(tag::S_MIN_SAMPLE, tag::S_MAX_SAMPLE)
            .or_else(|| pair(tag::MIN_SAMPLE, tag::MAX_SAMPLE)))
    }

    /// The size of a chunk, and where all are, plane after plane.
    fn chunks(
        &self,
        (width, height): (u32, u32),
        planes: usize,
    ) -> Result<((u32, u32), Vec<Chunk>), ImageFault> {
        let tiled = self.all(tag::TILE_OFFSETS)?;
        let (size, offsets, bytes) = match tiled {
            Some(offsets) => {
                let size = (self.side(tag::TILE_WIDTH)?, self.side(tag::TILE_HEIGHT)?);
                check_size(size.0, size.1)?;
                (size, offsets, self.all(tag::TILE_BYTES)?)
            }
            None => {
                let rows = self.one(tag::ROWS_PER_STRIP, u64::MAX)?;
                if rows == 0 {
                    return Err(damaged("its strips have no rows"));
                }
                let rows = u32::try_from(rows).unwrap_or(u32::MAX).min(height);
                let offsets = self
                    .all(tag::STRIP_OFFSETS)?
                    .ok_or_else(|| damaged("it does not say where its pixels are"))?;
                ((width, rows), offsets, self.all(tag::STRIP_BYTES)?)
            }
        };
        let count = width.div_ceil(size.0) as usize * height.div_ceil(size.1) as usize * planes;
        if offsets.len() < count {
            return Err(damaged(&format!(
                "it has {} strips or tiles, and its size needs {count}",
                offsets.len()
            )));
        }
        // Where lengths are missing, a chunk may take what there is.
        let rest = |at: u64| (self.tiff.bytes.len() as u64).saturating_sub(at);
        let bytes = bytes.unwrap_or_else(|| offsets.iter().map(|at| rest(*at)).collect());
        if bytes.len() < count {
            return Err(damaged(&format!(
                "{} of its {count} strips or tiles have a length",
                bytes.len()
            )));
        }
        let chunks = offsets.into_iter().zip(bytes).take(count);
        let chunks = chunks.map(|(at, length)| Chunk { at, length }).collect();
        Ok((size, chunks))
    }
}

/// Refuses widths of samples that do not go with what they are.
fn check_bits(
    bits: u8,
    photometric: Photometric,
    compression: Compression,
) -> Result<(), ImageFault> {
    let most = match (photometric, compression) {
        (_, Compression::Huffman | Compression::Fax3 | Compression::Fax4) => 1,
        (_, Compression::Jpeg) | (Photometric::Palette | Photometric::YCbCr, _) => 8,
        _ => 16,
    };
    let least = if compression == Compression::Jpeg {
        8
    } else {
        1
    };
    if (least..=most).contains(&bits) {
        return Ok(());
    }
    Err(unread(&format!(
        "samples of {bits} bits in {photometric:?} colours with {compression:?} compression: save it as grey or RGB with LZW or deflate"
    )))
}
