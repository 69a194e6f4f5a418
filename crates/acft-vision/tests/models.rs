//! Networks as values: their first weights, their files, their errors.
#![allow(clippy::unwrap_used)]

use acft_vision::models::{
    Architecture, Description, Model, Named, NamedTensor, Network, Training,
};
use acft_vision::weights::{Tensors, WeightsError};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};

fn device() -> Device {
    Device::flex()
}

fn file(tensors: &Named) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .values()
        .map(|tensor| tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

fn load(architecture: Architecture, bytes: &[u8]) -> Result<Network, WeightsError> {
    Tensors::parse("weights.safetensors", bytes)?.into_network(architecture, 2, 0, &device())
}

fn description(architecture: Architecture, classes: usize) -> Description {
    Description {
        architecture,
        classes: (0..classes).map(|c| format!("class \"{c}\" é")).collect(),
        input: 64,
        patches: "crop:12".into(),
    }
}

#[test]
fn parameters_are_as_many_as_torchvisions() {
    // Of torchvision's networks with 1000 classes, statistics not counted.
    let check = |architecture, expected: usize| {
        let tensors = Network::new(architecture, 1000, 0, &device()).tensors();
        let trained = tensors
            .iter()
            .filter(|(name, _)| !name.contains("running_"));
        let count: usize = trained.map(|(_, tensor)| tensor.values.len()).sum();
        assert_eq!(count, expected, "{architecture}");
    };
    check(Architecture::Squeezenet1_0, 1_248_424);
    check(Architecture::Squeezenet1_1, 1_235_496);
    check(Architecture::Squeezenet1_0Linear, 1_248_424);
    check(Architecture::Squeezenet1_1Linear, 1_235_496);
    check(Architecture::Alexnet, 61_100_840);
    check(Architecture::Resnet18, 11_689_512);
    check(Architecture::Demo, 46_672 + 65_000);
}

#[test]
fn the_least_input_passes_and_one_pixel_less_is_refused() {
    for architecture in Architecture::ALL {
        let network = Network::new(architecture, 3, 0, &device());
        let least = architecture.min_input();
        let run = |size| network.infer(Tensor::zeros([1, 3, size, size], &device()));
        assert_eq!(run(least).unwrap().dims(), [1, 3], "{architecture}");
        if least > 1 {
            let message = run(least - 1).unwrap_err().to_string();
            let expected = format!(
                "{architecture} needs an input of at least {least} pixels, not {}",
                least - 1
            );
            assert_eq!(message, expected);
        }
    }
}

#[test]
fn weights_are_a_function_of_the_seed() {
    for architecture in [
        Architecture::Squeezenet1_1,
        Architecture::Resnet18,
        Architecture::Demo,
    ] {
        let tensors = |seed| Network::new(architecture, 4, seed, &device()).tensors();
        assert_eq!(tensors(5), tensors(5));
        assert_ne!(tensors(5), tensors(6));
    }
}

#[test]
fn heads_start_as_torchvision_starts_them() {
    let head = |architecture, name: &str| -> Vec<f32> {
        let network = Network::new(architecture, 100, 1, &device());
        network.tensors().remove(name).unwrap().values
    };
    let deviation = |values: &[f32]| {
        let square: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        (square / values.len() as f64).sqrt()
    };
    // SqueezeNet: normal(0, 0.01), bias 0. Within 5 standard errors of 51,200 draws.
    let weight = head(Architecture::Squeezenet1_1, "classifier.1.weight");
    assert!((deviation(&weight) - 0.01).abs() < 2e-4);
    let bias = head(Architecture::Squeezenet1_1, "classifier.1.bias");
    assert_eq!(bias, [0.0; 100]);
    // ResNet: uniform on ±1/√512 for both.
    let bound = 1.0 / 512_f64.sqrt();
    let weight = head(Architecture::Resnet18, "fc.weight");
    let largest = weight.iter().fold(0_f64, |a, &v| a.max(f64::from(v).abs()));
    assert!(largest <= bound * 1.000_001 && largest > bound * 0.999);
    assert!((deviation(&weight) - bound / 3_f64.sqrt()).abs() < 3e-4);
    let bias = head(Architecture::Resnet18, "fc.bias");
    assert!(bias.iter().all(|&v| f64::from(v).abs() <= bound) && deviation(&bias) > 0.0);
}

#[test]
fn a_fresh_head_replaces_the_head_alone() {
    for architecture in [
        Architecture::Squeezenet1_0,
        Architecture::Resnet18,
        Architecture::Demo,
    ] {
        let old = Network::new(architecture, 7, 1, &device());
        let new = old.with_fresh_head(3, 2);
        assert_eq!((old.classes(), new.classes()), (7, 3));
        let (old, new) = (old.tensors(), new.tensors());
        let changed: Vec<&String> = new.keys().filter(|name| new[*name] != old[*name]).collect();
        assert_eq!(changed.len(), 2, "{changed:?}");
        // The head is the one that a network drawn from the same seed has.
        let drawn = Network::new(architecture, 3, 2, &device()).tensors();
        assert!(changed.iter().all(|name| new[*name] == drawn[*name]));
    }
}

#[test]
fn a_head_in_the_file_is_dropped_and_none_is_needed() {
    let architecture = Architecture::Squeezenet1_1;
    let mut tensors = Network::new(architecture, 1000, 1, &device()).tensors();
    let with = load(architecture, &file(&tensors)).unwrap();
    tensors.retain(|name, _| name.starts_with("features"));
    let without = load(architecture, &file(&tensors)).unwrap();
    assert_eq!(with.classes(), 2);
    assert_eq!(with.tensors(), without.tensors());
    assert!(
        tensors
            .iter()
            .all(|(name, tensor)| with.tensors()[name] == *tensor)
    );
}

#[test]
fn pytorchs_counter_of_mini_batches_is_ignored() {
    let tensors = Network::new(Architecture::Resnet18, 2, 1, &device()).tensors();
    let mut bytes = file(&tensors);
    let counted = {
        let parsed = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let counter = 7_i64.to_le_bytes();
        let counter = TensorView::new(Dtype::I64, vec![], &counter).unwrap();
        let mut views: Vec<_> = parsed.tensors();
        views.push(("bn1.num_batches_tracked".into(), counter));
        safetensors::serialize(views, None).unwrap()
    };
    bytes.clone_from(&counted);
    let loaded = load(Architecture::Resnet18, &bytes).unwrap().tensors();
    assert_eq!(loaded["bn1.running_var"], tensors["bn1.running_var"]);
}

#[test]
fn weights_of_another_network_are_named() {
    let tensors = Network::new(Architecture::Squeezenet1_0, 2, 1, &device()).tensors();
    let message = load(Architecture::Squeezenet1_1, &file(&tensors))
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("weights.safetensors does not hold the weights of squeezenet1_1: missing features.6.squeeze.weight"), "{message}");
    assert!(
        message.contains("features.0.weight (96x3x7x7 instead of 64x3x3x3)"),
        "{message}"
    );
    assert!(message.contains("unexpected features."), "{message}");
    assert!(
        message.ends_with("these are the weights of squeezenet1_0: choose that network"),
        "{message}"
    );

    // What they are not is the twin of a network with another last layer.
    let mut tensors = Network::new(Architecture::Squeezenet1_1, 2, 1, &device()).tensors();
    tensors.insert(
        "features.0.bias".into(),
        NamedTensor {
            shape: vec![2],
            values: vec![0.0; 2],
        },
    );
    let message = load(Architecture::Squeezenet1_1Linear, &file(&tensors))
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("choose the network that the file was made for"),
        "{message}"
    );

    let odd = Named::from([(
        "stem.weight".to_owned(),
        NamedTensor {
            shape: vec![2],
            values: vec![0.0; 2],
        },
    )]);
    let message = load(Architecture::Demo, &file(&odd))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "weights.safetensors does not hold the weights of demo: missing features.0.weight, \
         features.0.bias, features.2.weight and 5 more; unexpected stem.weight; choose the \
         network that the file was made for"
    );
}

#[test]
fn files_that_are_no_weights_are_explained() {
    let check = |bytes: &[u8], says: &str| {
        let message = load(Architecture::Demo, bytes).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    };
    check(b"PK\x03\x04 archive/data.pkl", "is a PyTorch file");
    check(b"<html>not found</html>", "is not a whole safetensors file");
    let whole = file(&Network::new(Architecture::Demo, 2, 0, &device()).tensors());
    check(
        &whole[..whole.len() - 100],
        "is not a whole safetensors file",
    );
    check(&[], "is not a whole safetensors file");

    let half = TensorView::new(Dtype::F16, vec![2], &[0; 4]).unwrap();
    let half = safetensors::serialize([("features.0.bias", half)], None).unwrap();
    check(
        &half,
        "tensor features.0.bias holds F16 where only F32 is read",
    );

    let missing = Tensors::read(std::path::Path::new("no/such/file")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the weights no/such/file");
}

#[test]
fn models_come_back_bit_for_bit() {
    for architecture in [
        Architecture::Squeezenet1_1,
        Architecture::Resnet18,
        Architecture::Demo,
    ] {
        let network = Network::new(architecture, 3, 9, &device());
        let model = Model::new(network, description(architecture, 3)).unwrap();
        let bytes = model.to_bytes();
        let back = Model::from_bytes("best.safetensors", &bytes, &device()).unwrap();
        assert_eq!(back.description(), model.description());
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.hash(), blake3::hash(&bytes));
        let bits = |model: &Model| -> Vec<Vec<u32>> {
            let tensors = model.network().tensors();
            tensors
                .values()
                .map(|t| t.values.iter().map(|v| v.to_bits()).collect())
                .collect()
        };
        assert_eq!(bits(&back), bits(&model));

        // It serves as pre-trained weights for another task too.
        let reused = Tensors::parse("best.safetensors", &bytes).unwrap();
        assert_eq!(
            reused
                .into_network(architecture, 5, 0, &device())
                .unwrap()
                .classes(),
            5
        );
    }
}

#[test]
fn models_that_do_not_fit_their_description_are_refused() {
    let network = || Network::new(Architecture::Demo, 3, 0, &device());
    let refused = |description| Model::new(network(), description).unwrap_err().to_string();
    assert_eq!(
        refused(description(Architecture::Demo, 2)),
        "a demo with 3 outputs cannot be described as demo with 2 classes"
    );
    let mut small = description(Architecture::Demo, 3);
    small.input = 2;
    assert_eq!(
        refused(small),
        "demo needs an input of at least 4 pixels, not 2"
    );

    let plain = file(&network().tensors());
    let message = Model::from_bytes("plain.safetensors", &plain, &device())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("plain.safetensors has weights but no description"),
        "{message}"
    );
}

#[test]
fn a_sampled_pass_is_a_pass_of_training_and_without_dropout_an_inference() {
    for architecture in [Architecture::Squeezenet1_1, Architecture::Alexnet] {
        let input = architecture.min_input().max(32);
        let network = Network::new(architecture, 3, 4, &device());
        let values: Vec<f32> = (0..2 * 3 * input * input)
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 32_768.0 - 1.0)
            .collect();
        let images = || {
            let data = TensorData::new(values.clone(), [2, 3, input, input]);
            Tensor::<4>::from_data(data, &device())
        };
        let rows = |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().try_into_vec().unwrap() };
        let mut none = Training::without_dropout();
        let plain = network.sample(images(), 2, &mut none).unwrap().unwrap();
        let inferred = rows(network.infer(images()).unwrap());
        for pass in plain {
            let pass = rows(pass);
            let scale = inferred.iter().fold(1e-3_f32, |most, v| most.max(v.abs()));
            for (a, b) in pass.iter().zip(&inferred) {
                assert!((a - b).abs() <= 1e-5 * scale, "{architecture}: {a} for {b}");
            }
        }
        let mut drawn = network
            .sample(images(), 2, &mut Training::new(9))
            .unwrap()
            .unwrap();
        let trained = network
            .forward_training(images(), &mut Training::new(9))
            .unwrap();
        let (second, first) = (drawn.pop().unwrap(), drawn.pop().unwrap());
        let first = rows(first);
        assert_eq!(first, rows(trained), "{architecture}");
        assert_ne!(first, rows(second), "{architecture}");
    }
    let resnet = Network::new(Architecture::Resnet18, 3, 4, &device());
    let images = Tensor::<4>::zeros([1, 3, 32, 32], &device());
    assert!(
        resnet
            .sample(images, 2, &mut Training::new(9))
            .unwrap()
            .is_none()
    );
}
