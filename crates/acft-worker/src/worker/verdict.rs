//! The gate: a model that is worse on the holdout is not used.

use acft_project::Verdict;

/// Whether a model is adopted, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Option<Verdict>,
    pub(super) adopted: bool,
    pub(super) why: String,
}

/// Decides by two models' AUC on the same held-out candidates.
pub(super) fn judge(verdict: Verdict, tolerance: f64, needed: usize) -> Judged {
    let (adopted, why) = match (verdict.enough, verdict.before, verdict.after) {
        (true, Some(before), Some(after)) if after < before - tolerance => (
            false,
            format!(
                "on {} held-out candidates its AUC is {after:.3}, and that of the model in use {before:.3}: \
                 the labels are learned again with the next ones",
                verdict.candidates
            ),
        ),
        (true, Some(before), Some(after)) => (
            true,
            format!(
                "its AUC on {} held-out candidates is {after:.3}, before it was {before:.3}",
                verdict.candidates
            ),
        ),
        _ => (
            true,
            format!(
                "without a check: the holdout has not {needed} of each class yet ({} in all)",
                verdict.candidates
            ),
        ),
    };
    Judged {
        verdict: (verdict.candidates > 0).then_some(verdict),
        adopted,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_model_is_refused_once_enough_is_held_out() {
        let judged = |before, after, enough| {
            let verdict = Verdict {
                before,
                after,
                candidates: 80,
                enough,
            };
            judge(verdict, 0.02, 30).adopted
        };
        assert!(judged(Some(0.90), Some(0.95), true));
        assert!(judged(Some(0.90), Some(0.885), true));
        assert!(!judged(Some(0.90), Some(0.875), true));
        assert!(judged(Some(0.90), Some(0.5), false));
        assert!(judged(None, None, true));
    }
}
