//! The project, from outside: what is kept, through kills, failures and time.

#![allow(clippy::unwrap_used)]

mod backed_up;
mod end;
mod keeper;
mod keeping;
mod killed;
mod labels;
mod models;
mod replayed;
mod taken;
mod together;

use std::path::Path;

use acft::{CandidateId, CandidateKey};
use acft_project::{
    Candidate, ClassId, Created, Event, LabelOrigin, Member, Moment, Origin, Part, Project, Rules,
};

const NOW: Moment = Moment(1_000_000);
const A: ClassId = ClassId(0);
const B: ClassId = ClassId(1);
const C: ClassId = ClassId(2);

/// A project of classes a, b, c and `pool` candidates.
fn create(root: &Path, pool: u32, rules: Rules) -> Project {
    let created = Created {
        seed: 11,
        version: "0.1.0".to_owned(),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
    };
    let mut project = Project::create(root, created, rules, NOW).unwrap();
    let rows = (0..pool).map(|at| candidate(at, Part::Pool)).collect();
    project.add_candidates(NOW, Origin::Listed, rows).unwrap();
    project
}

fn candidate(at: u32, part: Part) -> Candidate {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&at.to_be_bytes());
    Candidate {
        key: CandidateKey(key),
        name: format!("image {at}"),
        path: format!("images/{at}.png"),
        region: at.is_multiple_of(2).then_some([1, 2, 3, 4]),
        group: at.is_multiple_of(3).then(|| format!("video {}", at / 9)),
        part,
        origin: Origin::Listed,
    }
}

fn label(id: u32, class: ClassId, annotator: &str) -> Event {
    said(id, class, annotator, LabelOrigin::Expert)
}

fn said(id: u32, class: ClassId, annotator: &str, origin: LabelOrigin) -> Event {
    Event::Labeled {
        candidate: CandidateId(id),
        class,
        annotator: annotator.to_owned(),
        seconds: Some(1.5),
        supersedes: None,
        origin,
    }
}

fn skip(id: u32, annotator: &str) -> Event {
    Event::Skipped {
        candidate: CandidateId(id),
        annotator: annotator.to_owned(),
        seconds: None,
        origin: LabelOrigin::Expert,
    }
}

fn drawn(batch: u32, draw: acft_project::Draw, ids: &[u32]) -> Event {
    Event::BatchDrawn {
        batch,
        draw,
        ranking: None,
        members: ids
            .iter()
            .map(|id| Member::unscored(CandidateId(*id)))
            .collect(),
    }
}
