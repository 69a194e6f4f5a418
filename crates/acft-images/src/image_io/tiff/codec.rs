//! From the bytes of a strip or tile to its samples, still packed.

use std::io::Read;

use super::super::{ImageFault, jpeg};
use super::directory::damaged;
use super::fax;
use super::page::{Compression, Page, Photometric};

/// A chunk that is decompressed: rows of packed samples, each of whole bytes.
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    /// Bytes of a row.
    pub(super) row: usize,
}

/// Bytes of a row of a chunk.
pub(super) fn row_bytes(page: &Page<'_>) -> usize {
    let samples = page.chunk.0 as usize * page.samples_in_chunk();
    (samples * usize::from(page.bits)).div_ceil(8)
}

/// The most bytes that one compressed byte can stand for.
pub(super) fn most_from_a_byte(page: &Page<'_>) -> u64 {
    match page.compression {
        Compression::None => 1,
        Compression::PackBits => 64,
        Compression::Deflate => 1032,
        // The longest entry of a table of 4096, by a code of 12 bits.
        Compression::Lzw => 2731,
        // A bit for each row; two bits for each block of 8 × 8 of a component.
        Compression::Huffman | Compression::Fax3 | Compression::Fax4 => {
            8 * (page.chunk.0 as u64).div_ceil(8)
        }
        Compression::Jpeg => 8 * 64 * 8,
    }
}

/// Decompresses a chunk of `rows` rows.
///
/// # Errors
/// The bytes end too early, or are none of the compression.
pub(super) fn unpacked(page: &Page<'_>, bytes: &[u8], rows: usize) -> Result<Unpacked, ImageFault> {
    if page.compression == Compression::Jpeg {
        return jpeg_chunk(page, bytes, rows);
    }
    let row = row_bytes(page);
    let length = row * rows;
    let mirrored;
    let bytes = if page.mirrored {
        mirrored = bytes
            .iter()
            .map(|byte| byte.reverse_bits())
            .collect::<Vec<_>>();
        &mirrored
    } else {
        bytes
    };
    let bytes = match page.compression {
        Compression::None => bytes[..length.min(bytes.len())].to_vec(),
        Compression::PackBits => pack_bits(bytes, length),
        Compression::Deflate => deflate(bytes, length)?,
        Compression::Lzw => lzw(bytes, length)?,
        Compression::Huffman => fax::huffman(bytes, page.chunk.0, rows)?,
        Compression::Fax3 => fax::group3(bytes, page.chunk.0, rows)?,
        Compression::Fax4 => fax::group4(bytes, page.chunk.0, rows)?,
        Compression::Jpeg => unreachable!("decoded above"),
    };
    if bytes.len() < length {
        return Err(ImageFault::Truncated);
    }
    Ok(Unpacked { bytes, row })
}

fn pack_bits(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes.iter().copied();
    while out.len() < length
        && let Some(head) = rest.next()
    {
        match head as i8 {
            // Stands for nothing.
            i8::MIN => {}
            run @ ..0 => {
                let Some(byte) = rest.next() else { break };
                out.extend(std::iter::repeat_n(
                    byte,
                    1 + usize::from(run.unsigned_abs()),
                ));
            }
            plain => out.extend(rest.by_ref().take(1 + plain as usize)),
        }
    }
    out
}

fn deflate(bytes: &[u8], length: usize) -> Result<Vec<u8>, ImageFault> {
    let mut out = Vec::new();
    let decoder = flate2::read::ZlibDecoder::new(bytes);
    match decoder.take(length as u64).read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(ImageFault::Truncated)
        }
        Err(error) => Err(damaged(&format!("deflate: {error}"))),
    }
}

/// Reads codes until there are enough bytes: not every writer ends its codes
/// as the standard asks, and what is behind the last pixel means nothing.
fn lzw(bytes: &[u8], length: usize) -> Result<Vec<u8>, ImageFault> {
    if bytes.starts_with(&[0, 1]) {
        return Err(super::directory::unread(
            "LZW compression of before 1992: save it with LZW or deflate",
        ));
    }
    const STEP: usize = 1 << 16;
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut out, mut done, mut read) = (Vec::new(), 0, 0);
    while done < length {
        out.resize((done + STEP).min(length), 0);
        let step = decoder.decode_bytes(&bytes[read..], &mut out[done..]);
        read += step.consumed_in;
        done += step.consumed_out;
        match step.status {
            Err(error) if done < length => return Err(damaged(&format!("LZW: {error}"))),
            Ok(weezl::LzwStatus::Done) => break,
            _ if step.consumed_in == 0 && step.consumed_out == 0 => break,
            _ => {}
        }
    }
    out.truncate(done);
    Ok(out)
}

/// A chunk that is a JPEG, whose tables may be kept once for all chunks.
fn jpeg_chunk(page: &Page<'_>, bytes: &[u8], rows: usize) -> Result<Unpacked, ImageFault> {
    let whole;
    let bytes = match page.jpeg_tables {
        Some(tables) if tables.len() > 4 && bytes.len() > 2 => {
            // Tables end with an end marker, and the chunk begins with a start marker.
            whole = [&tables[..tables.len() - 2], &bytes[2..]].concat();
            &whole
        }
        _ => bytes,
    };
    let colours = match page.photometric {
        Photometric::YCbCr if !page.planar => jpeg::Colours::YCbCr,
        _ => jpeg::Colours::AsStored,
    };
    let found = jpeg::decode_bare(bytes, colours)?;
    let samples = page.samples_in_chunk();
    if found.components != samples || found.width < page.chunk.0 as usize || found.height < rows {
        return Err(damaged(&format!(
            "a JPEG of {} x {} pixels and {} components in it is none of its chunks",
            found.width, found.height, found.components
        )));
    }
    Ok(Unpacked {
        row: found.width * samples,
        bytes: found.samples,
    })
}
