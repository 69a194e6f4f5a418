//! Algorithm 1 of the paper, active continual fine-tuning, by the paper's own line numbers.
//!
//! ```text
//!     Input:  U, the pool of unlabeled candidates C_i = {x_i^j, j = 1..m};
//!             M_0, a pre-trained CNN; b, the batch size;
//!             α, the share of patches kept; λ1, λ2; ω, the width of the window
//!     Output: L, the labeled candidates; M_t, the fine-tuned CNN
//!
//!  1  L ← ∅, t ← 1
//!  2  repeat
//!  3    for each C_i ∈ U do
//!  4      P_i ← M_{t-1}(C_i)                    outputs for all its patches
//!  5      sort the patches by P_i for the dominant class, in descending order
//!  6      keep the first α m of them            majority selection (Eq. 3)
//!  7      a_i ← λ1 e_i + λ2 d_i                 entropy, diversity (Eq. 1, 2)
//!  8    end for
//!  9    sort U by a, in descending order
//! 10    sample b candidates from the best ω b   (Eq. 4)
//! 11    Q ← label the sampled candidates        the expert
//! 12    P ← M_{t-1}(L)
//! 13    H ← the candidates of L that P misclassifies
//! 14    M_t ← fine-tune M_{t-1} on H ∪ Q
//! 15    L ← L ∪ Q, U ← U \ Q, t ← t + 1
//! 16  until the performance plateaus
//! ```
//!
//! The other strategies of the paper's Table 2 differ in line 10 (all of U is
//! sampled at random), in line 14 (from M_0; on Q, or on L ∪ Q), and in nothing
//! else. The baselines of later papers ([`crate::baselines`]) differ in lines
//! 5–10.
//!
//! An expert takes minutes to days for line 11, so the loop can be cut there:
//! [`query`] is lines 3–10, [`teach`] is lines 12–14, and [`acft`] is all of it.

use std::collections::BTreeMap;

use crate::annotator::{Annotation, Annotator};
use crate::choose::{Choice, choose};
use crate::error::Error;
use crate::journal::{Evaluator, Journal};
use crate::learner::{Example, Observer, Schedule, Scorer, Scoring, Trainer};
use crate::plan::Plan;
use crate::predicting::{Look, predict_each, score_each};
use crate::prediction::Predictions;
use crate::queries;
use crate::random::{Purpose, seed_of, stream};
use crate::replay::lesson;
use crate::run::{Queried, Run, Taught};
use crate::state::CandidateId;
use crate::stopping::StopReason;
use crate::strategy::Query;

/// Algorithm 1. Returns when a stopping rule holds; `run` then has L and M_t.
///
/// `run` comes from [`Run::new`], which is line 1, or is where an earlier call
/// was between two steps: the outcome is the same.
///
/// # Errors
/// See [`Error`]; `run` is as the last finished step left it.
pub fn acft<M: Clone, E: Evaluator<M>>(
    plan: &Plan,
    run: &mut Run<M>,
    scorer: &impl Scorer<M>,
    trainer: &mut impl Trainer<M>,
    annotator: &mut impl Annotator,
    evaluator: &mut E,
    journal: &mut impl Journal<M, E::Measures>,
) -> Result<StopReason, Error> {
    // Line 2: repeat.
    loop {
        // Line 16, asked first so that a run resumed after its end stays ended.
        let (classes, start) = (scorer.classes(), plan.learning.start);
        if let Some(reason) = plan.stop.reached(&run.evidence, classes, start) {
            return Ok(reason);
        }

        // Lines 3–10: the next batch.
        let queried = query(plan, run, scorer, journal)?;
        for (candidate, _) in &queried.unreadable {
            run.state.set_aside(*candidate)?;
        }
        if queried.batch.is_empty() {
            return Ok(StopReason::PoolExhausted);
        }
        journal.queried(run, &queried).map_err(Error::Plugged)?;

        // Line 11: Q, from the expert.
        let asked = queried.candidates();
        let annotations = annotator.annotate(&asked).map_err(Error::Plugged)?;
        queried.check_asked(&annotations)?;

        // Lines 12–14: H and M_t.
        let taught = teach(plan, run, &annotations, scorer, trainer, journal)?;

        // Line 15: L ← L ∪ Q, U ← U \ Q, t ← t + 1.
        run.advance(&annotations, &taught)?;

        // The performance of M_t, which line 16 looks at.
        let judged = evaluator.evaluate(run, journal).map_err(Error::Plugged)?;
        journal
            .taught(run, &queried, &taught, &judged)
            .map_err(Error::Plugged)?;
        run.evidence.push(judged.evidence);
    }
}

/// Lines 3–10: scores U with M_{t-1} and draws the next batch. Changes nothing.
///
/// # Errors
/// The criterion cannot rank this pool, or the scorer fails as a whole.
pub fn query<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Queried, Error> {
    let b = plan.batch_of(run)?;
    let (criterion, omega) = match plan.query_of(run) {
        Query::Active { criterion, omega } => (criterion, omega),
        Query::Random => return queries::random(plan, b, run, scorer, observer),
        Query::Baseline { rule } => {
            return queries::baseline(rule, plan, b, run, scorer, observer);
        }
    };
    criterion.check()?;

    // Lines 3, 4 and 8: for each C_i ∈ U, P_i ← M_{t-1}(C_i).
    let u = run.pool();
    let mut comparable = criterion.comparable();
    let score = |p_i: &Predictions<'_>| {
        comparable.check(p_i.patches())?;
        // Lines 5 and 6: sort the patches by P_i for the dominant class, in
        // descending order, and keep the first α m of them.
        let dominant = p_i.dominant();
        let kept = p_i.most_confident(dominant, criterion.alpha);
        // Line 7: a_i ← λ1 e_i + λ2 d_i.
        Ok(criterion.weigh(p_i, dominant, &kept))
    };
    let (scored, unreadable) = score_each(plan, run, scorer, &u, Look::Patches, observer, score)?;
    let count = scored.len();

    // Lines 9 and 10: sort U by a, and sample b candidates from the best ω b.
    let choice = Choice::new(b, omega).with_groups(plan.max_per_group, &run.groups);
    let mut draws = stream(plan.seed, run.step, Purpose::Draw);
    let chosen = choose(scored, choice, &mut draws);
    Ok(Queried::chosen(chosen, count, unreadable))
}

/// Lines 12–14: finds H, puts the lesson together, and fine-tunes. Changes
/// nothing in `run`: L is still what it was before this step's labels.
///
/// Where every candidate of the batch was skipped there is no Q, and M_t is
/// M_{t-1}.
///
/// # Errors
/// The scorer or the trainer fails.
pub fn teach<M: Clone>(
    plan: &Plan,
    run: &Run<M>,
    annotations: &[Annotation],
    scorer: &impl Scorer<M>,
    trainer: &mut impl Trainer<M>,
    observer: &mut dyn Observer,
) -> Result<Taught<M>, Error> {
    let q: Vec<Example> = annotations.iter().filter_map(Annotation::example).collect();
    if q.is_empty() {
        return Ok(Taught::nothing(run.current.clone()));
    }

    // Lines 12 and 13: H. L does not hold Q yet.
    let (l, replay) = (run.labeled(), plan.learning.replay);
    let h = if replay.needs_misclassified() {
        Some(misclassified(run, &l, scorer, observer)?)
    } else {
        None
    };

    // Line 14: fine-tune M_{t-1} on H ∪ Q.
    let mut draws = stream(plan.seed, run.step, Purpose::Replay);
    let examples = lesson(replay, &l, h.as_deref().unwrap_or_default(), &q, &mut draws);
    let from = run.start(plan.learning.start);
    let schedule = Schedule {
        phase: plan.learning.start.phase(l.len()),
        seed: seed_of(plan.seed, run.step, Purpose::FineTune),
    };
    let trained = trainer
        .fine_tune(from, &examples, &schedule, observer)
        .map_err(Error::Plugged)?;
    Ok(Taught {
        model: trained.model,
        newly_labeled: q,
        misclassified: h,
        lesson: examples,
        loss: trained.loss,
        patches: trained.patches,
    })
}

/// Lines 12 and 13: H, the members of `l` whose mean prediction by M_{t-1}
/// names another class than their label. What can no longer be read is not in H.
fn misclassified<M>(
    run: &Run<M>,
    l: &[Example],
    scorer: &impl Scorer<M>,
    observer: &mut dyn Observer,
) -> Result<Vec<Example>, Error> {
    // Line 12: P ← M_{t-1}(L).
    let ids: Vec<CandidateId> = l.iter().map(|example| example.candidate).collect();
    let mut named = BTreeMap::new();
    let name = |candidate, p: &Predictions<'_>| {
        named.insert(candidate, p.dominant());
        Ok(())
    };
    let (what, look) = (Scoring::Labeled, Look::Patches);
    predict_each(run, scorer, &ids, what, look, observer, name)?;

    // Line 13: the candidates of L that P misclassifies.
    let is_wrong = |example: &&Example| {
        let class = named.get(&example.candidate);
        class.is_some_and(|class| *class != example.label.index())
    };
    Ok(l.iter().filter(is_wrong).copied().collect())
}
