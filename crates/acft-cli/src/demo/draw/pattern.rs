//! Patterns: the drawn task that the network is pre-trained on. It shares
//! nothing with the frames but that there are edges, colours and textures.

use std::f64::consts::TAU;

use super::canvas::{Canvas, Colour, smooth_step};
use super::noise::Field;
use super::random::Random;

/// The classes, by name.
pub(crate) const CLASSES: [&str; 6] = ["stripes", "checks", "dots", "ring", "blob", "cloud"];

/// The class of picture `index`: the classes take turns.
pub(crate) fn class(index: usize) -> usize {
    index % CLASSES.len()
}

/// Draws picture `index` of the set `seed`, `side` pixels wide.
pub(crate) fn draw(seed: u64, index: usize, side: usize) -> Canvas {
    let mut random = Random::of(seed, "pattern", index);
    let [ink, paper] = colours(&mut random);
    let shape = shape(class(index), &mut random);
    let cloud = Field::new(3, 3, &mut random);
    let clouding = random.between(0.05, 0.25);
    let mut canvas = Canvas::new(side, paper);
    canvas.paint(|place, colour| {
        let covered = shape(place);
        for (value, ink) in colour.iter_mut().zip(ink) {
            *value += covered * (ink - *value);
            *value *= 1.0 + clouding * cloud.at(place);
        }
    });
    let deviation = random.between(0.01, 0.03);
    canvas.grain(deviation, &mut random);
    canvas
}

/// An ink and a paper, the one clearly darker than the other.
fn colours(random: &mut Random) -> [Colour; 2] {
    let paper = [(); 3].map(|()| random.between(0.25, 0.75));
    let contrast = random.between(0.2, 0.4);
    let contrast = if random.chance(0.5) {
        contrast
    } else {
        -contrast
    };
    let ink = paper.map(|value| value + contrast + random.between(-0.1, 0.1));
    [ink, paper]
}

/// How much of each place the ink covers, from 0 to 1.
fn shape(class: usize, random: &mut Random) -> Box<dyn Fn([f64; 2]) -> f64> {
    let (sin, cos) = random.angle().sin_cos();
    let phases = [random.angle(), random.angle()];
    let waves = TAU * random.between(2.5, 6.0);
    let centre = [random.between(0.25, 0.75), random.between(0.25, 0.75)];
    let radius = random.between(0.12, 0.3);
    let soft = random.between(0.02, 0.06);
    let field = Field::new(3, 3, random);
    // The two waves of a grating, along and across.
    let grating = move |[x, y]: [f64; 2]| {
        let along = waves * (x * cos + y * sin) + phases[0];
        let across = waves * (y * cos - x * sin) + phases[1];
        [along.sin(), across.sin()]
    };
    let distance = move |[x, y]: [f64; 2]| (x - centre[0]).hypot(y - centre[1]);
    match CLASSES[class] {
        "stripes" => Box::new(move |place| smooth_step(-0.3, 0.3, grating(place)[0])),
        "checks" => Box::new(move |place| smooth_step(-0.2, 0.2, grating(place).iter().product())),
        "dots" => Box::new(move |place| smooth_step(0.9, 1.3, grating(place).iter().sum())),
        "ring" => Box::new(move |place| {
            1.0 - smooth_step(soft, 2.0 * soft, (distance(place) - radius).abs())
        }),
        "blob" => {
            Box::new(move |place| 1.0 - smooth_step(radius - soft, radius + soft, distance(place)))
        }
        _ => Box::new(move |place| smooth_step(-0.3, 0.3, field.at(place))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_draws_something_and_no_two_pictures_are_alike() {
        let pictures: Vec<Vec<u8>> = (0..2 * CLASSES.len())
            .map(|index| draw(1, index, 32).bytes())
            .collect();
        for (index, picture) in pictures.iter().enumerate() {
            let (low, high) = (picture.iter().min(), picture.iter().max());
            assert!(
                low.zip(high).is_some_and(|(low, high)| high - low > 40),
                "{}",
                CLASSES[class(index)]
            );
            assert!(!pictures[..index].contains(picture));
            assert_eq!(*picture, draw(1, index, 32).bytes());
        }
    }
}
