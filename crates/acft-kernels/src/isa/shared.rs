//! Primitives that need no intrinsics: plain loops, inlined into a function of each instruction set, where the
//! compiler turns them into that set's vectors.

use super::panel::Tile;
use crate::{
    adam::{Chunk, Step},
    geometry::Activation,
};

/// Scatters a tile of `NR` columns; see [`Tile`].
#[inline(always)]
pub(super) fn finish<const NR: usize>(tile: &[f32], spec: &Tile<'_>, out: &mut [f32]) {
    // `max` would turn a NaN into 0; the comparison keeps it. Without an activation nothing is below the floor.
    let floor = match spec.activation {
        Activation::Identity => f32::NEG_INFINITY,
        Activation::Relu => 0.0,
    };
    for row in 0..spec.rows {
        let bias = spec.bias.map_or(0.0, |bias| bias[row]);
        let value = |v: f32| {
            let sum = v + bias;
            if sum < floor { floor } else { sum }
        };
        let tile = &tile[row * NR..][..NR];
        let origin = spec.origin + row * spec.row_stride;
        for run in spec.runs {
            let tile = &tile[run.lane..][..run.len];
            let out = &mut out[origin + run.dst..];
            if spec.step == 1 {
                for (o, &v) in out[..run.len].iter_mut().zip(tile) {
                    *o = value(v);
                }
            } else {
                for (o, &v) in out.iter_mut().step_by(spec.step).zip(tile) {
                    *o = value(v);
                }
            }
        }
    }
}

/// The element-wise maximum of `taps`, each as long as `out` or longer.
///
/// `winners`, unless it is empty, becomes the number of the winning tap: the first of the largest, or the first
/// NaN. Where all are −∞, tap 0 wins.
#[inline(always)]
pub(super) fn pool(taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]) {
    out.fill(f32::NEG_INFINITY);
    winners.fill(0);
    for (number, tap) in taps.iter().enumerate() {
        let tap = &tap[..out.len()];
        // Once a NaN has won, nothing replaces it.
        let wins = |v: f32, best: f32| (v > best) | (v.is_nan() & !best.is_nan());
        if winners.is_empty() {
            for (o, &v) in out.iter_mut().zip(tap) {
                *o = if wins(v, *o) { v } else { *o };
            }
        } else {
            for ((o, w), &v) in out.iter_mut().zip(winners.iter_mut()).zip(tap) {
                let wins = wins(v, *o);
                *o = if wins { v } else { *o };
                *w = if wins { number as u8 } else { *w };
            }
        }
    }
}

/// Adam on one chunk; the formula is in [`mod@crate::adam`].
#[inline(always)]
pub(super) fn adam(step: &Step, chunk: Chunk<'_>) {
    let Chunk { p, g, m, v } = chunk;
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = step.beta1 * *m + (1.0 - step.beta1) * g;
        *v = step.beta2 * *v + (1.0 - step.beta2) * (g * g);
        *p -= step.rate * (*m / step.correction1) / ((*v / step.correction2).sqrt() + step.epsilon);
    }
}
