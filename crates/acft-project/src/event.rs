//! What can happen to a project. Events are appended and never changed: the
//! state is what replaying them gives ([`Ledger`](crate::Ledger)).
//!
//! An event is kept as JSON under its kind. Fields may be added with a
//! default; none is renamed or given another meaning.

use acft::{CandidateId, Score};
use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

/// The place of an event in the order of all events; the first is 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub i64);

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub i64);

/// A class for as long as the project lives: names change, and classes are
/// merged, but a number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClassId(pub u16);

/// What a person may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Label.
    #[default]
    Annotator,
    /// Label, and say who else may.
    Administrator,
}

impl Role {
    fn is_annotator(&self) -> bool {
        *self == Self::Annotator
    }
}

/// One thing that happened.
// Few are in memory at once: a box would save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Event {
    /// The first event of every project.
    Created {
        /// Every random choice follows from it.
        seed: u64,
        /// The version of the program.
        version: String,
    },
    /// A class joined the closed set Y.
    ClassAdded {
        /// Its number: the next that was never used.
        class: ClassId,
        /// Its name.
        name: String,
    },
    /// A class has another name; its labels follow.
    ClassRenamed {
        /// Which.
        class: ClassId,
        /// Its new name.
        name: String,
    },
    /// The labels of one class count as those of another from now on.
    ClassMerged {
        /// The class that goes.
        from: ClassId,
        /// The class that its labels count for.
        into: ClassId,
    },
    /// A person may label.
    AnnotatorAdded {
        /// Unique among annotators.
        name: String,
        /// BLAKE3 of the token, in hexadecimal: the token itself is not kept.
        token: String,
        /// What they may do beside labeling.
        #[serde(default, skip_serializing_if = "Role::is_annotator")]
        role: Role,
    },
    /// A person may no longer label; the labels stay.
    AnnotatorRevoked {
        /// Who.
        name: String,
    },
    /// Candidates joined the project. Their rows are kept beside the event.
    CandidatesAdded {
        /// Where from.
        origin: Origin,
        /// How many.
        count: usize,
        /// The size and time of the file of each when it was hashed; none
        /// where nobody looked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stamps: Vec<Stamp>,
    },
    /// A candidate's image was read and cannot be decoded: it leaves U.
    Unreadable {
        /// Which.
        candidate: CandidateId,
        /// What is wrong, naming the file.
        reason: String,
    },
    /// A candidate's file is not the image that joined the project: it leaves U.
    Changed {
        /// Which.
        candidate: CandidateId,
        /// What is wrong, naming the file.
        reason: String,
    },
    /// A candidate that was set aside can be read again, as what it was.
    Returned {
        /// Which.
        candidate: CandidateId,
    },
    /// The files of these, and of no others that were looked at, cannot be
    /// opened now. They stay where they are, and are looked at again.
    Away {
        /// All of them, of those looked at before too.
        candidates: Vec<CandidateId>,
    },
    /// U was ranked (Algorithm 1, lines 3–9).
    Ranked {
        /// Counts rankings; the first is 1. It is the step of its draws.
        ranking: u32,
        /// The hash of the model; none where the scores were made elsewhere.
        model: Option<String>,
        /// How many candidates were scored.
        scored: usize,
        /// The best of the ranking in its order, more than the window, for
        /// serving ahead while the network trains.
        reserve: Vec<Member>,
        /// Whether it names fewer than it was to, because no more of a group
        /// may be named.
        #[serde(default, skip_serializing_if = "is_false")]
        short: bool,
    },
    /// Candidates left U to be labeled. Kept before anyone sees them.
    BatchDrawn {
        /// Counts batches; the first is 1.
        batch: u32,
        /// How they were chosen.
        draw: Draw,
        /// The ranking that they are from, if they are from one.
        ranking: Option<u32>,
        /// In draw order.
        members: Vec<Member>,
    },
    /// Someone gave a candidate a label.
    Labeled {
        /// Which.
        candidate: CandidateId,
        /// The label.
        class: ClassId,
        /// By whom.
        annotator: String,
        /// Seconds spent on it, where they are known.
        seconds: Option<f64>,
        /// The label event that this one replaces.
        supersedes: Option<EventId>,
        /// How it came.
        origin: LabelOrigin,
    },
    /// Someone passed a candidate over.
    Skipped {
        /// Which.
        candidate: CandidateId,
        /// By whom.
        annotator: String,
        /// Seconds spent on it, where they are known.
        seconds: Option<f64>,
        /// How it came: a second look may settle that there is no label.
        #[serde(default, skip_serializing_if = "LabelOrigin::is_expert")]
        origin: LabelOrigin,
    },
    /// Someone is unsure about a candidate.
    Flagged {
        /// Which.
        candidate: CandidateId,
        /// By whom.
        annotator: String,
        /// In their own words; may be empty.
        note: String,
    },
    /// Someone is no longer unsure.
    Unflagged {
        /// Which.
        candidate: CandidateId,
        /// By whom.
        annotator: String,
    },
    /// A label or a skip was taken back: it counts as if it had never been.
    Undone {
        /// The label or skip.
        event: EventId,
        /// By whom.
        annotator: String,
    },
    /// A fine-tuning ended (Algorithm 1, lines 12–14), or M_0 was made.
    ModelMade(ModelMade),
    /// Someone went back to an earlier model.
    ModelUsed {
        /// The hash of the model.
        model: String,
        /// By whom.
        by: String,
    },
    /// A stopping rule holds (line 16): more labels are not expected to help.
    StopAdvised {
        /// Which rule, as a sentence.
        reason: String,
    },
    /// The expert goes on labeling all the same.
    WentOn {
        /// Who.
        by: String,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Where candidates came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A folder or a manifest.
    Listed,
    /// A case that a reader reported after deployment.
    Feedback,
}

/// How the members of a batch were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// From the best of a ranking (line 10).
    Query,
    /// The next best of the last ranking, because the network is busy.
    Ahead,
    /// Uniformly, because there is no ranking yet, or none is asked for.
    Random,
    /// Uniformly, to be kept for judging models and never learned from.
    Holdout,
}

/// How a label came to be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LabelOrigin {
    /// An annotator was served the candidate.
    #[default]
    Expert,
    /// A second look: it settles the label against all votes.
    Review,
    /// A reader of the deployed model reported the case. Settles it too.
    Feedback,
    /// `acft label import`.
    Import,
    /// It stood in the manifest that the candidate came from.
    Manifest,
}

impl LabelOrigin {
    /// Whether such a label stands whatever the other votes are.
    pub fn settles(self) -> bool {
        matches!(self, Self::Review | Self::Feedback)
    }

    fn is_expert(&self) -> bool {
        *self == Self::Expert
    }
}

/// A candidate of a ranking or batch, and what the network made of it then:
/// before anyone had labeled it, so before it could be memorised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Which.
    pub candidate: CandidateId,
    /// Its place in the ranking, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Its score; none where no network was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// The softmax row of each of its patches (m × |Y|), rounded to four
    /// digits; empty where no network was asked. Columns are those of
    /// `classes` of the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predictions: Vec<Vec<f32>>,
}

impl Member {
    /// A candidate that no network was asked about.
    pub fn unscored(candidate: CandidateId) -> Self {
        Self {
            candidate,
            rank: None,
            score: None,
            predictions: Vec::new(),
        }
    }
}

/// A model that was made, adopted or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelMade {
    /// BLAKE3 of its file, in hexadecimal; names it.
    pub hash: String,
    /// The model that its fine-tuning started from; none for M_0.
    pub parent: Option<String>,
    /// Counts fine-tunings; M_0 is 0.
    pub step: u32,
    /// The classes of its outputs, in their order.
    pub classes: Vec<ClassId>,
    /// Q: what it learned for the first time, with the labels as they were.
    pub learned: Vec<(CandidateId, ClassId)>,
    /// Members of L that it was shown again.
    pub replayed: usize,
    /// |H|, where the strategy looks for it.
    pub misclassified: Option<usize>,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// How long it took.
    pub seconds: f64,
    /// All labels that the project had spent then.
    pub labels: usize,
    /// How it did on held-out candidates, beside its parent.
    pub verdict: Option<Verdict>,
    /// The class it names for each member of the stop set, where agreement
    /// decides when to stop; |Y| for one that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_set: Option<Vec<usize>>,
    /// Whether it became the current model.
    pub adopted: bool,
    /// Why, or why not: a sentence.
    pub why: String,
}

/// Two models on the same held-out candidates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// AUC of the parent; none where it is undefined.
    pub before: Option<f64>,
    /// AUC of the new model.
    pub after: Option<f64>,
    /// How many candidates were judged.
    pub candidates: usize,
    /// Whether there are enough of each class for the comparison to count.
    pub enough: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is in a database stays readable: these are lines as version 0.1 wrote them.
    #[test]
    fn events_are_read_as_they_were_written() {
        for (line, event) in [
            (
                r#"{"kind":"class-merged","from":2,"into":1}"#,
                Event::ClassMerged {
                    from: ClassId(2),
                    into: ClassId(1),
                },
            ),
            (
                r#"{"kind":"labeled","candidate":7,"class":1,"annotator":"ada","seconds":2.5,"supersedes":null,"origin":"expert"}"#,
                Event::Labeled {
                    candidate: CandidateId(7),
                    class: ClassId(1),
                    annotator: "ada".into(),
                    seconds: Some(2.5),
                    supersedes: None,
                    origin: LabelOrigin::Expert,
                },
            ),
            (
                r#"{"kind":"skipped","candidate":7,"annotator":"ada","seconds":null}"#,
                Event::Skipped {
                    candidate: CandidateId(7),
                    annotator: "ada".into(),
                    seconds: None,
                    origin: LabelOrigin::Expert,
                },
            ),
            (
                r#"{"kind":"ranked","ranking":1,"model":null,"scored":9,"reserve":[]}"#,
                Event::Ranked {
                    ranking: 1,
                    model: None,
                    scored: 9,
                    reserve: Vec::new(),
                    short: false,
                },
            ),
            (
                r#"{"kind":"candidates-added","origin":"listed","count":2}"#,
                Event::CandidatesAdded {
                    origin: Origin::Listed,
                    count: 2,
                    stamps: Vec::new(),
                },
            ),
            (
                r#"{"kind":"candidates-added","origin":"listed","count":1,"stamps":[[9,-5]]}"#,
                Event::CandidatesAdded {
                    origin: Origin::Listed,
                    count: 1,
                    stamps: vec![Stamp(9, -5)],
                },
            ),
            (
                r#"{"kind":"batch-drawn","batch":3,"draw":"holdout","ranking":null,"members":[{"candidate":9}]}"#,
                Event::BatchDrawn {
                    batch: 3,
                    draw: Draw::Holdout,
                    ranking: None,
                    members: vec![Member::unscored(CandidateId(9))],
                },
            ),
        ] {
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
        }
    }
}
