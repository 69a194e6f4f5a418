//! Decides what the worker does next, as a pure function of the state of the project.

use super::glance::Glance;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The classes have changed: give the network a new last layer.
    NewHead,
    /// Fine-tune on what was labeled (lines 12–14).
    Train,
    /// Rank U, and draw the candidates that are missing in the batch (lines 3–10).
    Rank {
        /// How many to draw; may be 0.
        draw: usize,
    },
    /// Wait for labels. The text, which may be empty, is shown to the expert.
    Wait(&'static str),
}

/// The settings of the worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// b, the size of a batch.
    pub(super) batch: usize,
    /// The number of new labels after which to fine-tune.
    pub(super) every: usize,
    /// Whether the strategy ranks at all.
    pub(super) active: bool,
}

/// A fine-tuning that failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// |Q| at that time.
    pub(super) new: usize,
    pub(super) why: String,
}

/// Decides. `failed` is |Q| when a fine-tuning last failed.
pub(super) fn decide(now: &Glance, pace: Pace, failed: Option<usize>) -> Decision {
    let Some(current) = &now.current else {
        return Decision::Wait("there is no model: `acft model use` chooses one");
    };
    if current.classes != now.classes {
        return Decision::NewHead;
    }
    if now.new >= needed(now, pace, failed) {
        if now.labeled_classes >= 2 {
            return Decision::Train;
        }
        if !wants_ranking(now, pace) {
            return Decision::Wait(
                "waiting for labels of a second class: one alone teaches nothing",
            );
        }
    }
    if wants_ranking(now, pace) {
        return Decision::Rank {
            draw: pace.batch.saturating_sub(now.open),
        };
    }
    if now.pool == 0 && now.away > 0 {
        return Decision::Wait(
            "some images cannot be opened now: they are looked at again every few seconds",
        );
    }
    Decision::Wait("")
}

/// How many new labels the next fine-tuning waits for. If the last one failed, or its model was
/// not adopted, it is tried again only with as many labels more. The same holds if someone went
/// back to an earlier model: fine-tuning at once would give the same model again. After the
/// classes changed it waits for no label: until the labels are learned again, the network would
/// ask by a last layer that knows none.
fn needed(now: &Glance, pace: Pace, failed: Option<usize>) -> usize {
    match now.refused.max(failed).max(now.chosen) {
        Some(before) => before + pace.every,
        // Nothing more is to come.
        None if now.pool + now.open == 0 || now.spent || now.fresh => 1,
        None => pace.every,
    }
}

/// Whether to rank U: another model is in use, or little is left of the last ranking.
fn wants_ranking(now: &Glance, pace: Pace) -> bool {
    if !pace.active || now.pool == 0 || now.advised {
        return false;
    }
    let current = now.current.as_ref().map(|model| &model.hash);
    match &now.ranking {
        None => true,
        Some(ranking) => {
            // Scores made elsewhere hold until they are used up.
            let stale = ranking.model.is_some() && ranking.model.as_ref() != current;
            // Where groups keep it short, another would name no more: it waits
            // for the last word on this one, or all of U would be scored again
            // at once, and the groups' limit would limit nothing.
            let is_used_up = ranking.left < pace.batch.min(now.pool);
            stale || is_used_up && (!ranking.short || now.open == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use acft_project::ClassId;

    use super::super::glance::{InUseNow, RankingNow};
    use super::*;

    const PACE: Pace = Pace {
        batch: 10,
        every: 5,
        active: true,
    };

    fn in_use(hash: &str) -> Option<InUseNow> {
        Some(InUseNow {
            hash: hash.to_owned(),
            classes: vec![ClassId(0), ClassId(1)],
        })
    }

    fn ranking(model: Option<&str>, left: usize) -> Option<RankingNow> {
        Some(RankingNow {
            model: model.map(str::to_owned),
            short: false,
            left,
        })
    }

    fn base() -> Glance {
        Glance {
            classes: vec![ClassId(0), ClassId(1)],
            current: in_use("a"),
            labeled_classes: 2,
            pool: 100,
            ranking: ranking(Some("a"), 50),
            ..Glance::default()
        }
    }

    fn check(now: &Glance, expected: &Decision) {
        assert_eq!(&decide(now, PACE, None), expected, "{now:?}");
    }

    #[test]
    fn it_ranks_for_a_new_model_and_trains_on_enough_labels() {
        let nothing = Decision::Wait("");
        check(&base(), &nothing);
        for (change, expected) in [
            (
                Glance {
                    ranking: None,
                    ..base()
                },
                Decision::Rank { draw: 10 },
            ),
            (
                Glance {
                    current: in_use("b"),
                    open: 4,
                    ..base()
                },
                Decision::Rank { draw: 6 },
            ),
            (Glance { new: 5, ..base() }, Decision::Train),
            (Glance { new: 4, ..base() }, nothing.clone()),
            (
                Glance {
                    classes: vec![ClassId(0), ClassId(2)],
                    ..base()
                },
                Decision::NewHead,
            ),
            (
                Glance {
                    ranking: ranking(Some("a"), 9),
                    ..base()
                },
                Decision::Rank { draw: 10 },
            ),
            (
                Glance {
                    ranking: None,
                    pool: 0,
                    ..base()
                },
                nothing.clone(),
            ),
            (
                Glance {
                    ranking: None,
                    advised: true,
                    ..base()
                },
                nothing.clone(),
            ),
            // Scores made elsewhere hold until they are used up.
            (
                Glance {
                    ranking: ranking(None, 10),
                    ..base()
                },
                nothing,
            ),
            (
                Glance {
                    ranking: ranking(None, 9),
                    ..base()
                },
                Decision::Rank { draw: 10 },
            ),
        ] {
            check(&change, &expected);
        }
    }

    #[test]
    fn one_class_alone_is_not_trained_on() {
        let now = Glance {
            new: 8,
            labeled_classes: 1,
            ..base()
        };
        assert!(
            matches!(decide(&now, PACE, None), Decision::Wait(text) if text.contains("second class"))
        );
    }

    #[test]
    fn a_ranking_that_groups_keep_short_is_labeled_before_the_next() {
        let used_up = |short, open| Glance {
            ranking: Some(RankingNow {
                model: Some("a".to_owned()),
                short,
                left: 5,
            }),
            open,
            ..base()
        };
        check(&used_up(true, 3), &Decision::Wait(""));
        check(&used_up(true, 0), &Decision::Rank { draw: 10 });
        // One that is used up for another reason is not waited for.
        check(&used_up(false, 3), &Decision::Rank { draw: 7 });
    }

    #[test]
    fn the_last_labels_of_all_are_learned_however_few() {
        let end = |open, new| Glance {
            pool: 0,
            open,
            new,
            ..base()
        };
        check(&end(1, 2), &Decision::Wait(""));
        check(&end(0, 0), &Decision::Wait(""));
        check(&end(0, 2), &Decision::Train);
        let spent = |new| Glance {
            new,
            advised: true,
            spent: true,
            ..base()
        };
        check(&spent(0), &Decision::Wait(""));
        check(&spent(2), &Decision::Train);
    }

    #[test]
    fn labels_are_learned_again_at_once_where_the_classes_changed() {
        let changed = |new, ranking| Glance {
            new,
            fresh: true,
            ranking,
            ..base()
        };
        check(&changed(1, None), &Decision::Train);
        // Without a label a fresh network is all that there is.
        check(&changed(0, None), &Decision::Rank { draw: 10 });
        let failed = decide(&changed(3, ranking(Some("a"), 50)), PACE, Some(3));
        assert_eq!(failed, Decision::Wait(""));
    }

    #[test]
    fn who_goes_back_stays_there_until_there_is_more_to_learn() {
        let back = |new| Glance {
            new,
            chosen: Some(20),
            ..base()
        };
        check(&back(24), &Decision::Wait(""));
        check(&back(25), &Decision::Train);
    }

    #[test]
    fn what_did_no_good_waits_for_as_many_more_labels() {
        let refused = |new| Glance {
            new,
            refused: Some(5),
            ..base()
        };
        check(&refused(9), &Decision::Wait(""));
        check(&refused(10), &Decision::Train);
        let now = Glance { new: 7, ..base() };
        assert_eq!(decide(&now, PACE, Some(4)), Decision::Wait(""));
    }
}
