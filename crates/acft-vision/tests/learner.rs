//! The learner on a toy task that it can see through: candidates whose patches
//! are dark or bright, or brighter on the left or on the right.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acft::{
    CandidateError, CandidateId, Example, Label, Observer, Phase, Schedule, Scorer, Trainer,
};
use acft_images::PatchSource;
use acft_vision::learner::{FineTuning, Learner, OptimizerKind, Precision};
use acft_vision::models::{Architecture, Description, Model, Named, Network};
use burn::tensor::Device;

const INPUT: usize = 16;
const PATCHES: usize = 3;

/// Even candidates are bright on the left, odd ones on the right, under noise
/// that is a function of (candidate, patch, pixel). Candidate 7 cannot be read.
struct Halves {
    input: usize,
    unreadable: Option<u32>,
    reads: AtomicUsize,
}

impl Halves {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            input: INPUT,
            unreadable: None,
            reads: AtomicUsize::new(0),
        })
    }

    fn without(candidate: u32) -> Arc<Self> {
        Arc::new(Self {
            input: INPUT,
            unreadable: Some(candidate),
            reads: AtomicUsize::new(0),
        })
    }
}

impl PatchSource for Halves {
    fn patches_per_candidate(&self) -> usize {
        PATCHES
    }

    fn input(&self) -> usize {
        self.input
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        assert_eq!(out.len(), PATCHES * self.input * self.input * 3);
        if self.unreadable == Some(candidate.0) {
            // What a half-read image leaves behind must not reach anyone.
            out.fill(77);
            return Err(CandidateError {
                reason: "img/7.png: the file ends early".into(),
            });
        }
        for (i, byte) in out.iter_mut().enumerate() {
            let left = (i / 3) % self.input < self.input / 2;
            let bright = left == candidate.0.is_multiple_of(2);
            let noise = (i as u32 ^ candidate.0.wrapping_mul(97)).wrapping_mul(2_654_435_761) >> 26;
            *byte = if bright { 150 } else { 60 } + noise as u8;
        }
        Ok(())
    }
}

fn model(architecture: Architecture, seed: u64) -> Model {
    let input = INPUT.max(architecture.min_input());
    let description = Description {
        architecture,
        classes: vec!["left".into(), "right".into()],
        input,
        patches: "crop:3".into(),
    };
    Model::new(
        Network::new(architecture, 2, seed, &Device::flex()),
        description,
    )
    .unwrap()
}

fn demo() -> Model {
    model(Architecture::Demo, 1)
}

fn learner(source: Arc<Halves>, settings: FineTuning) -> Learner {
    Learner::new(source, 2, settings).unwrap()
}

fn examples(count: u32) -> Vec<Example> {
    let example = |i: u32| Example {
        candidate: CandidateId(i),
        label: Label((i % 2) as u16),
    };
    (0..count).map(example).collect()
}

fn quick() -> FineTuning {
    FineTuning {
        lr: 1e-3,
        epochs: 6,
        mini_batch: 16,
        ..FineTuning::default()
    }
}

const FIRST: Schedule = Schedule {
    phase: Phase::FromPretrained,
    seed: 11,
};

fn predictions(
    learner: &Learner,
    model: &Model,
    candidates: impl IntoIterator<Item = u32>,
) -> Vec<(u32, Result<Vec<f64>, CandidateError>)> {
    let candidates: Vec<_> = candidates.into_iter().map(CandidateId).collect();
    let mut seen = Vec::new();
    let mut sink = |id: CandidateId, rows: Result<&[f64], CandidateError>| {
        seen.push((id.0, rows.map(<[f64]>::to_vec)));
        ControlFlow::Continue(())
    };
    learner.predict(model, &candidates, &mut sink).unwrap();
    seen
}

fn weights(model: &Model) -> Named {
    model.network().tensors()
}

#[test]
fn a_small_network_learns_a_separable_task() {
    for precision in [Precision::F32, Precision::Bf16] {
        learns(FineTuning {
            precision,
            ..quick()
        });
    }
}

fn learns(settings: FineTuning) {
    let mut learner = learner(Halves::new(), settings);
    let trained = learner
        .fine_tune(&demo(), &examples(24), &FIRST, &mut ())
        .unwrap();
    assert_eq!(trained.loss.len(), 6);
    assert!(
        trained.loss[5] < 0.1 && trained.loss[5] < trained.loss[0] / 5.0,
        "{:?}",
        trained.loss
    );
    assert_eq!(trained.patches, 6 * 24 * PATCHES);
    for (candidate, rows) in predictions(&learner, &trained.model, 100..140) {
        let right: f64 = rows.unwrap().chunks(2).map(|row| row[1]).sum::<f64>() / PATCHES as f64;
        assert_eq!(
            right > 0.5,
            candidate % 2 == 1,
            "candidate {candidate}: {right}"
        );
    }
}

#[test]
fn predictions_come_in_order_with_unreadable_candidates_among_them() {
    let learner = learner(Halves::without(7), quick());
    // Two chunks of candidates and one more, in an order of no system.
    let order: Vec<u32> = (0..200).map(|i| i * 37 % 200).collect();
    let seen = predictions(&learner, &demo(), order.clone());
    assert_eq!(seen.iter().map(|(id, _)| *id).collect::<Vec<_>>(), order);
    for (id, rows) in &seen {
        match rows {
            Err(error) => assert_eq!(
                (*id, error.to_string().as_str()),
                (7, "img/7.png: the file ends early")
            ),
            Ok(rows) => {
                assert_eq!(rows.len(), PATCHES * 2);
                assert!(
                    rows.chunks(2)
                        .all(|row| (row[0] + row[1] - 1.0).abs() < 1e-12)
                );
            }
        }
    }
    // What is predicted for a candidate does not depend on its neighbours.
    let alone = predictions(&learner, &demo(), [123]);
    let among = seen.iter().find(|(id, _)| *id == 123).unwrap();
    for (a, b) in alone[0]
        .1
        .as_ref()
        .unwrap()
        .iter()
        .zip(among.1.as_ref().unwrap())
    {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert!(seen.iter().any(|(id, rows)| *id == 7 && rows.is_err()));
}

#[test]
fn a_sink_that_breaks_stops_the_reading() {
    let source = Halves::new();
    let learner = learner(source.clone(), quick());
    let candidates: Vec<_> = (0..100_000).map(CandidateId).collect();
    let mut seen = 0;
    let mut sink = |_: CandidateId, _: Result<&[f64], CandidateError>| {
        seen += 1;
        if seen == 5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    learner.predict(&demo(), &candidates, &mut sink).unwrap();
    assert_eq!(seen, 5);
    // Three chunks of 256 patches for each thread at the very most.
    let threads = std::thread::available_parallelism().unwrap().get();
    assert!(source.reads.load(Ordering::SeqCst) <= 3 * threads * (256 / PATCHES));
}

#[test]
fn features_are_streamed_too() {
    let learner = learner(Halves::without(1), quick());
    let mut seen = Vec::new();
    let mut sink = |id: CandidateId, rows: Result<&[f32], CandidateError>| {
        seen.push((id.0, rows.map(<[f32]>::len).ok()));
        ControlFlow::Continue(())
    };
    let candidates = [2, 1, 0].map(CandidateId);
    learner.features(&demo(), &candidates, &mut sink).unwrap();
    let length = Some(PATCHES * Architecture::Demo.features());
    assert_eq!(seen, [(2, length), (1, None), (0, length)]);
}

#[test]
fn the_same_seed_gives_the_same_weights_bit_for_bit() {
    // SqueezeNet drops out; 17 pixels are its least, so this is quick.
    for (architecture, precision) in [
        (Architecture::Demo, Precision::F32),
        (Architecture::Squeezenet1_1, Precision::F32),
        (Architecture::Squeezenet1_1, Precision::Bf16),
    ] {
        let source = Arc::new(Plain(INPUT.max(architecture.min_input())));
        let settings = FineTuning {
            epochs: 2,
            precision,
            ..quick()
        };
        let from = model(architecture, 3);
        let run = |seed| {
            let mut learner = Learner::new(source.clone(), 2, settings.clone()).unwrap();
            let schedule = Schedule { seed, ..FIRST };
            let trained = learner
                .fine_tune(&from, &examples(9), &schedule, &mut ())
                .unwrap();
            (trained.model.hash(), trained.loss)
        };
        let before = from.hash();
        let first = run(1);
        assert_eq!(first, run(1));
        assert_ne!(first.0, run(2).0);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let here = pool.build().unwrap().install(|| run(1));
            assert_eq!(first, here, "{threads} threads");
        }
        assert_eq!(from.hash(), before, "the model trained from has changed");
    }
}

/// One epoch of every network from the same start: its loss, before any step, is all but the same.
#[test]
fn every_network_trains_in_bf16_as_it_does_in_f32() {
    for architecture in Architecture::ALL {
        let source = Arc::new(Plain(INPUT.max(architecture.min_input())));
        let from = model(architecture, 3);
        let run = |precision| {
            let settings = FineTuning {
                epochs: 1,
                precision,
                // One step.
                mini_batch: 64,
                ..quick()
            };
            let mut learner = Learner::new(source.clone(), 2, settings).unwrap();
            let trained = learner
                .fine_tune(&from, &examples(9), &FIRST, &mut ())
                .unwrap();
            (trained.loss[0], weights(&trained.model))
        };
        let ((loss, exact), (rounded_loss, rounded)) = (run(Precision::F32), run(Precision::Bf16));
        assert!(
            (loss - rounded_loss).abs() < 0.05 * loss,
            "{architecture}: {loss} and {rounded_loss}"
        );
        // Adam's first step goes by the sign of a gradient, however small: most are the same, the fewer the more
        // layers there are that round.
        let before = weights(&from);
        let (mut same, mut all) = (0, 0);
        for name in before.keys() {
            let steps = |new: &Named| -> Vec<f32> {
                let floats = |named: &Named| named[name].values.clone();
                let pairs = floats(new).into_iter().zip(floats(&before));
                pairs.map(|(new, old)| new - old).collect()
            };
            for (a, b) in steps(&exact).into_iter().zip(steps(&rounded)) {
                all += usize::from(a != 0.0);
                same += usize::from(a != 0.0 && a * b > 0.0);
            }
        }
        assert!(all > 1000, "{architecture}: nothing moved");
        assert!(
            same as f64 > 0.85 * all as f64,
            "{architecture}: {same} of {all} weights moved the same way"
        );
    }
}

/// Noise of any size, whose mean is the label.
struct Plain(usize);

impl PatchSource for Plain {
    fn patches_per_candidate(&self) -> usize {
        2
    }

    fn input(&self) -> usize {
        self.0
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        for (i, byte) in out.iter_mut().enumerate() {
            let noise = (i as u32 ^ (candidate.0 << 8)).wrapping_mul(2_654_435_761) >> 25;
            *byte = (candidate.0 % 2 * 100) as u8 + noise as u8;
        }
        Ok(())
    }
}

/// Hears which examples were left out.
#[derive(Default)]
struct LeftOut(Vec<u32>);

impl Observer for LeftOut {
    fn left_out(&mut self, candidate: CandidateId, error: &CandidateError) {
        assert!(!error.reason.is_empty());
        self.0.push(candidate.0);
    }
}

#[test]
fn patches_are_the_same_whether_kept_or_made_again() {
    let run = |memory_bytes| {
        let settings = FineTuning {
            epochs: 2,
            memory_bytes,
            ..quick()
        };
        let source = Halves::without(4);
        let mut learner = learner(source.clone(), settings);
        // The unreadable one is last, so that the others keep their numbers.
        let mut all = examples(10);
        let unreadable = all.remove(4);
        if memory_bytes > 0 {
            all.push(unreadable);
        }
        let mut left_out = LeftOut::default();
        let trained = learner
            .fine_tune(&demo(), &all, &FIRST, &mut left_out)
            .unwrap();
        assert_eq!(left_out.0, if memory_bytes > 0 { vec![4] } else { vec![] });
        (trained.model.hash(), source.reads.load(Ordering::SeqCst))
    };
    let (kept, kept_reads) = run(usize::MAX);
    let (made_again, made_again_reads) = run(0);
    assert_eq!(kept, made_again);
    assert_eq!(kept_reads, 10);
    assert_eq!(made_again_reads, 2 * 9 * PATCHES);
}

#[test]
fn unreadable_examples_are_left_out_and_named_however_patches_are_had() {
    for memory_bytes in [0, usize::MAX] {
        let settings = FineTuning {
            epochs: 2,
            memory_bytes,
            ..quick()
        };
        let mut learner = learner(Halves::without(7), settings);
        let mut left_out = LeftOut::default();
        let trained = learner
            .fine_tune(&demo(), &examples(9), &FIRST, &mut left_out)
            .unwrap();
        assert_eq!(trained.patches, 2 * 8 * PATCHES);
        assert_eq!(left_out.0, [7]);

        let only = [Example {
            candidate: CandidateId(7),
            label: Label(0),
        }];
        let error = learner
            .fine_tune(&demo(), &only, &FIRST, &mut ())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "none of the 1 training candidates can be read; the first: img/7.png: the file ends early"
        );
    }
}

#[test]
fn a_continual_step_differs_in_its_rate_alone() {
    let run = |lr, phase| {
        let settings = FineTuning {
            lr,
            lr_ratio: 4.0,
            epochs: 2,
            ..quick()
        };
        let schedule = Schedule { phase, ..FIRST };
        let mut learner = learner(Halves::new(), settings);
        learner
            .fine_tune(&demo(), &examples(8), &schedule, &mut ())
            .unwrap()
            .model
            .hash()
    };
    assert_eq!(
        run(2e-3, Phase::Continual),
        run(5e-4, Phase::FromPretrained)
    );
    assert_ne!(
        run(2e-3, Phase::Continual),
        run(2e-3, Phase::FromPretrained)
    );
}

#[test]
fn the_optimiser_starts_afresh_and_training_carries_nothing_over() {
    let mut used = learner(Halves::new(), quick());
    used.fine_tune(&demo(), &examples(12), &FIRST, &mut ())
        .unwrap();
    let again = used
        .fine_tune(&demo(), &examples(8), &FIRST, &mut ())
        .unwrap();
    let mut fresh = learner(Halves::new(), quick());
    let once = fresh
        .fine_tune(&demo(), &examples(8), &FIRST, &mut ())
        .unwrap();
    assert_eq!(again.model.hash(), once.model.hash());
}

/// Change of each tensor in one step of SGD, per unit of its gradient.
fn one_step(head_factor: f64) -> (Named, Named) {
    let settings = FineTuning {
        optimizer: OptimizerKind::Sgd,
        lr: 1e-2,
        head_factor,
        epochs: 1,
        mini_batch: 1000,
        ..quick()
    };
    let from = demo();
    let mut learner = learner(Halves::new(), settings);
    let to = learner
        .fine_tune(&from, &examples(6), &FIRST, &mut ())
        .unwrap();
    (weights(&from), weights(&to.model))
}

#[test]
fn the_head_moves_ten_times_as_far_and_the_rest_as_before() {
    let (before, same) = one_step(1.0);
    let (_, ten) = one_step(10.0);
    for (name, start) in &before {
        let moved = |to: &Named| -> Vec<f64> {
            let to = to[name].values.iter();
            to.zip(&start.values)
                .map(|(t, s)| f64::from(t - s))
                .collect()
        };
        let (once, with_ten) = (moved(&same), moved(&ten));
        assert!(once.iter().any(|d| *d != 0.0), "{name} does not learn");
        let factor = if name.starts_with("fc.") { 10.0 } else { 1.0 };
        for (a, b) in once.iter().zip(&with_ten) {
            // Both differences carry the rounding of the weights themselves.
            assert!((a * factor - b).abs() < 1e-6, "{name}: {a} {b}");
        }
    }
}

/// Breaks at one mini-batch; keeps what it heard.
struct Listener {
    heard: Vec<(usize, usize, usize, usize)>,
    stop_at: usize,
}

impl Observer for Listener {
    fn trained(
        &mut self,
        epoch: usize,
        epochs: usize,
        batch: usize,
        batches: usize,
        loss: f64,
    ) -> ControlFlow<()> {
        assert!(loss.is_finite());
        self.heard.push((epoch, epochs, batch, batches));
        if self.heard.len() == self.stop_at {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn the_observer_hears_every_mini_batch_and_can_cancel() {
    let settings = FineTuning {
        epochs: 2,
        ..quick()
    };
    let mut learner = learner(Halves::new(), settings);
    let mut listener = Listener {
        heard: Vec::new(),
        stop_at: 4,
    };
    // 8 × 3 patches in mini-batches of 16: the short one is kept.
    let schedule = FIRST;
    learner
        .fine_tune(&demo(), &examples(8), &schedule, &mut ())
        .unwrap();
    let error = learner
        .fine_tune(&demo(), &examples(8), &schedule, &mut listener)
        .unwrap_err();
    assert_eq!(
        listener.heard,
        [(0, 2, 0, 2), (0, 2, 1, 2), (1, 2, 0, 2), (1, 2, 1, 2)]
    );
    assert_eq!(error.to_string(), "fine-tuning was cancelled in epoch 2");
}

#[test]
fn a_loss_that_runs_away_is_an_error_that_says_what_to_do() {
    let settings = FineTuning {
        optimizer: OptimizerKind::Sgd,
        lr: 1e30,
        ..quick()
    };
    let mut learner = learner(Halves::new(), settings);
    let error = learner
        .fine_tune(&demo(), &examples(24), &FIRST, &mut ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("in epoch 1") && error.contains("lower learning rate"),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mut learner = learner(Halves::new(), quick());
    let error = learner
        .fine_tune(&demo(), &[], &FIRST, &mut ())
        .unwrap_err();
    assert!(error.to_string().contains("no example"), "{error}");

    let unknown = [Example {
        candidate: CandidateId(3),
        label: Label(2),
    }];
    let error = learner
        .fine_tune(&demo(), &unknown, &FIRST, &mut ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "candidate 3 has label 2, and there are only 2 classes"
    );

    let other = model(Architecture::Squeezenet1_1, 0);
    let mut ignore = |_: CandidateId, _: Result<&[f64], CandidateError>| ControlFlow::Continue(());
    let error = learner
        .predict(&other, &[CandidateId(0)], &mut ignore)
        .unwrap_err();
    assert!(error.to_string().contains("patches of 17 px"), "{error}");
}

#[test]
fn models_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let model = demo();
    shared(&model);
    let learner = learner(Halves::new(), quick());
    let here = predictions(&learner, &model, 0..20);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(predictions(&learner, &model, 0..20), here));
        }
    });
}

/// Passes with dropout as the learner streams them.
fn samples(
    model: &Model,
    source: Arc<Halves>,
    candidates: &[u32],
    seed: u64,
) -> Vec<(u32, Vec<f64>)> {
    let learner = learner(source, quick());
    let candidates: Vec<_> = candidates.iter().map(|id| CandidateId(*id)).collect();
    let mut seen = Vec::new();
    let mut sink = |id: CandidateId, rows: Result<&[f64], CandidateError>| {
        seen.extend(rows.map(|rows| (id.0, rows.to_vec())));
        ControlFlow::Continue(())
    };
    Scorer::sampled(&learner, model, &candidates, 4, seed, &mut sink).unwrap();
    seen
}

#[test]
fn passes_with_dropout_follow_from_the_seed_and_differ() {
    let model = model(Architecture::Squeezenet1_1, 3);
    let source = || {
        Arc::new(Halves {
            input: model.description().input,
            unreadable: Some(1),
            reads: AtomicUsize::new(0),
        })
    };
    let first = samples(&model, source(), &[0, 1, 2], 5);
    let ids: Vec<u32> = first.iter().map(|one| one.0).collect();
    assert_eq!(ids, [0, 2], "candidate 1 cannot be read");
    for (_, rows) in &first {
        assert_eq!(rows.len(), 4 * 2);
        for row in rows.chunks(2) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert_ne!(rows[..2], rows[2..4], "two passes drop different units");
    }
    assert_eq!(first, samples(&model, source(), &[0, 1, 2], 5));
    assert_ne!(first, samples(&model, source(), &[0, 1, 2], 6));
}

#[test]
fn a_network_without_dropout_says_so() {
    let learner = learner(Halves::new(), quick());
    let mut sink = |_: CandidateId, _: Result<&[f64], CandidateError>| ControlFlow::Continue(());
    let error = Scorer::sampled(&learner, &demo(), &[CandidateId(0)], 4, 0, &mut sink).unwrap_err();
    assert!(error.to_string().contains("demo has no dropout"), "{error}");
}
