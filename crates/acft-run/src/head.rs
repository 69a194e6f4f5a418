//! `--learn head`: the network stays as it is, and a convex head on its features learns from all labels of each step.
//!
//! ```text
//! images → network → features (on disk, shared by runs) → map → projected ─► head  ─► p(patch)
//!                                                                 └─ means ─► graph ─► p(candidate)
//! ```
//!
//! The map is fitted on the unlabeled candidates of the whole training part, of which the pool may be a draw: runs
//! whose pools differ share it where their splits agree. The graph joins the candidates of the pool; validation and
//! test candidates take the rows of their neighbours there, and shape nothing.
//!
//! A query looks at the head's prediction of each patch, as in the method's measurements. Models are judged by the
//! geometric mean of head and graph, one row a candidate (`Look` tells the two apart).

mod features;
mod file;
mod learner;
mod map;
mod model;
mod projected;
mod space;

pub(crate) use features::hash;
pub(crate) use learner::{HeadLearner, Look};
pub(crate) use space::{Plan, Space};

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use acft::{CandidateId, Scorer};
use acft_images::ImagePatches;
use acft_images::source::Dataset;
use anyhow::Context;

use crate::network::Setup;
use crate::settings::Settings;
use crate::teller::Teller;
use crate::{data, folder};

/// What the head that a run has kept in `file` says of each patch of a candidate. Features that are not on disk any more
/// are made again.
///
/// # Errors
/// The file is damaged or of another run, or the candidate cannot be read.
pub fn patches_of(
    settings: &Settings,
    data: &Dataset,
    file: &Path,
    id: CandidateId,
    teller: &dyn Teller,
) -> anyhow::Result<Vec<f64>> {
    let setup = Setup::new(settings, data)?;
    let patches = Arc::new(ImagePatches::new(
        data.candidates.clone(),
        setup.patches,
        settings.input,
        settings.cache_bytes,
    ));
    let plan = Plan {
        pool: data::pool(settings, data),
        others: vec![id],
        judged_by: None,
    };
    let space = Space::open(
        settings,
        data,
        &setup,
        &patches,
        plan,
        teller,
        "the command",
    )?;
    let space = Arc::new(space);
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let model = space.model(&file.display().to_string(), &bytes)?;
    let scorer = HeadLearner::new(space, Look::Patches);
    let mut outcome = None;
    scorer
        .predict(&model, &[id], &mut |_, rows| {
            outcome = Some(rows.map(<[f64]>::to_vec));
            ControlFlow::Continue(())
        })
        .map_err(anyhow::Error::from_boxed)?;
    Ok(outcome.context("the head gave no prediction")??)
}

/// The extension of a head's file.
pub const EXTENSION: &str = folder::HEAD;
