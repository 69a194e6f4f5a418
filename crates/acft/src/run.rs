//! What changes from step to step, and what each half of a step comes to.

use std::collections::BTreeSet;

use crate::annotator::Annotation;
use crate::choose::{Chosen, Drawn, best};
use crate::error::Error;
use crate::learner::{CandidateError, Example};
use crate::ranking::Ranked;
use crate::state::{CandidateId, CandidateKey, NotInPool, State};
use crate::stopping::Evidence;
use crate::strategy::Start;

/// A run between two steps.
#[derive(Clone, Debug)]
pub struct Run<M> {
    /// U and L.
    pub state: State,
    /// The key of each candidate, by id.
    pub keys: Vec<CandidateKey>,
    /// The number of each candidate's group, by id; `None` for a candidate
    /// without a group. May stay empty where the plan limits no group.
    pub groups: Vec<Option<u32>>,
    /// M_0.
    pub pretrained: M,
    /// M_{t-1}.
    pub current: M,
    /// t, the step that comes next; the first is 1.
    pub step: u32,
    /// What each step so far has shown.
    pub evidence: Vec<Evidence>,
}

impl<M: Clone> Run<M> {
    /// Line 1: nothing is labeled, and the first step comes next.
    pub fn new(
        keys: Vec<CandidateKey>,
        pool: impl IntoIterator<Item = CandidateId>,
        pretrained: M,
    ) -> Self {
        Self {
            state: State::new(pool),
            keys,
            groups: Vec::new(),
            current: pretrained.clone(),
            pretrained,
            step: 1,
            evidence: Vec::new(),
        }
    }

    /// Line 15: L ← L ∪ Q, U ← U \ Q, t ← t + 1; M_t becomes the current model.
    pub(crate) fn advance(
        &mut self,
        annotations: &[Annotation],
        taught: &Taught<M>,
    ) -> Result<(), NotInPool> {
        for annotation in annotations {
            match *annotation {
                Annotation::Labeled(candidate, label) => self.state.label(candidate, label)?,
                Annotation::Skipped(candidate) => self.state.set_aside(candidate)?,
            }
        }
        self.current = taught.model.clone();
        self.step += 1;
        Ok(())
    }
}

impl<M> Run<M> {
    /// U, ascending.
    pub(crate) fn pool(&self) -> Vec<CandidateId> {
        self.state.pool().collect()
    }

    /// L, in the order in which it was labeled.
    pub(crate) fn labeled(&self) -> Vec<Example> {
        self.state
            .labeled()
            .map(|(candidate, label)| Example { candidate, label })
            .collect()
    }

    /// The model that a step's fine-tuning starts from.
    pub(crate) fn start(&self, start: Start) -> &M {
        match start {
            Start::Pretrained => &self.pretrained,
            Start::Current => &self.current,
        }
    }
}

/// The outcome of lines 3–10.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Queried {
    /// The batch, in draw order: distinct members of U.
    pub batch: Vec<Drawn>,
    /// U in the order of line 9, without the candidates that their group has
    /// no room for. Empty for a query that ranks nothing.
    pub ranking: Vec<Ranked>,
    /// How many of the ranking's best were in the window.
    pub window: usize,
    /// Members of U that could not be read; [`acft`](crate::acft()) takes them
    /// out of U.
    pub unreadable: Unreadable,
    /// How many candidates were scored.
    pub scored: usize,
}

/// Candidates that could not be read, each with the reason.
pub type Unreadable = Vec<(CandidateId, CandidateError)>;

impl Queried {
    /// What was chosen from a ranking.
    pub(crate) fn chosen(chosen: Chosen, scored: usize, unreadable: Unreadable) -> Self {
        Self {
            batch: chosen.batch(),
            ranking: chosen.ranking,
            window: chosen.window,
            unreadable,
            scored,
        }
    }

    /// The `len` best of the ranking, and never fewer than the window: from
    /// these someone may be served before the next query.
    pub fn best(&self, len: usize) -> Vec<Drawn> {
        best(&self.ranking, len.max(self.window))
    }

    /// The batch without its scores.
    pub fn candidates(&self) -> Vec<CandidateId> {
        self.batch.iter().map(|drawn| drawn.candidate).collect()
    }

    /// Refuses annotations of candidates that are not in the batch, and second
    /// annotations of the same candidate.
    pub(crate) fn check_asked(&self, annotations: &[Annotation]) -> Result<(), Error> {
        let mut open: BTreeSet<CandidateId> = self.candidates().into_iter().collect();
        let mut annotated = annotations.iter().map(Annotation::candidate);
        match annotated.find(|id| !open.remove(id)) {
            Some(stray) => Err(Error::NotQueried(stray)),
            None => Ok(()),
        }
    }
}

/// The outcome of lines 12–14.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Taught<M> {
    /// M_t.
    pub model: M,
    /// Q.
    pub newly_labeled: Vec<Example>,
    /// H; `None` where the strategy does not ask for it.
    pub misclassified: Option<Vec<Example>>,
    /// What was learned from: Q and its replay.
    pub lesson: Vec<Example>,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// Patches trained on, counted once an epoch.
    pub patches: usize,
}

impl<M> Taught<M> {
    /// A step without a label: M_t is M_{t-1}.
    pub(crate) fn nothing(model: M) -> Self {
        Self {
            model,
            newly_labeled: Vec::new(),
            misclassified: None,
            lesson: Vec::new(),
            loss: Vec::new(),
            patches: 0,
        }
    }
}
