//! The connections that are open. A new one is never refused: where there are
//! too many, the one that has kept the server waiting longest is closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::activity::Activity;

/// How soon it is looked again for one that can be closed, where all are at work.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Table {
    most: usize,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, Arc<Activity>>,
}

/// A place in the table, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    table: Arc<Table>,
    number: u64,
    pub(super) activity: Arc<Activity>,
}

impl Table {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A place for a new connection, at the cost of an old one where need be.
    pub(super) async fn admit(self: &Arc<Self>) -> Slot {
        loop {
            if let Some(slot) = self.try_admit() {
                return slot;
            }
            self.evict_one();
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    fn try_admit(self: &Arc<Self>) -> Option<Slot> {
        let mut open = self.lock();
        if open.all.len() >= self.most {
            return None;
        }
        let number = open.next;
        open.next += 1;
        let activity = Arc::new(Activity::new());
        open.all.insert(number, Arc::clone(&activity));
        Some(Slot {
            table: Arc::clone(self),
            number,
            activity,
        })
    }

    fn evict_one(&self) {
        let open = self.lock();
        let claims = open
            .all
            .values()
            .filter_map(|one| one.claim().map(|claim| (claim, one)));
        if let Some((_, one)) = claims.min_by_key(|(claim, _)| *claim) {
            tracing::debug!("too many connections: one that was silent is closed");
            one.evict();
        }
    }

    /// Closes all connections: those between requests at once, the others when
    /// they are answered, or once `patience` is over.
    pub(super) async fn close(&self, patience: Duration) {
        for one in self.lock().all.values() {
            match one.is_between_requests() {
                true => one.evict(),
                false => one.close.notify_one(),
            }
        }
        if tokio::time::timeout(patience, self.emptied()).await.is_ok() {
            return;
        }
        tracing::warn!("stopping although requests are still open");
        self.lock().all.values().for_each(|one| one.evict());
        let _ = tokio::time::timeout(LOOK_AGAIN, self.emptied()).await;
    }

    async fn emptied(&self) {
        while !self.lock().all.is_empty() {
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.table.lock().all.remove(&self.number);
        self.table.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_the_one_that_was_silent_longest() {
        let table = Table::new(2);
        let first = table.admit().await;
        let second = table.admit().await;
        assert!(table.try_admit().is_none());
        let newcomer = tokio::spawn({
            let table = Arc::clone(&table);
            async move { table.admit().await }
        });
        first.activity.leave.notified().await;
        assert!(second.activity.claim().is_some());
        drop(first);
        assert_eq!(newcomer.await.unwrap().number, 2);
    }

    #[tokio::test]
    async fn nobody_for_whom_the_server_works_is_closed() {
        let table = Table::new(1);
        let busy = table.admit().await;
        busy.activity.begin();
        table.evict_one();
        let left = tokio::time::timeout(LOOK_AGAIN, busy.activity.leave.notified()).await;
        assert!(left.is_err());
    }
}
