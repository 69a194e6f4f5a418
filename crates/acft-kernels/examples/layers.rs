//! Times the convolutions of a network, forward and backward, in f32 and in bf16, and prints each layer's throughput; or
//! the fully connected layers of AlexNet, `dense`; or batch norm and residual sums, `norm`.
//!
//! `cargo run --release -p acft-kernels --example layers -- [BATCH] [PIXELS] [squeezenet|alexnet|resnet|dense|norm] [SET]...`;
//! a `SET` is the name of an instruction set, or `all` of the machine's; without any the best is taken.

use std::time::Instant;

use acft_kernels::{
    Activation, Conv2d, Isa, LANES, Linear, Norm, NormGradients, PairConvolution, PairLinear, Part,
    Pool2d, add_relu, add_relu_of_pairs, batch_norm, batch_norm_backward,
    batch_norm_backward_of_pairs, batch_norm_of_pairs, batch_statistics, batch_statistics_of_pairs,
    blocks, conv2d, conv2d_backward_data, conv2d_backward_weights,
    conv2d_backward_weights_of_pairs, linear, linear_backward_data, linear_backward_data_in_bf16,
    linear_backward_weights, linear_backward_weights_in_bf16, linear_in_bf16, pair_words,
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
    let names = arguments.get(3..).unwrap_or_default();
    let mut sets = Isa::available();
    if names.is_empty() {
        sets.truncate(1);
    } else {
        let named = |name: &str| names.iter().any(|n| n == name || n == "all");
        sets.retain(|isa| named(isa.name()));
    }
    let layers = match arguments.get(2).map_or("squeezenet", String::as_str) {
        "squeezenet" => squeezenet1_1(batch, pixels),
        "alexnet" => alexnet(batch, pixels),
        "resnet" => resnet18(batch, pixels),
        "dense" => return sets.into_iter().for_each(|isa| dense(isa, batch)),
        "norm" => return sets.into_iter().for_each(|isa| norms(isa, batch, pixels)),
        other => panic!("no network {other}"),
    };
    for isa in sets {
        println!("{isa:?}, batch {batch}, {pixels} px; best of several, milliseconds (GFLOP/s)");
        let mut total = [[0.0; 3]; 2];
        for shape in &layers {
            let work = 2e-9 * (shape.weight_len() * shape.output_len() / shape.out_channels) as f64;
            let times = [in_f32(isa, shape), in_bf16(isa, shape)];
            let [f32, bf16] = times.map(|times| {
                let [f, d, g] = times.map(|t| format!("{:6.2} ({:4.0})", t * 1e3, work / t));
                format!("forward {f}  data {d}  weights {g}")
            });
            println!(
                "{:3} -> {:3}  {}x{}  {:3} px  f32: {f32}  bf16: {bf16}",
                shape.in_channels,
                shape.out_channels,
                shape.kernel[0],
                shape.kernel[1],
                shape.input[0]
            );
            let sums = total.as_flattened_mut().iter_mut();
            sums.zip(times.as_flattened())
                .for_each(|(sum, t)| *sum += t);
        }
        for (name, total) in ["f32", "bf16"].into_iter().zip(total) {
            let [f, d, g] = total.map(|t| t * 1e3);
            println!("all layers, {name}: forward {f:.1} ms, data {d:.1} ms, weights {g:.1} ms");
        }
        println!();
    }
}

/// Times forward, backward-data and backward-weights; each prepares its weights, as in training.
fn in_f32(isa: Isa, shape: &Conv2d) -> [f64; 3] {
    let (x, w) = (vec![0.5; shape.input_len()], vec![0.5; shape.weight_len()]);
    let (mut y, mut dx, mut dw) = (vec![0.5; shape.output_len()], x.clone(), w.clone());
    let (dy, mut db) = (y.clone(), vec![0.0; shape.out_channels]);
    [
        best(|| conv2d(isa, shape, &x, &w, None, Activation::Relu, &mut y)),
        best(|| conv2d_backward_data(isa, shape, &dy, &w, &mut dx)),
        best(|| conv2d_backward_weights(isa, shape, &x, &dy, &mut dw, Some(&mut db))),
    ]
}

/// The same of pairs.
fn in_bf16(isa: Isa, shape: &Conv2d) -> [f64; 3] {
    let words = |channels: usize, [height, width]: [usize; 2]| {
        blocks(shape.batch) * pair_words(channels, height * width) * LANES
    };
    let from = words(shape.in_channels, shape.input);
    let to = words(shape.out_channels, shape.output());
    let [mut x, mut dx, mut y, mut dy] = [from, from, to, to].map(|n| vec![HALVES; n + LANES]);
    let (x, dx) = (aligned(&mut x, from), aligned(&mut dx, from));
    let (y, dy) = (aligned(&mut y, to), aligned(&mut dy, to));
    let w = vec![0.5; shape.weight_len()];
    let (mut dw, mut db) = (w.clone(), vec![0.0; shape.out_channels]);
    let [of_x, of_y] = [shape.in_channels, shape.out_channels].map(Part::whole);
    [
        best(|| {
            let conv = PairConvolution::new(isa, shape, &w, None, Activation::Relu);
            conv.run((x, of_x), (y, of_y), false);
        }),
        best(|| {
            let back = PairConvolution::backward_data(isa, shape, &w);
            back.run((dy, of_y), (dx, of_x), false);
        }),
        best(|| {
            conv2d_backward_weights_of_pairs(isa, shape, x, (dy, of_y), &mut dw, Some(&mut db))
        }),
    ]
}

/// Times AlexNet's fully connected layers behind 6 × 6 positions and behind one: as in training, in f32 and in bf16; and as
/// in scoring, where weights are made pairs once.
fn dense(isa: Isa, images: usize) {
    println!("{isa:?}, {images} images; best of several, milliseconds (GFLOP/s, or GB/s of f32)");
    let layers = [
        ([256, 36], 4096),
        ([256, 4], 4096),
        ([4096, 1], 4096),
        ([4096, 1], 10),
    ];
    for ([channels, plane], outputs) in layers {
        let inputs = channels * plane;
        let (w, bias) = (vec![0.5; outputs * inputs], vec![0.5; outputs]);
        let (x, mut y) = (vec![0.5; images * inputs], vec![0.5; images * outputs]);
        let shape = Linear {
            batch: images,
            inputs,
            outputs,
        };
        let relu = Activation::Relu;
        let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), bias.clone());
        let dy = y.clone();
        let in_f32 = [
            best(|| linear(isa, &shape, &x, &w, Some(&bias), relu, &mut y)),
            best(|| linear_backward_data(isa, &shape, &dy, &w, &mut dx)),
            best(|| linear_backward_weights(isa, &shape, &x, &dy, &mut dw, Some(&mut db))),
        ];

        let in_bf16 = [
            best(|| linear_in_bf16(isa, &shape, &x, &w, &bias, relu, &mut y)),
            best(|| linear_backward_data_in_bf16(isa, &shape, &dy, &w, &mut dx)),
            best(|| linear_backward_weights_in_bf16(isa, &shape, &x, &dy, &mut dw, &mut db)),
        ];

        let words = blocks(images) * pair_words(channels, plane) * LANES;
        let mut x = vec![HALVES; words + LANES];
        let x = aligned(&mut x, words);
        let mut y = vec![0.5; blocks(images) * outputs * LANES];
        let new = || PairLinear::new(isa, [channels, plane], &w, &bias, relu);
        let (layer, packing) = (new(), best(|| drop(new())));
        let running = best(|| layer.run(images, x, &mut y));

        let rate = |work: usize, time: f64| {
            format!("{:6.2} ({:5.0})", time * 1e3, work as f64 * 1e-9 / time)
        };
        let work = 2 * images * w.len();
        let three = |times: [f64; 3]| {
            let [forward, data, weights] = times.map(|time| rate(work, time));
            format!("forward {forward}  data {data}  weights {weights}")
        };
        println!(
            "{channels:4} x {plane:2} -> {outputs:4}  f32: {}  bf16: {}  kept as pairs: packing {}  forward {}",
            three(in_f32),
            three(in_bf16),
            rate(4 * w.len(), packing),
            rate(work, running)
        );
    }
    println!();
}

/// Times the batch norm and the residual sum behind ResNet-18's first convolutions, in f32 and in bf16.
fn norms(isa: Isa, batch: usize, pixels: usize) {
    println!("{isa:?}, batch {batch}; best of several, milliseconds (GB/s)");
    let channels = 64;
    let shape = Norm {
        batch,
        channels,
        positions: (pixels / 4) * (pixels / 4),
        epsilon: 1e-5,
    };
    let (weight, bias) = (vec![0.5; channels], vec![0.5; channels]);
    let (parameters, relu) = ([&weight[..], &bias], Activation::Relu);
    let [mut dw, mut db] = [vec![0.0; channels], vec![0.0; channels]];

    let (x, dy, mut out) = (
        vec![0.5; shape.len()],
        vec![0.5; shape.len()],
        vec![0.0; shape.len()],
    );
    let found = batch_statistics(isa, &shape, &x);
    let in_f32 = [
        best(|| drop(batch_statistics(isa, &shape, &x))),
        best(|| batch_norm(isa, &shape, &x, &found, parameters, relu, &mut out)),
        best(|| {
            let gradients = NormGradients {
                x: &mut out,
                weight: &mut dw,
                bias: &mut db,
            };
            batch_norm_backward(isa, &shape, [&x, &dy], &found, parameters, relu, gradients);
        }),
        best(|| add_relu(isa, &x, &dy, &mut out)),
    ];

    let words = shape.pair_len();
    let (x, dy, mut out) = (vec![HALVES; words], vec![HALVES; words], vec![0; words]);
    let found = batch_statistics_of_pairs(isa, &shape, &x);
    let in_bf16 = [
        best(|| drop(batch_statistics_of_pairs(isa, &shape, &x))),
        best(|| batch_norm_of_pairs(isa, &shape, &x, &found, parameters, relu, &mut out)),
        best(|| {
            let gradients = NormGradients {
                x: &mut out,
                weight: &mut dw,
                bias: &mut db,
            };
            batch_norm_backward_of_pairs(
                isa,
                &shape,
                [&x, &dy],
                &found,
                parameters,
                relu,
                gradients,
            );
        }),
        best(|| add_relu_of_pairs(isa, &x, &dy, &mut out)),
    ];
    for (name, words, times) in [("f32", shape.len(), in_f32), ("bf16", words, in_bf16)] {
        let tensors = [("statistics", 1), ("norm", 2), ("gradients", 3), ("sum", 3)];
        let rates = tensors.iter().zip(times).map(|((what, tensors), time)| {
            let rate = (4 * words * tensors) as f64 * 1e-9 / time;
            format!("{what} {:.2} ({rate:.1})", time * 1e3)
        });
        println!("{name}: {}", rates.collect::<Vec<_>>().join("  "));
    }
}

/// A pair of 0.5.
const HALVES: u32 = 0x3f00_3f00;

/// The first `n` words that begin with a cache line, as those of large allocators do.
fn aligned(words: &mut [u32], n: usize) -> &mut [u32] {
    let skipped = words.as_ptr().align_offset(64);
    &mut words[skipped..][..n]
}

/// The shortest of some runs, in seconds: of more where they are short.
fn best(mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let (mut runs, mut best) = (0, f64::INFINITY);
    while runs < 7 || (runs < 100 && begin.elapsed().as_secs_f64() < 0.1) {
        let start = Instant::now();
        work();
        best = start.elapsed().as_secs_f64().min(best);
        runs += 1;
    }
    best
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
