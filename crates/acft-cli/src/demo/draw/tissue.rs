//! What a frame shows besides a spot: tissue, folds, vessels, shadows and
//! gleams. All of it is drawn for both classes alike.

use super::canvas::{Canvas, Colour};
use super::noise::Field;
use super::random::Random;
use super::spot::Spot;

/// The ground: tissue of some colour with its texture, folds, vessels and shadows.
pub(super) fn ground(side: usize, random: &mut Random) -> Canvas {
    let warmth = random.between(-0.05, 0.05);
    let lightness = random.between(0.85, 1.12);
    let base: Colour = [0.70 + warmth, 0.55, 0.50 - warmth].map(|value| value * lightness);
    let mut canvas = Canvas::new(side, base);
    texture(&mut canvas, random);
    for _ in 0..random.below(3) {
        fold(&mut canvas, random);
    }
    for _ in 0..random.below(3) {
        vessel(&mut canvas, random);
    }
    for _ in 0..random.below(3) {
        let depth = random.between(0.05, 0.22);
        Spot::shadow(depth, random).paint(&mut canvas);
    }
    canvas
}

/// What lies between the tissue and its picture: uneven light, gleams, grain.
pub(super) fn finish(canvas: &mut Canvas, random: &mut Random) {
    light(canvas, random);
    for _ in 0..random.below(4) {
        gleam(canvas, random);
    }
    let deviation = random.between(0.01, 0.03);
    canvas.grain(deviation, random);
}

fn scale(colour: &mut Colour, factor: f64) {
    colour.iter_mut().for_each(|value| *value *= factor);
}

fn texture(canvas: &mut Canvas, random: &mut Random) {
    let coarse = Field::new(3, 3, random);
    let fine = Field::new(12, 2, random);
    let (coarsely, finely) = (random.between(0.1, 0.25), random.between(0.03, 0.1));
    canvas.paint(|place, colour| {
        scale(
            colour,
            1.0 + coarsely * coarse.at(place) + finely * fine.at(place),
        );
    });
}

/// A set of bent, roughly parallel ridges with a dark side and a light one.
fn fold(canvas: &mut Canvas, random: &mut Random) {
    let (sin, cos) = random.angle().sin_cos();
    let (waves, phase) = (random.between(0.5, 1.6), random.angle());
    let bend = Field::new(2, 2, random);
    let (bending, depth) = (random.between(1.0, 3.0), random.between(0.06, 0.2));
    canvas.paint(|place, colour| {
        let across = place[0] * cos + place[1] * sin;
        let angle = std::f64::consts::TAU * waves * across + phase + bending * bend.at(place);
        let shade = angle.sin().max(0.0).powi(6) - 0.4 * (angle + 0.9).sin().max(0.0).powi(6);
        scale(colour, 1.0 - depth * shade);
    });
}

/// A thin dark line that wanders across the frame.
fn vessel(canvas: &mut Canvas, random: &mut Random) {
    const STEPS: usize = 48;
    let mut place = [random.unit(), random.unit()];
    let mut angle = random.angle();
    let width = random.between(0.012, 0.03);
    let depth = random.between(0.1, 0.28);
    let mut path = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        path.push(place);
        angle += 0.25 * random.normal();
        place = [
            place[0] + 0.025 * angle.cos(),
            place[1] + 0.025 * angle.sin(),
        ];
    }
    canvas.paint(|place, colour| {
        let near = path
            .iter()
            .map(|p| (p[0] - place[0]).powi(2) + (p[1] - place[1]).powi(2));
        let square = near.fold(f64::INFINITY, f64::min);
        let inside = (-square / (2.0 * width * width)).exp();
        for (value, share) in colour.iter_mut().zip([0.7, 1.0, 0.9]) {
            *value *= 1.0 - depth * share * inside;
        }
    });
}

/// The lamp: brightest at one place, darker with the distance from it.
fn light(canvas: &mut Canvas, random: &mut Random) {
    let lamp = [random.between(0.1, 0.9), random.between(0.1, 0.9)];
    let fall = random.between(0.15, 0.6);
    canvas.paint(|place, colour| {
        let square = (place[0] - lamp[0]).powi(2) + (place[1] - lamp[1]).powi(2);
        scale(colour, 1.1 - fall * square.min(1.0));
    });
}

/// A wet surface reflects the lamp: a small dot, nearly white.
fn gleam(canvas: &mut Canvas, random: &mut Random) {
    let centre = [random.unit(), random.unit()];
    let width = random.between(0.012, 0.035);
    let strength = random.between(0.3, 0.9);
    canvas.paint(|place, colour| {
        let square = (place[0] - centre[0]).powi(2) + (place[1] - centre[1]).powi(2);
        let inside = strength * (-square / (2.0 * width * width)).exp();
        for value in colour {
            *value += (0.97 - *value) * inside;
        }
    });
}
