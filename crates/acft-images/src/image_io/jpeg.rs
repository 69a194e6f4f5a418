//! JPEG: what the segments of a file tell that its decoder does not, and which
//! decoder can be trusted with it.
//!
//! Common files go to the `image` crate, so that their pixels stay what they
//! have been. It gets scans of single components, chroma that is not the
//! coarsest, and some colour markers wrong without a word, so files of other
//! shapes go to `jpeg-decoder`, and what neither reads is refused by name.

mod segments;

use image::{DynamicImage, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder, Error};

use super::{ImageFault, cmyk};
pub(super) use segments::Jpeg;
use segments::{Component, Process};

/// What the samples of the components are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// What they are.
    AsStored,
    /// RGB of luma and two chromas.
    YCbCr,
}

/// Samples of a JPEG within another file.
pub(super) struct Bare {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: usize,
    pub(super) samples: Vec<u8>,
}

impl Jpeg<'_> {
    /// Refuses what no decoder here reads, and what is not all there.
    ///
    /// # Errors
    /// [`ImageFault::Unread`], [`ImageFault::Truncated`].
    pub(super) fn check(&self) -> Result<(), ImageFault> {
        let unread = |what: &str| Err(ImageFault::Unread(format!("a JPEG {what}")));
        match self.process {
            Process::Baseline | Process::Progressive => {}
            Process::Other(name) => {
                return unread(&format!(
                    "with {name} coding, which is not read: save it as a baseline JPEG or as PNG"
                ));
            }
        }
        if self.precision != 8 {
            return unread(&format!(
                "of {} bits a sample, and 8 are read: save it as PNG of 16 bits",
                self.precision
            ));
        }
        match self.components.len() {
            1 | 3 | 4 => {}
            other => return unread(&format!("of {other} components: save it as grey or RGB")),
        }
        if !self.is_whole {
            return Err(ImageFault::Truncated);
        }
        Ok(())
    }

    /// Whether the `image` crate decodes such a file as libjpeg does.
    pub(super) fn is_common(&self) -> bool {
        let sampling = |at: usize| {
            let Component { across, down, .. } = self.components[at];
            (across, down)
        };
        let coarsest = |at| sampling(at) == (1, 1);
        let usual_luma = matches!(sampling(0), (1, 1) | (2, 1) | (1, 2) | (2, 2));
        let shape = match self.components.len() {
            1 => coarsest(0),
            3 => usual_luma && coarsest(1) && coarsest(2) && self.is_ycbcr(),
            4 => usual_luma && coarsest(1) && coarsest(2) && sampling(3) == sampling(0),
            _ => false,
        };
        // In one scan, or in the many of a progressive file.
        shape && (self.process == Process::Progressive || self.scans == 1)
    }

    /// Whether three components are luma and chromas, by the rules of libjpeg
    /// where markers are missing.
    fn is_ycbcr(&self) -> bool {
        let ids = |ids: [u8; 3]| self.components.iter().map(|one| one.id).eq(ids);
        match (self.is_jfif, self.adobe_transform) {
            (true, _) => !ids(*b"RGB") && self.adobe_transform != Some(0),
            (false, Some(transform)) => transform != 0,
            (false, None) => !ids(*b"RGB"),
        }
    }

    /// Whether the colours are to be converted from luma and chromas.
    fn colours(&self) -> Colours {
        let ycbcr = match self.components.len() {
            3 => self.is_jfif || self.is_ycbcr(),
            // Without Adobe's marker it is CMYK.
            4 => self.adobe_transform.is_some_and(|transform| transform != 0),
            _ => false,
        };
        if ycbcr {
            Colours::YCbCr
        } else {
            Colours::AsStored
        }
    }
}

/// Decodes a file that is not common, as it is stored.
///
/// # Errors
/// The bytes are damaged.
pub(super) fn decode(bytes: &[u8], jpeg: &Jpeg<'_>) -> Result<DynamicImage, ImageFault> {
    let colours = jpeg.colours();
    let found = match jpeg.components.len() {
        4 => decode_bare(bytes, Colours::AsStored)?,
        _ => decode_bare(bytes, colours)?,
    };
    let size = (found.width as u32, found.height as u32);
    let image = match found.components {
        1 => image::GrayImage::from_raw(size.0, size.1, found.samples).map(DynamicImage::from),
        3 => RgbImage::from_raw(size.0, size.1, found.samples).map(DynamicImage::from),
        _ => {
            let (pixels, _) = found.samples.as_chunks();
            let rgb = pixels.iter().flat_map(|pixel| from_ink(pixel, colours));
            RgbImage::from_raw(size.0, size.1, rgb.collect()).map(DynamicImage::from)
        }
    };
    image.ok_or(ImageFault::Truncated)
}

/// Four components, which are written inverted: 255 is no ink. Those of YCCK
/// hold the complements of the first three as luma and chromas.
fn from_ink(pixel: &[u8; 4], colours: Colours) -> [u8; 3] {
    let [a, b, c, k] = *pixel;
    let [c, m, y] = match colours {
        Colours::YCbCr => cmyk::rgb_of_ycbcr([a, b, c]).map(|level| 255 - level),
        Colours::AsStored => [a, b, c],
    };
    cmyk::rgb_of_cmyk(&[c, m, y, k].map(|level| 255 - level))
}

/// Decodes a JPEG that lies in another file, whose own words on colours do not count.
///
/// # Errors
/// It is damaged, or of a kind that is not read.
pub(super) fn decode_bare(bytes: &[u8], colours: Colours) -> Result<Bare, ImageFault> {
    let jpeg = Jpeg::read(bytes).ok_or(ImageFault::Truncated)?;
    jpeg.check()?;
    jpeg.believe(bytes)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(match (jpeg.components.len(), colours) {
        (1, _) => ColorTransform::Grayscale,
        (3, Colours::YCbCr) => ColorTransform::YCbCr,
        (3, Colours::AsStored) => ColorTransform::RGB,
        _ => ColorTransform::CMYK,
    });
    let mut samples = decoder.decode().map_err(fault)?;
    if jpeg.components.len() == 4 {
        // It gives four components inverted.
        samples
            .iter_mut()
            .for_each(|sample| *sample = 255 - *sample);
    }
    let info = decoder.info().ok_or(ImageFault::Truncated)?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let components = jpeg.components.len();
    if samples.len() != width * height * components {
        return Err(ImageFault::Truncated);
    }
    Ok(Bare {
        width,
        height,
        components,
        samples,
    })
}

fn fault(error: Error) -> ImageFault {
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageFault::Truncated
        }
        Error::Unsupported(what) => ImageFault::Unread(format!("a JPEG with {what:?}")),
        error => ImageFault::Damaged(format!("a damaged JPEG: {error}")),
    }
}
