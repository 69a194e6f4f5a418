//! Reading regions from disk, and keeping them in bounded memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{PatchPolicy, Region, canonical_region};
use crate::{
    image_io::{self, ImageError, ImageFault},
    source::Candidate,
};

/// Reads a candidate's image and cuts its canonical region.
///
/// # Errors
/// The file is missing or cannot be decoded, or it has changed since it was
/// listed so that the candidate's box no longer lies in it.
pub fn load_region(
    candidate: &Candidate,
    policy: &PatchPolicy,
    input: usize,
) -> Result<Region, ImageError> {
    let bytes = image_io::read_file(&candidate.path)?;
    region_of(bytes, candidate, policy, input)
}

/// The same, of the bytes of the candidate's file.
///
/// # Errors
/// They cannot be decoded, or are not those that were listed, so that the
/// candidate's box no longer lies in the image.
pub fn region_of(
    bytes: Vec<u8>,
    candidate: &Candidate,
    policy: &PatchPolicy,
    input: usize,
) -> Result<Region, ImageError> {
    let path = &candidate.path;
    let image = image_io::decode(path, &bytes, policy.window())?;
    // Every thread reads an image: files and pixels together would be the peak.
    drop(bytes);
    if let Some(region) = candidate.region
        && (region.x1 > image.width() || region.y1 > image.height())
    {
        let (width, height) = image.dimensions();
        return Err(ImageFault::BoxOutside {
            region,
            width,
            height,
        }
        .at(path));
    }
    Ok(canonical_region(&image, candidate.region, policy, input))
}

/// Regions kept in memory, by the candidate's index, up to a number of bytes.
///
/// A full cache stores nothing more and evicts nothing: a pool is read from
/// end to end over and over, which would make any eviction miss every time.
/// The regions are the same either way, so the cache never shows in a result.
#[derive(Debug)]
pub struct RegionCache {
    max_bytes: usize,
    stored: RwLock<Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    regions: HashMap<usize, Arc<Region>>,
    bytes: usize,
}

impl RegionCache {
    /// An empty cache that holds at most `max_bytes` of pixels; 0 turns it off.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            stored: RwLock::default(),
        }
    }

    /// The region of candidate `index`, if it is stored.
    pub fn get(&self, index: usize) -> Option<Arc<Region>> {
        // Every write is one insertion, so a panic elsewhere leaves no half of one.
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.regions.get(&index).cloned()
    }

    /// The region of candidate `index`, made by `load` where it is not stored.
    ///
    /// No lock is held meanwhile: two threads may both load the same region,
    /// and the first that is done is kept.
    ///
    /// # Errors
    /// Those of `load`; nothing is stored then.
    pub fn get_or_load<E>(
        &self,
        index: usize,
        load: impl FnOnce() -> Result<Region, E>,
    ) -> Result<Arc<Region>, E> {
        if let Some(region) = self.get(index) {
            return Ok(region);
        }
        let region = Arc::new(load()?);
        let mut stored = self.stored.write().unwrap_or_else(PoisonError::into_inner);
        let bytes = stored.bytes + region.pixels().len();
        if bytes <= self.max_bytes && !stored.regions.contains_key(&index) {
            stored.bytes = bytes;
            stored.regions.insert(index, Arc::clone(&region));
        }
        Ok(region)
    }

    /// Bytes of pixels that are stored.
    pub fn bytes(&self) -> usize {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.bytes
    }
}
