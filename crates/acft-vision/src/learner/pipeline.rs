//! Work in the background, results in order, memory bounded.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Calls `produce` for 0..count on `workers` threads and `consume` here, in
/// order, until it breaks.
///
/// At most two results a worker are waiting at any time. Which thread makes
/// which result is fixed, so nothing depends on how they are scheduled.
pub(super) fn ordered<T: Send, E>(
    count: usize,
    workers: usize,
    produce: impl Fn(usize) -> T + Sync,
    mut consume: impl FnMut(usize, T) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let workers = workers.clamp(1, count.max(1));
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(1);
                let produce = &produce;
                scope.spawn(move || {
                    for index in (worker..count).step_by(workers) {
                        // The receiver is gone when the consumer has had enough.
                        if sender.send(produce(index)).is_err() {
                            break;
                        }
                    }
                });
                receiver
            })
            .collect();
        for index in 0..count {
            // A worker that panicked sends nothing more; the scope passes its
            // panic on when it ends.
            let Ok(result) = lanes[index % workers].recv() else {
                break;
            };
            if consume(index, result)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_production_never_runs_far_ahead() {
        for workers in [1, 2, 5] {
            let made = AtomicUsize::new(0);
            let mut seen = Vec::new();
            let produce = |index| {
                made.fetch_add(1, Ordering::SeqCst);
                index * 10
            };
            let outcome: Result<(), ()> = ordered(40, workers, produce, |index, value| {
                assert_eq!(value, index * 10);
                seen.push(index);
                // One in the channel and one in hand, for each worker.
                assert!(made.load(Ordering::SeqCst) <= seen.len() + 2 * workers);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, (0..40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn breaking_and_failing_stop_the_producers() {
        let made = AtomicUsize::new(0);
        let produce = |_| made.fetch_add(1, Ordering::SeqCst);
        let outcome: Result<(), ()> = ordered(1_000_000, 2, produce, |index, _| {
            Ok(if index == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        });
        assert_eq!(outcome, Ok(()));
        assert!(made.load(Ordering::SeqCst) <= 8);
        assert_eq!(ordered(10, 2, produce, |_, _| Err("full")), Err("full"));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_producers_panic_is_not_lost() {
        let produce = |index: usize| assert!(index < 3, "bad image");
        let _: Result<(), ()> = ordered(10, 2, produce, |_, ()| Ok(ControlFlow::Continue(())));
    }
}
