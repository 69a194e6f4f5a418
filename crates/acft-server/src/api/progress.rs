//! How far the project is.

use acft_project::{Moment, Progress};
use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;

use super::values::{Kept, Nothing};
use crate::app::{App, now};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::told::Told;
use crate::work::Report;

#[derive(Debug, Serialize)]
pub(crate) struct Far {
    #[serde(flatten)]
    progress: Progress,
    work: Doing,
    model: Option<InUse>,
    /// Why to stop, where a rule says so.
    stop: Option<String>,
}

/// What the network is doing. A message of the worker may tell of files.
#[derive(Debug, Serialize)]
struct Doing {
    #[serde(flatten)]
    report: Report,
    message: Told,
}

/// The model in use.
#[derive(Debug, Serialize)]
struct InUse {
    hash: String,
    step: u32,
    auc: Option<f64>,
    adopted_at: Moment,
}

/// `GET /api/progress`
pub(crate) async fn progress(
    State(app): State<App>,
    caller: Caller,
) -> Result<Answer<Far>, Problem> {
    let mut report = app.work.report();
    let message = std::mem::take(&mut report.message).into();
    let work = Doing { report, message };
    app.ask(&caller, move |project, _| {
        let progress = project.progress();
        let current = project.ledger().models().current();
        Ok(Answer(Far {
            stop: progress.advice.clone(),
            progress,
            work,
            model: current.map(|made| InUse {
                hash: made.model.hash.clone(),
                step: made.model.step,
                auc: made.model.verdict.and_then(|verdict| verdict.after),
                adopted_at: made.at,
            }),
        }))
    })
    .await
}

/// `POST /api/go-on`: labels on, against advice.
pub(crate) async fn go_on(
    State(app): State<App>,
    caller: Caller,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Answer<Kept>, Problem> {
    app.ask(&caller, |project, annotator| {
        let event = project.go_on(annotator, now())?;
        Ok(Answer(Kept { event }))
    })
    .await
}
