//! The two halves of a step, each as a function for a command.

use std::sync::atomic::AtomicBool;

use acft_project::Project;
use acft_run::bad_input;
use acft_server::{Work, now};

use super::append::{advise, append};
use super::lab::Lab;
use super::observer::Watch;
use super::snapshot::Snapshot;
use crate::settings::ProjectSettings;
use crate::vision::InUse;

/// What came of a query.
#[derive(Clone, Copy, Debug)]
pub struct Queried {
    /// How many candidates were scored.
    pub scored: usize,
    /// How many labels were learned again first, because the classes had changed.
    pub relearned: usize,
}

/// `acft query`: ranks U and draws a batch. `work` says how far it is.
///
/// # Errors
/// The model in use cannot be read, or the disk does not take the draw.
pub fn query_once(
    project: &mut Project,
    settings: &ProjectSettings,
    batch: Option<usize>,
    work: &Work,
) -> anyhow::Result<Queried> {
    // Before U is looked at: a holdout sets aside what is of its group.
    project.hold_out(now())?;
    let (mut lab, mut now) = follow(project, settings)?;
    let mut relearned = 0;
    if project.ledger().models().is_fresh() && now.labeled_classes() >= 2 && !now.new.is_empty() {
        // Its last layer knows no class yet: what it would ask about is noise.
        relearned = now.new.len();
        learn(project, &mut lab, &now, work)?;
        now = Snapshot::of(project.ledger(), lab.known());
        lab.follow(&now)?;
    }
    let stop = AtomicBool::new(false);
    let mut watch = Watch::new(work, &stop);
    let draw = batch.unwrap_or(settings.batch());
    let (events, scored) = lab.rank(&now, draw, &mut watch)?;
    append(project, &lab.in_use().hash, events)?;
    Ok(Queried { scored, relearned })
}

/// `acft train`: one step of fine-tuning on the labels that the model in use
/// has not learned.
///
/// # Errors
/// There are no such labels, or they are of one class only; the fine-tuning fails; or the model
/// cannot be written.
pub fn train_once(
    project: &mut Project,
    settings: &ProjectSettings,
    work: &Work,
) -> anyhow::Result<()> {
    let (mut lab, now) = follow(project, settings)?;
    // Not before: where the classes have changed, all labels are to be learned again.
    if now.new.is_empty() {
        return Err(bad_input!(
            "there is nothing to learn: the model in use has learned every label; \
             `acft query` draws candidates to label"
        ));
    }
    if now.labeled_classes() < 2 {
        return Err(bad_input!(
            "all labels are of one class: label some images of another class first"
        ));
    }
    learn(project, &mut lab, &now, work)
}

/// One step of fine-tuning, and what it says of going on.
fn learn(project: &mut Project, lab: &mut Lab, now: &Snapshot, work: &Work) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    let events = lab.train(now, &mut Watch::new(work, &stop))?;
    append(project, &lab.in_use().hash, events)?;
    advise(project, lab.plan())?;
    Ok(())
}

/// A lab for the present state of the project, with a last layer for its classes.
fn follow(project: &mut Project, settings: &ProjectSettings) -> anyhow::Result<(Lab, Snapshot)> {
    let in_use = InUse::of(project)?;
    let mut lab = Lab::new(project.root(), settings.clone(), in_use)?;
    let now = Snapshot::of(project.ledger(), 0);
    lab.follow(&now)?;
    if now.current.as_ref().map(|made| &made.classes) == Some(&now.classes) {
        return Ok((lab, now));
    }
    let events = lab.new_head(&now)?;
    append(project, &lab.in_use().hash, events)?;
    let now = Snapshot::of(project.ledger(), lab.known());
    lab.follow(&now)?;
    Ok((lab, now))
}
