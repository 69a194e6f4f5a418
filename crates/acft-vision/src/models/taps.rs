//! Taps: the places in a network whose maps are read as features of a patch.
//!
//! Of each channel of a tapped map three numbers are kept: its mean, its maximum and, where the map is at least
//! [`CENTRED_FROM`] elements wide, the mean of its centre. A fully connected layer that is tapped gives its outputs as
//! they are. The numbers lie one tap after the other: all means, all maxima, all means of the centre.

use std::ops::Range;

/// Changes whenever what is kept of any tapped map changes: features of one version are not mixed with those of another.
pub(crate) const VERSION: u32 = 1;

/// A place in a network that is read as features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    name: &'static str,
    pub(super) at: At,
}

/// Where a tap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The map behind this stage of the network.
    Map(usize),
    /// The activations that the last layer reads.
    BeforeHead,
}

impl Tap {
    /// A tap of the map behind a stage.
    pub(super) const fn map(name: &'static str, stage: usize) -> Self {
        Self {
            name,
            at: At::Map(stage),
        }
    }

    /// A tap of what the last layer reads, where that is no map.
    pub(super) const fn before_head(name: &'static str) -> Self {
        Self {
            name,
            at: At::BeforeHead,
        }
    }

    /// The layer that is read.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// What a tap gives for patches of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapShape {
    /// The layer that is read.
    pub name: &'static str,
    /// Its channels, or its outputs where it is fully connected.
    pub channels: usize,
    /// Height and width of its map; none where it is fully connected.
    pub side: Option<usize>,
}

impl TapShape {
    /// How many numbers are kept of it.
    pub fn width(&self) -> usize {
        let parts = match self.side {
            None => 1,
            Some(side) => 2 + usize::from(centre(side).is_some()),
        };
        parts * self.channels
    }
}

/// The least side of a map whose centre is read.
const CENTRED_FROM: usize = 5;

/// The rows, or columns, of the centre of a map: about a third of its side.
pub(crate) fn centre(side: usize) -> Option<Range<usize>> {
    if side < CENTRED_FROM {
        return None;
    }
    let start = side / 2 - (side / 6).max(1);
    Some(start..side - start)
}

/// The rows and columns of the centre of a map.
pub(crate) fn centre_of([height, width]: [usize; 2]) -> Option<[Range<usize>; 2]> {
    Some([centre(height)?, centre(width)?])
}

/// Whether the map behind a stage is tapped.
pub(super) fn is_tapped(taps: &[Tap], stage: usize) -> bool {
    taps.iter().any(|tap| tap.at == At::Map(stage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_the_middle_third() {
        let expected = [
            (4, None),
            (5, Some(1..4)),
            (6, Some(2..4)),
            (7, Some(2..5)),
            (11, Some(4..7)),
            (12, Some(4..8)),
            (27, Some(9..18)),
            (55, Some(18..37)),
        ];
        for (side, range) in expected {
            assert_eq!(centre(side), range, "{side}");
        }
        for side in 5..400 {
            let range = centre(side);
            let range = range.unwrap_or(0..0);
            assert!(
                !range.is_empty() && range.start == side - range.end,
                "{side}"
            );
        }
    }
}
