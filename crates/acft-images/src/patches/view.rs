//! Patch j as a window of the candidate and a dihedral view of it.

use super::{PatchKind, PatchPolicy};

/// Scales of `crop`, largest first.
const CROP_SCALES: [f64; 3] = [1.0, 0.9, 0.8];
/// Scales of `box`, smallest first.
const BOX_SCALES: [f64; 3] = [1.0, 1.2, 1.5];
/// Scales of `frame` after the whole one.
const FRAME_SCALES: [f64; 2] = [0.9, 0.8];
/// Members of the dihedral group of the square.
const DIHEDRAL: usize = 8;
/// How far `box` moves, as a share of the enlarged box.
const SHIFT: f64 = 0.1;
/// Where `box` moves: not at all, left, right, up, down.
const DIRECTIONS: [[f64; 2]; 5] = [[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]];
/// Where `frame` crops: centre, then top left, top right, bottom left, bottom
/// right, as shares of the free margin on each side.
const CORNERS: [[f64; 2]; 5] = [
    [0.0, 0.0],
    [-1.0, -1.0],
    [1.0, -1.0],
    [-1.0, 1.0],
    [1.0, 1.0],
];
/// The dihedral view that only mirrors left and right.
const MIRRORED: u8 = 4;

/// A rectangle in units of the candidate's own width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Width and height.
    pub(super) scale: f64,
    /// The centre's offset from the candidate's, (x, y).
    pub(super) offset: [f64; 2],
}

impl Window {
    /// The lower and upper bound along `axis` (0 is x), where the candidate
    /// spans 0 to 1.
    pub(super) fn span(&self, axis: usize) -> [f64; 2] {
        let centre = 0.5 + self.offset[axis];
        [centre - self.scale / 2.0, centre + self.scale / 2.0]
    }
}

/// One patch: what is cut, and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) window: Window,
    /// See [`dihedral`].
    pub(super) dihedral: u8,
}

impl PatchPolicy {
    /// Patch `j`. Views of one window follow one another.
    ///
    /// # Panics
    /// `j` is not below [`PatchPolicy::len`].
    pub(super) fn view(&self, j: usize) -> View {
        assert!(j < self.len(), "patch {j} of {} asked for", self.len());
        let (scale, offset, k) = match self.kind() {
            PatchKind::None => (1.0, [0.0, 0.0], 0),
            PatchKind::Crop => (CROP_SCALES[j / DIHEDRAL], [0.0, 0.0], j % DIHEDRAL),
            PatchKind::Box => {
                let each = BOX_SCALES.len() * DIHEDRAL;
                let scale = BOX_SCALES[j % each / DIHEDRAL];
                let offset = DIRECTIONS[j / each].map(|d| d * SHIFT * scale);
                (scale, offset, j % DIHEDRAL)
            }
            PatchKind::Frame if j == 0 => (1.0, [0.0, 0.0], 0),
            PatchKind::Frame => {
                let (crop, mirrored) = ((j - 1) / 2, (j - 1) % 2);
                let scale = FRAME_SCALES[crop / CORNERS.len()];
                let margin = (1.0 - scale) / 2.0;
                let offset = CORNERS[crop % CORNERS.len()].map(|d| d * margin);
                (scale, offset, mirrored * usize::from(MIRRORED))
            }
        };
        View {
            window: Window { scale, offset },
            dihedral: k as u8,
        }
    }

    /// All windows, repeated for each of their views.
    pub(super) fn windows(&self) -> impl Iterator<Item = Window> + '_ {
        (0..self.len()).map(|j| self.view(j).window)
    }
}

/// Writes dihedral view `k` of a square RGB image of side `n`: turned by
/// k mod 4 quarter turns counter-clockwise and, from k = 4 on, then mirrored
/// left and right.
///
/// # Panics
/// A buffer does not hold `n * n * 3` bytes.
pub(super) fn dihedral(from: &[u8], n: usize, k: u8, to: &mut [u8]) {
    assert_eq!(from.len(), n * n * 3, "a square RGB image of side {n}");
    assert_eq!(to.len(), from.len(), "room for the same image");
    if k == 0 {
        return to.copy_from_slice(from);
    }
    let last = n.saturating_sub(1);
    for (row, line) in to.chunks_exact_mut(n * 3).enumerate() {
        for (column, pixel) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let column = if k >= 4 { last - column } else { column };
            let (r, c) = match k % 4 {
                0 => (row, column),
                1 => (column, last - row),
                2 => (last - row, last - column),
                _ => (last - column, row),
            };
            let at = (r * n + c) * 3;
            pixel.copy_from_slice(&from[at..at + 3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A square image whose grey levels are the given numbers.
    fn grey(levels: &[u8]) -> Vec<u8> {
        levels.iter().flat_map(|v| [*v; 3]).collect()
    }

    fn view_of(image: &[u8], n: usize, k: u8) -> Vec<u8> {
        let mut out = vec![0; image.len()];
        dihedral(image, n, k, &mut out);
        out
    }

    #[test]
    fn views_are_those_of_numpy() {
        // k, then np.rot90(np.arange(9).reshape(3, 3), k % 4)[:, ::-1 if k >= 4 else 1]
        let rows: [(u8, [u8; 9]); 8] = [
            (0, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
            (1, [2, 5, 8, 1, 4, 7, 0, 3, 6]),
            (2, [8, 7, 6, 5, 4, 3, 2, 1, 0]),
            (3, [6, 3, 0, 7, 4, 1, 8, 5, 2]),
            (4, [2, 1, 0, 5, 4, 3, 8, 7, 6]),
            (5, [8, 5, 2, 7, 4, 1, 6, 3, 0]),
            (6, [6, 7, 8, 3, 4, 5, 0, 1, 2]),
            (7, [0, 3, 6, 1, 4, 7, 2, 5, 8]),
        ];
        for (k, want) in rows {
            let got = view_of(&grey(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), 3, k);
            assert_eq!(got, grey(&want), "view {k}");
        }
    }

    proptest! {
        /// Rotations compose by addition, and a mirrored view is its own inverse.
        #[test]
        fn views_form_the_dihedral_group(
            (n, levels) in (1usize..7).prop_flat_map(|n| (Just(n), prop::collection::vec(any::<u8>(), n * n))),
            a in 0u8..4,
            b in 0u8..4,
        ) {
            let image = grey(&levels);
            let turned = view_of(&view_of(&image, n, a), n, b);
            prop_assert_eq!(&turned, &view_of(&image, n, (a + b) % 4));
            let mirrored = view_of(&image, n, 4 + a);
            prop_assert_eq!(&view_of(&mirrored, n, 4 + a), &image);
            // Mirroring reverses the sense of rotation: m·r^a·m = r^(-a).
            let undone = view_of(&view_of(&view_of(&image, n, 4), n, a), n, 4);
            prop_assert_eq!(&undone, &view_of(&image, n, (4 - a) % 4));
        }
    }
}
