//! Who gives the labels: a person, or, in a simulation, the data themselves.

use crate::learner::{BoxError, Example};
use crate::random::{Purpose, keyed_hash};
use crate::state::{CandidateId, CandidateKey, Label};

/// The expert's answer about one queried candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotation {
    /// It was labeled.
    Labeled(CandidateId, Label),
    /// It was passed over: it leaves U without joining L.
    Skipped(CandidateId),
}

impl Annotation {
    /// The candidate that was annotated.
    pub fn candidate(&self) -> CandidateId {
        match *self {
            Self::Labeled(candidate, _) | Self::Skipped(candidate) => candidate,
        }
    }

    /// The candidate with its label; `None` for one that was skipped.
    pub fn example(&self) -> Option<Example> {
        match *self {
            Self::Labeled(candidate, label) => Some(Example { candidate, label }),
            Self::Skipped(_) => None,
        }
    }
}

/// Labels a batch.
pub trait Annotator {
    /// One annotation for each candidate of the batch, in any order.
    ///
    /// # Errors
    /// The annotator is out of reach, or will not go on.
    fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError>;
}

/// The labels that the data have, by [`CandidateId`]; a candidate without one
/// is skipped.
#[derive(Clone, Debug)]
pub struct Oracle {
    labels: Vec<Option<Label>>,
}

impl Oracle {
    /// One entry a candidate, in the order of their ids.
    pub fn new(labels: Vec<Option<Label>>) -> Self {
        Self { labels }
    }

    fn label(&self, id: CandidateId) -> Option<Label> {
        self.labels.get(id.index()).copied().flatten()
    }
}

impl Annotator for Oracle {
    fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError> {
        let annotate = |&id| match self.label(id) {
            Some(label) => Annotation::Labeled(id, label),
            None => Annotation::Skipped(id),
        };
        Ok(batch.iter().map(annotate).collect())
    }
}

/// An oracle that gets a share of the labels wrong. Whether and how a
/// candidate's label is wrong depends on the seed and the candidate alone, so
/// that every strategy meets the same expert.
#[derive(Clone, Debug)]
pub struct NoisyOracle {
    oracle: Oracle,
    keys: Vec<CandidateKey>,
    classes: u16,
    share: f64,
    seed: u64,
}

impl NoisyOracle {
    /// Flips each label with probability `share` to one of the `classes` − 1
    /// others, uniformly. `keys` are the candidates' keys by id.
    pub fn new(
        oracle: Oracle,
        keys: Vec<CandidateKey>,
        classes: u16,
        share: f64,
        seed: u64,
    ) -> Self {
        Self {
            oracle,
            keys,
            classes,
            share,
            seed,
        }
    }

    fn flipped(&self, id: CandidateId, label: Label) -> Label {
        let hash = keyed_hash(self.seed, 0, Purpose::LabelNoise, &self.keys[id.index()]);
        // The high half decides whether, the low half to what.
        let uniform = (hash >> 32) as f64 / 2f64.powi(32);
        if uniform >= self.share {
            return label;
        }
        let others = u64::from(self.classes - 1);
        let step = 1 + (hash & 0xffff_ffff) % others;
        Label(((u64::from(label.0) + step) % u64::from(self.classes)) as u16)
    }
}

impl Annotator for NoisyOracle {
    fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError> {
        let mut annotations = self.oracle.annotate(batch)?;
        for annotation in &mut annotations {
            if let Annotation::Labeled(id, label) = annotation {
                *label = self.flipped(*id, *label);
            }
        }
        Ok(annotations)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_noisy_oracle_flips_its_share_and_always_the_same() {
        let n = 4000u32;
        let keys: Vec<_> = (0..n)
            .map(|i| CandidateKey(*blake3::hash(&i.to_le_bytes()).as_bytes()))
            .collect();
        let oracle = Oracle::new((0..n).map(|i| Some(Label((i % 3) as u16))).collect());
        let ids: Vec<_> = (0..n).map(CandidateId).collect();
        let flips = |share| {
            let truth = oracle.clone().annotate(&ids).unwrap();
            let mut noisy = NoisyOracle::new(oracle.clone(), keys.clone(), 3, share, 7);
            let given = noisy.annotate(&ids).unwrap();
            assert_eq!(given, noisy.annotate(&ids).unwrap());
            given.iter().zip(&truth).filter(|(a, b)| a != b).count()
        };
        assert_eq!(flips(0.0), 0);
        assert_eq!(flips(1.0), n as usize);
        // 5 standard errors of a binomial with n = 4000, p = 0.2.
        assert!(flips(0.2).abs_diff(800) < 127, "{}", flips(0.2));
    }

    #[test]
    fn what_has_no_label_is_skipped() {
        let mut oracle = Oracle::new(vec![None, Some(Label(1))]);
        let given = oracle.annotate(&[CandidateId(0), CandidateId(1)]).unwrap();
        assert_eq!(
            given,
            [
                Annotation::Skipped(CandidateId(0)),
                Annotation::Labeled(CandidateId(1), Label(1))
            ]
        );
    }
}
