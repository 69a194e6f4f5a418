//! The spot: what the classes differ in.

use std::f64::consts::TAU;

use super::canvas::{Canvas, Colour, smooth_step};
use super::noise::Field;
use super::random::Random;

/// How far inside the frame the centre of a spot near the border lies, as a
/// share of the side. Crops of 0.8 of the frame lose up to 0.2 on one side.
const NEAR_BORDER: [f64; 2] = [0.04, 0.13];

/// A lobed, soft-edged ellipse that is darker and redder than the tissue around it.
pub(super) struct Spot {
    centre: [f64; 2],
    /// The longer half axis.
    radius: f64,
    /// The shorter half axis as a share of the longer.
    ratio: f64,
    angle: f64,
    lobes: [Lobe; 3],
    /// The width of the edge as a share of the radius.
    softness: f64,
    /// How much of each colour the spot takes away.
    tint: Colour,
    texture: Field,
}

struct Lobe {
    waves: f64,
    height: f64,
    phase: f64,
}

impl Spot {
    /// A spot whose contrast falls as `difficulty` rises from 0 to 1.
    pub(super) fn drawn(difficulty: f64, random: &mut Random) -> Self {
        let contrast = 0.5 - 0.34 * difficulty;
        Self {
            centre: centre(random),
            radius: random.between(0.1, 0.18),
            ratio: random.between(0.5, 1.0),
            angle: random.angle(),
            lobes: lobes(0.13, random),
            softness: random.between(0.2, 0.45),
            tint: [0.75, 1.05, 1.0].map(|share| share * contrast),
            texture: Field::new(12, 2, random),
        }
    }

    /// A spot's likeness without its edge: a shadow, such as both classes have.
    pub(super) fn shadow(depth: f64, random: &mut Random) -> Self {
        Self {
            centre: [random.between(0.1, 0.9), random.between(0.1, 0.9)],
            radius: random.between(0.12, 0.26),
            ratio: random.between(0.4, 1.0),
            angle: random.angle(),
            lobes: lobes(0.05, random),
            softness: random.between(0.9, 1.0),
            tint: [0.85, 1.0, 1.0].map(|share| share * depth),
            texture: Field::new(2, 1, random),
        }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas) {
        canvas.paint(|place, colour| {
            let inside = self.inside(place);
            if inside > 0.0 {
                let depth = inside * (1.0 + 0.45 * self.texture.at(place));
                for (value, tint) in colour.iter_mut().zip(self.tint) {
                    *value *= 1.0 - tint * depth;
                }
            }
        });
    }

    /// 1 well within the spot, 0 well without.
    fn inside(&self, place: [f64; 2]) -> f64 {
        let (sin, cos) = self.angle.sin_cos();
        let [x, y] = [place[0] - self.centre[0], place[1] - self.centre[1]];
        let [x, y] = [x * cos + y * sin, (y * cos - x * sin) / self.ratio];
        let around = y.atan2(x);
        let lobed = self
            .lobes
            .iter()
            .map(|lobe| lobe.height * (lobe.waves * around + lobe.phase).cos());
        let distance = x.hypot(y) / (self.radius * (1.0 + lobed.sum::<f64>()));
        1.0 - smooth_step(1.0 - self.softness, 1.0 + self.softness, distance)
    }
}

/// Somewhere in the middle, or near a border, where only some crops of the
/// frame show the spot and the others are labeled wrongly.
fn centre(random: &mut Random) -> [f64; 2] {
    if random.chance(0.7) {
        return [random.between(0.2, 0.8), random.between(0.2, 0.8)];
    }
    let near = random.between(NEAR_BORDER[0], NEAR_BORDER[1]);
    let near = if random.chance(0.5) { near } else { 1.0 - near };
    let along = random.between(0.1, 0.9);
    if random.chance(0.5) {
        [near, along]
    } else {
        [along, near]
    }
}

fn lobes(height: f64, random: &mut Random) -> [Lobe; 3] {
    [2.0, 3.0, 5.0].map(|waves| Lobe {
        waves,
        height: random.between(0.0, height),
        phase: random.between(0.0, TAU),
    })
}
