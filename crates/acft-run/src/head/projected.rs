//! The projected features of the candidates that a run looks at, in memory.

use acft::{CandidateError, CandidateId};
use acft_head::{FeatureMap, Patches, Pool};
use acft_vision::features::FeatureStore;

/// Candidates projected at a time.
const AT_ONCE: usize = 64;

/// Features of candidates, by id: `4 · candidates · (patches + 1) · features` bytes.
pub(super) struct Projected {
    pool: Pool,
    places: Vec<Place>,
}

/// Where a candidate's features are.
#[derive(Clone)]
enum Place {
    /// They are not held.
    Elsewhere,
    At(usize),
    Unreadable(CandidateError),
}

impl Projected {
    /// Those of `wanted`, ids of the store.
    pub(super) fn new(
        store: &FeatureStore,
        map: &FeatureMap,
        wanted: impl Iterator<Item = CandidateId>,
    ) -> anyhow::Result<Self> {
        let (patches, width) = (store.patches_per_candidate(), store.width());
        let mut places = vec![Place::Elsewhere; store.candidates()];
        let mut pool = Pool::new(map, patches);
        let mut waiting = Vec::new();
        let mut rows = vec![0.0; patches * width];
        let mut count = 0;
        let project = |waiting: &mut Vec<f32>, pool: &mut Pool| -> anyhow::Result<()> {
            if !waiting.is_empty() {
                let raw = Patches::new(waiting, patches, width, pool.len())?;
                pool.extend(map, &raw)?;
                waiting.clear();
            }
            Ok(())
        };
        for id in wanted {
            if !matches!(places[id.index()], Place::Elsewhere) {
                continue;
            }
            places[id.index()] = match store.read(id.index(), &mut rows)? {
                Err(error) => Place::Unreadable(error),
                Ok(()) => {
                    waiting.extend_from_slice(&rows);
                    count += 1;
                    Place::At(count - 1)
                }
            };
            if waiting.len() == AT_ONCE * patches * width {
                project(&mut waiting, &mut pool)?;
            }
        }
        project(&mut waiting, &mut pool)?;
        Ok(Self { pool, places })
    }

    /// All of them.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A candidate's place in [`Self::pool`], or what is wrong with it.
    pub(super) fn place(&self, id: CandidateId) -> Result<usize, CandidateError> {
        match self.places.get(id.index()) {
            Some(Place::At(at)) => Ok(*at),
            Some(Place::Unreadable(error)) => Err(error.clone()),
            Some(Place::Elsewhere) | None => Err(CandidateError {
                reason: "its features were not asked for when the run began".to_owned(),
            }),
        }
    }

    /// The mean features of a candidate's first patches, at most as many as it has.
    pub(super) fn mean_of_first(&self, at: usize, patches: usize) -> Vec<f32> {
        let width = self.pool.width();
        if patches >= self.pool.patches() {
            return self.pool.mean(at).to_vec();
        }
        let rows = &self.pool.candidate(at)[..patches * width];
        let mut mean = vec![0.0_f64; width];
        for row in rows.chunks_exact(width) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let mean = mean.iter().map(|sum| (sum / patches as f64) as f32);
        mean.collect()
    }
}
