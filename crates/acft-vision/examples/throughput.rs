//! Times scoring and training for `benches/run.sh`, through the learner that the program itself uses.
//!
//! It reads one job a line, and answers each with a line of JSON:
//!
//! ```text
//! score NETWORK PIXELS PRECISION FILE SECONDS
//! train NETWORK PIXELS PRECISION FILE PATCHES EPOCHS MINI_BATCH
//! ```
//!
//! FILE holds patches of PIXELS × PIXELS × 3 bytes, one after the other.

use std::error::Error;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use acft::{
    CandidateError, CandidateId, Example, Label, Observer, Phase, Schedule, Scorer, Trainer,
};
use acft_images::PatchSource;
use acft_vision::Device;
use acft_vision::learner::{FineTuning, Learner, Precision};
use acft_vision::models::{Architecture, Description, Model, Network};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Patches of a candidate.
const PATCHES: usize = 12;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["score", network, pixels, precision, file, seconds] => {
                let task = Task::new(network, pixels, file)?;
                score(&task, precision.parse()?, seconds.parse()?)?
            }
            [
                "train",
                network,
                pixels,
                precision,
                file,
                patches,
                epochs,
                mini_batch,
            ] => {
                let settings = FineTuning {
                    epochs: epochs.parse()?,
                    mini_batch: mini_batch.parse()?,
                    precision: precision.parse()?,
                    ..FineTuning::default()
                };
                let task = Task::new(network, pixels, file)?;
                train(&task, settings, patches.parse()?)?
            }
            _ => return Err(format!("no such job: {line}").into()),
        };
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(())
}

/// A network and the patches for it.
struct Task {
    model: Model,
    source: Arc<Patches>,
}

impl Task {
    fn new(network: &str, pixels: &str, file: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (architecture, input): (Architecture, usize) = (network.parse()?, pixels.parse()?);
        let description = Description {
            architecture,
            classes: vec!["0".into(), "1".into()],
            input,
            patches: "those of the file".into(),
        };
        let network = Network::new(architecture, 2, 0, &Device::flex());
        let bytes = std::fs::read(file)?;
        Ok(Self {
            model: Model::new(network, description)?,
            source: Arc::new(Patches { input, bytes }),
        })
    }

    fn learner(&self, settings: FineTuning) -> Result<Learner, Box<dyn Error + Send + Sync>> {
        Ok(Learner::new(Arc::clone(&self.source) as _, 2, settings)?)
    }
}

struct Patches {
    input: usize,
    bytes: Vec<u8>,
}

impl Patches {
    fn candidates(&self) -> u32 {
        (self.bytes.len() / (self.input * self.input * 3 * PATCHES)) as u32
    }
}

impl PatchSource for Patches {
    fn patches_per_candidate(&self) -> usize {
        PATCHES
    }

    fn input(&self) -> usize {
        self.input
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        out.copy_from_slice(&self.bytes[candidate.0 as usize * out.len()..][..out.len()]);
        Ok(())
    }
}

/// Scores all patches again and again for so many seconds, after once in advance.
fn score(
    task: &Task,
    precision: Precision,
    seconds: f64,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let learner = task.learner(FineTuning::default())?.scoring_in(precision);
    let pool: Vec<_> = (0..task.source.candidates()).map(CandidateId).collect();
    let pass = || learner.predict(&task.model, &pool, &mut |_, _| ControlFlow::Continue(()));
    pass()?;
    let (start, mut passes) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        pass()?;
        passes += 1;
    }
    Ok(answer(passes * pool.len() * PATCHES, start))
}

/// One fine-tuning on so many patches.
fn train(
    task: &Task,
    settings: FineTuning,
    patches: usize,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    struct Quiet;
    impl Observer for Quiet {}
    let example = |candidate: u32| Example {
        candidate: CandidateId(candidate),
        label: Label((candidate % 2) as u16),
    };
    let examples: Vec<_> = (0..(patches / PATCHES) as u32).map(example).collect();
    let schedule = Schedule {
        phase: Phase::FromPretrained,
        seed: 0,
    };
    let mut learner = task.learner(settings)?;
    let start = Instant::now();
    let trained = learner.fine_tune(&task.model, &examples, &schedule, &mut Quiet)?;
    Ok(answer(trained.patches, start))
}

fn answer(patches: usize, start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    let rate = patches as f64 / seconds;
    format!(r#"{{"patches": {patches}, "seconds": {seconds:.3}, "rate": {rate:.2}}}"#)
}
