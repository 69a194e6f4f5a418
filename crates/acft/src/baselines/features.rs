//! Features: the values of each candidate before the last layer of the network.

/// The features of several candidates: a matrix of members × values, row-major, every value finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features<'a> {
    values: &'a [f32],
    width: usize,
}

/// Why a matrix is no features. Members and values count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The values do not form whole rows.
    #[error("{values} values do not form rows of {width} features")]
    Shape {
        /// How many there were.
        values: usize,
        /// The width of a row.
        width: usize,
    },
    /// A value that is no number.
    #[error("feature {feature} of member {member} is {value}: distances need finite numbers")]
    Value {
        /// The row.
        member: usize,
        /// The column.
        feature: usize,
        /// The value.
        value: f32,
    },
}

impl<'a> Features<'a> {
    /// Checks the shape, and each value.
    ///
    /// # Errors
    /// [`FeatureError`] names the first member at fault.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, FeatureError> {
        if width == 0 || !values.len().is_multiple_of(width) {
            let values = values.len();
            return Err(FeatureError::Shape { values, width });
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(Self { values, width }),
            Some(at) => Err(FeatureError::Value {
                member: at / width,
                feature: at % width,
                value: values[at],
            }),
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of values of a member.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The values of one member.
    pub fn row(&self, member: usize) -> &'a [f32] {
        &self.values[member * self.width..][..self.width]
    }

    /// All rows.
    pub(super) fn rows(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.width)
    }

    /// A copy of every row, scaled to length 1; a row of zeros stays one.
    pub(super) fn normalised(&self) -> Vec<f32> {
        let scaled = self.rows().flat_map(|row| {
            let length = dot(row, row).sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            row.iter()
                .map(move |value| (f64::from(*value) * scale) as f32)
        });
        scaled.collect()
    }
}

/// The number of partial sums; with several, the compiler uses vector instructions.
const LANES: usize = 16;

/// a · b.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// ‖a − b‖².
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| (a - b) * (a - b))
}

fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += term(*a, *b);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b));
    sums.into_iter().chain(rest).map(f64::from).sum()
}
