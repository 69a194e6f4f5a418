//! Whether weights are numbers that a network can compute with.

use std::fmt;

use crate::models::Named;

/// How many tensors a message names.
const NAMED: usize = 3;

/// Weights with a value that is infinite or not a number. One of them is
/// enough: every prediction would be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// The file.
    pub origin: String,
    /// Each tensor at fault, with how many of its values are not finite, and
    /// how many values it has.
    pub tensors: Vec<(String, usize, usize)>,
}

impl std::error::Error for NotFinite {}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds values that are not finite: ", self.origin)?;
        for (at, (name, bad, all)) in self.tensors.iter().take(NAMED).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{bad} of {all} in tensor {name}")?;
        }
        let more = self.tensors.len().saturating_sub(NAMED);
        if more > 0 {
            write!(f, ", and some in {more} more tensors")?;
        }
        write!(
            f,
            "; the file is damaged, or its training diverged: use another file of weights"
        )
    }
}

/// # Errors
/// A value is not finite.
pub(super) fn require(origin: &str, tensors: &Named) -> Result<(), NotFinite> {
    let mut found = Vec::new();
    for (name, tensor) in tensors {
        let bad = tensor.values.iter().filter(|value| !value.is_finite());
        let bad = bad.count();
        if bad > 0 {
            found.push((name.clone(), bad, tensor.values.len()));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(NotFinite {
        origin: origin.to_owned(),
        tensors: found,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::models::NamedTensor;
    use crate::weights::{Tensors, WeightsError, write};

    fn tensors(of: &[(&str, &[f32])]) -> Named {
        let named = |(name, values): &(&str, &[f32])| {
            let tensor = NamedTensor {
                shape: vec![values.len()],
                values: values.to_vec(),
            };
            ((*name).to_owned(), tensor)
        };
        of.iter().map(named).collect()
    }

    #[test]
    fn values_that_are_not_finite_are_refused_by_tensor() {
        let bytes = write(
            &tensors(&[
                ("a.weight", &[0.0, f32::NAN, f32::INFINITY]),
                ("b.weight", &[f32::MAX, f32::MIN_POSITIVE, -0.0]),
                ("c.bias", &[f32::NEG_INFINITY]),
            ]),
            "",
        );
        let error = Tensors::parse("w.safetensors", &bytes).unwrap_err();
        assert!(matches!(error, WeightsError::NotFinite(_)));
        let text = error.to_string();
        for part in [
            "w.safetensors",
            "2 of 3 in tensor a.weight",
            "1 of 1 in tensor c.bias",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("b.weight"), "{text}");
        let whole = write(&tensors(&[("b.weight", &[f32::MAX, 1e-45, -0.0])]), "");
        assert!(Tensors::parse("w.safetensors", &whole).is_ok());
    }

    #[test]
    fn many_tensors_are_counted_and_few_are_named() {
        let of = |name: &'static str| (name, [f32::NAN].as_slice());
        let found = require("w", &tensors(&["a", "b", "c", "d", "e"].map(of)));
        let text = found.unwrap_err().to_string();
        assert!(
            text.contains("in tensor c, and some in 2 more tensors"),
            "{text}"
        );
    }
}
