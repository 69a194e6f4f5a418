//! The thread that owns a project. Others send it work and never wait for each
//! other's disk: works that are waiting share one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::Error;
use crate::event::EventId;
use crate::project::Project;

/// The most works that share a commit: more would make the first of them wait.
const MOST_IN_GROUP: usize = 256;

/// How often the files of the project are looked at while there is nothing to do.
const LOOK: Duration = Duration::from_millis(400);

/// Given the project, or why there is none, does the work; what comes back
/// tells the caller once the commit is through, or has failed.
type Job = Box<dyn FnOnce(Result<&mut Project, Error>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Option<&Error>) + Send>;

/// Those who hear of changes; none once nothing changes any more.
type Subscribers = Option<Vec<Sender<EventId>>>;

enum Message {
    Work(Job),
    Stop,
}

/// A handle to the thread that owns a project. Cloning it is cheap.
#[derive(Clone)]
pub struct Keeper {
    sender: Sender<Message>,
    subscribers: Arc<Mutex<Subscribers>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl Keeper {
    /// Gives a project to a thread of its own.
    pub fn start(project: Project) -> Self {
        Self::start_watched(project, |_| {})
    }

    /// As [`Keeper::start`]; `taken_away` is told once when another program
    /// removed or changed the files of the project: nothing is accepted then.
    pub fn start_watched(
        project: Project,
        taken_away: impl FnOnce(&Error) + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        let subscribers = Arc::new(Mutex::new(Some(Vec::new())));
        let keeper = Self {
            sender,
            subscribers: Arc::clone(&subscribers),
            thread: Arc::default(),
        };
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                let mut alarm = Alarm(Some(Box::new(taken_away)));
                keep(project, &receiver, &subscribers, &mut alarm);
            })
            .expect("a process that serves can have one more thread");
        *lock(&keeper.thread) = Some(thread);
        keeper
    }

    /// Has `work` done, and `reply` called with its outcome once all of it is
    /// on disk. Works are done in the order in which they come. One that
    /// fails, or panics, leaves nothing behind. `reply` is called on the
    /// keeper's thread and must not wait for anything; it is dropped uncalled
    /// where the keeper was stopped before its turn.
    pub fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Project) -> Result<T, Error> + Send + 'static,
        reply: impl FnOnce(Result<T, Error>) + Send + 'static,
    ) {
        let job: Job = Box::new(move |project| {
            let outcome = project.and_then(|project| project.attempt(work));
            Box::new(move |lost: Option<&Error>| {
                reply(match lost {
                    Some(error) => Err(error.clone()),
                    None => outcome,
                });
            })
        });
        // Where the keeper is gone, the job goes, and with it its reply.
        let _ = self.sender.send(Message::Work(job));
    }

    /// Has `work` done and waits until all of it is on disk.
    ///
    /// # Errors
    /// What the work returns, or that the disk does not take it, or that the
    /// keeper was stopped.
    pub fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Project) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(work, move |outcome| {
            let _ = sender.send(outcome);
        });
        receiver.recv().unwrap_or(Err(Error::Stopped))
    }

    /// Hears the last event after each commit that brought one. It is closed
    /// once the keeper was stopped.
    pub fn changes(&self) -> Receiver<EventId> {
        let (sender, receiver) = mpsc::channel();
        if let Some(subscribers) = &mut *lock(&self.subscribers) {
            subscribers.push(sender);
        }
        receiver
    }

    /// Does what is waiting, closes the project and ends the thread. Whoever
    /// comes later is told that the keeper was stopped.
    pub fn stop(&self) {
        let _ = self.sender.send(Message::Stop);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        // Nothing changes any more: those who wait for a change are let go.
        *lock(&self.subscribers) = None;
    }
}

/// Whom to tell that the files were taken away; none once that was done.
struct Alarm(Option<Ring>);

type Ring = Box<dyn FnOnce(&Error) + Send>;

impl Alarm {
    fn look(&mut self, project: &Project) {
        if let Err(error @ Error::TakenAway(_)) = project.require_in_place()
            && let Some(tell) = self.0.take()
        {
            tell(&error);
        }
    }
}

fn keep(
    mut project: Project,
    receiver: &Receiver<Message>,
    subscribers: &Mutex<Subscribers>,
    alarm: &mut Alarm,
) {
    let mut stopping = false;
    while !stopping {
        let first = match receiver.recv_timeout(LOOK) {
            Ok(Message::Work(first)) => first,
            Err(RecvTimeoutError::Timeout) => {
                alarm.look(&project);
                continue;
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut jobs = vec![first];
        while jobs.len() < MOST_IN_GROUP {
            match receiver.try_recv() {
                Ok(Message::Work(job)) => jobs.push(job),
                Ok(Message::Stop) => {
                    stopping = true;
                    break;
                }
                Err(_) => break,
            }
        }
        let before = project.ledger().last();
        let (replies, lost) = group(&mut project, jobs);
        let last = project.ledger().last();
        for reply in replies {
            // A caller that cannot take its answer is no reason to end.
            let _ = catch_unwind(AssertUnwindSafe(|| reply(lost.as_ref())));
        }
        if last != before
            && let Some(subscribers) = &mut *lock(subscribers)
        {
            subscribers.retain(|subscriber| subscriber.send(last).is_ok());
        }
        alarm.look(&project);
    }
    // Closing a database touches what is at its place now.
    alarm.look(&project);
}

/// Does some jobs within one transaction; says why it was lost, where it was.
fn group(project: &mut Project, jobs: Vec<Job>) -> (Vec<Reply>, Option<Error>) {
    if let Err(error) = project.begin() {
        let replies = jobs
            .into_iter()
            .map(|job| job(Err(error.clone())))
            .collect();
        return (replies, Some(error));
    }
    let replies = jobs.into_iter().map(|job| job(Ok(&mut *project))).collect();
    (replies, project.commit().err())
}

/// What the lock guards is whole at every moment, so a panic elsewhere is no
/// reason not to go on.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
