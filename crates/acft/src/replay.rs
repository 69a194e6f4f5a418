//! What a step learns from: Q, and what is replayed of L beside it.

use crate::learner::Example;
use crate::random::Stream;
use crate::strategy::Replay;

impl Replay {
    /// Whether the rule looks at H.
    pub fn needs_misclassified(self) -> bool {
        matches!(self, Self::Misclassified | Self::MisclassifiedBalanced)
    }
}

/// The examples of one fine-tuning: the replay first, then Q.
/// `labeled` is L without Q, `misclassified` is H ⊆ L.
pub fn lesson(
    rule: Replay,
    labeled: &[Example],
    misclassified: &[Example],
    newly_labeled: &[Example],
    rng: &mut Stream,
) -> Vec<Example> {
    let mut lesson = match rule {
        Replay::None => Vec::new(),
        Replay::Labeled => labeled.to_vec(),
        Replay::Misclassified | Replay::MisclassifiedBalanced => misclassified.to_vec(),
    };
    lesson.extend_from_slice(newly_labeled);
    if rule == Replay::MisclassifiedBalanced {
        let balance = balancing(labeled, misclassified, &lesson, rng);
        lesson.extend(balance);
    }
    lesson
}

/// As many members of L \ H as `lesson` has, each of the class that has the
/// fewest examples so far among those that have any left.
fn balancing(
    labeled: &[Example],
    misclassified: &[Example],
    lesson: &[Example],
    rng: &mut Stream,
) -> Vec<Example> {
    let in_h: std::collections::BTreeSet<_> = misclassified.iter().map(|e| e.candidate).collect();
    let classes = labeled
        .iter()
        .chain(lesson)
        .map(|example| example.label.index() + 1)
        .max()
        .unwrap_or(0);

    let mut count = vec![0usize; classes];
    for example in lesson {
        count[example.label.index()] += 1;
    }
    let mut left: Vec<Vec<Example>> = vec![Vec::new(); classes];
    for example in labeled.iter().filter(|e| !in_h.contains(&e.candidate)) {
        left[example.label.index()].push(*example);
    }
    for class in &mut left {
        rng.shuffle(class);
    }

    let mut added = Vec::new();
    while added.len() < lesson.len() {
        let rarest = (0..classes)
            .filter(|&class| !left[class].is_empty())
            .min_by_key(|&class| count[class]);
        let Some(example) = rarest.and_then(|class| left[class].pop()) else {
            break;
        };
        count[example.label.index()] += 1;
        added.push(example);
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use crate::state::{CandidateId, Label};

    fn examples(ids: std::ops::Range<u32>, label: u16) -> Vec<Example> {
        ids.map(|id| Example {
            candidate: CandidateId(id),
            label: Label(label),
        })
        .collect()
    }

    #[test]
    fn each_rule_replays_what_it_says() {
        let labeled = [examples(0..20, 0), examples(20..40, 1)].concat();
        let h = examples(0..4, 0);
        let q = examples(100..106, 0);
        let mut rng = stream(0, 1, Purpose::Replay);
        let mut size = |rule| lesson(rule, &labeled, &h, &q, &mut rng).len();
        assert_eq!(size(Replay::None), 6);
        assert_eq!(size(Replay::Labeled), 46);
        assert_eq!(size(Replay::Misclassified), 10);
        assert_eq!(size(Replay::MisclassifiedBalanced), 20);
    }

    #[test]
    fn balanced_replay_evens_the_classes_without_repeating() {
        let labeled = [examples(0..20, 0), examples(20..40, 1)].concat();
        let h = examples(0..4, 0);
        let q = examples(100..106, 0);
        let all = lesson(
            Replay::MisclassifiedBalanced,
            &labeled,
            &h,
            &q,
            &mut stream(0, 1, Purpose::Replay),
        );
        assert_eq!(all.iter().filter(|e| e.label.0 == 1).count(), 10);
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|e| e.candidate).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn balanced_replay_takes_what_there_is() {
        let h = examples(0..3, 0);
        let labeled = [h.clone(), examples(3..5, 1)].concat();
        let q = examples(9..10, 1);
        let all = lesson(
            Replay::MisclassifiedBalanced,
            &labeled,
            &h,
            &q,
            &mut stream(0, 1, Purpose::Replay),
        );
        assert_eq!(all.len(), 6);
    }
}
