//! Images as browsers show them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use acft::CandidateKey;
use acft_images::image_io;
use acft_server::vision::Picture;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::LONGEST_SIDE;

/// Of JPEGs that are made here: an expert must not see artefacts.
const QUALITY: u8 = 95;

/// A file as a browser shows it: its own bytes where it would show them rightly
/// and they are not too many, else encoded anew.
pub(super) fn encode(bytes: Vec<u8>) -> Result<Picture, String> {
    let nameless = Path::new("image");
    let fault = |error: image_io::ImageError| error.fault.to_string();
    let header = image_io::header(nameless, &bytes).map_err(fault)?;
    if let Some(content_type) = header.plain
        && header.width.max(header.height) <= LONGEST_SIDE
    {
        // Damage beyond the header must not wait for the browser to find it.
        image_io::decode(nameless, &bytes).map_err(fault)?;
        return Ok(Picture {
            content_type,
            bytes,
        });
    }
    let lossy = image::guess_format(&bytes).is_ok_and(|format| format == ImageFormat::Jpeg);
    let image = shrunk(image_io::decode(nameless, &bytes).map_err(fault)?);
    let mut out = Cursor::new(Vec::new());
    let (content_type, done) = if lossy {
        let encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
        ("image/jpeg", image.write_with_encoder(encoder))
    } else {
        ("image/png", image.write_to(&mut out, ImageFormat::Png))
    };
    done.map_err(text)?;
    Ok(Picture {
        content_type,
        bytes: out.into_inner(),
    })
}

fn shrunk(image: RgbImage) -> RgbImage {
    let longest = image.width().max(image.height());
    if longest <= LONGEST_SIDE {
        return image;
    }
    DynamicImage::from(image)
        .resize(LONGEST_SIDE, LONGEST_SIDE, FilterType::Triangle)
        .into_rgb8()
}

/// Patches (`count` × input × input × 3 bytes) side by side, as a PNG.
pub(super) fn strip(patches: &[u8], count: usize, input: usize) -> Result<Vec<u8>, String> {
    let mut rows = vec![0; patches.len()];
    let line = input * 3;
    for (j, patch) in patches.chunks_exact(input * line).enumerate() {
        for (y, from) in patch.chunks_exact(line).enumerate() {
            rows[(y * count + j) * line..][..line].copy_from_slice(from);
        }
    }
    let side = |pixels: usize| u32::try_from(pixels).map_err(text);
    let image = RgbImage::from_raw(side(count * input)?, side(input)?, rows)
        .ok_or("the strip has not the size of its patches")?;
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, ImageFormat::Png).map_err(text)?;
    Ok(out.into_inner())
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// Pictures that were asked for lately, up to a number of bytes.
pub(super) struct Pictures {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    pictures: HashMap<CandidateKey, (u64, Arc<Picture>)>,
    /// By the time of their last use.
    order: BTreeMap<u64, CandidateKey>,
    clock: u64,
    bytes: usize,
}

impl Pictures {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    pub(super) fn get_or_make(
        &self,
        key: CandidateKey,
        make: impl FnOnce() -> Result<Picture, String>,
    ) -> Result<Picture, String> {
        if let Some(picture) = self.lock().touch(key) {
            return Ok(Picture::clone(&picture));
        }
        // Made without the lock: two who ask at once make it twice.
        let picture = make()?;
        self.lock().keep(key, &picture, self.most);
        Ok(picture)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn touch(&mut self, key: CandidateKey) -> Option<Arc<Picture>> {
        self.clock += 1;
        let (used, picture) = self.pictures.get_mut(&key)?;
        self.order.remove(used);
        *used = self.clock;
        self.order.insert(self.clock, key);
        Some(Arc::clone(picture))
    }

    fn keep(&mut self, key: CandidateKey, picture: &Picture, most: usize) {
        if picture.bytes.len() > most || self.touch(key).is_some() {
            return;
        }
        self.bytes += picture.bytes.len();
        self.pictures
            .insert(key, (self.clock, Arc::new(picture.clone())));
        self.order.insert(self.clock, key);
        while self.bytes > most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            if let Some((_, dropped)) = self.pictures.remove(&oldest) {
                self.bytes -= dropped.bytes.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{Luma, Rgb};

    use super::*;

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn what_browsers_show_rightly_is_sent_as_it_is() {
        let small = png(&RgbImage::from_pixel(20, 10, Rgb([9, 8, 7])).into());
        assert_eq!(encode(small.clone()).unwrap().bytes, small);
        let sixteen = image::ImageBuffer::from_pixel(20, 10, Luma([0x1234u16]));
        let sent = encode(png(&sixteen.into())).unwrap();
        let seen = image::load_from_memory(&sent.bytes).unwrap().into_rgb8();
        assert_eq!(seen.get_pixel(3, 3), &Rgb([0x12; 3]));
        let large = png(&RgbImage::new(LONGEST_SIDE * 2, 4).into());
        let sent = encode(large).unwrap();
        let seen = image::load_from_memory(&sent.bytes).unwrap();
        assert_eq!((seen.width(), seen.height()), (LONGEST_SIDE, 2));
        assert!(encode(b"no image".to_vec()).is_err());
    }

    #[test]
    fn patches_stand_side_by_side() {
        let patches: Vec<u8> = (0..3).flat_map(|j| vec![j * 100; 2 * 2 * 3]).collect();
        let strip = image::load_from_memory(&strip(&patches, 3, 2).unwrap())
            .unwrap()
            .into_rgb8();
        assert_eq!(strip.dimensions(), (6, 2));
        for j in 0..3 {
            assert_eq!(strip.get_pixel(2 * j, 1)[0], j as u8 * 100);
        }
    }

    #[test]
    fn the_oldest_pictures_make_room() {
        let pictures = Pictures::new(25);
        let picture = || Picture {
            content_type: "image/png",
            bytes: vec![0; 10],
        };
        let key = |n| CandidateKey([n; 32]);
        let made = std::cell::Cell::new(0);
        let get = |n| {
            pictures
                .get_or_make(key(n), || {
                    made.set(made.get() + 1);
                    Ok(picture())
                })
                .unwrap();
        };
        for n in [1, 2, 1, 3, 1, 2] {
            get(n);
        }
        // 3 pushed out 2, which was used before 1.
        assert_eq!(made.get(), 4);
        assert!(pictures.lock().bytes <= 25);
    }
}
