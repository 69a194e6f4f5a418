//! Frames: the images that the demo's expert labels.

use super::canvas::Canvas;
use super::random::Random;
use super::{spot::Spot, tissue};

/// The side of a frame in pixels.
pub(crate) const SIDE: usize = 48;

/// What a frame is before it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    /// Its place in the set.
    pub(crate) index: usize,
    /// Whether it shows a spot.
    pub(crate) lesion: bool,
    /// From 0, a spot that is seen at once, to 1, one that is hardly there;
    /// without a meaning where there is none.
    pub(crate) difficulty: f64,
}

impl Frame {
    /// Decides what frame `index` of the set `seed` shows: a spot in one of four.
    pub(crate) fn of(seed: u64, index: usize) -> Self {
        let mut random = Random::of(seed, "frame's kind", index);
        Self {
            index,
            lesion: random.chance(0.25),
            difficulty: random.unit(),
        }
    }

    /// The name of its class.
    pub(crate) fn label(&self) -> &'static str {
        if self.lesion { "lesion" } else { "normal" }
    }

    /// Draws it.
    pub(crate) fn draw(&self, seed: u64) -> Canvas {
        let mut random = Random::of(seed, "frame", self.index);
        let mut canvas = tissue::ground(SIDE, &mut random);
        if self.lesion {
            let mut random = Random::of(seed, "spot", self.index);
            Spot::drawn(self.difficulty, &mut random).paint(&mut canvas);
        }
        tissue::finish(&mut canvas, &mut random);
        canvas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 5;

    fn lesion(index: usize, difficulty: f64) -> Frame {
        Frame {
            index,
            lesion: true,
            difficulty,
        }
    }

    /// What the spot changes: for each pixel the sum over its colours.
    fn spot(frame: Frame) -> Vec<f64> {
        let without = Frame {
            lesion: false,
            ..frame
        }
        .draw(SEED)
        .bytes();
        let with = frame.draw(SEED).bytes();
        let change = |(a, b): (&[u8], &[u8])| {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(a.abs_diff(*b)))
                .sum()
        };
        with.chunks(3).zip(without.chunks(3)).map(change).collect()
    }

    #[test]
    fn a_frame_is_a_function_of_its_seed_and_index() {
        let frame = Frame::of(SEED, 3);
        assert_eq!(frame, Frame::of(SEED, 3));
        assert_eq!(frame.draw(SEED).bytes(), frame.draw(SEED).bytes());
        assert_ne!(frame.draw(SEED).bytes(), frame.draw(SEED + 1).bytes());
        assert_ne!(
            frame.draw(SEED).bytes(),
            Frame { index: 4, ..frame }.draw(SEED).bytes()
        );
    }

    #[test]
    fn one_in_four_has_a_spot() {
        let lesions = (0..4000)
            .filter(|&index| Frame::of(SEED, index).lesion)
            .count();
        // Four standard errors are 110.
        assert!((890..=1110).contains(&lesions), "{lesions}");
    }

    #[test]
    fn difficult_spots_are_faint_and_yet_there() {
        for index in 0..20 {
            let [easy, hard] =
                [0.0, 1.0].map(|difficulty| spot(lesion(index, difficulty)).iter().sum::<f64>());
            assert!(
                hard > 0.0 && easy > 2.0 * hard,
                "frame {index}: {easy} and {hard}"
            );
        }
    }

    #[test]
    fn some_spots_are_so_near_the_border_that_crops_miss_them() {
        let at_border = |index: usize| {
            let spot = spot(lesion(index, 0.0));
            let total: f64 = spot.iter().sum();
            let mean = |place: fn(usize) -> usize| {
                let weighed = spot
                    .iter()
                    .enumerate()
                    .map(|(pixel, change)| change * place(pixel) as f64);
                weighed.sum::<f64>() / total / SIDE as f64
            };
            let (x, y) = (mean(|pixel| pixel % SIDE), mean(|pixel| pixel / SIDE));
            [x, y].iter().any(|place| !(0.17..0.83).contains(place))
        };
        let count = (0..100).filter(|&index| at_border(index)).count();
        assert!((15..=45).contains(&count), "{count}");
    }
}
