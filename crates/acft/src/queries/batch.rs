//! A batch that is chosen as a whole, from the features of all candidates.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::uncertain;
use crate::baselines::{
    BatchRule, ClusterMargin, Features, TypiClust, Uncertainty, badge, cluster_margin, core_set,
    typiclust,
};
use crate::choose::Drawn;
use crate::error::Error;
use crate::learner::{CandidateError, Observer, Scorer};
use crate::plan::Plan;
use crate::predicting::{Look, score_each};
use crate::prediction::Predictions;
use crate::random::{Purpose, stream};
use crate::run::{Queried, Run, Unreadable};
use crate::state::CandidateId;

/// Lines 3–10 by a rule for whole batches.
pub(super) fn batch<M>(
    rule: BatchRule,
    plan: &Plan,
    b: usize,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Queried, Error> {
    let mut means = Vec::new();
    let score = |p: &Predictions<'_>| {
        means.push(p.mean());
        Ok(uncertain::score(Uncertainty::Margin, p))
    };
    let (u, look) = (run.pool(), Look::Patches);
    let (mut scored, mut unreadable) = score_each(plan, run, scorer, &u, look, observer, score)?;
    let count = scored.len();

    let ids: Vec<CandidateId> = scored.iter().map(|ranked| ranked.candidate).collect();
    let pool = features(run, scorer, &ids)?;
    let lost: BTreeSet<CandidateId> = pool.unreadable.iter().map(|(id, _)| *id).collect();
    let mut kept = ids.iter().map(|id| !lost.contains(id));
    means.retain(|_| kept.next().unwrap_or(true));
    scored.retain(|ranked| !lost.contains(&ranked.candidate));
    let l: Vec<CandidateId> = run.state.labeled().map(|(id, _)| id).collect();
    let labeled = features(run, scorer, &l)?;
    unreadable.extend(pool.unreadable);

    let mut queried = Queried {
        unreadable,
        scored: count,
        ..Queried::default()
    };
    if scored.is_empty() {
        return Ok(queried);
    }
    let width = pool.values.len() / scored.len();
    let matrix = |error: crate::baselines::FeatureError| Error::Plugged(error.into());
    let pool = Features::new(&pool.values, width).map_err(matrix)?;
    let labeled = Features::new(&labeled.values, width).map_err(matrix)?;
    let ties: Vec<u64> = scored.iter().map(|ranked| ranked.tie_break).collect();
    let mut draws = stream(plan.seed, run.step, Purpose::Draw);
    let places = match rule {
        BatchRule::CoreSet => core_set(pool, labeled, &ties, b),
        BatchRule::Badge => badge(pool, &means.concat(), &ties, b, &mut draws),
        BatchRule::TypiClust => {
            let settings = TypiClust::default();
            typiclust(pool, labeled, &ties, b, settings, &mut draws)
        }
        BatchRule::ClusterMargin => {
            let margins: Vec<f64> = scored.iter().map(|ranked| ranked.score.value).collect();
            let settings = ClusterMargin::default();
            cluster_margin(pool, &margins, &ties, b, settings, &mut draws)
        }
    };
    let drawn = places.into_iter().map(|at| Drawn::unranked(&scored[at]));
    queried.batch = drawn.collect();
    Ok(queried)
}

/// The features of some candidates, one row after the other.
struct Table {
    values: Vec<f32>,
    unreadable: Unreadable,
}

/// The features of those of `ids` that can be read.
fn features<M>(run: &Run<M>, scorer: &impl Scorer<M>, ids: &[CandidateId]) -> Result<Table, Error> {
    let mut table = Table {
        values: Vec::new(),
        unreadable: Vec::new(),
    };
    let mut take = |id, outcome: Result<&[f32], CandidateError>| {
        match outcome {
            Ok(row) => table.values.extend_from_slice(row),
            Err(error) => table.unreadable.push((id, error)),
        }
        ControlFlow::Continue(())
    };
    scorer
        .features(&run.current, ids, &mut take)
        .map_err(Error::Plugged)?;
    Ok(table)
}
