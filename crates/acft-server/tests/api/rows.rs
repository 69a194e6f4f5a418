//! What a project is made of.

use acft::{CandidateId, CandidateKey, Score};
use acft_project::{Candidate, ClassId, Member, ModelMade, Origin, Part, Verdict};

pub(crate) const BENIGN: ClassId = ClassId(0);
pub(crate) const MALIGNANT: ClassId = ClassId(1);
pub(crate) const MODEL: &str = "aa11000000000000000000000000000000000000000000000000000000000000";

pub(crate) fn key_of(at: usize) -> CandidateKey {
    CandidateKey(*blake3::hash(&at.to_be_bytes()).as_bytes())
}

/// The key of a candidate as the API names it.
pub(crate) fn key(at: usize) -> String {
    key_of(at).to_string()
}

pub(crate) fn candidate(at: usize) -> Candidate {
    Candidate {
        key: key_of(at),
        name: format!("case {at}"),
        path: format!("images/{at}.png"),
        region: (at % 2 == 1).then_some([4, 4, 20, 16]),
        group: Some(format!("patient {}", at / 5)),
        part: Part::Pool,
        origin: Origin::Listed,
    }
}

/// A candidate of a ranking: two patches, of which the network takes one for
/// malignant with certainty.
pub(crate) fn foreseen(id: u32, at: usize) -> Member {
    Member {
        candidate: CandidateId(id),
        rank: Some(at + 1),
        score: Some(Score {
            dominant: 1,
            kept: 2,
            entropy: 0.5,
            diversity: 0.25,
            value: 1.0 - at as f64 / 100.0,
        }),
        predictions: vec![vec![0.0, 1.0], vec![0.5, 0.5]],
    }
}

pub(crate) fn model(hash: &str, step: u32) -> ModelMade {
    ModelMade {
        hash: hash.to_owned(),
        parent: (step > 0).then(|| MODEL.to_owned()),
        step,
        classes: vec![BENIGN, MALIGNANT],
        labels: step as usize * 10,
        verdict: Some(Verdict {
            before: Some(0.5),
            after: Some(0.75),
            candidates: 4,
            enough: false,
        }),
        adopted: true,
        why: "nothing to judge by yet".to_owned(),
        ..ModelMade::default()
    }
}
