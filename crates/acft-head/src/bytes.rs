//! Numbers as bytes, little-endian, and back.

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BytesError {
    /// They begin otherwise.
    #[error("these bytes are no {what}: they do not begin as one does")]
    Kind {
        /// What was expected.
        what: &'static str,
    },
    /// A newer program wrote them.
    #[error("this {what} has format {found}, and this program reads format {known}: update it")]
    Version {
        /// What was expected.
        what: &'static str,
        /// Its version.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// They end too early, or go on.
    #[error("this {what} has {found} bytes where {wanted} were expected: it was cut or damaged")]
    Length {
        /// What was expected.
        what: &'static str,
        /// Bytes that are there.
        found: usize,
        /// Bytes that should be.
        wanted: usize,
    },
    /// The checksum at the end does not fit.
    #[error("this {what} was changed after it was written: its checksum does not fit")]
    Checksum {
        /// What was expected.
        what: &'static str,
    },
    /// A number that cannot be there.
    #[error("this {what} has {field} that cannot be")]
    Value {
        /// What was expected.
        what: &'static str,
        /// What is wrong in it.
        field: &'static str,
    },
}

/// Bytes of a checksum, the last of all.
const CHECKSUM: usize = 32;
/// Bytes of the name and version, the first of all.
const START: usize = 12;

/// What is written and read: its name for people, the eight bytes it begins with, its version.
pub(crate) struct Format {
    pub(crate) what: &'static str,
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

/// Collects bytes.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(format: &Format) -> Self {
        let mut bytes = format.magic.to_vec();
        bytes.extend(format.version.to_le_bytes());
        Self(bytes)
    }

    pub(crate) fn size(&mut self, value: usize) {
        self.0.extend((value as u64).to_le_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn f64s(&mut self, values: &[f64]) {
        values
            .iter()
            .for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    pub(crate) fn f32s(&mut self, values: &[f32]) {
        values
            .iter()
            .for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    /// The bytes, and their BLAKE3 hash behind them.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = blake3::hash(&self.0);
        self.0.extend_from_slice(sum.as_bytes());
        self.0
    }
}

/// Reads what [`Writer`] wrote. Start, version and checksum are looked at first; nothing is allocated by what a size
/// claims before it is held against the bytes that are there.
pub(crate) struct Reader<'a> {
    what: &'static str,
    total: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(format: &Format, bytes: &'a [u8]) -> Result<Self, BytesError> {
        let what = format.what;
        if !bytes.starts_with(&format.magic) {
            return Err(BytesError::Kind { what });
        }
        if bytes.len() < START + CHECKSUM {
            return Err(BytesError::Length {
                what,
                found: bytes.len(),
                wanted: START + CHECKSUM,
            });
        }
        let mut version = [0; 4];
        version.copy_from_slice(&bytes[8..START]);
        let found = u32::from_le_bytes(version);
        if found != format.version {
            let known = format.version;
            return Err(BytesError::Version { what, found, known });
        }
        let (body, sum) = bytes.split_at(bytes.len() - CHECKSUM);
        if blake3::hash(body).as_bytes() != sum {
            return Err(BytesError::Checksum { what });
        }
        Ok(Self {
            what,
            total: bytes.len(),
            rest: &body[START..],
        })
    }

    pub(crate) fn raw(&mut self, count: usize) -> Result<&'a [u8], BytesError> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.length(count)),
        }
    }

    pub(crate) fn size(&mut self) -> Result<usize, BytesError> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.raw(8)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| self.value("a size"))
    }

    pub(crate) fn f64s(&mut self, count: usize) -> Result<Vec<f64>, BytesError> {
        let bytes = self.raw(count.saturating_mul(8))?;
        let (values, _) = bytes.as_chunks::<8>();
        Ok(values.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    pub(crate) fn f32s(&mut self, count: usize) -> Result<Vec<f32>, BytesError> {
        let bytes = self.raw(count.saturating_mul(4))?;
        let (values, _) = bytes.as_chunks::<4>();
        Ok(values.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// Refuses bytes that are left.
    pub(crate) fn finish(self) -> Result<(), BytesError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(BytesError::Length {
            what: self.what,
            found: self.total,
            wanted: self.total - self.rest.len(),
        })
    }

    pub(crate) fn value(&self, field: &'static str) -> BytesError {
        BytesError::Value {
            what: self.what,
            field,
        }
    }

    fn length(&self, count: usize) -> BytesError {
        BytesError::Length {
            what: self.what,
            found: self.total,
            wanted: (self.total - self.rest.len()).saturating_add(count),
        }
    }
}
