//! How labeling goes, as far as it is not what happened.

/// The rules of serving. They may change from one opening to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many annotators label each candidate before its label counts.
    pub overlap: usize,
    /// One in how many served candidates is drawn by chance for the holdout; 0
    /// for none.
    pub holdout_one_in: usize,
    /// How many of each class the holdout needs before it can judge models.
    pub holdout_per_class: usize,
    /// How long a candidate is kept for whoever was served it, in milliseconds.
    pub lease_ms: i64,
    /// How many are drawn at once while the network is busy.
    pub ahead: usize,
    /// How many labels may be spent.
    pub budget: Option<usize>,
    /// How many of one group a batch may hold.
    pub max_per_group: Option<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            overlap: 1,
            holdout_one_in: 10,
            holdout_per_class: 30,
            lease_ms: 15 * 60 * 1000,
            ahead: 4,
            budget: None,
            max_per_group: None,
        }
    }
}
