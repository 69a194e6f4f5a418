//! A seed in a settings file.
//!
//! A seed has 64 bits, and a number of TOML has 63. The upper half is written
//! as a text of digits, and either is read.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// Writes a number where TOML has it, else its digits as text.
pub(crate) fn serialize<S: Serializer>(seed: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    match seed.map(|seed| (seed, i64::try_from(seed))) {
        None => to.serialize_none(),
        Some((_, Ok(small))) => to.serialize_i64(small),
        Some((large, Err(_))) => to.serialize_str(&large.to_string()),
    }
}

/// Reads a number, or a text of its digits.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    struct Seed;
    impl Visitor<'_> for Seed {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(
                f,
                "a seed from 0 to {}, in quotes above {}",
                u64::MAX,
                i64::MAX
            )
        }

        fn visit_u64<E: Error>(self, seed: u64) -> Result<Self::Value, E> {
            Ok(Some(seed))
        }

        fn visit_i64<E: Error>(self, seed: i64) -> Result<Self::Value, E> {
            let wrong = || E::invalid_value(Unexpected::Signed(seed), &self);
            u64::try_from(seed).map(Some).map_err(|_| wrong())
        }

        fn visit_str<E: Error>(self, seed: &str) -> Result<Self::Value, E> {
            parse(seed)
                .map(Some)
                .ok_or_else(|| E::invalid_value(Unexpected::Str(seed), &self))
        }
    }
    from.deserialize_any(Seed)
}

/// A seed from its digits.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::settings::Flags;

    #[test]
    fn every_seed_goes_through_a_settings_file() {
        for seed in [0, 7, i64::MAX as u64, 1 << 63, u64::MAX] {
            let flags = Flags {
                seed: Some(seed),
                ..Flags::default()
            };
            let text = toml::to_string(&flags).unwrap();
            let again: Flags = toml::from_str(&text).unwrap();
            assert_eq!(again.seed, Some(seed), "{text}");
            assert_eq!(flags.table().unwrap().len(), 1);
        }
        assert_eq!(toml::from_str::<Flags>("").unwrap().seed, None);
        for wrong in [
            "seed = -1",
            "seed = '18446744073709551616'",
            "seed = 'x'",
            "seed = 1.5",
        ] {
            let error = toml::from_str::<Flags>(wrong).unwrap_err().to_string();
            assert!(
                error.contains("a seed from 0 to 18446744073709551615"),
                "{error}"
            );
        }
    }
}
