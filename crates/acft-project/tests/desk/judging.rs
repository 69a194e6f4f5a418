//! Review, agreement and progress.

use acft::CandidateId;
use acft_project::desk::{ClassCount, Pair};
use acft_project::{Draw, Event, Filter, ModelMade, Rules, Verdict};

use super::{BENIGN, Desk, MALIGNANT, foreseen, plain};

/// Two annotators on ten candidates, as a table: yes/yes 4, yes/no 1, no/yes 2, no/no 3.
/// p_o = 7/10; p_e = (5·6 + 5·4)/100 = 1/2; kappa = (0.7 − 0.5)/(1 − 0.5) = 0.4.
#[test]
fn kappa_is_that_of_the_hand_made_table() {
    let rules = Rules {
        overlap: 2,
        ..plain()
    };
    let mut desk = Desk::new(10, rules);
    let table = [(1, 1, 4), (1, 0, 1), (0, 1, 2), (0, 0, 3)];
    let cells: Vec<_> = table
        .iter()
        .flat_map(|&(a, b, n)| std::iter::repeat_n((a, b), n))
        .collect();
    let class = |yes: i32| if yes == 1 { MALIGNANT } else { BENIGN };
    let mut last = CandidateId(0);
    for (a, b) in cells {
        last = desk.label_next("ada", class(a));
        assert_eq!(desk.label_next("bob", class(b)), last);
    }
    // A second look has seen the first: it is no judgement of its own.
    let now = desk.now;
    desk.project
        .correct("bob", last, Some(MALIGNANT), now)
        .unwrap();
    let agreement = desk.project.agreement();
    assert_eq!(agreement.kappa, agreement.pairs[0].kappa);
    let pairs = agreement.pairs;
    let kappa = pairs[0].kappa.unwrap();
    assert!((kappa - 0.4).abs() < 1e-12, "{kappa}");
    assert_eq!(
        pairs,
        [Pair {
            a: "ada".to_owned(),
            b: "bob".to_owned(),
            n: 10,
            agreed: 7,
            kappa: Some(kappa),
        }]
    );
}

#[test]
fn kappa_over_all_pairs_weighs_by_candidates_and_leaves_out_the_undefined() {
    let rules = Rules {
        overlap: 2,
        ..plain()
    };
    let mut desk = Desk::new(30, rules);
    // ada and bob: 4 candidates, kappa 1; ada and cem: 2 candidates, kappa 0
    // (half agree, as chance would); bob and cem: one class alone, undefined.
    let plan = [
        ("ada", BENIGN, "bob", BENIGN),
        ("ada", BENIGN, "bob", BENIGN),
        ("ada", MALIGNANT, "bob", MALIGNANT),
        ("ada", MALIGNANT, "bob", MALIGNANT),
        ("ada", BENIGN, "cem", BENIGN),
        ("ada", MALIGNANT, "cem", BENIGN),
        ("bob", BENIGN, "cem", BENIGN),
    ];
    for (a, by_a, b, by_b) in plan {
        let id = desk.label_next(a, by_a);
        assert_eq!(desk.label_next(b, by_b), id);
    }
    let agreement = desk.project.agreement();
    let kappas: Vec<_> = agreement
        .pairs
        .iter()
        .map(|pair| (pair.n, pair.kappa))
        .collect();
    assert_eq!(kappas, [(4, Some(1.0)), (2, Some(0.0)), (1, None)]);
    assert!((agreement.kappa.unwrap() - 4.0 / 6.0).abs() < 1e-12);
}

/// Candidates 0 to 3, for which the mean probability of malignant was
/// 0.1, 0.4, 0.45 and 0.2; all are labeled malignant but the last.
fn reviewed() -> Desk {
    let mut desk = Desk::new(20, plain());
    let members: Vec<_> = [0.1, 0.4, 0.45, 0.2]
        .iter()
        .enumerate()
        .map(|(at, p)| foreseen(at as u32, at, *p))
        .collect();
    desk.append(vec![
        Event::Ranked {
            ranking: 1,
            model: None,
            scored: 4,
            reserve: Vec::new(),
            short: false,
        },
        Event::BatchDrawn {
            batch: 1,
            draw: Draw::Query,
            ranking: Some(1),
            members,
        },
    ]);
    for (annotator, class) in [
        ("ada", MALIGNANT),
        ("bob", MALIGNANT),
        ("ada", MALIGNANT),
        ("ada", BENIGN),
    ] {
        desk.label_next(annotator, class);
    }
    desk.label_next("ada", BENIGN);
    let now = desk.now;
    desk.project
        .flag("bob", CandidateId(2), "blurred", now)
        .unwrap();
    desk
}

#[test]
fn review_finds_by_each_filter() {
    let desk = reviewed();
    let found = |filter: Filter| -> Vec<u32> {
        let page = desk.project.review(&filter, 0, 100);
        assert_eq!(page.total, page.items.len());
        page.items.iter().map(|one| one.candidate.0).collect()
    };
    let all = found(Filter::default());
    assert_eq!((all.len(), &all[1..]), (5, &[3, 2, 1, 0][..]));
    let disagreed = Filter {
        disagreed: true,
        ..Filter::default()
    };
    // The network would have said benign of all four; the least expected first.
    assert_eq!(found(disagreed.clone()), [0, 1, 2]);
    let class = Filter {
        class: Some(MALIGNANT),
        ..Filter::default()
    };
    assert_eq!(found(class), [2, 1, 0]);
    let annotator = Filter {
        annotator: Some("bob".to_owned()),
        ..Filter::default()
    };
    assert_eq!(found(annotator), [1]);
    let flagged = Filter {
        flagged: true,
        ..Filter::default()
    };
    assert_eq!(found(flagged), [2]);

    let page = desk.project.review(&disagreed, 1, 1);
    assert_eq!(page.total, 3);
    let one = &page.items[0];
    assert_eq!(
        (one.candidate.0, one.label, one.guess),
        (1, Some(MALIGNANT), Some(BENIGN))
    );
    assert!((one.trust.unwrap() - 0.4).abs() < 1e-6);
}

#[test]
fn progress_counts_what_the_page_shows() {
    let mut desk = reviewed();
    desk.append(vec![Event::ModelMade(ModelMade {
        hash: "m1".to_owned(),
        step: 1,
        classes: vec![BENIGN, MALIGNANT],
        learned: vec![(CandidateId(0), MALIGNANT)],
        labels: 5,
        verdict: Some(Verdict {
            before: None,
            after: Some(0.75),
            candidates: 4,
            enough: false,
        }),
        adopted: true,
        ..ModelMade::default()
    })]);
    let progress = desk.project.progress();
    assert_eq!(
        (progress.labels, progress.skipped, progress.unlearned),
        (5, 0, 4)
    );
    assert_eq!(progress.seconds_per_label, Some(2.0));
    assert_eq!(progress.balance.selected, counts(1, 3));
    assert_eq!(progress.balance.holdout, counts(1, 0));
    assert_eq!(progress.holdout.per_class, counts(0, 0));
    assert!(!progress.holdout.gate);
    assert_eq!(progress.curve.len(), 1);
    assert_eq!(progress.curve[0].auc, Some(0.75));
    let batch = progress.batch.unwrap();
    assert_eq!((batch.number, batch.size, batch.done), (2, 4, 1));
    let by: Vec<_> = progress
        .annotators
        .iter()
        .map(|one| (one.name.as_str(), one.labels))
        .collect();
    assert_eq!(by, [("ada", 4), ("bob", 1)]);
}

fn counts(benign: usize, malignant: usize) -> [ClassCount; 2] {
    [(BENIGN, benign), (MALIGNANT, malignant)].map(|(class, count)| ClassCount { class, count })
}
