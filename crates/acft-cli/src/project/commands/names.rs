//! Candidates as people name them: by their names, or by their keys.

use std::collections::HashMap;

use acft::CandidateId;
use acft_project::Ledger;

/// Finds candidates by name and key.
pub(crate) struct Names<'a> {
    /// More than one where two listings use a name for different images.
    by_name: HashMap<&'a str, Vec<CandidateId>>,
    by_key: HashMap<String, CandidateId>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(ledger: &'a Ledger) -> Self {
        let mut by_name: HashMap<&str, Vec<CandidateId>> = HashMap::new();
        let mut by_key = HashMap::new();
        let changed = ledger.changed();
        for (id, candidate) in (0..).map(CandidateId).zip(ledger.candidates()) {
            by_name.entry(&candidate.name).or_default().push(id);
            by_key.insert(candidate.key.to_string(), id);
        }
        // What is in a changed file now has the name of what was there before.
        for ids in by_name.values_mut().filter(|ids| ids.len() > 1) {
            if !ids.iter().all(|id| changed.contains(id)) {
                ids.retain(|id| !changed.contains(id));
            }
        }
        Self { by_name, by_key }
    }

    /// The candidate of that name or key.
    ///
    /// # Errors
    /// There is none, or several have the name: what follows "candidate …".
    pub(crate) fn find(&self, wanted: &str) -> Result<CandidateId, String> {
        if let Some(id) = self.by_key.get(wanted) {
            return Ok(*id);
        }
        match self.by_name.get(wanted).map(Vec::as_slice) {
            Some([id]) => Ok(*id),
            Some(several) => Err(format!(
                "{wanted:?} is the name of {} candidates; give the key of the one that is meant",
                several.len()
            )),
            None => Err(match self.nearest(wanted) {
                Some(near) => format!("{wanted:?} is not in the project; did you mean {near:?}?"),
                None => format!("{wanted:?} is not in the project"),
            }),
        }
    }

    /// A name that ends as the wanted one does, or begins so: a path that was
    /// listed from another folder.
    fn nearest(&self, wanted: &str) -> Option<&'a str> {
        let file = wanted
            .rsplit(['/', '\\'])
            .next()
            .filter(|file| !file.is_empty())?;
        let mut near: Vec<&str> = self
            .by_name
            .keys()
            .copied()
            .filter(|name| name.rsplit(['/', '\\']).next() == Some(file))
            .collect();
        near.sort_unstable();
        near.first().copied()
    }
}
