//! The values of one NumPy array as a stream, whichever of its many types
//! they were saved in.

use std::io::{self, Read};

use npyz::{DType, Deserialize, Endianness, NpyFile, NpyReader, TypeChar};

/// The values of an array, in order.
pub(super) type Values<'a, T> = Box<dyn Iterator<Item = io::Result<T>> + 'a>;

/// Floating-point numbers, of which there are many: several are taken at a time.
pub(super) trait Floats {
    /// The next values, as many as `out` has room for.
    fn fill(&mut self, out: &mut [f64]) -> io::Result<()>;
}

/// Values of `N` bytes, decoded many at a time: value by value takes longer than all else together.
struct Decoder<R, F, const N: usize> {
    data: R,
    bytes: Vec<[u8; N]>,
    value: F,
    /// Values of the array that were not yet asked for.
    left: u64,
}

impl<R: Read, F: Fn([u8; N]) -> f64, const N: usize> Floats for Decoder<R, F, N> {
    fn fill(&mut self, out: &mut [f64]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(out.len() as u64)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.bytes.resize(out.len(), [0; N]);
        self.data.read_exact(self.bytes.as_flattened_mut())?;
        for (out, bytes) in out.iter_mut().zip(&self.bytes) {
            *out = (self.value)(*bytes);
        }
        Ok(())
    }
}

/// Floating-point numbers of 32 or 64 bits.
pub(super) fn floats<'a, R: Read + 'a>(
    name: &str,
    array: NpyFile<R>,
) -> Result<Box<dyn Floats + 'a>, String> {
    let kind = match array.dtype() {
        DType::Plain(kind) if kind.type_char() == TypeChar::Float => {
            Some((kind.size_field(), kind.endianness()))
        }
        _ => None,
    };
    match kind {
        Some((4, Endianness::Big)) => Ok(decoder(array, |bytes| f32::from_be_bytes(bytes).into())),
        Some((4, _)) => Ok(decoder(array, |bytes| f32::from_le_bytes(bytes).into())),
        Some((8, Endianness::Big)) => Ok(decoder(array, f64::from_be_bytes)),
        Some((8, _)) => Ok(decoder(array, f64::from_le_bytes)),
        _ => Err(refuse(name, &array, "save it with .astype(\"float32\")")),
    }
}

fn decoder<'a, R: Read + 'a, const N: usize>(
    array: NpyFile<R>,
    value: impl Fn([u8; N]) -> f64 + 'a,
) -> Box<dyn Floats + 'a> {
    Box::new(Decoder {
        left: array.len(),
        data: array.into_inner(),
        bytes: Vec::new(),
        value,
    })
}

/// Whole numbers of any width.
pub(super) fn integers<'a, R: Read + 'a>(
    name: &str,
    array: NpyFile<R>,
) -> Result<Values<'a, i128>, String> {
    try_integers(array).map_err(|array| refuse(name, &array, "save it with .astype(\"int64\")"))
}

/// Names: Unicode text, bytes in UTF-8, or whole numbers.
pub(super) fn names<'a, R: Read + 'a>(
    name: &str,
    array: NpyFile<R>,
) -> Result<Values<'a, String>, String> {
    array
        .try_data::<String>()
        .map(into::<String, String, R>)
        .or_else(|array| {
            array
                .try_data::<Vec<u8>>()
                .map(|bytes| -> Values<'a, String> { Box::new(bytes.map(utf8)) })
        })
        .or_else(|array| {
            try_integers(array).map(|numbers| -> Values<'a, String> {
                Box::new(numbers.map(|number| Ok(number?.to_string())))
            })
        })
        .map_err(|array| refuse(name, &array, "save it as np.array(names, dtype=str)"))
}

fn try_integers<'a, R: Read + 'a>(array: NpyFile<R>) -> Result<Values<'a, i128>, NpyFile<R>> {
    array
        .try_data::<i64>()
        .map(into::<i64, i128, R>)
        .or_else(|array| array.try_data::<i32>().map(into::<i32, i128, R>))
        .or_else(|array| array.try_data::<i16>().map(into::<i16, i128, R>))
        .or_else(|array| array.try_data::<i8>().map(into::<i8, i128, R>))
        .or_else(|array| array.try_data::<u64>().map(into::<u64, i128, R>))
        .or_else(|array| array.try_data::<u32>().map(into::<u32, i128, R>))
        .or_else(|array| array.try_data::<u16>().map(into::<u16, i128, R>))
        .or_else(|array| array.try_data::<u8>().map(into::<u8, i128, R>))
}

fn into<'a, From, To, R>(values: NpyReader<From, R>) -> Values<'a, To>
where
    From: Deserialize + Into<To> + 'a,
    R: Read + 'a,
{
    Box::new(values.map(|value| value.map(Into::into)))
}

fn utf8(bytes: io::Result<Vec<u8>>) -> io::Result<String> {
    String::from_utf8(bytes?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn refuse<R: Read>(name: &str, array: &NpyFile<R>, advice: &str) -> String {
    let found = if array.uses_pickled_array() {
        "pickled Python objects".to_owned()
    } else {
        format!("type {}", array.dtype().descr())
    };
    format!("array {name} holds {found}, which cannot be read; {advice}")
}
