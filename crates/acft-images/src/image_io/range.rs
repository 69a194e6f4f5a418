//! Which window suits a set of images, by what their samples are.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use image::DynamicImage;
use rayon::prelude::*;

use super::{Decoded, Deep, Window, read_file, room_for, tiff, upright};

/// The most images whose samples are counted; of more, every so many-th is.
const MOST_COUNTED: usize = 1000;

/// Samples of signed 16 bits are counted too, so zero is not the first place.
const ZERO: i32 = 32_768;
const PLACES: usize = ZERO as usize + 65_536;

/// A part in so many of the samples may lie outside of the range, at each end:
/// a few hot pixels must not darken the rest.
const OUTSIDE: u64 = 1000;

/// The window of a set of images, and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The window; none where the highest 8 bits of each sample show all.
    pub window: Option<Window>,
    /// Images whose samples have more than 8 bits.
    pub images: usize,
    /// The least and the greatest of their samples.
    pub range: (i32, i32),
    by: By,
}

/// What a window was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Tags,
    /// All samples of as many bits as the greatest has.
    Bits,
    /// The range in which nearly all samples lie.
    Range,
    /// What was settled before these images came.
    Before,
}

impl Chosen {
    /// The same images, seen under a window that was settled before.
    #[must_use]
    pub fn under(self, window: Option<Window>) -> Self {
        Self {
            window,
            by: By::Before,
            ..self
        }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.range;
        let images = match self.images {
            1 => "1 image has".to_owned(),
            more => format!("{more} images have"),
        };
        write!(
            f,
            "{images} more than 8 bits a sample, with samples from {low} to {high}: "
        )?;
        let Some(window) = self.window else {
            return f.write_str(match self.by {
                By::Before => "the network and the experts see the highest 8 bits, as of all others; where that is dark, make another project with --window",
                _ => "the network and the experts see the highest 8 bits",
            });
        };
        let by = match self.by {
            By::Tags => "as the files' tags say",
            By::Bits => "all that as many bits can hold",
            By::Range => "between which nearly all lie",
            By::Before => "as of all others",
        };
        write!(
            f,
            "the network and the experts see {} as black and {} as white, {by}",
            window.low(),
            window.high()
        )
    }
}

/// Chooses the window for a set of images; none where no image has samples of
/// more than 8 bits.
///
/// It is the files' own, where their tags agree on one that holds nearly all
/// samples; else from 0 to the greatest number of as many bits as the samples
/// have (4095 for 12), where they fill half of that; else the range in which
/// nearly all samples lie. The same files give the same window.
///
/// Files that cannot be read are passed over: they are named elsewhere.
pub fn choose_window(paths: &[PathBuf]) -> Option<Chosen> {
    let deep: Vec<&PathBuf> = paths
        .par_iter()
        .filter(|path| may_be_deep(path).unwrap_or(false))
        .collect();
    let every = deep.len().div_ceil(MOST_COUNTED).max(1);
    let counted = deep
        .par_iter()
        .step_by(every)
        .filter_map(|path| counts_of(path).ok().flatten());
    let counts = counted.reduce_with(Counts::and)?;
    Some(counts.choose(deep.len()))
}

/// Whether the first bytes of a file allow for samples of more than 8 bits.
fn may_be_deep(path: &Path) -> std::io::Result<bool> {
    // Not opened before it is known to be a file: a pipe would wait for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path)?.take(26).read_to_end(&mut head)?;
    if tiff::is_tiff(&head) {
        return Ok(read_file(path).is_ok_and(|bytes| {
            super::header(path, &bytes).is_ok_and(|header| header.deep.is_some())
        }));
    }
    Ok(head.starts_with(b"\x89PNG") && head.get(24) == Some(&16))
}

/// How often each sample occurs, and what the files say of them.
struct Counts {
    places: Vec<u64>,
    /// What all files agree on.
    bits: Option<u8>,
    tagged: Option<Window>,
}

fn counts_of(path: &Path) -> Result<Option<Counts>, super::ImageError> {
    let bytes = read_file(path)?;
    super::guarded(path, || {
        let _room = room_for(&bytes)?;
        let Decoded { image, deep, .. } = upright(&bytes)?;
        Ok(counted(&image, deep.unwrap_or(Deep::PLAIN)))
    })
}

fn counted(image: &DynamicImage, deep: Deep) -> Option<Counts> {
    let mut places = vec![0; PLACES];
    let mut count = |samples: &mut dyn Iterator<Item = &u16>| {
        for sample in samples {
            places[(i32::from(*sample) + deep.offset + ZERO) as usize] += 1;
        }
    };
    match image {
        DynamicImage::ImageLuma16(pixels) => count(&mut pixels.as_raw().iter()),
        DynamicImage::ImageLumaA16(pixels) => count(&mut pixels.as_raw().iter().step_by(2)),
        DynamicImage::ImageRgb16(pixels) => count(&mut pixels.as_raw().iter()),
        DynamicImage::ImageRgba16(pixels) => {
            count(
                &mut pixels
                    .as_raw()
                    .chunks_exact(4)
                    .flat_map(|pixel| &pixel[..3]),
            );
        }
        _ => return None,
    }
    Some(Counts {
        places,
        bits: Some(deep.bits),
        tagged: deep.tagged,
    })
}

impl Counts {
    fn and(mut self, other: Self) -> Self {
        for (count, more) in self.places.iter_mut().zip(&other.places) {
            *count += more;
        }
        self.bits = self.bits.filter(|_| self.bits == other.bits);
        self.tagged = self.tagged.filter(|_| self.tagged == other.tagged);
        self
    }

    /// The least sample that `few` or more lie below, or the greatest that they lie above.
    fn ends(&self, few: u64) -> (i32, i32) {
        let sample = |place: usize| place as i32 - ZERO;
        let reach = |places: &mut dyn Iterator<Item = (usize, &u64)>| {
            let mut seen = 0;
            let mut beyond = places.skip_while(|(_, count)| {
                seen += **count;
                seen <= few
            });
            beyond.next().map_or(0, |(place, _)| sample(place))
        };
        let low = reach(&mut self.places.iter().enumerate());
        let high = reach(&mut self.places.iter().enumerate().rev());
        (low, high)
    }

    fn choose(self, images: usize) -> Chosen {
        let total: u64 = self.places.iter().sum();
        let range = self.ends(0);
        let (low, high) = self.ends(total / OUTSIDE);
        let chosen = |window, by| Chosen {
            window,
            images,
            range,
            by,
        };
        if let Some(tagged) = self.tagged
            && tagged.low() <= low
            && tagged.high() >= high
            && Some(tagged) != self.bits.and_then(of_bits)
        {
            return chosen(Some(tagged), By::Tags);
        }
        let bits = (u32::BITS - range.1.max(0).unsigned_abs().leading_zeros()).max(8) as u8;
        let most = (1i32 << bits) - 1;
        if range.0 >= 0 && high - low >= most / 2 {
            let window = of_bits(bits).filter(|_| self.bits != Some(bits));
            return chosen(window, By::Bits);
        }
        let high = high.max(low + 1).min(65_535);
        chosen(Window::new(low.min(high - 1), high).ok(), By::Range)
    }
}

/// All samples of so many bits.
fn of_bits(bits: u8) -> Option<Window> {
    Window::new(0, (1i32 << bits) - 1).ok()
}

/// The window that a PNG tells by how many bits of a sample count.
pub(super) fn of_significant(bits: Option<u8>) -> Option<Window> {
    bits.filter(|bits| (1..16).contains(bits)).and_then(of_bits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{GrayImage, ImageBuffer, Luma};

    use super::*;

    fn choose(images: &[(Vec<u16>, Deep)]) -> Option<Chosen> {
        let counts = images.iter().filter_map(|(samples, deep)| {
            let image = ImageBuffer::from_raw(samples.len() as u32, 1, samples.clone());
            let image: ImageBuffer<Luma<u16>, _> = image.unwrap();
            counted(&image.into(), *deep)
        });
        counts
            .reduce(Counts::and)
            .map(|counts| counts.choose(images.len()))
    }

    fn window(text: &str) -> Option<Window> {
        Some(text.parse().unwrap())
    }

    fn ramp(low: u16, high: u16) -> Vec<u16> {
        (0..=2000u32)
            .map(|i| low + (u32::from(high - low) * i / 2000) as u16)
            .collect()
    }

    #[test]
    fn the_window_is_of_as_many_bits_as_the_samples_of_all_images_have() {
        for (bits, says) in [(10, "0..1023"), (12, "0..4095"), (14, "0..16383")] {
            let high = (1u16 << bits) - 96;
            let images = [
                (ramp(3, high / 3), Deep::PLAIN),
                (ramp(40, high), Deep::PLAIN),
            ];
            let chosen = choose(&images).unwrap();
            assert_eq!(chosen.window, window(says));
            assert_eq!((chosen.images, chosen.range), (2, (3, i32::from(high))));
            assert!(
                chosen
                    .to_string()
                    .starts_with("2 images have more than 8 bits")
            );
        }
        // Those that fill 16 bits keep what they have been seen as.
        let chosen = choose(&[(ramp(0, 65_000), Deep::PLAIN)]).unwrap();
        assert_eq!(chosen.window, None);
        assert!(
            chosen.to_string().contains("the highest 8 bits"),
            "{chosen}"
        );
        // So do those of 12 packed bits; unless others are with them.
        let packed = Deep {
            bits: 12,
            ..Deep::PLAIN
        };
        assert_eq!(choose(&[(ramp(0, 4000), packed)]).unwrap().window, None);
        let both = [(ramp(0, 4000), packed), (ramp(0, 4000), Deep::PLAIN)];
        assert_eq!(choose(&both).unwrap().window, window("0..4095"));
    }

    #[test]
    fn narrow_and_signed_samples_are_seen_by_their_range() {
        let offset = ramp(31_768, 34_000);
        assert_eq!(
            choose(&[(offset, Deep::PLAIN)]).unwrap().window,
            window("31770..33997")
        );
        let signed = Deep {
            offset: -32_768,
            ..Deep::PLAIN
        };
        let chosen = choose(&[(ramp(31_768, 33_168), signed)]).unwrap();
        assert_eq!(chosen.range, (-1000, 400));
        assert_eq!(chosen.window, window("-999..398"));
        // A few hot pixels do not count.
        let mut hot = ramp(0, 900);
        hot[1000] = 60_000;
        assert_eq!(
            choose(&[(hot, Deep::PLAIN)]).unwrap().window,
            window("0..899")
        );
        let flat = choose(&[(vec![7; 50], Deep::PLAIN)]).unwrap();
        assert_eq!(flat.window, window("7..8"));
        let flat = choose(&[(vec![65_535; 50], Deep::PLAIN)]).unwrap();
        assert_eq!(flat.window, window("65534..65535"));
    }

    #[test]
    fn tags_count_where_they_agree_and_hold_the_samples() {
        let tagged = |text| Deep {
            tagged: window(text),
            ..Deep::PLAIN
        };
        let chosen = choose(&[(ramp(500, 900), tagged("400..1500"))]).unwrap();
        assert_eq!(chosen.window, window("400..1500"));
        assert!(
            chosen.to_string().ends_with("as the files' tags say"),
            "{chosen}"
        );
        let apart = [
            (ramp(500, 4000), tagged("400..4001")),
            (ramp(500, 4000), tagged("300..4001")),
        ];
        assert_eq!(choose(&apart).unwrap().window, window("0..4095"));
        // Samples that were spread over 16 bits lie beyond what the tag says.
        let spread = [(ramp(0, 65_000), tagged("0..4095"))];
        assert_eq!(choose(&spread).unwrap().window, None);
    }

    #[test]
    fn images_of_8_bits_need_no_window() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        GrayImage::new(4, 4).save(&path).unwrap();
        assert_eq!(
            choose_window(&[path, folder.path().join("missing.png")]),
            None
        );
        let path = folder.path().join("b.png");
        let deep = ImageBuffer::from_fn(64, 64, |x, y| Luma([(x * y) as u16]));
        DynamicImage::from(deep).save(&path).unwrap();
        assert_eq!(choose_window(&[path]).unwrap().window, window("0..4095"));
    }
}
