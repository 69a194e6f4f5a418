//! Lines 3–10 of Algorithm 1 by a baseline instead of the paper's criterion.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    ClusterMargin, Features, TypiClust, Uncertainty, badge, cluster_margin, core_set, typiclust,
};
use crate::algorithm::{Drawn, Error, Look, Plan, Queried, Run, score};
use crate::criterion::Criterion;
use crate::learner::{CandidateError, Observer, Scorer};
use crate::prediction::Predictions;
use crate::random::{Purpose, keyed_hash, stream};
use crate::ranking::{Groups, Ranked, Score, top};
use crate::state::CandidateId;

/// A query strategy that ACFT is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Baseline {
    /// The b candidates of the largest uncertainty.
    Uncertainty(Uncertainty),
    /// The same by [`Uncertainty::Bald`], over passes with dropout instead of patches (Gal, Islam & Ghahramani, "Deep
    /// Bayesian Active Learning with Image Data", ICML 2017).
    DropoutBald,
    /// [`core_set()`].
    CoreSet,
    /// [`badge()`].
    Badge,
    /// [`typiclust()`].
    TypiClust,
    /// [`cluster_margin()`].
    ClusterMargin,
}

/// Passes with dropout: as many as cost little, and as the papers take at least.
const PASSES: usize = 20;

/// Those that are no measure of a candidate's patches, by their names.
const OTHERS: [(&str, Baseline); 5] = [
    ("dropout-bald", Baseline::DropoutBald),
    ("core-set", Baseline::CoreSet),
    ("badge", Baseline::Badge),
    ("typiclust", Baseline::TypiClust),
    ("cluster-margin", Baseline::ClusterMargin),
];

impl Baseline {
    /// The names that [`FromStr`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Uncertainty::names().chain(OTHERS.iter().map(|(name, _)| *name))
    }

    /// Whether it looks at the features of candidates, and not at their predictions alone.
    pub fn wants_features(self) -> bool {
        !matches!(self, Self::Uncertainty(_) | Self::DropoutBald)
    }

    /// Whether it is a measure of how far the patches of a candidate disagree: of one patch it is always 0.
    pub fn compares_patches(self) -> bool {
        let measures = [Uncertainty::Bald, Uncertainty::VariationRatio];
        matches!(self, Self::Uncertainty(measure) if measures.contains(&measure))
    }

    fn look(self) -> Look {
        match self {
            Self::DropoutBald => Look::Dropout { passes: PASSES },
            _ => Look::Patches,
        }
    }

    /// What is written down of each candidate, whatever it is chosen by.
    fn uncertainty(self) -> Uncertainty {
        match self {
            Self::Uncertainty(measure) => measure,
            Self::DropoutBald => Uncertainty::Bald,
            _ => Uncertainty::Margin,
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncertainty(measure) => measure.fmt(f),
            other => {
                let name = OTHERS.iter().find(|(_, rule)| rule == other);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some((_, rule)) = OTHERS.iter().find(|(known, _)| *known == name) {
            return Ok(*rule);
        }
        name.parse().map(Self::Uncertainty).map_err(|_| {
            let known: Vec<_> = Self::names().collect();
            format!("unknown query {name:?}; known are {}", known.join(", "))
        })
    }
}

impl From<Baseline> for String {
    fn from(rule: Baseline) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for Baseline {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// Scores U with M_{t-1}, and chooses the next batch by a baseline.
///
/// # Errors
/// The scorer fails, or has no features where the rule wants some.
pub(crate) fn query<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    rule: Baseline,
    observer: &mut (impl Observer + ?Sized),
) -> Result<Queried, Error> {
    let pool: Vec<CandidateId> = run.state.pool().collect();
    let mut means = Vec::new();
    let judge = |predictions: &Predictions<'_>| {
        means.extend(predictions.mean());
        Ok(Score {
            value: rule.uncertainty().of(predictions),
            ..Criterion::entropy(1.0).score(predictions)
        })
    };
    let (mut scored, mut unreadable) =
        score(plan, run, scorer, &pool, rule.look(), judge, observer)?;
    let count = scored.len();
    let batch = if rule.wants_features() {
        let whole = Whole {
            plan,
            run,
            scorer,
            rule,
        };
        whole.choose(&mut scored, means, &mut unreadable)?
    } else {
        let groups = Groups::new(plan.max_per_group, &run.groups);
        let best = top(scored, plan.batch, groups);
        let drawn = |(at, ranked): (usize, &Ranked)| Drawn {
            candidate: ranked.candidate,
            rank: Some(at + 1),
            score: ranked.score,
        };
        best.iter().enumerate().map(drawn).collect()
    };
    Ok(Queried {
        batch,
        reserve: Vec::new(),
        unreadable,
        scored: count,
    })
}

type Unreadable = Vec<(CandidateId, CandidateError)>;

/// A batch that is chosen as a whole.
struct Whole<'a, M, S> {
    plan: &'a Plan,
    run: &'a Run<M>,
    scorer: &'a S,
    rule: Baseline,
}

impl<M, S: Scorer<M>> Whole<'_, M, S> {
    /// The batch in the order in which it was chosen. `means` has the mean prediction of each that was scored.
    fn choose(
        &self,
        scored: &mut Vec<Ranked>,
        mut means: Vec<f64>,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<Drawn>, Error> {
        let (plan, run) = (self.plan, self.run);
        let ids: Vec<CandidateId> = scored.iter().map(|ranked| ranked.candidate).collect();
        let Table { values, failed } = self.features(&ids)?;
        let lost = |id: CandidateId| failed.iter().any(|(other, _)| *other == id);
        if !failed.is_empty() {
            let classes = self.scorer.classes();
            let rows = ids.iter().zip(means.chunks_exact(classes));
            let left = rows.filter(|(id, _)| !lost(**id));
            means = left.flat_map(|(_, row)| row).copied().collect();
            scored.retain(|ranked| !lost(ranked.candidate));
        }
        let known: Vec<CandidateId> = run.state.labeled().map(|(id, _)| id).collect();
        let labeled = self.features(&known)?.values;
        unreadable.extend(failed);
        if scored.is_empty() {
            return Ok(Vec::new());
        }

        let width = values.len() / scored.len();
        let features = |values| {
            let features = Features::new(values, width);
            features.map_err(|error| Error::Plugged(error.into()))
        };
        let (pool, labeled) = (features(&values)?, features(&labeled)?);
        let ties: Vec<u64> = scored
            .iter()
            .map(|ranked| {
                let key = &run.keys[ranked.candidate.index()];
                keyed_hash(plan.seed, run.step, Purpose::TieBreak, key)
            })
            .collect();
        let margins: Vec<f64> = scored.iter().map(|ranked| ranked.score.value).collect();
        let mut rng = stream(plan.seed, run.step, Purpose::Draw);
        let places = match self.rule {
            Baseline::Uncertainty(_) | Baseline::DropoutBald => {
                unreachable!("one candidate at a time")
            }
            Baseline::CoreSet => core_set(pool, labeled, &ties, plan.batch),
            Baseline::Badge => badge(pool, &means, &ties, plan.batch, &mut rng),
            Baseline::TypiClust => {
                let settings = TypiClust::default();
                typiclust(pool, labeled, &ties, plan.batch, settings, &mut rng)
            }
            Baseline::ClusterMargin => {
                let settings = ClusterMargin::default();
                cluster_margin(pool, &margins, &ties, plan.batch, settings, &mut rng)
            }
        };
        Ok(places
            .into_iter()
            .map(|at| Drawn {
                candidate: scored[at].candidate,
                rank: None,
                score: scored[at].score,
            })
            .collect())
    }

    /// The features of some candidates, one row after the other, without those that could not be read.
    fn features(&self, ids: &[CandidateId]) -> Result<Table, Error> {
        let mut table = Table {
            values: Vec::new(),
            failed: Vec::new(),
        };
        let mut take = |id, outcome: Result<&[f32], CandidateError>| {
            match outcome {
                Ok(row) => table.values.extend_from_slice(row),
                Err(error) => table.failed.push((id, error)),
            }
            ControlFlow::Continue(())
        };
        self.scorer
            .features(&self.run.current, ids, &mut take)
            .map_err(Error::Plugged)?;
        Ok(table)
    }
}

struct Table {
    values: Vec<f32>,
    failed: Unreadable,
}
