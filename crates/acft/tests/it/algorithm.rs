//! Algorithm 1 whole.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use acft::baselines::Baseline;
use acft::{
    Annotation, Annotator, BoxError, CandidateId, Label, Observer, Phase, Query, Run, Scorer, Stop,
    StopReason, Trainer, acft, query,
};
use proptest::prelude::*;

use crate::world::{
    CANDIDATES, Diary, Kept, PATCHES, Unit, World, baseline, drawn, go, new_run, plan, readable,
};

#[test]
fn each_strategy_starts_and_learns_as_table_2_says() {
    for (learn, from_pretrained, sizes) in [
        ("reset-lq", true, Some([10, 20, 30])),
        ("q", false, Some([10, 10, 10])),
        ("lq", false, Some([10, 20, 30])),
        ("hq", false, None),
    ] {
        let outcome = go(&plan(learn, true, 3, 0), &readable(), new_run());
        let start = new_run().pretrained;
        for (t, (from, examples, schedule)) in outcome.diary.0.iter().enumerate() {
            assert_eq!(
                *from == start,
                from_pretrained || t == 0,
                "{learn}, step {}",
                t + 1
            );
            let continual = !from_pretrained && t > 0;
            assert_eq!(
                schedule.phase == Phase::Continual,
                continual,
                "{learn}, step {}",
                t + 1
            );
            if let Some(sizes) = sizes {
                assert_eq!(examples.len(), sizes[t], "{learn}, step {}", t + 1);
            }
        }
        assert_eq!(outcome.run.current, {
            let (from, examples, schedule) = outcome.diary.0[2].clone();
            Diary::default()
                .fine_tune(&from, &examples, &schedule, &mut ())
                .unwrap()
                .model
        });
    }
}

/// H by hand: the members of L (without Q) that the model before the step
/// gets wrong.
#[test]
fn h_is_what_the_last_model_gets_wrong_of_the_old_labels() {
    let outcome = go(&plan("hq", false, 5, 3), &readable(), new_run());
    let batches = drawn(&outcome.kept);
    let mut seen_some = false;
    for t in 0..5 {
        let (model, lesson, _) = &outcome.diary.0[t];
        let mut expected = Vec::new();
        for id in batches[..t].iter().flatten() {
            readable()
                .predict(model, &[*id], &mut |_, rows| {
                    let p: f64 =
                        rows.unwrap().iter().skip(1).step_by(2).sum::<f64>() / PATCHES as f64;
                    if u16::from(p > 0.5) != World::label(id.0).0 {
                        expected.push(*id);
                    }
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        let h: Vec<CandidateId> = outcome.kept.taught[t]
            .misclassified
            .as_ref()
            .unwrap()
            .iter()
            .map(|e| e.candidate)
            .collect();
        assert_eq!(h, expected, "step {}", t + 1);
        let learned: Vec<CandidateId> = lesson.iter().map(|e| e.candidate).collect();
        assert_eq!(learned, [h.clone(), batches[t].clone()].concat());
        seen_some |= !h.is_empty();
    }
    assert!(
        seen_some,
        "the toy never misclassifies: this test shows nothing"
    );
}

#[test]
fn the_pool_runs_out() {
    let outcome = go(&plan("hq", true, 100, 1), &readable(), new_run());
    assert_eq!(outcome.reason, StopReason::PoolExhausted);
    assert_eq!(outcome.run.state.labeled().len(), CANDIDATES as usize);
    assert_eq!(outcome.run.step, 13);
}

#[test]
fn what_cannot_be_read_leaves_the_pool_and_the_run_goes_on() {
    let world = World {
        unreadable: (0..CANDIDATES).step_by(7).collect(),
    };
    for active in [true, false] {
        let outcome = go(&plan("lq", active, 100, 1), &world, new_run());
        let bad = world.unreadable.len();
        assert_eq!(outcome.run.state.labeled().len(), CANDIDATES as usize - bad);
        assert_eq!(outcome.run.state.aside().len(), bad);
        let told: usize = outcome
            .kept
            .batches
            .iter()
            .map(|q| q.unreadable.len())
            .sum();
        assert_eq!(told, bad, "each is reported once");
        let first = &outcome.kept.batches[0].batch;
        assert_eq!(
            first.len(),
            10,
            "an unreadable candidate takes no one's place"
        );
    }
}

/// Where every score is equal, candidates that sit together must not be
/// favoured: over many seeds each is drawn about equally often.
#[test]
fn equal_scores_do_not_favour_position() {
    let mut run = new_run();
    run.pretrained = Unit {
        slope: 0.0,
        threshold: 0.0,
    };
    run.current = run.pretrained;
    let mut counts = vec![0u32; CANDIDATES as usize];
    let seeds = 600;
    for seed in 0..seeds {
        let queried = acft::query(&plan("hq", true, 1, seed), &run, &readable(), &mut ()).unwrap();
        for drawn in queried.batch {
            counts[drawn.candidate.index()] += 1;
        }
    }
    let expected = seeds as f64 * 10.0 / f64::from(CANDIDATES);
    // 5 standard deviations of a binomial with p = 1/12.
    let spread = 5.0 * (expected * (1.0 - 1.0 / 12.0)).sqrt();
    for (id, count) in counts.iter().enumerate() {
        assert!(
            (f64::from(*count) - expected).abs() < spread,
            "candidate {id}: {count} of {expected}"
        );
    }
    let halves = counts.split_at(60);
    let (first, second): (u32, u32) = (halves.0.iter().sum(), halves.1.iter().sum());
    assert!(first.abs_diff(second) < 400, "{first} against {second}");
}

/// Where no one asked for a number of steps, and the last batch is cut.
#[test]
fn a_budget_is_spent_to_the_last_label_and_no_further() {
    for active in [true, false] {
        let mut plan = plan("hq", active, 1, 0);
        plan.stop = Stop::default().after_labels(25);
        let outcome = go(&plan, &readable(), new_run());
        assert_eq!(outcome.reason, StopReason::Labels);
        assert_eq!(outcome.run.state.labeled().len(), 25);
    }
}

#[test]
fn a_batch_skipped_whole_teaches_nothing() {
    struct Shrug;
    impl Annotator for Shrug {
        fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError> {
            Ok(batch.iter().map(|id| Annotation::Skipped(*id)).collect())
        }
    }
    let (mut run, mut diary) = (new_run(), Diary::default());
    let plan = plan("hq", true, 2, 0);
    acft(
        &plan,
        &mut run,
        &readable(),
        &mut diary,
        &mut Shrug,
        &mut (),
        &mut Kept::default(),
    )
    .unwrap();
    assert!(diary.0.is_empty());
    assert_eq!(run.current, run.pretrained);
    assert_eq!(run.state.aside().len(), 20);
}

#[test]
fn an_annotation_that_was_not_asked_for_is_refused() {
    struct Stray;
    impl Annotator for Stray {
        fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError> {
            Ok(vec![
                Annotation::Labeled(batch[0], Label(0)),
                Annotation::Labeled(batch[0], Label(1)),
            ])
        }
    }
    let mut run = new_run();
    let plan = plan("hq", true, 2, 0);
    let error = acft(
        &plan,
        &mut run,
        &readable(),
        &mut Diary::default(),
        &mut Stray,
        &mut (),
        &mut Kept::default(),
    );
    assert!(error.unwrap_err().to_string().contains("not queried"));
    assert_eq!(run.state, new_run().state);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_candidate_is_asked_twice_and_the_seed_is_everything(
        seed: u64,
        active: bool,
        learn in prop::sample::select(vec!["reset-lq", "q", "lq", "hq", "hq-balanced"]),
    ) {
        let plan = plan(learn, active, 6, seed);
        let outcome = go(&plan, &readable(), new_run());
        let asked: Vec<CandidateId> = drawn(&outcome.kept).concat();
        let distinct: BTreeSet<_> = asked.iter().collect();
        prop_assert_eq!(distinct.len(), asked.len());
        prop_assert_eq!(asked.len(), 60);
        let again = go(&plan, &readable(), new_run());
        prop_assert_eq!(drawn(&again.kept), drawn(&outcome.kept));
        prop_assert_eq!(again.run.current, outcome.run.current);
    }

    /// Neither a batch nor the window that it is from holds more of a group
    /// than the plan allows; without groups the limit changes nothing.
    #[test]
    fn a_batch_holds_few_of_a_group(
        seed: u64,
        active: bool,
        limit in 1usize..4,
        group_size in 1u32..30,
    ) {
        let limited = plan("lq", active, 4, seed).with_max_per_group(Some(limit));
        let group = |id: u32| (!id.is_multiple_of(5)).then_some(id / group_size);
        let mut run = new_run();
        run.groups = (0..CANDIDATES).map(group).collect();
        let world = World { unreadable: (0..CANDIDATES).step_by(7).collect() };
        let outcome = go(&limited, &world, run);
        prop_assert!(!outcome.kept.batches.is_empty());
        for queried in &outcome.kept.batches {
            let best = queried.best(40);
            for part in [&queried.batch, &best] {
                let mut counts = std::collections::BTreeMap::new();
                for drawn in part {
                    *counts.entry(group(drawn.candidate.0)).or_insert(0) += 1;
                }
                counts.remove(&None);
                prop_assert!(counts.values().all(|count| *count <= limit), "{counts:?}");
            }
            for drawn in &queried.batch {
                prop_assert!(!active || best.contains(drawn));
            }
        }

        let plain = go(&plan("lq", active, 4, seed), &world, new_run());
        let groupless = go(&limited, &world, new_run());
        prop_assert_eq!(drawn(&groupless.kept), drawn(&plain.kept));
    }

    /// Stopped after any step and taken up again, a run is the same run.
    #[test]
    fn resumed_equals_unbroken(seed: u64, cut in 1u32..6, active: bool) {
        let whole = go(&plan("hq-balanced", active, 6, seed), &readable(), new_run());
        let first = go(&plan("hq-balanced", active, cut, seed), &readable(), new_run());
        let rest = go(&plan("hq-balanced", active, 6, seed), &readable(), first.run);
        prop_assert_eq!([drawn(&first.kept), drawn(&rest.kept)].concat(), drawn(&whole.kept));
        prop_assert_eq!(rest.run.current, whole.run.current);
        prop_assert_eq!(rest.run.state, whole.run.state);
    }
}

#[test]
fn baselines_query_distinct_members_of_the_pool_and_the_same_again() {
    for rule in Baseline::names() {
        let batches = |seed| drawn(&go(&baseline(rule, 3, seed), &readable(), new_run()).kept);
        let found = batches(1);
        let all: BTreeSet<_> = found.iter().flatten().collect();
        assert_eq!(all.len(), 30, "{rule}");
        assert_eq!(found, batches(1), "{rule}");
    }
}

#[test]
fn another_rule_may_ask_first() {
    let run = new_run();
    let of = |first: Option<Query>, seed| {
        let plan = plan("hq", true, 2, seed).with_first_query(first);
        query(&plan, &run, &readable(), &mut ()).unwrap().batch
    };
    let random = of(Some(Query::Random), 4);
    assert!(random.iter().all(|drawn| drawn.rank.is_none()));
    let usual = of(None, 4);
    assert!(usual.iter().all(|drawn| drawn.rank.is_some()));
    // Once there are labels, the usual rule asks.
    let mut later = new_run();
    later.state.label(usual[0].candidate, Label(0)).unwrap();
    let plan = plan("hq", true, 2, 4).with_first_query(Some(Query::Random));
    let next = query(&plan, &later, &readable(), &mut ()).unwrap();
    assert!(next.batch.iter().all(|drawn| drawn.rank.is_some()));
    // Or after as many steps as it is given.
    let plan = plan.with_first_steps(2);
    for (step, ranks) in [(2, false), (3, true)] {
        later.step = step;
        let next = query(&plan, &later, &readable(), &mut ()).unwrap();
        let ranked = next.batch.iter().all(|drawn| drawn.rank.is_some());
        assert_eq!(ranked, ranks, "step {step}");
    }
}

#[test]
fn dropout_bald_asks_where_passes_disagree() {
    struct Heard(usize);
    impl Observer for Heard {
        fn predicted(&mut self, _: CandidateId, _: &acft::Predictions<'_>) {
            self.0 += 1;
        }
    }
    let world = World {
        unreadable: BTreeSet::from([60]),
    };
    let unit = Unit {
        slope: 3.0,
        threshold: 0.5,
    };
    let run = Run {
        current: unit,
        ..new_run()
    };
    let plan = baseline("dropout-bald", 1, 3).with_batch(6);
    let mut heard = Heard(0);
    let queried = query(&plan, &run, &world, &mut heard).unwrap();
    let mut drawn: Vec<u32> = queried.batch.iter().map(|one| one.candidate.0).collect();
    drawn.sort_unstable();
    // The nearest to candidate 60, which cannot be read.
    assert_eq!(drawn, [57, 58, 59, 61, 62, 63]);
    assert_eq!(queried.unreadable.len(), 1);
    // Passes are no patches, and nobody is told that they were.
    assert_eq!(heard.0, 0);
}
