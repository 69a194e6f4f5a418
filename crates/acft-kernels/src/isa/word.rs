//! What a plane of images consists of: numbers of one channel, or pairs of two.

use super::pairs;

/// The same element of `N` neighbouring channels.
pub(crate) trait Word<const N: usize>: Copy + Send + Sync + 'static {
    /// In f32.
    fn unpack(self) -> [f32; N];

    /// Rounded, if need be.
    fn pack(values: [f32; N]) -> Self;
}

impl Word<1> for f32 {
    #[inline(always)]
    fn unpack(self) -> [f32; 1] {
        [self]
    }

    #[inline(always)]
    fn pack([value]: [f32; 1]) -> Self {
        value
    }
}

impl Word<2> for u32 {
    #[inline(always)]
    fn unpack(self) -> [f32; 2] {
        [pairs::first(self), pairs::second(self)]
    }

    #[inline(always)]
    fn pack([first, second]: [f32; 2]) -> Self {
        pairs::pair(first, second)
    }
}
