//! Telling a truncated JPEG from a whole one.

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
    match first_scan(bytes) {
        Some(scan) => !bytes[scan..]
            .windows(2)
            .rev()
            .any(|pair| pair == END_OF_IMAGE),
        // No scan was reached: the segments are damaged or cut short, which
        // the decoder reports more precisely.
        None => false,
    }
}

/// Where the segment that announces the first scan begins.
fn first_scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match (bytes[at], marker) {
            (0xFF, START_OF_SCAN) => return Some(at),
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
