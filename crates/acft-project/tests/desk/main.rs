//! The desk, from outside: who is served what, and what may be said of it.

#![allow(clippy::unwrap_used)]

mod interleavings;
mod judging;
mod saying;
mod serving;

use acft::{CandidateId, CandidateKey, Score};
use acft_project::{
    Candidate, ClassId, Created, Error, Event, Member, Moment, Next, Origin, Part, Project, Rules,
};
use tempfile::TempDir;

const BENIGN: ClassId = ClassId(0);
const MALIGNANT: ClassId = ClassId(1);

/// A project in a folder of its own, and a clock.
struct Desk {
    folder: TempDir,
    project: Project,
    now: Moment,
}

impl Desk {
    /// A project with a pool of `pool` candidates, every fifth of one group.
    fn new(pool: usize, rules: Rules) -> Self {
        let rows: Vec<Candidate> = (0..pool).map(|at| candidate(at, Part::Pool)).collect();
        Self::with(rows, rules)
    }

    fn with(rows: Vec<Candidate>, rules: Rules) -> Self {
        let folder = TempDir::new().unwrap();
        let created = Created {
            seed: 7,
            version: "0.1.0".to_owned(),
            classes: vec!["benign".to_owned(), "malignant".to_owned()],
        };
        let now = Moment(1_000_000);
        let mut project = Project::create(folder.path(), created, rules, now).unwrap();
        project.add_candidates(now, Origin::Listed, rows).unwrap();
        Self {
            folder,
            project,
            now,
        }
    }

    fn next(&mut self, annotator: &str, count: usize) -> Next {
        self.project.next(annotator, count, self.now).unwrap()
    }

    fn served(&mut self, annotator: &str, count: usize) -> Vec<CandidateId> {
        let next = self.next(annotator, count);
        next.assignments.iter().map(|one| one.candidate).collect()
    }

    fn label(&mut self, annotator: &str, id: CandidateId, class: ClassId) -> Result<(), Error> {
        let now = self.now;
        let label = self.project.label(annotator, id, class, Some(2.0), now);
        label.map(|_| ())
    }

    /// Labels the next candidate; says which it was.
    fn label_next(&mut self, annotator: &str, class: ClassId) -> CandidateId {
        let id = self.served(annotator, 1)[0];
        self.label(annotator, id, class).unwrap();
        id
    }

    fn append(&mut self, events: Vec<Event>) {
        self.project.append(self.now, events).unwrap();
    }

    /// Ranks some candidates, best first, as scores made elsewhere.
    fn rank(&mut self, order: impl IntoIterator<Item = u32>) {
        let reserve: Vec<Member> = order
            .into_iter()
            .enumerate()
            .map(|(at, id)| foreseen(id, at, 0.5))
            .collect();
        self.append(vec![Event::Ranked {
            ranking: self.project.ledger().rankings() + 1,
            model: None,
            scored: reserve.len(),
            reserve,
            short: false,
        }]);
    }

    fn later(&mut self, ms: i64) {
        self.now.0 += ms;
    }

    /// The server is stopped and started again.
    fn restart(self) -> Self {
        let Self {
            folder,
            project,
            now,
        } = self;
        let rules = project.rules().clone();
        drop(project);
        let project = Project::open(folder.path(), rules, "a test").unwrap();
        Self {
            folder,
            project,
            now,
        }
    }
}

/// A member of a ranking, with two patches whose mean for the second class is `p`.
fn foreseen(id: u32, at: usize, p: f32) -> Member {
    Member {
        candidate: CandidateId(id),
        rank: Some(at + 1),
        score: Some(Score {
            dominant: 0,
            kept: 2,
            entropy: 0.0,
            diversity: 0.0,
            value: -(at as f64),
        }),
        predictions: vec![vec![1.0, 0.0], vec![1.0 - 2.0 * p, 2.0 * p]],
    }
}

fn candidate(at: usize, part: Part) -> Candidate {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&(at as u64).to_be_bytes());
    Candidate {
        key: CandidateKey(key),
        name: format!("image {at}"),
        path: format!("images/{at}.png"),
        region: None,
        group: Some(format!("video {}", at / 5)),
        part,
        origin: Origin::Listed,
    }
}

/// Nothing but what is labeled: no holdout.
fn plain() -> Rules {
    Rules {
        holdout_one_in: 0,
        ..Rules::default()
    }
}

/// Checks that something was refused as a conflict that names all of `said`.
#[track_caller]
fn conflict<T: std::fmt::Debug>(result: Result<T, Error>, said: &[&str]) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    for word in said {
        assert!(error.to_string().contains(word), "{word:?} in {error}");
    }
}
