//! Times scoring and training: patches a second of one network on the CPU.
//!
//! `cargo run --release -p acft-vision --example throughput -- [NETWORK] [BATCH] [PIXELS]`

use std::time::Instant;

use acft_vision::Device;
use acft_vision::models::{Architecture, Network, Training};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Distribution, Tensor};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let architecture: Architecture = next("squeezenet1_1").parse().expect("a network's name");
    let batch: usize = next("128").parse().expect("BATCH is a number");
    let pixels: usize = next("48").parse().expect("PIXELS is a number");

    let device = Device::flex();
    let network = Network::new(architecture, 2, 0, &device);
    let x = Tensor::<4>::random([batch, 3, pixels, pixels], Distribution::Default, &device);
    let scoring = best(|| {
        let logits = network.infer(x.clone()).expect("large enough");
        logits.into_data();
        Vec::new()
    });
    println!(
        "{architecture}, {pixels} px, batch {batch}: scoring {:.0}/s",
        rate(batch, &scoring)
    );

    let device = device.autodiff();
    let mut network = Network::new(architecture, 2, 0, &device);
    let mut adam = AdamConfig::new().init();
    let mut training = Training::new(0);
    let x = Tensor::from_inner(x);
    let step = best(|| {
        let start = Instant::now();
        let logits = network.forward_training(x.clone(), &mut training);
        let loss = -log_softmax(logits.expect("large enough"), 1)
            .narrow(1, 0, 1)
            .mean();
        let forward = start.elapsed().as_secs_f64();
        let mut gradients = loss.backward();
        let gradients = GradientsParams::from_module(&mut gradients, &network);
        let backward = start.elapsed().as_secs_f64() - forward;
        network = adam.step(1e-4, network.clone(), gradients);
        vec![forward, backward]
    });
    println!(
        "training {:.0}/s: forward {:.1} ms, backward {:.1} ms, all {:.1} ms",
        rate(batch, &step),
        step[0] * 1e3,
        step[1] * 1e3,
        step.last().expect("the whole is last") * 1e3
    );
}

/// The parts of the shortest of several runs, and behind them the whole, in seconds.
fn best(mut work: impl FnMut() -> Vec<f64>) -> Vec<f64> {
    let run = |_| {
        let start = Instant::now();
        let mut parts = work();
        parts.push(start.elapsed().as_secs_f64());
        parts
    };
    (0..12)
        .map(run)
        .min_by(|a, b| a.last().partial_cmp(&b.last()).expect("times are finite"))
        .expect("there are several runs")
}

fn rate(batch: usize, parts: &[f64]) -> f64 {
    batch as f64 / parts.last().expect("the whole is last")
}
