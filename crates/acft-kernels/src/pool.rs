//! Pooling: the maximum over windows, and the mean over a whole plane.

use rayon::prelude::*;

use crate::{
    check,
    geometry::Pool2d,
    isa::Isa,
    padded::Padded,
    scratch::{self, Scratch},
};

/// Elements of a padded plane's phase that are worked on at once: they stay in the first-level cache.
const BLOCK: usize = 2048;

/// `out`, the maximum over each window of `x`.
///
/// `x` is `[planes][height][width]`; see [`Pool2d`] for the output's size. A NaN in a window is its maximum.
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d(isa: Isa, shape: &Pool2d, x: &[f32], out: &mut [f32]) {
    let plan = Plan::new(shape, x, out);
    let [height, width] = shape.output();
    out.par_chunks_mut(plan.planes * height * width)
        .enumerate()
        .for_each(|(i, out)| {
            scratch::with(|scratch| plan.pool(isa, scratch, i, x, out, &mut []));
        });
}

/// As [`max_pool2d`], and `taps` becomes the number (row × kernel + column) of the element of each window that
/// won: the first of the largest. [`max_pool2d_backward`] wants it.
pub fn max_pool2d_with_taps(isa: Isa, shape: &Pool2d, x: &[f32], out: &mut [f32], taps: &mut [u8]) {
    let plan = Plan::new(shape, x, out);
    check::length("taps", taps, out.len());
    let [height, width] = shape.output();
    let chunk = plan.planes * height * width;
    out.par_chunks_mut(chunk)
        .zip(taps.par_chunks_mut(chunk))
        .enumerate()
        .for_each(|(i, (out, taps))| {
            scratch::with(|scratch| plan.pool(isa, scratch, i, x, out, taps));
        });
}

/// `dx`, the gradient of the input of [`max_pool2d_with_taps`], from that of its output and the taps that won.
///
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d_backward(shape: &Pool2d, dy: &[f32], taps: &[u8], dx: &mut [f32]) {
    shape.validate();
    check::length("dy", dy, shape.output_len());
    check::length("taps", taps, shape.output_len());
    check::length("dx", dx, shape.input_len());
    let ([height, width], [out_height, out_width]) = (shape.input, shape.output());
    let outputs = out_height * out_width;
    // Relative to the window's first element, which may lie in the border.
    let reach: Vec<_> = (0..shape.kernel * shape.kernel)
        .map(|t| (t / shape.kernel, t % shape.kernel))
        .collect();
    let gradients = dy.par_chunks(outputs).zip(taps.par_chunks(outputs));
    let min_planes = BLOCK.div_ceil(height * width);
    dx.par_chunks_mut(height * width)
        .zip(gradients)
        .with_min_len(min_planes)
        .for_each(|(dx, (dy, taps))| {
            dx.fill(0.0);
            for (oy, (dy, taps)) in dy
                .chunks_exact(out_width)
                .zip(taps.chunks_exact(out_width))
                .enumerate()
            {
                for (ox, (&dy, &tap)) in dy.iter().zip(taps).enumerate() {
                    let (down, right) = reach[usize::from(tap)];
                    let y = (oy * shape.stride + down).wrapping_sub(shape.padding);
                    let x = (ox * shape.stride + right).wrapping_sub(shape.padding);
                    // A window that holds nothing above −∞ has no winner; its tap 0 may lie in the border.
                    if y < height && x < width {
                        dx[y * width + x] += dy;
                    }
                }
            }
        });
}

/// `out[p]`, the mean of plane `p` of `x`, which holds `out.len()` planes.
///
/// Panics if `x` does not divide into that many planes.
pub fn global_avg_pool(x: &[f32], out: &mut [f32]) {
    let plane = plane_len(x.len(), out.len());
    out.iter_mut()
        .zip(x.chunks_exact(plane))
        .for_each(|(out, x)| *out = sum(x) / plane as f32);
}

/// `dx`, the gradient of the input of [`global_avg_pool`], from that of its output.
///
/// Panics if `dx` does not divide into as many planes as `dy` has elements.
pub fn global_avg_pool_backward(dy: &[f32], dx: &mut [f32]) {
    let plane = plane_len(dx.len(), dy.len());
    dx.chunks_exact_mut(plane)
        .zip(dy)
        .for_each(|(dx, dy)| dx.fill(dy / plane as f32));
}

#[track_caller]
fn plane_len(elements: usize, planes: usize) -> usize {
    assert!(
        planes > 0 && elements >= planes && elements.is_multiple_of(planes),
        "{elements} elements do not divide into {planes} planes"
    );
    elements / planes
}

/// A sum in eight interleaved parts, which is faster and more exact than one.
fn sum(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<8>();
    let mut parts = [0.0; 8];
    for chunk in chunks {
        parts.iter_mut().zip(chunk).for_each(|(part, v)| *part += v);
    }
    parts.iter().chain(rest).sum()
}

/// How a max-pool goes over its input: some planes at a time, padded with −∞ and taken apart by phase, so that
/// each tap of all windows is one slice.
struct Plan {
    shape: Pool2d,
    /// Planes of one task.
    planes: usize,
    /// Height and width of a padded plane's phase.
    size: [usize; 2],
    phases: Vec<usize>,
}

impl Plan {
    #[track_caller]
    fn new(shape: &Pool2d, x: &[f32], out: &[f32]) -> Self {
        shape.validate();
        check::length("x", x, shape.input_len());
        check::length("out", out, shape.output_len());
        let size = shape
            .output()
            .map(|n| n + (shape.kernel - 1) / shape.stride);
        let planes = (BLOCK / (size[0] * size[1])).clamp(1, shape.planes.max(1));
        Self {
            shape: *shape,
            planes,
            size,
            phases: (0..shape.stride.min(shape.kernel)).collect(),
        }
    }

    /// Pools the planes of chunk `chunk`; `winners` may be empty.
    fn pool(
        &self,
        isa: Isa,
        scratch: &mut Scratch,
        chunk: usize,
        x: &[f32],
        out: &mut [f32],
        winners: &mut [u8],
    ) {
        let Pool2d {
            input,
            kernel,
            stride,
            padding,
            ..
        } = self.shape;
        let ([height, width], [_, pitch]) = (self.shape.output(), self.size);
        let channels = out.len() / (height * width);
        let padded = Padded {
            channels,
            input,
            stride: [stride; 2],
            margin: [padding; 2],
            phases: [self.phases.clone(), self.phases.clone()],
            size: self.size,
        };
        let x = &x[chunk * self.planes * input[0] * input[1]..][..padded.input_len()];
        let plane = padded.plane_len();
        let Scratch {
            images,
            tiles,
            winners: flat_winners,
            ..
        } = scratch;
        let images = scratch::reserve(images, padded.len());
        padded.fill(isa, x, f32::NEG_INFINITY, images);
        // Over all planes at once, and all columns of the padded planes; those beyond `width` mean nothing.
        let furthest = (kernel - 1) / stride * (pitch + 1);
        let len = channels * plane - furthest;
        let taps: Vec<_> = (0..kernel * kernel)
            .map(|tap| {
                let (down, right) = (tap / kernel, tap % kernel);
                let first = padded.plane([down % stride, right % stride], 0) * plane;
                &images[first + down / stride * pitch + right / stride..][..len]
            })
            .collect();
        let flat = scratch::reserve(tiles, len);
        let flat_winners = scratch::reserve(flat_winners, if winners.is_empty() { 0 } else { len });
        isa.pool(&taps, flat, flat_winners);
        let at = |row: usize| row / height * plane + row % height * pitch;
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            out.copy_from_slice(&flat[at(row)..][..width]);
        }
        for (row, winners) in winners.chunks_exact_mut(width).enumerate() {
            winners.copy_from_slice(&flat_winners[at(row)..][..width]);
        }
    }
}
