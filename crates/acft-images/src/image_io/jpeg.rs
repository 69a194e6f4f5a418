//! What a JPEG's segments tell that its decoder does not.

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Whether a JPEG's entropy-coded data lacks its end marker.
///
/// The decoder fills what is missing with grey and says nothing, so a file cut
/// short would become a candidate that is half grey. The search begins after
/// the first scan's header, because a thumbnail in the metadata has an end
/// marker of its own; inside the scans 0xFF is stuffed, so the marker cannot
/// occur there by chance.
pub(super) fn is_truncated(bytes: &[u8]) -> bool {
    match find(bytes, |marker| marker == START_OF_SCAN) {
        Some(scan) => !bytes[scan..]
            .windows(2)
            .rev()
            .any(|pair| pair == END_OF_IMAGE),
        // No scan was reached: the segments are damaged or cut short, which
        // the decoder reports more precisely.
        None => false,
    }
}

/// How many components a pixel has: 1 for grey, 3 for colour, 4 for CMYK and
/// its kin, which the decoder calls RGB because it converts them.
pub(super) fn components(bytes: &[u8]) -> Option<u8> {
    // Behind the marker: length, precision, height and width.
    let frame = find(bytes, is_start_of_frame)?;
    bytes.get(frame + 9).copied()
}

/// Among the markers of frames are those of tables (DHT, JPG, DAC).
fn is_start_of_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// Where the first segment begins whose marker is `wanted`, of those up to the first scan.
fn find(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match (bytes[at], marker) {
            (0xFF, _) if wanted(marker) => return Some(at),
            (0xFF, START_OF_SCAN) => return None,
            // Padding between segments, and markers without a length.
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0x01 | 0xD0..=0xD8) => at += 2,
            (0xFF, _) => {
                let length = [*bytes.get(at + 2)?, *bytes.get(at + 3)?];
                at += 2 + usize::from(u16::from_be_bytes(length)).max(2);
            }
            _ => return None,
        }
    }
}
