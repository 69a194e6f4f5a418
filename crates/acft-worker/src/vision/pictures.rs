//! Images as browsers show them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use acft::CandidateKey;
use acft_images::image_io::{self, Window};
use acft_server::vision::Picture;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::LONGEST_SIDE;

/// Of JPEGs that are made here: an expert must not see artefacts.
const QUALITY: u8 = 95;

/// A file as a browser shows it: its own bytes where it would show them as the
/// network sees them and they are not too many, else encoded anew.
pub(super) fn encode(bytes: Vec<u8>, window: Option<Window>) -> Result<Picture, String> {
    let nameless = Path::new("image");
    let fault = |error: image_io::ImageError| error.fault.to_string();
    let header = image_io::header(nameless, &bytes).map_err(fault)?;
    if let Some(content_type) = header.plain
        && header.width.max(header.height) <= LONGEST_SIDE
    {
        // Damage beyond the header must not wait for the browser to find it.
        image_io::decode(nameless, &bytes, window).map_err(fault)?;
        return Ok(Picture {
            content_type,
            bytes,
        });
    }
    let image = shrunk(image_io::decode(nameless, &bytes, window).map_err(fault)?);
    // Exact where every pixel is shown. A photograph that was shrunk is not exact
    // anyway, and would be several times as many bytes.
    let lossy = header.width.max(header.height) > LONGEST_SIDE
        && image::guess_format(&bytes).is_ok_and(|format| format == ImageFormat::Jpeg);
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
        assert_eq!(encode(small.clone(), None).unwrap().bytes, small);
        let sixteen = image::ImageBuffer::from_pixel(20, 10, Luma([0x1234u16]));
        let sent = encode(png(&sixteen.into()), None).unwrap();
        let seen = image::load_from_memory(&sent.bytes).unwrap().into_rgb8();
        assert_eq!(seen.get_pixel(3, 3), &Rgb([0x12; 3]));
        let large = png(&RgbImage::new(LONGEST_SIDE * 2, 4).into());
        let sent = encode(large, None).unwrap();
        let seen = image::load_from_memory(&sent.bytes).unwrap();
        assert_eq!((seen.width(), seen.height()), (LONGEST_SIDE, 2));
        assert!(encode(b"no image".to_vec(), None).is_err());
    }

    /// Adds a chunk before the pixels of a PNG.
    fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut crc = 0xFFFF_FFFFu32;
        for byte in kind.iter().chain(data) {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            }
        }
        let length = (data.len() as u32).to_be_bytes();
        let chunk = [&length, &kind[..], data, &(!crc).to_be_bytes()].concat();
        // Behind the signature and the header.
        [&png[..33], &chunk, &png[33..]].concat()
    }

    #[test]
    fn what_browsers_would_change_is_sent_as_the_network_sees_it() {
        let plain = RgbImage::from_fn(20, 10, |x, y| Rgb([x as u8 * 9, y as u8 * 20, 77]));
        let file = png(&plain.clone().into());
        for (kind, data) in [
            (b"gAMA", &100_000u32.to_be_bytes()[..]),
            (b"cHRM", &[0, 0, 0x75, 0x30].repeat(8)),
            (b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        ] {
            let changed = with_chunk(&file, kind, data);
            let sent = encode(changed.clone(), None).unwrap();
            assert_ne!(sent.bytes, changed, "{kind:?}");
            assert!(!sent.bytes.windows(4).any(|four| four == kind), "{kind:?}");
            let seen = image::load_from_memory(&sent.bytes).unwrap().into_rgb8();
            assert_eq!(seen, plain, "{kind:?}");
        }
        // What says no more than the pixels goes as it is.
        let harmless = with_chunk(&file, b"sRGB", &[0]);
        assert_eq!(encode(harmless.clone(), None).unwrap().bytes, harmless);
    }

    #[test]
    fn a_window_is_laid_over_what_is_sent() {
        let twelve = image::ImageBuffer::from_fn(20, 10, |x, _| Luma([x as u16 * 200]));
        let window = Some("0..4095".parse().unwrap());
        let sent = encode(png(&twelve.into()), window).unwrap();
        let seen = image::load_from_memory(&sent.bytes).unwrap().into_rgb8();
        assert_eq!(seen.get_pixel(19, 0), &Rgb([237; 3]));
        // Samples of 8 bits need none.
        let small = png(&RgbImage::from_pixel(20, 10, Rgb([9, 8, 7])).into());
        assert_eq!(encode(small.clone(), window).unwrap().bytes, small);
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
