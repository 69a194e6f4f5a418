//! Samples wider than 8 bits: what is known of them until a window is applied.

use super::window::Window;

/// What is known of an image whose samples are wider than 8 bits. They are
/// kept as `u16`, whatever they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deep {
    /// Bits that the file has room for in a sample, 9 to 16.
    pub bits: u8,
    /// What has to be added to a stored `u16` to give the sample: 0, or -32768
    /// where samples are signed.
    pub offset: i32,
    /// The window that the file's own tags tell.
    pub tagged: Option<Window>,
}

impl Deep {
    /// Unsigned samples of 16 bits, of which nothing else is known.
    pub(super) const PLAIN: Self = Self {
        bits: 16,
        offset: 0,
        tagged: None,
    };

    /// The grey level of every stored `u16`, or none where signed samples
    /// have no window: there is no level that they would have by themselves.
    pub(super) fn levels(self, window: Option<Window>) -> Option<Vec<u8>> {
        let levels = 0..=u16::MAX;
        match window {
            Some(window) => Some(
                levels
                    .map(|stored| window.level(i32::from(stored) + self.offset))
                    .collect(),
            ),
            None if self.offset != 0 => None,
            // The high byte, of as many bits as there are.
            None => {
                let unused = self.bits.saturating_sub(8);
                Some(
                    levels
                        .map(|stored| (stored >> unused).min(255) as u8)
                        .collect(),
                )
            }
        }
    }
}
