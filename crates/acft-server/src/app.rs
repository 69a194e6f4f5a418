//! The application: one value that all handlers share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use acft_project::{Error, Keeper, Moment, Project};
use tokio::sync::{Semaphore, oneshot};

use crate::guard::{Caller, Known};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::queue::Queue;
use crate::settings::ServeSettings;
use crate::uploads::Uploads;
use crate::vision::Vision;
use crate::work::Work;

/// What is served.
pub struct Served {
    /// The thread that owns the project.
    pub keeper: Keeper,
    /// Whoever knows pixels and networks.
    pub vision: Arc<dyn Vision>,
    /// What the worker is doing.
    pub work: Arc<Work>,
    /// Everything else.
    pub settings: ServeSettings,
}

impl From<Served> for Shared {
    fn from(served: Served) -> Self {
        let settings = served.settings;
        Self {
            keeper: served.keeper,
            vision: served.vision,
            work: served.work,
            known: Known::default(),
            metrics: Metrics::new(),
            predictions: Queue::new(settings.predictions_at_once, settings.predictions_waiting),
            uploads: Uploads::new(&settings),
            images: Arc::new(Semaphore::new(settings.images_at_once.max(1))),
            settings,
        }
    }
}

/// What every handler is given.
pub(crate) type App = Arc<Shared>;

pub(crate) struct Shared {
    keeper: Keeper,
    pub(crate) vision: Arc<dyn Vision>,
    pub(crate) work: Arc<Work>,
    pub(crate) known: Known,
    pub(crate) metrics: Metrics,
    pub(crate) predictions: Queue,
    pub(crate) uploads: Uploads,
    images: Arc<Semaphore>,
    pub(crate) settings: ServeSettings,
}

/// Why a piece of work on the project stopped.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The request is at fault. Only before anything was written: such an end
    /// undoes nothing.
    Problem(Problem),
    /// The project said no; nothing of the work stays.
    Project(Error),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Project(error)
    }
}

impl Shared {
    /// Does something on the thread that owns the project, for an annotator.
    /// What it wrote is on disk when this returns.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&mut Project, &str) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, Problem> {
        let caller = caller.clone();
        self.peek(move |project| {
            caller.require_welcome(project.ledger())?;
            work(project, &caller.name)
        })
        .await
    }

    /// The same for an administrator.
    pub(crate) async fn govern<T: Send + 'static>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&mut Project) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, Problem> {
        let caller = caller.clone();
        self.peek(move |project| {
            caller.require_administrator(project.ledger())?;
            work(project)
        })
        .await
    }

    /// The same for nobody in particular.
    pub(crate) async fn peek<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Project) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, Problem> {
        let (tell, told) = oneshot::channel();
        self.keeper.submit(
            move |project| match work(project) {
                Ok(done) => Ok(Ok(done)),
                Err(Halt::Problem(problem)) => Ok(Err(problem)),
                Err(Halt::Project(error)) => Err(error),
            },
            // Nobody listens any more where the request ran out of time.
            move |answer| drop(tell.send(answer)),
        );
        told.await.map_err(|_| Problem::stopping())??
    }

    /// Does something with pixels on a thread of its own; only few at once, so
    /// that memory holds them.
    pub(crate) async fn see<T: Send + 'static>(
        &self,
        look: impl FnOnce(&dyn Vision) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.images).acquire_owned().await;
        let permit = permit.map_err(|_| Problem::stopping())?;
        let vision = Arc::clone(&self.vision);
        on_a_thread(move || {
            // Held until the work ends, also where nobody waits for it any more.
            let _permit = permit;
            look(&*vision)
        })
        .await
    }
}

/// Runs what may take long where it holds up no other request.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!("a thread failed: {error}");
        Problem::internal()
    })
}

/// Now, in milliseconds since 1970.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Moment(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}
