//! Features on disk: equal to what the network gives, whatever happened while they were made.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acft::{CandidateError, CandidateId, CandidateKey};
use acft_images::patches::PatchPolicy;
use acft_vision::features::{
    FeatureError, FeatureObserver, FeatureStore, Member, Parameters, open_or_make,
};
use acft_vision::learner::{FineTuning, Learner, PatchSource, Precision};
use acft_vision::models::{Architecture, Description, Model, Network};
use acft_vision::weights::Tensors;
use burn::tensor::Device;
use safetensors::tensor::{Dtype, TensorView};

const INPUT: usize = 16;
/// So many that four candidates pass through the network at once.
const PATCHES: usize = 64;
const CANDIDATES: u32 = 11;

/// Patches of noise that is a function of the candidate. One may be away.
struct Noise {
    away: AtomicUsize,
    reads: AtomicUsize,
}

impl Noise {
    const NOBODY: usize = usize::MAX;

    fn new() -> Arc<Self> {
        Arc::new(Self {
            away: AtomicUsize::new(Self::NOBODY),
            reads: AtomicUsize::new(0),
        })
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl PatchSource for Noise {
    fn patches_per_candidate(&self) -> usize {
        PATCHES
    }

    fn input(&self) -> usize {
        INPUT
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) == candidate.0 as usize {
            return Err(CandidateError {
                reason: format!("img/{}.png: the file ends early", candidate.0),
            });
        }
        for (at, byte) in out.iter_mut().enumerate() {
            let mixed = (at as u32 / 5 + 1)
                .wrapping_mul(candidate.0 + 3)
                .wrapping_mul(2_654_435_761);
            *byte = (mixed >> 24) as u8;
        }
        Ok(())
    }
}

fn description(classes: usize) -> Description {
    Description {
        architecture: Architecture::Demo,
        classes: (0..classes).map(|class| class.to_string()).collect(),
        input: INPUT,
        patches: "box:64".into(),
    }
}

fn model(seed: u64) -> Model {
    let network = Network::new(Architecture::Demo, 2, seed, &Device::flex());
    Model::new(network, description(2)).unwrap()
}

fn learner(source: &Arc<Noise>) -> Learner {
    Learner::new(Arc::clone(source) as _, 2, FineTuning::default()).unwrap()
}

fn policy() -> PatchPolicy {
    "box:64".parse().unwrap()
}

fn members() -> Vec<Member> {
    (0..CANDIDATES)
        .map(|candidate| Member {
            candidate: CandidateId(candidate),
            key: CandidateKey([candidate as u8; 32]),
        })
        .collect()
}

fn parameters(learner: &Learner, model: &Model, members: &[Member]) -> Parameters {
    let keys = members.iter().map(|member| member.key);
    Parameters::new(learner, model, &policy(), keys).unwrap()
}

/// Notes what it is told, and stops after some candidates.
#[derive(Default)]
struct Notes {
    notices: Vec<String>,
    made: Vec<(u32, bool)>,
    stop_after: Option<usize>,
}

impl FeatureObserver for Notes {
    fn notice(&mut self, text: &str) {
        self.notices.push(text.to_owned());
    }

    fn made(
        &mut self,
        candidate: CandidateId,
        outcome: Result<(), &CandidateError>,
        _: usize,
        of: usize,
    ) -> ControlFlow<()> {
        assert_eq!(of, CANDIDATES as usize);
        if self.stop_after == Some(self.made.len()) {
            return ControlFlow::Break(());
        }
        self.made.push((candidate.0, outcome.is_ok()));
        ControlFlow::Continue(())
    }
}

/// One pool, one model, one folder.
struct Place {
    folder: tempfile::TempDir,
    source: Arc<Noise>,
    model: Model,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            source: Noise::new(),
            model: model(1),
        }
    }

    fn make(&self, notes: &mut Notes) -> Result<FeatureStore, FeatureError> {
        let learner = learner(&self.source);
        open_or_make(
            self.folder.path(),
            &learner,
            &self.model,
            &policy(),
            &members(),
            notes,
        )
    }

    fn parameters(&self) -> Parameters {
        parameters(&learner(&self.source), &self.model, &members())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.parameters().file_name())
    }

    fn part(&self) -> PathBuf {
        let name = format!("{}.part", self.parameters().file_name());
        self.folder.path().join(name)
    }

    /// The bytes of a making that nothing happened to.
    fn whole(&self) -> Vec<u8> {
        self.make(&mut Notes::default()).unwrap();
        fs::read(self.path()).unwrap()
    }
}

fn text(error: &FeatureError) -> String {
    error.to_string()
}

#[test]
fn what_is_read_is_what_the_network_gives_in_halves() {
    let place = Place::new();
    place.source.away.store(7, Ordering::SeqCst);
    let mut notes = Notes::default();
    let store = place.make(&mut notes).unwrap();
    let told: Vec<_> = (0..CANDIDATES).map(|c| (c, c != 7)).collect();
    assert_eq!(notes.made, told);
    assert!(notes.notices.is_empty(), "{:?}", notes.notices);
    assert_eq!(store.candidates(), CANDIDATES as usize);
    assert_eq!(store.patches_per_candidate(), PATCHES);
    assert_eq!(store.width(), Architecture::Demo.tap_width(INPUT).unwrap());

    let ids: Vec<_> = (0..CANDIDATES).map(CandidateId).collect();
    let mut expected = Vec::new();
    let learner = learner(&place.source);
    learner
        .tapped_features(&place.model, &ids, &mut |_, outcome| {
            expected.push(outcome.map(<[f32]>::to_vec));
            ControlFlow::Continue(())
        })
        .unwrap();
    let numbers = PATCHES * store.width();
    let mut rows = vec![f32::NAN; numbers];
    for (index, expected) in expected.iter().enumerate() {
        match (store.read(index, &mut rows).unwrap(), expected) {
            (Ok(()), Ok(expected)) => {
                assert_eq!(expected.len(), numbers);
                for (read, expected) in rows.iter().zip(expected) {
                    // Half of the distance between two halves.
                    let rounding = (expected.abs() / 2048.0).max(3e-8);
                    assert!((read - expected).abs() <= rounding, "{read} for {expected}");
                }
                assert!(rows.iter().any(|value| *value != 0.0));
            }
            (Err(error), Err(expected)) => {
                assert_eq!((index, &error), (7, expected));
                assert!(rows.iter().all(|value| *value == 0.0));
            }
            (read, expected) => panic!("{index}: {read:?} for {expected:?}"),
        }
    }
    // Chunks of any size have the same.
    for at_once in [1, 4, 100] {
        let mut next = 0;
        for chunk in store.chunks(at_once) {
            for (index, found) in chunk.unwrap().candidates() {
                assert_eq!(index, next);
                next += 1;
                let direct = store.read(index, &mut rows).unwrap();
                assert_eq!(found.is_ok(), direct.is_ok());
                if let Ok(found) = found {
                    assert_eq!(found, rows);
                }
            }
        }
        assert_eq!(next, CANDIDATES as usize);
    }
}

#[test]
fn a_second_run_reads_what_the_first_made() {
    let place = Place::new();
    let bytes = place.whole();
    let reads = place.source.reads();
    assert_eq!(reads, CANDIDATES as usize);
    let mut notes = Notes::default();
    place.make(&mut notes).unwrap();
    assert_eq!(place.source.reads(), reads);
    assert!(notes.made.is_empty() && notes.notices.is_empty());
    assert_eq!(fs::read(place.path()).unwrap(), bytes);
}

#[test]
fn a_making_that_was_stopped_goes_on_to_the_same_bytes() {
    let bytes = Place::new().whole();
    for stop_after in 0..CANDIDATES as usize {
        let place = Place::new();
        let mut notes = Notes {
            stop_after: Some(stop_after),
            ..Notes::default()
        };
        let error = place.make(&mut notes).unwrap_err();
        assert!(matches!(error, FeatureError::Stopped { done, .. } if done == stop_after));
        assert!(!place.path().exists(), "nothing half made has the name");
        let missing = FeatureStore::open(place.folder.path(), &place.parameters()).unwrap_err();
        assert!(matches!(missing, FeatureError::Missing { .. }), "{missing}");
        let mut notes = Notes::default();
        place.make(&mut notes).unwrap();
        // Only what was missing is told of.
        let made: Vec<_> = notes.made.iter().map(|(candidate, _)| *candidate).collect();
        let expected: Vec<_> = (stop_after as u32..CANDIDATES).collect();
        assert_eq!(made, expected);
        assert_eq!(notes.notices.len(), usize::from(stop_after > 0));
        assert!(fs::read(place.path()).unwrap() == bytes, "{stop_after}");
        assert!(!place.part().exists());
    }
}

#[test]
fn what_a_kill_or_a_lost_page_left_is_finished_to_the_same_bytes() {
    let bytes = Place::new().whole();
    // Cut anywhere.
    for length in (0..bytes.len()).step_by(bytes.len() / 40) {
        let place = Place::new();
        fs::write(place.part(), &bytes[..length]).unwrap();
        place.make(&mut Notes::default()).unwrap();
        assert!(fs::read(place.path()).unwrap() == bytes, "{length}");
    }
    // A page that never reached the disk, in the middle of others that did.
    for at in (0..bytes.len() - 4096).step_by(bytes.len() / 9) {
        let place = Place::new();
        let mut torn = bytes.clone();
        torn[at..at + 4096].fill(0);
        fs::write(place.part(), &torn).unwrap();
        place.make(&mut Notes::default()).unwrap();
        assert!(fs::read(place.path()).unwrap() == bytes, "{at}");
    }
}

#[test]
fn damage_is_noticed_named_and_made_good() {
    let place = Place::new();
    let bytes = place.whole();
    let mut spoiled: Vec<(Vec<u8>, String)> = Vec::new();
    for at in (0..bytes.len()).step_by(bytes.len() / 50) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        spoiled.push((changed, format!("a bit of byte {at}")));
    }
    for length in [0, 3, 40, bytes.len() / 3, bytes.len() - 1] {
        spoiled.push((bytes[..length].to_vec(), format!("cut to {length}")));
    }
    spoiled.push(([&bytes[..], b"more"].concat(), "longer".into()));
    for (changed, what) in spoiled {
        fs::write(place.path(), &changed).unwrap();
        // Whoever only reads is told, and never gets a wrong number.
        let read = FeatureStore::open(place.folder.path(), &place.parameters())
            .and_then(|store| store.chunks(3).try_for_each(|chunk| chunk.map(|_| ())));
        let error: FeatureError = read.unwrap_err();
        assert!(
            matches!(error, FeatureError::Damaged { .. }),
            "{what}: {error}"
        );
        assert!(
            text(&error).contains(&place.path().display().to_string()),
            "{error}"
        );

        let mut notes = Notes::default();
        place.make(&mut notes).unwrap();
        assert_eq!(notes.notices.len(), 1, "{what}");
        assert!(notes.notices[0].contains(&place.path().display().to_string()));
        assert!(fs::read(place.path()).unwrap() == bytes, "{what}");
    }
}

#[test]
fn one_damaged_record_costs_one_candidate() {
    let place = Place::new();
    let mut bytes = place.whole();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    fs::write(place.path(), &bytes).unwrap();
    let mut notes = Notes::default();
    place.make(&mut notes).unwrap();
    assert_eq!(notes.made, [(CANDIDATES - 1, true)]);
    assert!(
        notes.notices[0].contains("candidate 10"),
        "{:?}",
        notes.notices
    );
}

#[test]
fn features_of_something_else_are_refused_by_name() {
    let place = Place::new();
    place.whole();
    let here = place.parameters();
    let noise = Noise::new();
    let plain = || learner(&noise);
    let narrower: PatchPolicy = "box:65".parse().unwrap();
    let keys = || members().into_iter().map(|member| member.key);
    let fewer = &members()[1..];
    let mut swapped = members();
    swapped.swap(0, 1);
    let others = [
        (parameters(&plain(), &model(2), &members()), "weights"),
        (
            parameters(
                &plain().scoring_in(Precision::Bf16),
                &place.model,
                &members(),
            ),
            "precision bf16",
        ),
        (
            Parameters::new(&plain(), &place.model, &narrower, keys()).unwrap(),
            "patches box:65",
        ),
        (parameters(&plain(), &place.model, fewer), "candidates 10"),
        (
            parameters(&plain(), &place.model, &swapped),
            "candidates 11",
        ),
    ];
    for (other, what) in others {
        assert_ne!(other.file_name(), here.file_name());
        let error = FeatureStore::open(place.folder.path(), &other).unwrap_err();
        assert!(matches!(error, FeatureError::Missing { .. }), "{error}");
        // Under any name.
        let renamed = place.folder.path().join(other.file_name());
        fs::copy(place.path(), &renamed).unwrap();
        let error = FeatureStore::open(place.folder.path(), &other).unwrap_err();
        assert!(matches!(error, FeatureError::Other { .. }), "{error}");
        let (subject, wanted) = what.split_once(' ').unwrap_or((what, ""));
        assert!(
            text(&error).contains(&format!("features of {subject}")),
            "{error}"
        );
        assert!(
            text(&error).contains(&format!("not of {wanted}")),
            "{error}"
        );
        fs::remove_file(renamed).unwrap();
    }
    // Nor does a making overwrite them.
    let other = model(2);
    let name = parameters(&plain(), &other, &members()).file_name();
    fs::copy(place.path(), place.folder.path().join(&name)).unwrap();
    let made = open_or_make(
        place.folder.path(),
        &plain(),
        &other,
        &policy(),
        &members(),
        &mut (),
    );
    assert!(matches!(made, Err(FeatureError::Other { .. })));
}

#[test]
fn the_last_layer_does_not_matter_to_features() {
    let network = Network::new(Architecture::Demo, 2, 1, &Device::flex());
    let [one, other] =
        [3, 4].map(|seed| Model::new(network.with_fresh_head(2, seed), description(2)).unwrap());
    assert_ne!(one.hash(), other.hash());
    let learner = learner(&Noise::new());
    assert_eq!(
        parameters(&learner, &one, &members()),
        parameters(&learner, &other, &members())
    );
}

/// A network whose activations are beyond all numbers.
fn diverged() -> Model {
    let mut tensors = model(1).network().tensors();
    let weight = tensors.get_mut("features.0.weight").unwrap();
    weight.values.iter_mut().for_each(|value| *value *= 1e38);
    let bytes: Vec<Vec<u8>> = tensors
        .values()
        .map(|tensor| tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    let network = Tensors::parse("diverged", &file)
        .unwrap()
        .into_network(Architecture::Demo, 2, 0, &Device::flex())
        .unwrap();
    Model::new(network, description(2)).unwrap()
}

#[test]
fn what_is_no_number_names_its_candidate() {
    let mut place = Place::new();
    place.model = diverged();
    let error = place.make(&mut Notes::default()).unwrap_err();
    assert!(
        matches!(
            error,
            FeatureError::NotFinite {
                candidate: CandidateId(0),
                ..
            }
        ),
        "{error}"
    );
    assert!(text(&error).contains("candidate 0"), "{error}");
    assert!(!place.path().exists());
}

#[test]
fn a_candidate_that_can_be_read_again_gets_its_features() {
    let place = Place::new();
    let bytes = place.whole();
    fs::remove_file(place.path()).unwrap();
    place.source.away.store(4, Ordering::SeqCst);
    place.make(&mut Notes::default()).unwrap();
    // Still away: nothing is written, and nothing is said.
    let before = fs::read(place.path()).unwrap();
    let mut notes = Notes::default();
    place.make(&mut notes).unwrap();
    assert!(notes.made.is_empty() && notes.notices.is_empty());
    assert!(fs::read(place.path()).unwrap() == before);
    place.source.away.store(Noise::NOBODY, Ordering::SeqCst);
    let store = place.make(&mut notes).unwrap();
    assert_eq!(notes.made, [(4, true)]);
    assert_eq!(notes.notices.len(), 1);
    assert_eq!(
        store
            .read(4, &mut vec![0.0; PATCHES * store.width()])
            .unwrap(),
        Ok(())
    );
    assert!(fs::read(place.path()).unwrap() == bytes);
}

#[test]
fn two_who_want_the_same_make_it_once() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.make(&mut Notes::default()).unwrap());
        }
    });
    assert_eq!(place.source.reads(), CANDIDATES as usize);
}

#[test]
fn a_pool_of_nobody_has_features_too() {
    let place = Place::new();
    let learner = learner(&place.source);
    for _ in 0..2 {
        let folder = place.folder.path();
        let store = open_or_make(folder, &learner, &place.model, &policy(), &[], &mut ()).unwrap();
        assert_eq!(store.candidates(), 0);
        assert!(store.chunks(8).next().is_none());
    }
}

/// A file to which nothing can be written stands for a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_it_says_so_and_gives_back_what_it_has() {
    let place = Place::new();
    if !Path::new("/dev/full").exists() {
        return;
    }
    std::os::unix::fs::symlink("/dev/full", place.part()).unwrap();
    let error = place.make(&mut Notes::default()).unwrap_err();
    assert!(matches!(error, FeatureError::Full { .. }), "{error}");
    let said = text(&error);
    assert!(
        said.starts_with("the disk is full") && said.contains(" MB"),
        "{said}"
    );
    assert!(place.part().symlink_metadata().is_err(), "it is gone");
    assert!(!place.path().exists());
    place.make(&mut Notes::default()).unwrap();
}
