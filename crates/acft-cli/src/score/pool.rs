//! Every candidate with its score: all that is kept while the rows stream by.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;

use acft::random::{KeyedHash, Purpose, stream};
use acft::ranking::best_first;
use acft::{CandidateId, CandidateKey, Choice, Criterion, Ranked, Score, choose};
use acft_run::BadInput;
use rayon::prelude::*;

use super::error::RowNumber;
use super::gather::{Chunk, Gathered};
use super::names::Names;

/// How candidates are scored, and how equal scores are ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Eq. 1 and 2.
    pub(super) criterion: Criterion,
    /// Every random choice follows from it and the step.
    pub(super) seed: u64,
    /// t.
    pub(super) step: u32,
}

/// Some candidates with their scores and their keyed hashes.
pub(super) struct Scored {
    chunk: Chunk,
    scores: Vec<(Score, u64)>,
}

impl Scored {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.chunk.len()
    }
}

impl Rules {
    /// Scores some candidates (Eq. 1–3), on all threads.
    pub(super) fn score(&self, chunk: Chunk) -> Scored {
        let hash = KeyedHash::new(self.seed, self.step, Purpose::TieBreak);
        let scores = (0..chunk.len())
            .into_par_iter()
            .with_min_len(64)
            .map(|at| {
                // The key of a candidate that is known by its name alone.
                let name = chunk.name(at).as_bytes();
                let key = CandidateKey(*blake3::hash(name).as_bytes());
                (self.criterion.score(&chunk.predictions(at)), hash.of(&key))
            })
            .collect();
        Scored { chunk, scores }
    }
}

/// Passes a keyed hash on: it is one already.
#[derive(Default)]
struct PassThroughHasher(u64);

impl Hasher for PassThroughHasher {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only keyed hashes are looked up");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The scored candidates, in the order of the file.
pub(super) struct Pool {
    rules: Rules,
    names: Names,
    first_rows: Vec<RowNumber>,
    scored: Vec<Ranked>,
    /// Candidates by their tie-break, to notice one that comes back. Never
    /// iterated, so its order reaches no result.
    seen: HashMap<u64, u32, BuildHasherDefault<PassThroughHasher>>,
    patches: u64,
    /// m of the first candidate.
    first_patches: usize,
    classes: usize,
    warning: Option<String>,
}

impl Pool {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            names: Names::default(),
            first_rows: Vec::new(),
            scored: Vec::new(),
            seen: HashMap::default(),
            patches: 0,
            first_patches: 0,
            classes: 0,
            warning: None,
        }
    }

    /// Takes in some candidates with their scores.
    ///
    /// # Errors
    /// A candidate was there before, or the criterion cannot rank it beside
    /// those before it.
    pub(super) fn add(&mut self, file: &Path, scored: Scored) -> anyhow::Result<()> {
        let Scored { chunk, scores } = scored;
        self.classes = chunk.classes();
        for (at, (score, tie_break)) in scores.into_iter().enumerate() {
            self.admit(file, chunk.get(at), chunk.name(at), score, tie_break)?;
        }
        Ok(())
    }

    /// Takes one scored candidate in.
    fn admit(
        &mut self,
        file: &Path,
        gathered: Gathered,
        name: &str,
        score: Score,
        tie_break: u64,
    ) -> anyhow::Result<()> {
        let patches = gathered.patches;
        let id = u32::try_from(self.scored.len())
            .map_err(|_| BadInput::file(file, "more than 4,294,967,296 candidates; split it"))?;
        self.refuse_return(file, gathered, name, tie_break, id)?;

        let criterion = &self.rules.criterion;
        criterion.check_patches(patches).map_err(|error| {
            let problem = format!("candidate {name:?}: {error}");
            BadInput::row(file, gathered.first, problem)
        })?;
        if self.scored.is_empty() {
            self.first_patches = patches;
        }
        criterion
            .check_equal(self.first_patches, patches)
            .map_err(|error| {
                let problem = format!(
                    "candidate {name:?} against {:?}: {error} (--per-pair)",
                    self.names.at(0)
                );
                BadInput::row(file, gathered.first, problem)
            })?;
        if self.warning.is_none() {
            self.warning = criterion.warning(patches);
        }
        self.patches += patches as u64;
        self.names.push(name);
        self.first_rows.push(gathered.first);
        self.scored.push(Ranked {
            candidate: CandidateId(id),
            score,
            tie_break,
        });
        Ok(())
    }

    /// A candidate's rows must be contiguous, or the first few of them would
    /// pass for all.
    fn refuse_return(
        &mut self,
        file: &Path,
        gathered: Gathered,
        name: &str,
        tie_break: u64,
        id: u32,
    ) -> Result<(), BadInput> {
        let earlier = *self.seen.entry(tie_break).or_insert(id) as usize;
        if earlier < id as usize && self.names.at(earlier) == name {
            let problem = format!(
                "candidate {name:?} comes back after others; its rows began at {}. \
                 Sort the rows by candidate",
                self.first_rows[earlier]
            );
            return Err(BadInput::row(file, gathered.first, problem));
        }
        Ok(())
    }

    /// How many candidates there are.
    pub(super) fn len(&self) -> usize {
        self.scored.len()
    }

    /// Sorts by score, and draws the batch from the best (lines 9 and 10 of
    /// Algorithm 1).
    pub(super) fn query(mut self, batch: usize, omega: f64) -> Ranking {
        // Sorts on all threads; `choose` is then fast. No two are equal, so the order does not
        // depend on the number of threads.
        self.scored.par_sort_unstable_by(best_first);
        let mut draws = stream(self.rules.seed, self.rules.step, Purpose::Draw);
        let chosen = choose(self.scored, Choice::new(batch, omega), &mut draws);
        Ranking {
            names: self.names,
            ranked: chosen.ranking,
            drawn: chosen.drawn,
            patches: self.patches,
            classes: self.classes,
            warning: self.warning,
        }
    }
}

/// The pool in rank order, and the batch.
pub(super) struct Ranking {
    names: Names,
    /// Best first.
    pub(super) ranked: Vec<Ranked>,
    /// The batch as places in `ranked`, in draw order.
    pub(super) drawn: Vec<usize>,
    /// Rows read.
    pub(super) patches: u64,
    /// |Y|.
    pub(super) classes: usize,
    /// Warnings about the ranking.
    pub(super) warning: Option<String>,
}

impl Ranking {
    /// The name of a candidate.
    pub(super) fn name(&self, ranked: &Ranked) -> &str {
        self.names.at(ranked.candidate.index())
    }
}
