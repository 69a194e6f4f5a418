//! A batch drawn from U at random: the paper's RFT.

use crate::choose::Drawn;
use crate::criterion::Criterion;
use crate::error::Error;
use crate::learner::{Observer, Scorer};
use crate::plan::Plan;
use crate::predicting::{Look, score_each};
use crate::prediction::Predictions;
use crate::random::{KeyedHash, Purpose};
use crate::ranking::Groups;
use crate::run::{Queried, Run};
use crate::state::CandidateId;

/// Line 10 without lines 3–9: the first b readable candidates of U in an order
/// that a keyed hash of (seed, t, candidate) decides. Candidates whose group
/// has no more room are passed over.
pub(crate) fn random<M>(
    plan: &Plan,
    b: usize,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Queried, Error> {
    let order = KeyedHash::new(plan.seed, run.step, Purpose::RandomQuery);
    let mut u = run.pool();
    u.sort_by_cached_key(|id| (order.of(&run.keys[id.index()]), *id));

    let group_of = |id: CandidateId| run.groups.get(id.index()).copied().flatten();
    let criterion = Criterion::default();
    let mut queried = Queried::default();
    loop {
        let mut groups = Groups::new(plan.max_per_group);
        for drawn in &queried.batch {
            groups.admit(group_of(drawn.candidate));
        }
        let next: Vec<CandidateId> = u
            .iter()
            .copied()
            .filter(|id| groups.admit(group_of(*id)))
            .take(b - queried.batch.len())
            .collect();
        if next.is_empty() {
            return Ok(queried);
        }
        u.retain(|id| !next.contains(id));
        // Scoring the few that were drawn shows which of them cannot be read,
        // before an expert is asked about them.
        let look = Look::Patches;
        let score = |p: &Predictions<'_>| Ok(criterion.score(p));
        let (scored, unreadable) = score_each(plan, run, scorer, &next, look, observer, score)?;
        queried.scored += scored.len();
        queried.unreadable.extend(unreadable);
        queried.batch.extend(scored.iter().map(Drawn::unranked));
    }
}
