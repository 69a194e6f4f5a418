//! Times the convolutions of SqueezeNet 1.1, forward and backward, and prints each layer's throughput.
//!
//! `cargo run --release -p acft-kernels --example layers -- [BATCH] [PIXELS]`

use std::time::Instant;

use acft_kernels::{
    Activation, Conv2d, Isa, Pool2d, conv2d, conv2d_backward_data, conv2d_backward_weights,
};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|a| a.parse().expect("BATCH and PIXELS are numbers"));
    let (batch, pixels) = (
        arguments.next().unwrap_or(128),
        arguments.next().unwrap_or(48),
    );
    for isa in Isa::available() {
        println!("{isa:?}, batch {batch}, {pixels} px; best of several, milliseconds (GFLOP/s)");
        let mut total = [0.0; 3];
        for shape in squeezenet1_1(batch, pixels) {
            let (x, w) = (vec![0.5; shape.input_len()], vec![0.5; shape.weight_len()]);
            let (mut y, mut dx, mut dw) = (vec![0.5; shape.output_len()], x.clone(), w.clone());
            let dy = y.clone();
            let times = [
                best(|| conv2d(isa, &shape, &x, &w, None, Activation::Relu, &mut y)),
                best(|| conv2d_backward_data(isa, &shape, &dy, &w, &mut dx)),
                best(|| conv2d_backward_weights(isa, &shape, &x, &dy, &mut dw, None)),
            ];
            let work = 2e-9 * (shape.weight_len() * shape.output_len() / shape.out_channels) as f64;
            let [f, d, g] = times.map(|t| format!("{:6.2} ({:4.0})", t * 1e3, work / t));
            println!(
                "{:3} -> {:3}  {}x{}  {:3} px  forward {f}  data {d}  weights {g}",
                shape.in_channels,
                shape.out_channels,
                shape.kernel[0],
                shape.kernel[1],
                shape.input[0]
            );
            total.iter_mut().zip(times).for_each(|(sum, t)| *sum += t);
        }
        let [f, d, g] = total.map(|t| t * 1e3);
        println!("all layers: forward {f:.1} ms, data {d:.1} ms, weights {g:.1} ms\n");
    }
}

/// The shortest of a few runs, in seconds.
fn best(mut work: impl FnMut()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..7).map(run).fold(f64::INFINITY, f64::min)
}

/// The convolutions of SqueezeNet 1.1's features.
fn squeezenet1_1(batch: usize, pixels: usize) -> Vec<Conv2d> {
    let conv = |channels: [usize; 2], size: usize, kernel: usize, stride: usize| Conv2d {
        batch,
        in_channels: channels[0],
        input: [size; 2],
        out_channels: channels[1],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [if stride == 1 { kernel / 2 } else { 0 }; 2],
        dilation: [1; 2],
        groups: 1,
    };
    let pooled = |size: usize| {
        let shape = Pool2d {
            planes: 1,
            input: [size; 2],
            kernel: 3,
            stride: 2,
            padding: 0,
            ceil: true,
        };
        shape.output()[0]
    };
    let mut layers = vec![conv([3, 64], pixels, 3, 2)];
    let mut size = pooled(layers[0].output()[0]);
    for (i, [input, squeeze, expand]) in [
        [64, 16, 64],
        [128, 16, 64],
        [128, 32, 128],
        [256, 32, 128],
        [256, 48, 192],
        [384, 48, 192],
        [384, 64, 256],
        [512, 64, 256],
    ]
    .into_iter()
    .enumerate()
    {
        if i == 2 || i == 4 {
            size = pooled(size);
        }
        layers.push(conv([input, squeeze], size, 1, 1));
        layers.push(conv([squeeze, expand], size, 1, 1));
        layers.push(conv([squeeze, expand], size, 3, 1));
    }
    layers
}
