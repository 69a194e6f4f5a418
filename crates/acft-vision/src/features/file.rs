//! How features lie in a file.
//!
//! ```text
//! header   "acft features 1\n" · length of the parameters (u32) · the parameters (JSON) · BLAKE3 of all that
//! record   BLAKE3 of the rest and the candidate's place, keyed with the parameters' hash
//!          · u32::MAX, or the length of the reason why the candidate cannot be read
//!          · m × width numbers (f16), or the reason and zeros
//! …        one a candidate, all of one length, in the order of the candidates
//! ```
//!
//! Numbers are little-endian. Equal features give equal bytes.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::Parameters;

/// Begins every file; with the version of its format.
const MAGIC: &[u8; 16] = b"acft features 1\n";

const HASH: usize = 32;

/// In place of a reason's length: the record holds features.
const FEATURES: u32 = u32::MAX;

/// Features are kept between ± this, the largest that PyTorch's prototype kept too: f16 ends at 65,504.
const LARGEST: f32 = 60_000.0;

/// The most bytes of parameters that a header is read for.
const LONGEST: u32 = 1 << 16;

/// The header of a file with these parameters.
pub(super) fn header(parameters: &Parameters) -> Vec<u8> {
    let json = parameters.to_json();
    let mut header = MAGIC.to_vec();
    header.extend((json.len() as u32).to_le_bytes());
    header.extend(json.as_bytes());
    let hash = blake3::hash(&header);
    header.extend(hash.as_bytes());
    header
}

/// The parameters that a file says it has, or what is wrong with its beginning. `read` reads at a position.
pub(super) fn read_header(
    read: impl Fn(&mut [u8], u64) -> std::io::Result<()>,
) -> Result<Parameters, String> {
    let mut start = [0; MAGIC.len() + 4];
    read(&mut start, 0).map_err(|_| "it ends within its header".to_owned())?;
    let (magic, length) = start.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("it does not begin as features of this version do".into());
    }
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    if length > LONGEST {
        return Err("its header has an impossible length".into());
    }
    let mut rest = vec![0; length as usize + HASH];
    read(&mut rest, start.len() as u64).map_err(|_| "it ends within its header".to_owned())?;
    let (json, hash) = rest.split_at(length as usize);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&start).update(json);
    if hasher.finalize().as_bytes() != hash {
        return Err("its header is not as it was written".into());
    }
    serde_json::from_slice(json).map_err(|_| "its header is of another version".into())
}

/// Where the records of a file are, and what they are hashed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    start: u64,
    numbers: usize,
    candidates: usize,
    key: [u8; 32],
}

/// What a record says of its candidate.
pub(super) enum Record<'a> {
    /// Its features, as f16.
    Features(&'a [u8]),
    /// Why it cannot be read.
    Unreadable(&'a str),
}

impl Layout {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            start: header(parameters).len() as u64,
            numbers: parameters.patches_per_candidate() * parameters.width(),
            candidates: parameters.candidates(),
            key: *parameters.hash().as_bytes(),
        }
    }

    /// Numbers of a candidate.
    pub(super) fn numbers(&self) -> usize {
        self.numbers
    }

    /// Bytes of a record.
    pub(super) fn record(&self) -> usize {
        HASH + 4 + 2 * self.numbers
    }

    /// Where a candidate's record begins.
    pub(super) fn at(&self, index: usize) -> u64 {
        self.start + index as u64 * self.record() as u64
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> u64 {
        self.at(self.candidates)
    }

    /// A candidate's record; the first number that is none, if there is one.
    pub(super) fn encode(
        &self,
        index: usize,
        outcome: Result<&[f32], &str>,
    ) -> Result<Vec<u8>, f32> {
        let mut record = vec![0; HASH];
        match outcome {
            Ok(rows) => {
                debug_assert_eq!(rows.len(), self.numbers);
                if let Some(value) = rows.iter().find(|value| !value.is_finite()) {
                    return Err(*value);
                }
                record.extend(FEATURES.to_le_bytes());
                record.extend(halves(rows).iter().flat_map(|half| half.to_le_bytes()));
            }
            Err(reason) => {
                let reason = &reason[..reason.floor_char_boundary(2 * self.numbers)];
                record.extend((reason.len() as u32).to_le_bytes());
                record.extend(reason.as_bytes());
                record.resize(self.record(), 0);
            }
        }
        let hash = self.hash(index, &record[HASH..]);
        record[..HASH].copy_from_slice(&hash);
        Ok(record)
    }

    /// What a record says; none where it is not as it was written, or is that of another candidate or file.
    pub(super) fn decode<'a>(&self, index: usize, record: &'a [u8]) -> Option<Record<'a>> {
        let (hash, rest) = record.split_at_checked(HASH)?;
        if record.len() != self.record() || hash != self.hash(index, rest) {
            return None;
        }
        let (length, content) = rest.split_at_checked(4)?;
        match u32::from_le_bytes(length.try_into().ok()?) {
            FEATURES => Some(Record::Features(content)),
            length => {
                let reason = content.get(..length as usize)?;
                Some(Record::Unreadable(std::str::from_utf8(reason).ok()?))
            }
        }
    }

    fn hash(&self, index: usize, rest: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(index as u64).to_le_bytes()).update(rest);
        *hasher.finalize().as_bytes()
    }
}

/// The nearest halves, within what they can hold.
fn halves(values: &[f32]) -> Vec<f16> {
    let clamped: Vec<f32> = values
        .iter()
        .map(|value| value.clamp(-LARGEST, LARGEST))
        .collect();
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(&clamped);
    halves
}

/// The numbers of a record of features.
pub(super) fn floats(bytes: &[u8], out: &mut [f32]) {
    let halves: Vec<f16> = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| f16::from_le_bytes(*bytes))
        .collect();
    halves.convert_to_f32_slice(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        start: 0,
        numbers: 6,
        candidates: 3,
        key: [7; 32],
    };

    #[test]
    fn numbers_are_rounded_to_halves_and_kept_within_their_range() {
        let given = [0.1, -3.0, 1e9, -1e9, 65_504.0, 1e-30];
        let record = LAYOUT.encode(1, Ok(&given)).expect("they are numbers");
        assert_eq!(record.len(), LAYOUT.record());
        let Some(Record::Features(bytes)) = LAYOUT.decode(1, &record) else {
            panic!("it was written as features");
        };
        let mut read = [0.0; 6];
        floats(bytes, &mut read);
        let nearest = f16::from_f32(0.1).to_f32();
        assert_eq!(read, [nearest, -3.0, 60_000.0, -60_000.0, 60_000.0, 0.0]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let given = [0.0, 1.0, value, 0.0, 0.0, 0.0];
            let refused = LAYOUT.encode(0, Ok(&given)).expect_err("it is no number");
            assert_eq!(refused.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn reasons_are_cut_where_a_letter_ends() {
        for (reason, kept) in [("gone", "gone"), ("aéééééé", "aééééé"), ("", "")] {
            let record = LAYOUT.encode(2, Err(reason)).expect("there are no numbers");
            assert_eq!(record.len(), LAYOUT.record());
            match LAYOUT.decode(2, &record) {
                Some(Record::Unreadable(read)) => assert_eq!(read, kept),
                _ => panic!("{reason} was written as a reason"),
            }
        }
    }

    #[test]
    fn a_record_of_another_place_or_file_or_with_a_changed_bit_is_none() {
        let record = LAYOUT.encode(1, Ok(&[1.0; 6])).expect("they are numbers");
        assert!(LAYOUT.decode(1, &record).is_some());
        assert!(LAYOUT.decode(0, &record).is_none());
        let other = Layout {
            key: [8; 32],
            ..LAYOUT
        };
        assert!(other.decode(1, &record).is_none());
        for bit in 0..record.len() * 8 {
            let mut changed = record.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(LAYOUT.decode(1, &changed).is_none(), "{bit}");
        }
        for length in 0..record.len() {
            assert!(LAYOUT.decode(1, &record[..length]).is_none(), "{length}");
        }
    }
}
