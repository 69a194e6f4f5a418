//! Which column is which: `candidate`, `patch`, and `p_0` to `p_{k-1}`.

/// Where the columns stand among those of a file. Others are ignored, so that
/// labels or file names may stay beside the probabilities.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The column `candidate`.
    pub(super) candidate: usize,
    /// The column `patch`.
    pub(super) patch: usize,
    /// The columns `p_0`, `p_1`, …, in this order; at least two.
    pub(super) probabilities: Vec<usize>,
}

impl Columns {
    /// Finds the columns by name.
    ///
    /// # Errors
    /// A column is missing or there twice; the message lists those there.
    pub(super) fn find<S: AsRef<str>>(names: &[S]) -> Result<Self, String> {
        let candidate = require(names, "candidate")?;
        let patch = require(names, "patch")?;
        Ok(Self {
            candidate,
            patch,
            probabilities: probabilities(names)?,
        })
    }
}

/// The column of class k is named `p_k` in every format.
pub(super) fn probability(class: usize) -> String {
    format!("p_{class}")
}

/// The columns `p_0`, `p_1`, … without a gap.
pub(super) fn probabilities<S: AsRef<str>>(names: &[S]) -> Result<Vec<usize>, String> {
    let highest = names
        .iter()
        .filter_map(|name| name.as_ref().strip_prefix("p_")?.parse::<usize>().ok())
        .max();
    match highest {
        None | Some(0) => Err(format!(
            "needs a column of probabilities for each class, p_0, p_1 and so on, at least two; {}",
            there(names)
        )),
        // A stray `p_4000000000` must not make a list of that length.
        Some(highest) if highest >= names.len() => {
            let gap = (0..).find(|&k| !names.iter().any(|n| n.as_ref() == probability(k)));
            let gap = probability(gap.unwrap_or_default());
            Err(format!(
                "column {gap} is missing although p_{highest} is there; {}",
                there(names)
            ))
        }
        Some(highest) => (0..=highest)
            .map(|class| require(names, &probability(class)))
            .collect(),
    }
}

/// The one column of this name.
fn require<S: AsRef<str>>(names: &[S], name: &str) -> Result<usize, String> {
    let mut found = (0..names.len()).filter(|&at| names[at].as_ref() == name);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(format!(
            "column {name} is there twice; rename or remove one"
        )),
        (None, _) => Err(format!(
            "column {name} is missing; {}. The columns are candidate, patch, p_0, p_1 and so on",
            there(names)
        )),
    }
}

/// The columns that are there, in a few words.
fn there<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "it has none".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let rest = names.len().saturating_sub(SHOWN);
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("it has {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_are_found_in_any_order_among_others() {
        let names = ["p_1", "label", "patch", "p_0", "candidate", "p_mean"];
        let expected = Columns {
            candidate: 4,
            patch: 2,
            probabilities: vec![3, 0],
        };
        assert_eq!(Columns::find(&names), Ok(expected));
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_there() {
        let check = |names: &[&str], expected: &str| {
            let error = Columns::find(names).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(
            &["image", "patch", "p_0", "p_1"],
            "column candidate is missing; it has image, patch",
        );
        check(&["candidate", "p_0", "p_1"], "column patch is missing");
        check(
            &["candidate", "patch"],
            "at least two; it has candidate, patch",
        );
        check(&["candidate", "patch", "p_0"], "at least two");
        check(
            &["candidate", "patch", "p_0", "p_2"],
            "column p_1 is missing",
        );
        check(
            &["candidate", "patch", "p_0", "p_99"],
            "column p_1 is missing although p_99",
        );
        check(
            &["candidate", "patch", "p_1", "p_0", "p_1"],
            "column p_1 is there twice",
        );
        check(&[], "it has none");
    }
}
