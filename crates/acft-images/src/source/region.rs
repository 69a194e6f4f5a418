//! Boxes within an image.

use std::fmt;

use acft::CandidateKey;

use super::boxes::GivenBox;

/// A rectangle of whole pixels, half-open: x0 ≤ x < x1, y0 ≤ y < y1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelBox {
    /// The first column.
    pub x0: u32,
    /// The first row.
    pub y0: u32,
    /// The column after the last.
    pub x1: u32,
    /// The row after the last.
    pub y1: u32,
}

/// The share of an image's side by which a box may reach beyond it.
const BEYOND: f64 = 0.1;

/// A side in pixels, without what arithmetic adds to a whole number.
fn whole(side: f64) -> f64 {
    match (side - side.round()).abs() < 1e-6 {
        true => side.round(),
        false => side,
    }
}

impl fmt::Display for PixelBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x0, self.y0, self.x1, self.y1)
    }
}

impl PixelBox {
    /// The pixels that a listed box touches in an image of `width` × `height`.
    ///
    /// Fractions are rounded outwards; what lies beyond the image is cut off.
    ///
    /// # Errors
    /// The reason to leave the candidate out.
    pub fn clip(given: [f64; 4], width: u32, height: u32) -> Result<Self, String> {
        let [x0, y0, x1, y1] = given;
        if given.iter().any(|at| !at.is_finite()) {
            return Err(format!(
                "box {x0},{y0},{x1},{y1} is not made of finite numbers"
            ));
        }
        if x0 >= x1 || y0 >= y1 {
            return Err(format!(
                "box {x0},{y0},{x1},{y1} is degenerate: it has no pixels"
            ));
        }
        let (right, bottom) = (f64::from(width), f64::from(height));
        if x1 <= 0.0 || y1 <= 0.0 || x0 >= right || y0 >= bottom {
            return Err(format!(
                "box {x0},{y0},{x1},{y1} lies outside the image of {width} x {height} pixels"
            ));
        }
        // In range after clamping, so the conversions are exact.
        Ok(Self {
            x0: x0.floor().clamp(0.0, right) as u32,
            y0: y0.floor().clamp(0.0, bottom) as u32,
            x1: x1.ceil().clamp(0.0, right) as u32,
            y1: y1.ceil().clamp(0.0, bottom) as u32,
        })
    }

    /// The pixels of a box of a manifest.
    ///
    /// A box may reach a little beyond the image, by what programs that draw
    /// boxes are off; that is cut off. One that reaches further was drawn in
    /// another image, or is in another unit.
    pub(super) fn place(given: GivenBox, width: u32, height: u32) -> Result<Self, String> {
        let [x0, y0, x1, y1] = given.sides;
        if given.is_share {
            let pixels = |share: f64, side: u32| whole(share.clamp(0.0, 1.0) * f64::from(side));
            let sides = [
                pixels(x0, width),
                pixels(y0, height),
                pixels(x1, width),
                pixels(y1, height),
            ];
            return Self::clip(sides, width, height);
        }
        let clipped = Self::clip(given.sides, width, height)?;
        for (low, high, side) in [(x0, x1, width), (y0, y1, height)] {
            let side = f64::from(side);
            let beyond = (-low).max(high - side);
            if beyond > (side * BEYOND).max(2.0) {
                return Err(format!(
                    "box {x0},{y0},{x1},{y1} reaches {beyond} pixels beyond the image of {width} x \
                     {height} pixels; is it in percent, or of an image of another size?"
                ));
            }
        }
        Ok(clipped)
    }

    /// The bytes that a candidate's key hashes.
    fn key_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (chunk, side) in bytes
            .chunks_exact_mut(4)
            .zip([self.x0, self.y0, self.x1, self.y1])
        {
            chunk.copy_from_slice(&side.to_le_bytes());
        }
        bytes
    }
}

/// The key of a candidate: the BLAKE3 of its file; for a box, the BLAKE3 of that
/// hash followed by x0, y0, x1, y1 as little-endian u32.
pub fn candidate_key(file_hash: [u8; 32], region: Option<PixelBox>) -> CandidateKey {
    let Some(region) = region else {
        return CandidateKey(file_hash);
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&file_hash).update(&region.key_bytes());
    CandidateKey(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_of_a_manifest_lies_within_its_image() {
        let place = |sides, is_share| PixelBox::place(GivenBox { sides, is_share }, 100, 50);
        let is = |sides, is_share, want: &str| {
            assert_eq!(
                place(sides, is_share).map(|found| found.to_string()),
                Ok(want.to_owned())
            );
        };
        is([1.0, 2.0, 30.0, 40.0], false, "1,2,30,40");
        is([-5.0, -2.0, 110.0, 52.0], false, "0,0,100,50");
        is([0.1, 0.2, 0.3, 0.6], true, "10,10,30,30");
        is([0.0, -0.01, 1.0, 1.01], true, "0,0,100,50");
        for sides in [
            [1.0, 2.0, 120.0, 40.0],
            [-20.0, 2.0, 30.0, 40.0],
            [1.0, 2.0, 30.0, 60.0],
        ] {
            let error = place(sides, false).map(|found| found.to_string());
            assert!(
                error.is_err_and(|error| error.contains("beyond the image")),
                "{sides:?}"
            );
        }
    }

    #[test]
    fn boxes_are_clipped_or_refused() {
        type Row = ([f64; 4], Result<[u32; 4], &'static str>);
        let rows: [Row; 9] = [
            ([1.0, 2.0, 5.0, 6.0], Ok([1, 2, 5, 6])),
            ([1.5, 2.5, 4.5, 5.1], Ok([1, 2, 5, 6])),
            ([-3.0, -1.0, 99.0, 99.0], Ok([0, 0, 10, 8])),
            ([-3.0, 0.0, 0.5, 8.0], Ok([0, 0, 1, 8])),
            ([4.0, 4.0, 4.0, 6.0], Err("degenerate")),
            ([5.0, 4.0, 4.0, 6.0], Err("degenerate")),
            ([10.0, 0.0, 12.0, 4.0], Err("outside the image of 10 x 8")),
            ([-4.0, 0.0, 0.0, 4.0], Err("outside the image")),
            ([f64::NAN, 0.0, 0.0, 4.0], Err("finite")),
        ];
        for (given, want) in rows {
            match (PixelBox::clip(given, 10, 8), want) {
                (Ok(got), Ok(want)) => assert_eq!([got.x0, got.y0, got.x1, got.y1], want),
                (Err(got), Err(want)) => assert!(got.contains(want), "{got}"),
                (got, want) => panic!("{given:?}: {got:?}, not {want:?}"),
            }
        }
    }
}
