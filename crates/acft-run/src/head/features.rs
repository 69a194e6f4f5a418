//! The network's features of all candidates of the data: made once, and shared by all runs that name the same folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use acft::{CandidateError, CandidateId};
use acft_images::ImagePatches;
use acft_images::source::Dataset;
use acft_vision::features::{
    FeatureError, FeatureObserver, FeatureStore, Member, Parameters, open_or_make,
};
use acft_vision::learner::Learner;

use crate::network::Setup;
use crate::teller::Teller;
use crate::there;

/// The hash that names the features of this data by this network, whether they are there or not.
///
/// # Errors
/// The input is too small for the network.
pub(crate) fn hash(
    data: &Dataset,
    setup: &Setup,
    patches: &Arc<ImagePatches>,
) -> anyhow::Result<String> {
    let learner = setup.learner(patches.clone())?;
    let keys = data.candidates.iter().map(|candidate| candidate.key);
    let parameters = Parameters::new(&learner, &setup.pretrained, &setup.patches, keys)?;
    Ok(parameters.hash().to_string())
}

/// Opens the features in a folder, and makes what is missing of them. A candidate's place is its id.
///
/// # Errors
/// A file has gone since the data were listed, the disk is full, or the folder cannot be written.
pub(crate) fn open(
    folder: &Path,
    data: &Dataset,
    setup: &Setup,
    patches: &Arc<ImagePatches>,
    teller: &dyn Teller,
    go_on: &str,
) -> anyhow::Result<FeatureStore> {
    let learner: Learner = setup.learner(patches.clone())?;
    let members: Vec<Member> = (0..)
        .zip(&data.candidates)
        .map(|(id, candidate)| Member {
            candidate: CandidateId(id),
            key: candidate.key,
        })
        .collect();
    let mut making = Making { teller, patches };
    let (model, policy) = (&setup.pretrained, &setup.patches);
    let opened = open_or_make(folder, &learner, model, policy, &members, &mut making);
    match (opened, patches.gone()) {
        (Err(FeatureError::Stopped { .. }), Some(reason)) => {
            Err(anyhow::anyhow!(there::gone(reason, go_on)))
        }
        (opened, _) => Ok(opened?),
    }
}

/// Tells how far the making is, and stops it where the images have gone: they are not broken then.
struct Making<'a> {
    teller: &'a dyn Teller,
    patches: &'a ImagePatches,
}

impl FeatureObserver for Making<'_> {
    fn notice(&mut self, text: &str) {
        self.teller.line(text);
    }

    fn made(
        &mut self,
        _candidate: CandidateId,
        outcome: Result<(), &CandidateError>,
        done: usize,
        of: usize,
    ) -> ControlFlow<()> {
        if outcome.is_err() && self.patches.gone().is_some() {
            return ControlFlow::Break(());
        }
        self.teller
            .at(0, 0.0, &|| format!("features of all images {done}/{of}"));
        ControlFlow::Continue(())
    }
}
