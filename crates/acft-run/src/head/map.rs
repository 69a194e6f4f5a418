//! The map from features to those of the head, fitted once and kept beside them.
//!
//! Its file is named by a hash of all that it depends on: the features, the settings, the candidates it is fitted on.
//! Runs that need the same map share it; who finds none, or a damaged one, fits it anew.

use acft::CandidateId;
use acft_head::{FeatureMap, MapError, MapSettings, Passes, Patches};
use acft_vision::features::FeatureStore;

use crate::bad_input;
use crate::files::write_atomically;
use crate::teller::Teller;

/// Changes whenever a map of the same settings comes out otherwise.
const VERSION: u32 = 1;

/// Candidates read at a time.
const AT_ONCE: usize = 64;

/// The map of these candidates of a store, from its folder or fitted.
///
/// # Errors
/// All patches are alike, or features cannot be read.
pub(super) fn fitted(
    store: &FeatureStore,
    settings: &MapSettings,
    candidates: &[CandidateId],
    teller: &dyn Teller,
) -> anyhow::Result<FeatureMap> {
    let mut train = Train::of(store, candidates)?;
    let path = store.path().with_file_name(train.file_name(settings));
    if let Ok(bytes) = std::fs::read(&path) {
        match FeatureMap::from_bytes(&bytes) {
            Ok(map) if map.inputs() == store.width() => return Ok(map),
            Ok(_) => teller.line(&format!(
                "{} is of other features; it is made anew",
                path.display()
            )),
            Err(error) => teller.line(&format!("{}: {error}; it is made anew", path.display())),
        }
    }
    teller.at(0, 0.0, &|| {
        format!("fitting the map to {} candidates", train.readable.len())
    });
    let map = FeatureMap::fit(settings, &mut train).map_err(|error| {
        match error.downcast_ref::<MapError>() {
            Some(MapError::Constant { .. } | MapError::TooFew { .. }) => {
                bad_input!("a head cannot be put on these features: {error}")
            }
            _ => error,
        }
    })?;
    write_atomically(&path, &map.to_bytes())?;
    Ok(map)
}

/// The candidates that the map is fitted on.
struct Train<'a> {
    store: &'a FeatureStore,
    readable: Vec<CandidateId>,
}

impl<'a> Train<'a> {
    fn of(store: &'a FeatureStore, candidates: &[CandidateId]) -> anyhow::Result<Self> {
        let mut readable = Vec::with_capacity(candidates.len());
        let mut rows = vec![0.0; store.patches_per_candidate() * store.width()];
        for &id in candidates {
            if store.read(id.index(), &mut rows)?.is_ok() {
                readable.push(id);
            }
        }
        Ok(Self { store, readable })
    }

    fn file_name(&self, settings: &MapSettings) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&VERSION.to_le_bytes());
        hasher.update(self.store.parameters().hash().as_bytes());
        hasher.update(&(settings.axes as u64).to_le_bytes());
        hasher.update(&settings.epsilon.to_le_bytes());
        hasher.update(&settings.gamma.to_le_bytes());
        for id in &self.readable {
            hasher.update(&id.0.to_le_bytes());
        }
        format!("{}.map", hasher.finalize())
    }
}

impl Passes for Train<'_> {
    type Error = anyhow::Error;

    fn width(&self) -> usize {
        self.store.width()
    }

    fn pass(
        &mut self,
        take: &mut dyn FnMut(&Patches<'_>) -> Result<(), MapError>,
    ) -> anyhow::Result<()> {
        let (patches, width) = (self.store.patches_per_candidate(), self.store.width());
        let size = patches * width;
        for ids in self.readable.chunks(AT_ONCE) {
            let mut values = vec![0.0; ids.len() * size];
            for (id, rows) in ids.iter().zip(values.chunks_exact_mut(size)) {
                self.store.read(id.index(), rows)??;
            }
            let first = ids.first().map_or(0, |id| id.index());
            take(&Patches::new(&values, patches, width, first).map_err(MapError::from)?)?;
        }
        Ok(())
    }
}
