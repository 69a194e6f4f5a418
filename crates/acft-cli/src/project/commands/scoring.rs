//! What a model makes of images: for commands that only look.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use acft::prediction::Predictions;
use acft::{CandidateId, Criterion, Score, Scorer};
use acft_images::{ImagePatches, source};
use acft_project::ledger::Classes;
use acft_project::{ClassId, Ledger};
use acft_run::network;
use acft_run::settings::Flags;
use acft_worker::Opened;
use acft_worker::vision::InUse;
use anyhow::Context;

use super::model::find;

/// A model that is asked, and how.
pub(super) struct Asked {
    in_use: InUse,
    /// The names of the classes of its outputs, as the project calls them today.
    pub classes: Vec<String>,
    /// For each output the place of its class in `classes`: where classes were
    /// merged, several outputs are of one.
    place: Vec<usize>,
    /// What is to be known of its predictions, where there is such.
    caveat: Option<String>,
    criterion: Criterion,
    cache_bytes: usize,
    flags: Flags,
}

/// What a model makes of one image.
pub(super) struct Seen {
    /// Mean over its patches, a value a class.
    pub mean: Vec<f64>,
    pub score: Score,
}

impl Asked {
    /// The model of that hash, or the one in use.
    ///
    /// # Errors
    /// There is none, or its file is missing or damaged.
    pub(super) fn open(opened: &Opened, start: Option<&str>) -> anyhow::Result<Self> {
        let ledger = opened.project.ledger();
        let made = find(ledger, start)?;
        let in_use = InUse::load(&opened.root, &made.model.hash, &made.model.classes)?;
        let simulation = opened.settings.simulation();
        let (classes, place) = folded(ledger.classes(), &made.model.classes);
        let name = |class: &ClassId| ledger.classes().name(*class).to_owned();
        let is_current = ledger.models().current() == Some(made);
        Ok(Self {
            caveat: caveat(ledger, &classes, is_current),
            classes: classes.iter().map(name).collect(),
            place,
            criterion: simulation.plan.query.criterion().unwrap_or_default(),
            cache_bytes: simulation.cache_bytes,
            flags: simulation.flags.clone(),
            in_use,
        })
    }

    /// What is to be known of its predictions: classes that it does not know
    /// yet, or that it has learned nothing.
    pub(super) fn caveat(&self) -> Option<&str> {
        self.caveat.as_deref()
    }

    /// The hash of the model.
    pub(super) fn hash(&self) -> &str {
        &self.in_use.hash
    }

    /// Asks about images, in their order; `take` is given the place of each and
    /// what the model makes of it, or why it cannot be read.
    ///
    /// # Errors
    /// The network cannot be run.
    pub(super) fn about(
        &self,
        images: Vec<source::Candidate>,
        progress: &dyn Fn(usize, usize),
        take: &mut dyn FnMut(usize, Result<Seen, String>),
    ) -> anyhow::Result<()> {
        let model = &self.in_use.model;
        let (policy, input) = (self.in_use.policy()?, model.description().input);
        let ids: Vec<CandidateId> = (0..).map(CandidateId).take(images.len()).collect();
        let patches = ImagePatches::new(images, policy, input, self.cache_bytes);
        let learner = network::learner(&self.flags, model, Arc::new(patches))?;
        let mut failed = None;
        let mut done = 0;
        learner
            .predict(model, &ids, &mut |id, outcome| {
                let seen = match outcome {
                    Ok(rows) => {
                        let rows = self.summed(rows);
                        match Predictions::new(&rows, self.classes.len()) {
                            Ok(predictions) => Ok(Seen {
                                mean: predictions.mean(),
                                score: self.criterion.score(&predictions),
                            }),
                            Err(error) => {
                                failed = Some(error);
                                return ControlFlow::Break(());
                            }
                        }
                    }
                    Err(error) => Err(error.reason),
                };
                take(id.index(), seen);
                done += 1;
                progress(done, ids.len());
                ControlFlow::Continue(())
            })
            .map_err(anyhow::Error::from_boxed)?;
        match failed {
            Some(error) => Err(error).context("the network's output is no prediction"),
            None => Ok(()),
        }
    }
}

impl Asked {
    /// Rows of the network with the outputs of merged classes added up: that a
    /// patch is of either is as likely as both together.
    fn summed<'a>(&self, rows: &'a [f64]) -> Cow<'a, [f64]> {
        let outputs = self.place.len();
        if outputs == self.classes.len() {
            return Cow::Borrowed(rows);
        }
        let mut sums = Vec::with_capacity(rows.len() / outputs * self.classes.len());
        for row in rows.chunks_exact(outputs) {
            let begin = sums.len();
            sums.resize(begin + self.classes.len(), 0.0);
            for (place, p) in self.place.iter().zip(row) {
                sums[begin + place] += p;
            }
        }
        Cow::Owned(sums)
    }
}

/// The classes of today that outputs are of, each once, and the place of each
/// output among them.
fn folded(classes: &Classes, outputs: &[ClassId]) -> (Vec<ClassId>, Vec<usize>) {
    let mut of: Vec<ClassId> = Vec::new();
    let place = outputs.iter().map(|output| {
        let class = classes.today(*output);
        of.iter()
            .position(|other| *other == class)
            .unwrap_or_else(|| {
                of.push(class);
                of.len() - 1
            })
    });
    let place = place.collect();
    (of, place)
}

fn caveat(ledger: &Ledger, known: &[ClassId], is_current: bool) -> Option<String> {
    let unknown: Vec<&str> = ledger
        .classes()
        .current()
        .filter(|class| !known.contains(class))
        .map(|class| ledger.classes().name(class))
        .collect();
    if !unknown.is_empty() {
        return Some(format!(
            "the model does not know {} yet, and never says so of an image: `acft train` gives it a last layer for the \
             classes of today",
            unknown.join(", ")
        ));
    }
    (is_current && ledger.models().is_fresh()).then(|| {
        "the model has a fresh last layer, for the classes have changed, and has learned no label since: its \
         predictions say nothing before `acft train`"
            .to_owned()
    })
}

/// A candidate of the project as a source has it.
pub(super) fn image(root: &Path, candidate: &acft_project::Candidate) -> source::Candidate {
    source::Candidate {
        key: candidate.key,
        name: candidate.name.clone(),
        path: root.join(&candidate.path),
        region: candidate
            .region
            .map(|[x0, y0, x1, y1]| source::PixelBox { x0, y0, x1, y1 }),
        label: None,
        group: candidate.group.clone(),
        split: source::Split::Train,
        row: None,
    }
}

/// A region as a source has it.
pub(super) fn pixel_box([x0, y0, x1, y1]: [u32; 4]) -> source::PixelBox {
    source::PixelBox { x0, y0, x1, y1 }
}

/// Probabilities need no more digits than a network has.
pub(super) fn rounded(p: f64) -> f64 {
    (p * 1e6).round() / 1e6
}
