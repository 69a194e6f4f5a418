//! The segments of a JPEG, from its first marker to the end of its last scan.

use super::super::ImageFault;

const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// How the coefficients are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Process {
    /// Huffman codes, each coefficient in one scan; extended sequential too.
    Baseline,
    Progressive,
    /// Not read here.
    Other(&'static str),
}

/// One of the planes that make up a JPEG.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Component {
    pub(in super::super) id: u8,
    /// Sampling factors: how many blocks of it lie in a unit.
    pub(in super::super) across: u8,
    pub(in super::super) down: u8,
}

/// What the segments of a JPEG say.
#[derive(Debug)]
pub(in super::super) struct Jpeg<'a> {
    pub(in super::super) process: Process,
    pub(in super::super) precision: u8,
    pub(in super::super) width: u16,
    pub(in super::super) height: u16,
    pub(in super::super) components: Vec<Component>,
    pub(in super::super) scans: usize,
    pub(in super::super) is_jfif: bool,
    pub(in super::super) adobe_transform: Option<u8>,
    pub(in super::super) exif: Option<&'a [u8]>,
    pub(in super::super) xmp: Option<&'a [u8]>,
    /// Whether there is a colour profile, by which browsers go.
    pub(in super::super) has_profile: bool,
    /// Whether every component was coded and the end marker came.
    pub(in super::super) is_whole: bool,
}

impl<'a> Jpeg<'a> {
    /// Reads all segments. None where there is no frame: the decoder says more
    /// precisely what is wrong then.
    pub(in super::super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut notes = Notes::default();
        let mut coded = Vec::new();
        let mut at = 2;
        let mut is_whole = false;
        while let Some((marker, segment, next)) = segment(bytes, at) {
            match marker {
                END_OF_IMAGE => {
                    is_whole = true;
                    break;
                }
                // Another image begins: this one was cut.
                START_OF_IMAGE => break,
                START_OF_SCAN => {
                    let jpeg = found.as_mut()?;
                    jpeg.scans += 1;
                    coded.extend(coded_by(segment, jpeg.process));
                    at = end_of_scan(bytes, next);
                    continue;
                }
                0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                    if found.is_some() {
                        break;
                    }
                    found = Some(frame(marker, segment)?);
                }
                _ => notes.take(marker, segment),
            }
            at = next;
        }
        let mut jpeg = found?;
        jpeg.is_jfif = notes.is_jfif;
        jpeg.adobe_transform = notes.adobe_transform;
        jpeg.exif = notes.exif;
        jpeg.xmp = notes.xmp;
        jpeg.has_profile = notes.has_profile;
        let all_coded = jpeg.components.iter().all(|one| coded.contains(&one.id));
        jpeg.is_whole = is_whole && all_coded;
        Some(jpeg)
    }

    /// Refuses a size that the file's bytes cannot fill: a block of 8 × 8
    /// takes a bit at least.
    ///
    /// # Errors
    /// [`ImageFault::Truncated`].
    pub(in super::super) fn believe(&self, bytes: &[u8]) -> Result<(), ImageFault> {
        let blocks = u64::from(self.width).div_ceil(8) * u64::from(self.height).div_ceil(8);
        // Chroma may be coarser than its image, but no component is coarser
        // than a sixteenth of it.
        if blocks / 16 > 8 * bytes.len() as u64 {
            return Err(ImageFault::Truncated);
        }
        Ok(())
    }
}

/// What segments beside the frame and its scans tell.
#[derive(Default)]
struct Notes<'a> {
    is_jfif: bool,
    adobe_transform: Option<u8>,
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
    has_profile: bool,
}

impl<'a> Notes<'a> {
    fn take(&mut self, marker: u8, segment: &'a [u8]) {
        match marker {
            0xE0 if segment.starts_with(b"JFIF\0") => self.is_jfif = true,
            0xE1 => {
                if let Some(exif) = segment.strip_prefix(b"Exif\0\0") {
                    self.exif.get_or_insert(exif);
                } else if let Some(xmp) = segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    self.xmp.get_or_insert(xmp);
                }
            }
            0xE2 if segment.starts_with(b"ICC_PROFILE\0") => self.has_profile = true,
            0xEE if segment.starts_with(b"Adobe") => {
                self.adobe_transform = segment.get(11).copied()
            }
            _ => {}
        }
    }
}

/// The marker at or behind a place, what its segment holds, and where that
/// ends. None at the end of the bytes, or where no marker is.
fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    loop {
        let (first, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        match (first, marker) {
            // Padding between segments.
            (0xFF, 0xFF) => at += 1,
            // Markers without a length.
            (0xFF, START_OF_IMAGE | END_OF_IMAGE) => return Some((marker, &[], at + 2)),
            (0xFF, 0x01 | 0xD0..=0xD7) => at += 2,
            (0xFF, 0x02..) => {
                let length = [*bytes.get(at + 2)?, *bytes.get(at + 3)?];
                let end = at + 2 + usize::from(u16::from_be_bytes(length)).max(2);
                return Some((marker, bytes.get(at + 4..end)?, end));
            }
            _ => return None,
        }
    }
}

fn frame<'a>(marker: u8, segment: &[u8]) -> Option<Jpeg<'a>> {
    let process = match marker {
        0xC0 | 0xC1 => Process::Baseline,
        0xC2 => Process::Progressive,
        0xC3 => Process::Other("lossless"),
        0xC9 | 0xCA => Process::Other("arithmetic"),
        0xCB => Process::Other("lossless arithmetic"),
        _ => Process::Other("hierarchical"),
    };
    let word = |at: usize| {
        let bytes = segment.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    };
    let count = usize::from(*segment.get(5)?);
    let (each, _) = segment.get(6..6 + 3 * count)?.as_chunks::<3>();
    let component = |[id, sampling, _]: &[u8; 3]| Component {
        id: *id,
        across: sampling >> 4,
        down: sampling & 15,
    };
    Some(Jpeg {
        process,
        precision: *segment.first()?,
        height: word(1)?,
        width: word(3)?,
        components: each.iter().map(component).collect(),
        scans: 0,
        is_jfif: false,
        adobe_transform: None,
        exif: None,
        xmp: None,
        has_profile: false,
        is_whole: false,
    })
}

/// The components whose means a scan codes.
fn coded_by(header: &[u8], process: Process) -> Vec<u8> {
    let count = usize::from(header.first().copied().unwrap_or(0));
    let ids = (0..count).filter_map(|at| header.get(1 + 2 * at).copied());
    let first_coefficient = header.get(1 + 2 * count).copied().unwrap_or(0);
    if process == Process::Progressive && first_coefficient != 0 {
        return Vec::new();
    }
    ids.collect()
}

/// Where the marker is that ends a scan's codes; within them 0xFF is followed
/// by 0, or is a restart marker.
fn end_of_scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some(step) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| *byte == 0xFF))
    {
        at += step;
        match bytes.get(at + 1) {
            Some(0 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            _ => return at,
        }
    }
    bytes.len()
}
