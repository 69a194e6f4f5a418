//! Times the convolutions of a network, forward and backward, and prints each layer's throughput.
//!
//! `cargo run --release -p acft-kernels --example layers -- [BATCH] [PIXELS] [squeezenet|alexnet|resnet] [all]`;
//! `all` goes through all instruction sets of the machine, not the best alone.

use std::time::Instant;

use acft_kernels::{
    Activation, Conv2d, Isa, Pool2d, conv2d, conv2d_backward_data, conv2d_backward_weights,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| {
        let given = arguments.get(at);
        given.map_or(default, |a| {
            a.parse().expect("BATCH and PIXELS are numbers")
        })
    };
    let (batch, pixels) = (number(0, 128), number(1, 48));
    let layers = match arguments.get(2).map_or("squeezenet", String::as_str) {
        "squeezenet" => squeezenet1_1(batch, pixels),
        "alexnet" => alexnet(batch, pixels),
        "resnet" => resnet18(batch, pixels),
        other => panic!("no network {other}"),
    };
    let mut sets = Isa::available();
    if arguments.get(3).is_none_or(|word| word != "all") {
        sets.truncate(1);
    }
    for isa in sets {
        println!("{isa:?}, batch {batch}, {pixels} px; best of several, milliseconds (GFLOP/s)");
        let mut total = [0.0; 3];
        for shape in &layers {
            let (x, w) = (vec![0.5; shape.input_len()], vec![0.5; shape.weight_len()]);
            let (mut y, mut dx, mut dw) = (vec![0.5; shape.output_len()], x.clone(), w.clone());
            let dy = y.clone();
            let times = [
                best(|| conv2d(isa, shape, &x, &w, None, Activation::Relu, &mut y)),
                best(|| conv2d_backward_data(isa, shape, &dy, &w, &mut dx)),
                best(|| conv2d_backward_weights(isa, shape, &x, &dy, &mut dw, None)),
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

fn conv(batch: usize, channels: [usize; 2], size: usize, kernel: usize, stride: usize) -> Conv2d {
    Conv2d {
        batch,
        in_channels: channels[0],
        input: [size; 2],
        out_channels: channels[1],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        dilation: [1; 2],
        groups: 1,
    }
}

/// The side of an image after windows of 3 × 3 at every second pixel.
fn pooled(size: usize, padding: usize, ceil: bool) -> usize {
    let shape = Pool2d {
        planes: 1,
        input: [size; 2],
        kernel: 3,
        stride: 2,
        padding,
        ceil,
    };
    shape.output()[0]
}

/// The convolutions of AlexNet.
fn alexnet(batch: usize, pixels: usize) -> Vec<Conv2d> {
    let first = Conv2d {
        padding: [2; 2],
        ..conv(batch, [3, 64], pixels, 11, 4)
    };
    let size = pooled(first.output()[0], 0, false);
    let later = pooled(size, 0, false);
    vec![
        first,
        conv(batch, [64, 192], size, 5, 1),
        conv(batch, [192, 384], later, 3, 1),
        conv(batch, [384, 256], later, 3, 1),
        conv(batch, [256, 256], later, 3, 1),
    ]
}

/// The convolutions of ResNet-18, those that are alike once.
fn resnet18(batch: usize, pixels: usize) -> Vec<Conv2d> {
    let first = conv(batch, [3, 64], pixels, 7, 2);
    let mut size = pooled(first.output()[0], 1, false);
    let mut layers = vec![first, conv(batch, [64, 64], size, 3, 1)];
    for channels in [[64, 128], [128, 256], [256, 512]] {
        let widening = conv(batch, channels, size, 3, 2);
        let around = conv(batch, channels, size, 1, 2);
        size = widening.output()[0];
        let [_, after] = channels;
        layers.extend([widening, around, conv(batch, [after; 2], size, 3, 1)]);
    }
    layers
}

/// The convolutions of SqueezeNet 1.1's features.
fn squeezenet1_1(batch: usize, pixels: usize) -> Vec<Conv2d> {
    let conv = |channels, size, kernel, stride| conv(batch, channels, size, kernel, stride);
    let pooled = |size| pooled(size, 0, true);
    let mut layers = vec![Conv2d {
        padding: [0; 2],
        ..conv([3, 64], pixels, 3, 2)
    }];
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
