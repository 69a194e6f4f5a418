//! The values of one NumPy array as a stream, whichever of its many types
//! they were saved in.

use std::io::{self, Read};

use npyz::{Deserialize, NpyFile, NpyReader};

/// The values of an array, in order.
pub(super) type Values<'a, T> = Box<dyn Iterator<Item = io::Result<T>> + 'a>;

/// Floating-point numbers, of which there are many: several are taken at a time.
pub(super) trait Floats {
    /// The next values, as many as `out` has room for.
    fn fill(&mut self, out: &mut [f64]) -> io::Result<()>;
}

impl<T: Deserialize + Into<f64>, R: Read> Floats for NpyReader<T, R> {
    fn fill(&mut self, out: &mut [f64]) -> io::Result<()> {
        for slot in out {
            let next = self
                .next()
                .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
            *slot = next?.into();
        }
        Ok(())
    }
}

/// Floating-point numbers of 32 or 64 bits.
pub(super) fn floats<'a, R: Read + 'a>(
    name: &str,
    array: NpyFile<R>,
) -> Result<Box<dyn Floats + 'a>, String> {
    array
        .try_data::<f64>()
        .map(|values| -> Box<dyn Floats + 'a> { Box::new(values) })
        .or_else(|array| {
            array
                .try_data::<f32>()
                .map(|values| -> Box<dyn Floats + 'a> { Box::new(values) })
        })
        .map_err(|array| refuse(name, &array, "save it with .astype(\"float32\")"))
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
