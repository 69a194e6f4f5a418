//! A copy of a project's database, taken while it is written to.

use std::path::Path;

use crate::check::check_database;
use crate::error::Error;
use crate::event::{EventId, Moment};
use crate::project::Project;
use crate::rules::Rules;
use crate::store::{self, DATABASE, Mark, Store};

/// What a database speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its last event.
    pub last: EventId,
    /// When that was.
    pub at: Moment,
    /// How many candidates it has.
    pub candidates: usize,
    /// How many of them have a label that counts.
    pub labeled: usize,
    /// The hashes of all models, oldest first.
    pub models: Vec<String>,
    /// The hash of the model in use.
    pub current: Option<String>,
    /// The images that lie within the project's folder.
    pub images: Vec<String>,
}

/// The last event of a project, as it is now.
///
/// # Errors
/// There is no project, or it cannot be read.
pub fn last_event(root: &Path) -> Result<EventId, Error> {
    Ok(EventId(Store::read(root)?.head()?.last))
}

/// Copies the database of a project, as it is now, into a folder, and checks
/// the copy. All that was acknowledged before is in it.
///
/// # Errors
/// There is no project, it is damaged, or the disk does not take the copy.
pub fn back_up(root: &Path, to: &Path) -> Result<Contents, Error> {
    let store = Store::read(root)?;
    store.require_marked()?;
    store.copy_to(&to.join(DATABASE))?;
    let copy = Store::read(to)?;
    if let Mark::At(head) = store.mark() {
        copy.require_event(*head)?;
    }
    store::make_head(to, copy.head()?)?;
    drop((store, copy));
    verify(to)
}

/// Checks a database that nobody writes to, and says what is in it.
///
/// # Errors
/// There is none, or something is wrong with it.
pub fn verify(folder: &Path) -> Result<Contents, Error> {
    if let Some(wrong) = check_database(folder)?.first() {
        return Err(Error::Damaged(format!("{}: {}", wrong.about, wrong.wrong)));
    }
    let project = Project::read(folder, Rules::default())?;
    let mut at = Moment(0);
    project.history(|_, moment, _| {
        at = moment;
        std::ops::ControlFlow::Continue(())
    })?;
    let ledger = project.ledger();
    let models = ledger.models();
    let mut images: Vec<String> = ledger
        .candidates()
        .iter()
        .filter(|candidate| Path::new(&candidate.path).is_relative())
        .map(|candidate| candidate.path.clone())
        .collect();
    images.sort();
    images.dedup();
    Ok(Contents {
        last: ledger.last(),
        at,
        candidates: ledger.candidates().len(),
        labeled: ledger
            .votes()
            .in_order()
            .filter(|id| ledger.label(*id).is_some())
            .count(),
        models: models
            .all()
            .iter()
            .map(|made| made.model.hash.clone())
            .collect(),
        current: models.current().map(|made| made.model.hash.clone()),
        images,
    })
}
