//! A short queue: few at once, few that wait, and the rest is turned away
//! rather than piled up.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Those who run, and those who wait.
#[derive(Debug)]
pub(crate) struct Queue {
    running: Arc<Semaphore>,
    /// Running and waiting together.
    inside: Arc<Semaphore>,
}

/// A place in the queue, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    running: Arc<Semaphore>,
    _inside: OwnedSemaphorePermit,
}

/// A turn, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _running: OwnedSemaphorePermit,
    _place: Place,
}

impl Queue {
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.max(1);
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            inside: Arc::new(Semaphore::new(at_once + waiting)),
        }
    }

    /// Joins the queue, unless it is full. To be done once all of a body is here:
    /// a slow line must not keep a place from others.
    pub(crate) fn join(&self) -> Result<Place, Problem> {
        let inside = Arc::clone(&self.inside).try_acquire_owned();
        Ok(Place {
            running: Arc::clone(&self.running),
            _inside: inside.map_err(|_| full())?,
        })
    }

    /// Refuses where the queue is full already: a large body need not come then.
    pub(crate) fn require_room(&self) -> Result<(), Problem> {
        match self.inside.available_permits() {
            0 => Err(full()),
            _ => Ok(()),
        }
    }
}

impl Place {
    /// Waits for its turn.
    pub(crate) async fn turn(self) -> Result<Turn, Problem> {
        let running = Arc::clone(&self.running).acquire_owned().await;
        Ok(Turn {
            _running: running.map_err(|_| Problem::stopping())?,
            _place: self,
        })
    }
}

pub(crate) fn full() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too many images are waiting for the network already",
        "wait a second, then send it again; nothing was accepted",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn whoever_finds_it_full_is_turned_away_at_once() {
        let queue = Queue::new(1, 1);
        let turn = queue.join().unwrap().turn().await.unwrap();
        let waiting = queue.join().unwrap();
        let refused = queue.join().unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);

        drop(turn);
        let turn = waiting.turn().await.unwrap();
        assert!(queue.join().is_ok());
        drop(turn);
    }
}
