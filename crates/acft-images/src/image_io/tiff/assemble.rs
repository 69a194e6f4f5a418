//! From strips or tiles, of one plane or several, to one block of samples.

use super::super::ImageFault;
use super::codec;
use super::page::{Chunk, Page};

/// Samples of an image, row by row, [`Page::kept`] of each pixel. Signed
/// samples are shifted by 32768 to be positive.
pub(super) enum Samples {
    /// Of at most 8 bits, not spread over the range of 8 bits.
    Narrow(Vec<u8>),
    /// Of 9 to 16 bits.
    Wide(Vec<u16>),
}

/// Decodes all chunks of a page.
pub(super) fn samples(file: &[u8], page: &Page<'_>) -> Result<Samples, ImageFault> {
    believe(file, page)?;
    if page.bits <= 8 {
        filled(file, page, |sample| sample as u8).map(Samples::Narrow)
    } else {
        filled(file, page, |sample| sample).map(Samples::Wide)
    }
}

/// Refuses a size that the file's bytes cannot fill, before it is made room for.
fn believe(file: &[u8], page: &Page<'_>) -> Result<(), ImageFault> {
    let present: u64 = page
        .chunks
        .iter()
        .map(|chunk| {
            chunk
                .length
                .min((file.len() as u64).saturating_sub(chunk.at))
        })
        .sum();
    let bits = u64::from(page.width) * u64::from(page.height) * page.samples as u64;
    let needed = bits * u64::from(page.bits) / 8;
    if present.saturating_mul(codec::most_from_a_byte(page)) < needed {
        return Err(ImageFault::Truncated);
    }
    Ok(())
}

/// The bytes of a chunk.
fn within(file: &[u8], chunk: Chunk) -> Result<&[u8], ImageFault> {
    let at = usize::try_from(chunk.at).map_err(|_| ImageFault::Truncated)?;
    let length = usize::try_from(chunk.length).map_err(|_| ImageFault::Truncated)?;
    let end = at.checked_add(length).ok_or(ImageFault::Truncated)?;
    if length == 0 {
        return Err(super::directory::unread(
            "strips or tiles that were left out: save it whole",
        ));
    }
    // The last chunk of some writers claims more than it has.
    let bytes = file.get(at..end.min(file.len())).unwrap_or_default();
    if bytes.is_empty() {
        return Err(ImageFault::Truncated);
    }
    Ok(bytes)
}

fn filled<T: Copy + Default>(
    file: &[u8],
    page: &Page<'_>,
    kept_as: impl Fn(u16) -> T,
) -> Result<Vec<T>, ImageFault> {
    let kept = page.kept();
    let (width, height) = (page.width as usize, page.height as usize);
    let (chunk_width, chunk_height) = (page.chunk.0 as usize, page.chunk.1 as usize);
    let across = width.div_ceil(chunk_width);
    let a_plane = across * height.div_ceil(chunk_height);
    let each = page.samples_in_chunk();

    let mut out = vec![T::default(); width * height * kept];
    let mut row = Row::new(page);
    for (at, chunk) in page.chunks.iter().enumerate() {
        let (plane, place) = (at / a_plane, at % a_plane);
        if plane >= kept {
            // A sample beyond the colour.
            break;
        }
        let (left, top) = (place % across * chunk_width, place / across * chunk_height);
        let columns = chunk_width.min(width - left);
        let rows = chunk_height.min(height - top);
        let unpacked = codec::unpacked(page, within(file, *chunk)?, rows)?;
        for (y, bytes) in unpacked.bytes.chunks(unpacked.row).take(rows).enumerate() {
            let begin = ((top + y) * width + left) * kept;
            let target = &mut out[begin..begin + columns * kept];
            let samples = row.samples(bytes);
            for (pixel, samples) in target.chunks_exact_mut(kept).zip(samples.chunks(each)) {
                if page.planar {
                    pixel[plane] = kept_as(samples[0]);
                } else {
                    for (to, from) in pixel.iter_mut().zip(samples) {
                        *to = kept_as(*from);
                    }
                }
            }
        }
    }
    Ok(out)
}

/// Unpacks rows of samples.
struct Row<'p, 'a> {
    page: &'p Page<'a>,
    samples: Vec<u16>,
}

impl<'p, 'a> Row<'p, 'a> {
    fn new(page: &'p Page<'a>) -> Self {
        let length = page.chunk.0 as usize * page.samples_in_chunk();
        Self {
            page,
            samples: vec![0; length],
        }
    }

    /// The samples of a row of a chunk.
    fn samples(&mut self, bytes: &[u8]) -> &[u16] {
        match self.page.bits {
            8 => {
                for (sample, byte) in self.samples.iter_mut().zip(bytes) {
                    *sample = u16::from(*byte);
                }
            }
            16 => {
                let read = if self.page.little {
                    u16::from_le_bytes
                } else {
                    u16::from_be_bytes
                };
                let (pairs, _) = bytes.as_chunks();
                for (sample, pair) in self.samples.iter_mut().zip(pairs) {
                    *sample = read(*pair);
                }
            }
            bits => unpack(bytes, bits, &mut self.samples),
        }
        if self.page.differences {
            self.add_up();
        }
        if self.page.signed {
            for sample in &mut self.samples {
                *sample ^= 0x8000;
            }
        }
        &self.samples
    }

    /// Undoes predictor 2: a sample was written as its difference to that of
    /// the pixel before.
    fn add_up(&mut self) {
        let each = self.page.samples_in_chunk();
        let mask = if self.page.bits == 8 { 0xFF } else { 0xFFFF };
        for at in each..self.samples.len() {
            self.samples[at] = self.samples[at].wrapping_add(self.samples[at - each]) & mask;
        }
    }
}

/// Unpacks samples of `bits` bits, the highest bit first.
fn unpack(bytes: &[u8], bits: u8, samples: &mut [u16]) {
    let (mut held, mut count, mut bytes) = (0u32, 0, bytes.iter());
    for sample in samples {
        while count < bits {
            held = held << 8 | u32::from(bytes.next().copied().unwrap_or(0));
            count += 8;
        }
        count -= bits;
        *sample = (held >> count) as u16 & (((1u32 << bits) - 1) as u16);
        held &= (1 << count) - 1;
    }
}
