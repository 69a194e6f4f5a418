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
//! The other strategies of the paper's Table 2 differ in line 10 (sampled from
//! all of U, at random), in line 14 (from M_0; on Q, or on L ∪ Q), and in
//! nothing else; the baselines of later papers ([`crate::baselines`]) in lines
//! 5–10.
//!
//! A person takes minutes to days for line 11, so the loop can be cut there:
//! [`query`] is lines 3–10, [`teach`] is lines 12–14, and [`acft`] is all of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::annotator::{Annotation, Annotator};
use crate::baselines;
use crate::criterion::{Criterion, CriterionError};
use crate::learner::{
    BoxError, CandidateError, Example, Observer, Phase, Schedule, Scorer, Scoring, Trainer,
};
use crate::prediction::{Predictions, dominant};
use crate::random::{Purpose, keyed_hash, seed_of, stream};
use crate::ranking::{Groups, Ranked, Score, top};
use crate::replay;
use crate::sampling;
use crate::state::{CandidateId, CandidateKey, NotInPool, State};
use crate::stopping::{Evidence, Stop, StopReason};
use crate::strategy::{LearningStrategy, Query, Start};

/// What stays the same for a whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How the batch is chosen.
    pub query: Query,
    /// How it is chosen while there are no labels, where that differs: the
    /// last layer is random then, and so is what it says.
    pub first_query: Option<Query>,
    /// What a step starts and learns from.
    pub learning: LearningStrategy,
    /// b, candidates a step.
    pub batch: usize,
    /// How many of one group (a patient, a video) the window may hold, and so
    /// any batch drawn from it: consecutive frames teach the same thing.
    pub max_per_group: Option<usize>,
    /// How many of the best to name beside the batch; the window at least.
    pub reserve: usize,
    /// Line 16.
    pub stop: Stop,
    /// Every random choice follows from it.
    pub seed: u64,
}

/// What changes from step to step.
#[derive(Clone, Debug)]
pub struct Run<M> {
    /// U and L.
    pub state: State,
    /// The key of each candidate, by id.
    pub keys: Vec<CandidateKey>,
    /// The number of each candidate's group, by id; none where it has none.
    /// May stay empty where the plan sets no limit to a group.
    pub groups: Vec<Option<u32>>,
    /// M_0.
    pub pretrained: M,
    /// M_{t-1}.
    pub current: M,
    /// t, the step that comes next; the first is 1.
    pub step: u32,
    /// What each step so far has shown.
    pub evidence: Vec<Evidence>,
}

impl<M: Clone> Run<M> {
    /// Line 1.
    pub fn new(
        keys: Vec<CandidateKey>,
        pool: impl IntoIterator<Item = CandidateId>,
        pretrained: M,
    ) -> Self {
        Self {
            state: State::new(pool),
            keys,
            groups: Vec::new(),
            current: pretrained.clone(),
            pretrained,
            step: 1,
            evidence: Vec::new(),
        }
    }
}

/// One candidate of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its place in the ranking, from 1, those left out that their group has
    /// no room for; none when drawn at random from U.
    pub rank: Option<usize>,
    /// What M_{t-1} made of it, by the criterion of the query (for a random
    /// query: entropy and diversity over all patches, for the record).
    pub score: Score,
}

/// The outcome of lines 3–10.
#[derive(Clone, Debug, Default)]
pub struct Queried {
    /// The batch, in draw order: distinct members of U.
    pub batch: Vec<Drawn>,
    /// The best of the ranking in its order, the batch's own among them: the
    /// window, and as many more as the plan asks for. Empty for a random query.
    pub reserve: Vec<Drawn>,
    /// Members of U that could not be read; [`acft`] takes them out of U.
    pub unreadable: Vec<(CandidateId, CandidateError)>,
    /// How many candidates were scored.
    pub scored: usize,
}

/// The outcome of lines 12–14.
#[derive(Clone, Debug)]
pub struct Taught<M> {
    /// M_t.
    pub model: M,
    /// Q.
    pub newly_labeled: Vec<Example>,
    /// H; none where the strategy does not ask for it.
    pub misclassified: Option<Vec<Example>>,
    /// What was learned from: Q and its replay.
    pub lesson: Vec<Example>,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// Patches trained on, counted once an epoch.
    pub patches: usize,
}

/// Hears of each half of a step as it is done; what it cannot keep ends the run.
pub trait Journal<M>: Observer {
    /// Line 10 is done: before anyone is asked for a label.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn queried(&mut self, _run: &Run<M>, _queried: &Queried) -> Result<(), BoxError> {
        Ok(())
    }

    /// Line 15 is done: `run` already has the labels and M_t. Measures M_t,
    /// keeps the step, and says what it showed.
    ///
    /// # Errors
    /// Whatever stops the run.
    fn taught(
        &mut self,
        run: &Run<M>,
        queried: &Queried,
        taught: &Taught<M>,
    ) -> Result<Evidence, BoxError>;
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The criterion cannot rank this pool.
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    /// The observer asked to stop.
    #[error("cancelled while candidates were scored")]
    Cancelled,
    /// The batch size is 0.
    #[error("a batch of 0 candidates teaches nothing: ask for at least 1")]
    EmptyBatch,
    /// An annotation for something that was not asked.
    #[error("candidate {} was annotated but not queried in this step", .0.0)]
    NotQueried(CandidateId),
    /// An annotation twice.
    #[error(transparent)]
    NotInPool(#[from] NotInPool),
    /// A network's output that is no distribution.
    #[error("the network's output for candidate {} is no prediction: {reason}", candidate.0)]
    Output {
        /// The candidate.
        candidate: CandidateId,
        /// What is wrong.
        reason: String,
    },
    /// The scorer, trainer, annotator or journal.
    #[error(transparent)]
    Plugged(BoxError),
}

/// Algorithm 1. Returns when a stopping rule holds; `run` then has L and M_t.
///
/// `run` may come from [`Run::new`], or be what an earlier call was at between
/// two steps: the outcome is the same.
///
/// # Errors
/// See [`Error`]; `run` is as the last finished step left it.
pub fn acft<M: Clone>(
    plan: &Plan,
    run: &mut Run<M>,
    scorer: &impl Scorer<M>,
    trainer: &mut impl Trainer<M>,
    annotator: &mut impl Annotator,
    journal: &mut impl Journal<M>,
) -> Result<StopReason, Error> {
    loop {
        // Line 16, asked first so that a run resumed after its end stays ended.
        let reached = plan
            .stop
            .reached(&run.evidence, scorer.classes(), plan.learning.start);
        if let Some(reason) = reached {
            return Ok(reason);
        }

        // Lines 3–10.
        let queried = query(plan, run, scorer, journal)?;
        for (candidate, _) in &queried.unreadable {
            run.state.set_aside(*candidate)?;
        }
        if queried.batch.is_empty() {
            return Ok(StopReason::PoolExhausted);
        }
        journal.queried(run, &queried).map_err(Error::Plugged)?;

        // Line 11.
        let batch: Vec<CandidateId> = queried.batch.iter().map(|drawn| drawn.candidate).collect();
        let annotations = annotator.annotate(&batch).map_err(Error::Plugged)?;
        if let Some(stray) = stray(&batch, &annotations) {
            return Err(Error::NotQueried(stray));
        }

        // Lines 12–14.
        let taught = teach(plan, run, &annotations, scorer, trainer, journal)?;

        // Line 15.
        advance(run, &annotations, &taught)?;
        let evidence = journal
            .taught(run, &queried, &taught)
            .map_err(Error::Plugged)?;
        run.evidence.push(evidence);
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
    observer: &mut (impl Observer + ?Sized),
) -> Result<Queried, Error> {
    if plan.batch == 0 {
        return Err(Error::EmptyBatch);
    }
    // The last batch is cut to what the budget still has.
    let spent = run.state.labeled().len();
    let left = plan
        .stop
        .labels
        .map_or(usize::MAX, |budget| budget.saturating_sub(spent));
    let plan = &Plan {
        batch: plan.batch.min(left),
        ..plan.clone()
    };
    let at_first = plan.first_query.filter(|_| spent == 0);
    match at_first.unwrap_or(plan.query) {
        Query::Random => query_at_random(plan, run, scorer, observer),
        Query::Baseline { rule } => baselines::query(plan, run, scorer, rule, observer),
        Query::Active { criterion, omega } => {
            criterion.check()?;
            query_actively(plan, run, scorer, criterion, omega, observer)
        }
    }
}

fn query_actively<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    criterion: Criterion,
    omega: f64,
    observer: &mut (impl Observer + ?Sized),
) -> Result<Queried, Error> {
    // Lines 3–8.
    let pool: Vec<CandidateId> = run.state.pool().collect();
    let (scored, unreadable) = score(
        plan,
        run,
        scorer,
        &pool,
        Look::Patches,
        by(criterion),
        observer,
    )?;
    let count = scored.len();

    // Line 9: only the best are ever looked at, so only they are sorted.
    let window = sampling::window_len(omega, plan.batch, count);
    let groups = Groups::new(plan.max_per_group, &run.groups);
    let best = top(scored, window.max(plan.reserve), groups);
    let window = &best[..window.min(best.len())];

    // Line 10. Where U has no more than b, or the window no more than the
    // batch, there is nothing to draw: all of it is taken, best first.
    let places: Vec<usize> = if window.len() <= plan.batch {
        (0..window.len()).collect()
    } else {
        let scores: Vec<f64> = window.iter().map(|ranked| ranked.score.value).collect();
        let mut rng = stream(plan.seed, run.step, Purpose::Draw);
        sampling::draw(&sampling::weights(&scores), plan.batch, &mut rng)
    };
    let drawn = |at: usize| Drawn {
        candidate: best[at].candidate,
        rank: Some(at + 1),
        score: best[at].score,
    };
    Ok(Queried {
        batch: places.into_iter().map(drawn).collect(),
        reserve: (0..best.len()).map(drawn).collect(),
        unreadable,
        scored: count,
    })
}

/// Line 10 without lines 3–9: the first b readable candidates of U in an order
/// that a keyed hash of (seed, t, candidate) decides, but for those whose
/// group has no more room.
fn query_at_random<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    observer: &mut (impl Observer + ?Sized),
) -> Result<Queried, Error> {
    let mut pool: Vec<CandidateId> = run.state.pool().collect();
    pool.sort_by_cached_key(|id| {
        let key = &run.keys[id.index()];
        (
            keyed_hash(plan.seed, run.step, Purpose::RandomQuery, key),
            *id,
        )
    });

    let mut queried = Queried::default();
    loop {
        let mut groups = Groups::new(plan.max_per_group, &run.groups);
        for drawn in &queried.batch {
            groups.admit(drawn.candidate);
        }
        let next: Vec<CandidateId> = pool
            .iter()
            .copied()
            .filter(|id| groups.admit(*id))
            .take(plan.batch - queried.batch.len())
            .collect();
        if next.is_empty() {
            break;
        }
        pool.retain(|id| !next.contains(id));
        // Scoring the few that were drawn shows which of them cannot be read,
        // before an expert is asked about them.
        let (scored, unreadable) = score(
            plan,
            run,
            scorer,
            &next,
            Look::Patches,
            by(Criterion::entropy(1.0)),
            observer,
        )?;
        queried.scored += scored.len();
        queried.unreadable.extend(unreadable);
        queried.batch.extend(scored.iter().map(|ranked| Drawn {
            candidate: ranked.candidate,
            rank: None,
            score: ranked.score,
        }));
    }
    Ok(queried)
}

type Scored = (Vec<Ranked>, Vec<(CandidateId, CandidateError)>);

/// How a candidate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A row a patch.
    Patches,
    /// A row a pass with dropout.
    Dropout {
        /// How many.
        passes: usize,
    },
}

/// Lines 3–8 for some candidates: streams their predictions, keeps their scores.
pub(crate) fn score<M>(
    plan: &Plan,
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    candidates: &[CandidateId],
    look: Look,
    mut judge: impl FnMut(&Predictions<'_>) -> Result<Score, Error>,
    observer: &mut (impl Observer + ?Sized),
) -> Result<Scored, Error> {
    let mut scored: Vec<Ranked> = Vec::with_capacity(candidates.len());
    let mut unreadable = Vec::new();
    let mut failure = None;
    let mut take = |candidate: CandidateId, outcome: Result<&[f64], CandidateError>| {
        match outcome {
            Err(error) => unreadable.push((candidate, error)),
            Ok(rows) => {
                let predictions =
                    Predictions::new(rows, scorer.classes()).map_err(|error| Error::Output {
                        candidate,
                        reason: error.to_string(),
                    });
                let judged = predictions.and_then(|predictions| {
                    let score = judge(&predictions)?;
                    if look == Look::Patches {
                        observer.predicted(candidate, &predictions);
                    }
                    Ok(score)
                });
                match judged {
                    Ok(score) => scored.push(Ranked {
                        candidate,
                        score,
                        tie_break: keyed_hash(
                            plan.seed,
                            run.step,
                            Purpose::TieBreak,
                            &run.keys[candidate.index()],
                        ),
                    }),
                    Err(error) => {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        let done = scored.len() + unreadable.len();
        let heard = observer.scored(Scoring::Pool, done, candidates.len());
        if heard.is_break() {
            failure = Some(Error::Cancelled);
        }
        heard
    };
    let model = &run.current;
    let outcome = match look {
        Look::Patches => scorer.predict(model, candidates, &mut take),
        Look::Dropout { passes } => {
            let seed = seed_of(plan.seed, run.step, Purpose::Dropout);
            scorer.sampled(model, candidates, passes, seed, &mut take)
        }
    };
    outcome.map_err(Error::Plugged)?;
    match failure {
        Some(error) => Err(error),
        None => Ok((scored, unreadable)),
    }
}

/// Lines 5–7 for one candidate after the other, by the paper's criterion.
fn by(criterion: Criterion) -> impl FnMut(&Predictions<'_>) -> Result<Score, Error> {
    let mut first = None;
    move |predictions| {
        let patches = predictions.patches();
        criterion.check_patches(patches)?;
        criterion.check_equal(*first.get_or_insert(patches), patches)?;
        Ok(criterion.score(predictions))
    }
}

/// Lines 12–14: finds H, puts the lesson together, and fine-tunes.
/// Changes nothing in `run`: L is still what it was before this step's labels.
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
    let newly_labeled: Vec<Example> = annotations
        .iter()
        .filter_map(|annotation| match *annotation {
            Annotation::Labeled(candidate, label) => Some(Example { candidate, label }),
            Annotation::Skipped(_) => None,
        })
        .collect();
    if newly_labeled.is_empty() {
        return Ok(Taught {
            model: run.current.clone(),
            newly_labeled,
            misclassified: None,
            lesson: Vec::new(),
            loss: Vec::new(),
            patches: 0,
        });
    }

    // Lines 12 and 13. L does not hold Q yet.
    let labeled: Vec<Example> = run
        .state
        .labeled()
        .map(|(candidate, label)| Example { candidate, label })
        .collect();
    let misclassified = if plan.learning.replay.needs_misclassified() {
        Some(misclassified(run, scorer, &labeled, observer)?)
    } else {
        None
    };

    // Line 14.
    let lesson = replay::lesson(
        plan.learning.replay,
        &labeled,
        misclassified.as_deref().unwrap_or_default(),
        &newly_labeled,
        &mut stream(plan.seed, run.step, Purpose::Replay),
    );
    let from = match plan.learning.start {
        Start::Pretrained => &run.pretrained,
        Start::Current => &run.current,
    };
    let schedule = Schedule {
        phase: phase(plan.learning.start, labeled.len()),
        seed: seed_of(plan.seed, run.step, Purpose::FineTune),
    };
    let trained = trainer
        .fine_tune(from, &lesson, &schedule, observer)
        .map_err(Error::Plugged)?;
    Ok(Taught {
        model: trained.model,
        newly_labeled,
        misclassified,
        lesson,
        loss: trained.loss,
        patches: trained.patches,
    })
}

/// The first step that has labels starts from M_0 whatever the strategy.
fn phase(start: Start, labeled: usize) -> Phase {
    match start {
        Start::Current if labeled > 0 => Phase::Continual,
        _ => Phase::FromPretrained,
    }
}

/// H: the members of L whose mean prediction by M_{t-1} names another class.
/// One that can no longer be read is not in H.
fn misclassified<M>(
    run: &Run<M>,
    scorer: &impl Scorer<M>,
    labeled: &[Example],
    observer: &mut dyn Observer,
) -> Result<Vec<Example>, Error> {
    let ids: Vec<CandidateId> = labeled.iter().map(|example| example.candidate).collect();
    let mut wrong = BTreeSet::new();
    let mut failure = None;
    let mut done = 0;
    let mut take = |candidate: CandidateId, outcome: Result<&[f64], CandidateError>| {
        if let Ok(rows) = outcome {
            match Predictions::new(rows, scorer.classes()) {
                Ok(predictions) => {
                    let class = dominant(&predictions.mean());
                    if run
                        .state
                        .label_of(candidate)
                        .is_some_and(|label| label.index() != class)
                    {
                        wrong.insert(candidate);
                    }
                }
                Err(error) => {
                    let reason = error.to_string();
                    failure = Some(Error::Output { candidate, reason });
                    return ControlFlow::Break(());
                }
            }
        }
        done += 1;
        let heard = observer.scored(Scoring::Labeled, done, ids.len());
        if heard.is_break() {
            failure = Some(Error::Cancelled);
        }
        heard
    };
    scorer
        .predict(&run.current, &ids, &mut take)
        .map_err(Error::Plugged)?;
    match failure {
        Some(error) => Err(error),
        None => Ok(labeled
            .iter()
            .filter(|example| wrong.contains(&example.candidate))
            .copied()
            .collect()),
    }
}

/// Line 15: L ← L ∪ Q, U ← U \ Q, M_{t-1} ← M_t, t ← t + 1.
///
/// # Errors
/// An annotation for a candidate that is not in U.
fn advance<M: Clone>(
    run: &mut Run<M>,
    annotations: &[Annotation],
    taught: &Taught<M>,
) -> Result<(), NotInPool> {
    for annotation in annotations {
        match *annotation {
            Annotation::Labeled(candidate, label) => run.state.label(candidate, label)?,
            Annotation::Skipped(candidate) => run.state.set_aside(candidate)?,
        }
    }
    run.current = taught.model.clone();
    run.step += 1;
    Ok(())
}

/// An annotation for a candidate that was not asked, or for one twice.
fn stray(batch: &[CandidateId], annotations: &[Annotation]) -> Option<CandidateId> {
    let mut open: BTreeSet<CandidateId> = batch.iter().copied().collect();
    annotations
        .iter()
        .map(|annotation| match annotation {
            Annotation::Labeled(id, _) | Annotation::Skipped(id) => *id,
        })
        .find(|id| !open.remove(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_whose_candidates_differ_in_patches_is_refused_though_as_many_are_kept() {
        let rows = [0.25, 0.75].repeat(13);
        let judge = |criterion, patches: [usize; 2]| {
            let mut judge = by(criterion);
            patches.map(|m| {
                let predictions = Predictions::new(&rows[..2 * m], 2).expect("rows sum to 1");
                judge(&predictions).is_ok()
            })
        };
        assert_eq!(judge(Criterion::diversity(0.25), [11, 13]), [true, false]);
        assert_eq!(judge(Criterion::diversity(0.25), [11, 11]), [true, true]);
        assert_eq!(judge(Criterion::entropy(0.25), [11, 13]), [true, true]);
    }
}
