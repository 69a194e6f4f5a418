//! Images on their way in. They take memory as they come, out of one store:
//! who sends slowly keeps nothing from others, and who finds the store used up
//! is turned away.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::Shared;
use crate::extract::{broke_off, require_small};
use crate::problem::Problem;
use crate::queue::full;
use crate::settings::ServeSettings;

/// What is taken out of the store at a time.
const PIECE: usize = 64 << 10;

/// The store, in pieces.
#[derive(Debug)]
pub(crate) struct Uploads {
    free: Arc<Semaphore>,
}

impl Uploads {
    /// Room for as many images of the largest size as may run and wait.
    pub(crate) fn new(settings: &ServeSettings) -> Self {
        let images = settings.predictions_at_once.max(1) + settings.predictions_waiting;
        let pieces = images * settings.image_limit.div_ceil(PIECE);
        Self {
            free: Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS))),
        }
    }
}

/// An image that was received. It gives its room back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Deref for Upload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Upload {
    /// Adds bytes, with room for them.
    fn add(&mut self, data: &[u8], store: &Uploads) -> Result<(), Problem> {
        let pieces = |bytes: usize| bytes.div_ceil(PIECE);
        let length = self.bytes.len() + data.len();
        let more = pieces(length) - pieces(self.bytes.len());
        if more > 0 {
            let more = u32::try_from(more).map_err(|_| full())?;
            let taken = Arc::clone(&store.free).try_acquire_many_owned(more);
            let taken = taken.map_err(|_| full())?;
            match &mut self.room {
                Some(room) => room.merge(taken),
                none => *none = Some(taken),
            }
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

/// Receives an image; a longer one than is taken is refused before it is read,
/// where its length is announced.
pub(crate) async fn receive(
    app: &Shared,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Upload, Problem> {
    let limit = app.settings.image_limit;
    require_small(headers, limit)?;
    app.predictions.require_room()?;
    let mut upload = Upload::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| broke_off())?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if upload.bytes.len() + data.len() > limit {
            return Err(Problem::too_large(limit));
        }
        upload.add(data, &app.uploads)?;
    }
    Ok(upload)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_store_is_used_up_by_bytes_and_not_by_requests() {
        let mut settings = ServeSettings::new("p", "0");
        settings.image_limit = 2 * PIECE;
        settings.predictions_at_once = 1;
        settings.predictions_waiting = 1;
        let store = Uploads::new(&settings);
        let mut slow: Vec<Upload> = (0..3).map(|_| Upload::default()).collect();
        for upload in &mut slow {
            upload.add(b"a little", &store).unwrap();
            upload.add(b"more", &store).unwrap();
        }
        let mut large = Upload::default();
        large.add(&[1; PIECE], &store).unwrap();
        assert_eq!(large.add(&[1], &store).unwrap_err().status, 429);
        assert_eq!(large.len(), PIECE);
        drop(slow);
        large.add(&[1; PIECE], &store).unwrap();
        drop(large);
        assert_eq!(store.free.available_permits(), 4);
    }
}
