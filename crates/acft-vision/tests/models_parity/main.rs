//! Networks against torchvision's on weights and images that both compute from
//! a formula (`scripts/reference/torchvision_parity.py` made the answers).
#![allow(clippy::unwrap_used)]

mod courses;
mod formula;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acft_vision::models::{Architecture, Training};
use acft_vision::weights::Tensors;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use serde::Deserialize;

use crate::formula::{network, uniform};

#[derive(Deserialize)]
struct Fixture {
    classes: usize,
    batch: usize,
    cases: Vec<Case>,
    pretrained: Vec<Pretrained>,
    courses: Vec<courses::Course>,
}

#[derive(Deserialize)]
struct Pretrained {
    network: Architecture,
    size: usize,
    /// Every eighth of the pooled features.
    features: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    network: Architecture,
    size: usize,
    logits: Vec<f64>,
    features: Vec<f64>,
    loss: f64,
    gradients: BTreeMap<String, f64>,
    statistics: BTreeMap<String, Vec<f64>>,
}

/// Sums of absolute gradients by tensor name.
struct Gradients<'a> {
    path: Vec<String>,
    gradients: &'a GradientsParams,
    sums: BTreeMap<String, f64>,
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        let hidden = container.starts_with("Enum:") || container == "Struct:Network";
        self.path.push(if hidden {
            String::new()
        } else {
            name.to_owned()
        });
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let steps: Vec<_> = self
            .path
            .iter()
            .filter(|step| !step.is_empty())
            .cloned()
            .collect();
        let values = floats(gradient);
        let sum = values.iter().map(|v| v.abs()).sum();
        self.sums.insert(steps.join("."), sum);
    }
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../fixtures/torchvision_parity.json")).unwrap()
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let values = tensor.into_data().try_into_vec::<f32>().unwrap();
    values.into_iter().map(f64::from).collect()
}

/// The largest difference, relative to the largest value expected.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0_f64, |a, v| a.max(v.abs()));
    let differences = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    differences.fold(0_f64, f64::max) / scale
}

fn check(architecture: Architecture) {
    let fixture = fixture();
    let device = Device::flex();
    let network = network(architecture, fixture.classes, &device);
    let cases: Vec<&Case> = fixture
        .cases
        .iter()
        .filter(|c| c.network == architecture)
        .collect();
    assert_eq!(cases.len(), 2, "two input sizes");
    for case in cases {
        let shape = [fixture.batch, 3, case.size, case.size];
        let images: Vec<f32> = uniform("input", shape.iter().product())
            .map(|u| (2.0 * u) as f32)
            .collect();
        let images = TensorData::new(images, shape);
        let what = |part: &str| format!("{part} of {architecture} at {}", case.size);

        let x = Tensor::<4>::from_data(images.clone(), &device);
        let output = network.infer_with_features(x.clone()).unwrap();
        assert_eq!(output.features.dims()[1], architecture.features());
        let features = floats(output.features.slice([0..fixture.batch, 0..8]));
        let logits = floats(output.logits);
        assert!(
            error(&logits, &case.logits) < 1e-4,
            "{} {logits:?}",
            what("logits")
        );
        assert!(
            error(&features, &case.features) < 1e-4,
            "{}",
            what("features")
        );
        assert_eq!(floats(network.infer(x).unwrap()), logits);

        let x = Tensor::<4>::from_data(images, &device.clone().autodiff());
        let mut training = Training::without_dropout();
        let trained = network.clone().train();
        let logits = trained.forward_training(x, &mut training).unwrap();
        let labels = TensorData::new(vec![1_i64, 3], [2, 1]);
        let labels = Tensor::<2, Int>::from_data(labels, &logits.device());
        let loss = activation::log_softmax(logits, 1)
            .gather(1, labels)
            .mean()
            .neg();
        let value = f64::from(loss.clone().into_scalar::<f32>());
        assert!(
            error(&[value], &[case.loss]) < 1e-4,
            "{} {value}",
            what("loss")
        );

        let gradients = GradientsParams::from_grads(loss.backward(), &trained);
        let mut visitor = Gradients {
            path: Vec::new(),
            gradients: &gradients,
            sums: BTreeMap::new(),
        };
        trained.visit(&mut visitor);
        for (name, expected) in &case.gradients {
            let found = visitor.sums[name];
            assert!(
                error(&[found], &[*expected]) < 5e-4,
                "{} {found} {expected}",
                what(name)
            );
        }
        let after = trained.absorb_statistics(&mut training).valid().tensors();
        for (name, expected) in &case.statistics {
            let found: Vec<f64> = after[name].values[..4]
                .iter()
                .map(|&v| f64::from(v))
                .collect();
            assert!(error(&found, expected) < 1e-4, "{} {found:?}", what(name));
        }
    }
}

#[test]
fn squeezenet1_0_answers_as_torchvision_does() {
    check(Architecture::Squeezenet1_0);
}

#[test]
fn squeezenet1_1_answers_as_torchvision_does() {
    check(Architecture::Squeezenet1_1);
}

/// torchvision's, with its last ReLU taken away.
#[test]
fn linear_squeezenets_answer_as_torchvision_does() {
    check(Architecture::Squeezenet1_0Linear);
    check(Architecture::Squeezenet1_1Linear);
}

#[test]
fn alexnet_answers_as_torchvision_does() {
    check(Architecture::Alexnet);
}

#[test]
fn resnet18_answers_as_torchvision_does() {
    check(Architecture::Resnet18);
}

#[test]
fn demo_answers_as_its_pytorch_twin_does() {
    check(Architecture::Demo);
}

/// The folder of files that are too large or not free enough to be committed.
fn weights_folder() -> Option<PathBuf> {
    let shared = std::env::var_os("ACFT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("weights");
    folder.is_dir().then_some(folder)
}

#[test]
fn pretrained_weights_give_torchvisions_features() {
    let Some(folder) = weights_folder() else {
        println!("skipped: there is no folder of ImageNet weights (ACFT_SHARED names its parent)");
        return;
    };
    let fixture = fixture();
    let device = Device::flex();
    assert_eq!(fixture.pretrained.len(), 4);
    for case in fixture.pretrained {
        let file = folder.join(format!("{}.safetensors", case.network));
        let network = Tensors::read(&file).unwrap();
        let network = network.into_network(case.network, 3, 0, &device).unwrap();
        let shape = [1, 3, case.size, case.size];
        let images: Vec<f32> = uniform("input", shape.iter().product())
            .map(|u| (2.0 * u) as f32)
            .collect();
        let x = Tensor::<4>::from_data(TensorData::new(images, shape), &device);
        let features = floats(network.infer_with_features(x).unwrap().features);
        let every_eighth: Vec<f64> = features.into_iter().step_by(8).collect();
        let error = error(&every_eighth, &case.features);
        assert!(error < 1e-4, "{} at {}: {error:e}", case.network, case.size);
    }
}
