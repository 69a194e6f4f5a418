//! Going back to an earlier model.

use crate::error::Error;
use crate::event::{Event, EventId, Moment};
use crate::ledger::Contradiction;
use crate::project::Project;

impl Project {
    /// Uses a model from now on, by its whole hash.
    ///
    /// # Errors
    /// There is no such model, it names other classes than those of today, or
    /// its file is gone; or the disk does not take it.
    pub fn use_model(&mut self, hash: &str, by: &str, now: Moment) -> Result<EventId, Error> {
        self.may_use(hash)?;
        let used = Event::ModelUsed {
            model: hash.to_owned(),
            by: by.to_owned(),
        };
        self.append_one(now, used)
    }

    /// Whoever goes back to a model is to be asked by it: not by a fresh layer
    /// on it, as the worker would make for other classes, and not by nothing.
    fn may_use(&self, hash: &str) -> Result<(), Error> {
        let models = self.ledger.models();
        let Ok(place) = models.require(hash) else {
            return Err(Error::Unknown(format!("there is no model {hash}")));
        };
        let classes = &models.all()[place].model.classes;
        if !classes.iter().copied().eq(self.ledger.classes().current()) {
            let text = "that model was made for other classes: choose one that was made since they changed";
            return Err(Error::Refused(Contradiction(text.to_owned())));
        }
        if !self.model_path(hash).is_file() {
            return Err(Error::Conflict(format!(
                "the file of model {hash} is missing: that model cannot be used; `acft check` says more"
            )));
        }
        Ok(())
    }
}
