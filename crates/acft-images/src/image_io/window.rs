//! The window: which samples are black and which are white.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A range of samples, wider than 8 bits, that is spread over the 256 grey
/// levels. Samples at or below `low` are black, those at or above `high` white.
///
/// Written `0..4095`, in configurations too. Samples of 8 bits need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Window {
    low: i32,
    high: i32,
}

/// A window that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The text has another form.
    #[error("window `{0}` is not two whole numbers: write it as in 0..4095")]
    Form(String),
    /// Nothing lies in it.
    #[error("window {0}..{1} is empty: the first number must be below the second")]
    Empty(i32, i32),
    /// No sample of 16 bits lies there.
    #[error("window {0}..{1} reaches beyond samples of 16 bits, which lie from -32768 to 65535")]
    Beyond(i32, i32),
}

impl Window {
    /// The window from `low` to `high`.
    ///
    /// # Errors
    /// [`WindowError::Empty`], [`WindowError::Beyond`].
    pub fn new(low: i32, high: i32) -> Result<Self, WindowError> {
        let samples = i32::from(i16::MIN)..=i32::from(u16::MAX);
        if low >= high {
            Err(WindowError::Empty(low, high))
        } else if !samples.contains(&low) || !samples.contains(&high) {
            Err(WindowError::Beyond(low, high))
        } else {
            Ok(Self { low, high })
        }
    }

    /// The sample that is black.
    pub fn low(self) -> i32 {
        self.low
    }

    /// The sample that is white.
    pub fn high(self) -> i32 {
        self.high
    }

    /// The grey level of a sample, rounded to the nearest.
    pub fn level(self, sample: i32) -> u8 {
        let width = self.high - self.low;
        let within = (sample - self.low).clamp(0, width);
        ((within * 255 + width / 2) / width) as u8
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let form = || WindowError::Form(text.to_owned());
        let (low, high) = text.split_once("..").ok_or_else(form)?;
        let number = |text: &str| text.trim().parse().map_err(|_| form());
        Self::new(number(low)?, number(high)?)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.low, self.high)
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn levels_are_spread_evenly_and_clipped() {
        let twelve = Window::new(0, 4095).unwrap();
        let rows = [
            (-5, 0),
            (0, 0),
            (8, 0),
            (9, 1),
            (2048, 128),
            (4095, 255),
            (60_000, 255),
        ];
        for (sample, level) in rows {
            assert_eq!(twelve.level(sample), level, "{sample}");
        }
        let lung = Window::new(-1000, 400).unwrap();
        assert_eq!([-1000, -300, 400].map(|hu| lung.level(hu)), [0, 128, 255]);
        let all = Window::new(-32_768, 65_535).unwrap();
        assert_eq!([-32_768, 65_535].map(|sample| all.level(sample)), [0, 255]);
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["0..4095", "-1000..400"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for (text, says) in [
            ("4095", "write it as in 0..4095"),
            ("0..a", "write it as in 0..4095"),
            ("5..5", "is empty"),
            ("9..2", "is empty"),
            ("0..70000", "beyond samples of 16 bits"),
        ] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
