//! The models that were made, and going back to one.

use acft_project::{EventId, Moment};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::{App, now};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::told::Told;

#[derive(Debug, Serialize)]
pub(crate) struct Model {
    hash: String,
    parent: Option<String>,
    step: u32,
    labels: usize,
    learned: usize,
    auc: Option<f64>,
    auc_before: Option<f64>,
    adopted: bool,
    current: bool,
    why: Told,
    at: Moment,
}

/// `GET /api/models`: oldest first.
pub(crate) async fn models(
    State(app): State<App>,
    caller: Caller,
) -> Result<Answer<Vec<Model>>, Problem> {
    app.ask(&caller, |project, _| {
        let models = project.ledger().models();
        let current = models.current().map(|made| made.event);
        let all = models.all().iter().map(|made| Model {
            hash: made.model.hash.clone(),
            parent: made.model.parent.clone(),
            step: made.model.step,
            labels: made.model.labels,
            learned: made.model.learned.len(),
            auc: made.model.verdict.and_then(|verdict| verdict.after),
            auc_before: made.model.verdict.and_then(|verdict| verdict.before),
            adopted: made.model.adopted,
            current: current == Some(made.event),
            why: made.model.why.clone().into(),
            at: made.at,
        });
        Ok(Answer(all.collect()))
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Use {
    model: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Used {
    event: EventId,
    model: String,
}

/// `POST /api/models/use`
pub(crate) async fn use_model(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<Use>,
) -> Result<Answer<Used>, Problem> {
    app.ask(&caller, move |project, annotator| {
        let models = project.ledger().models();
        let found = match asked.model.as_str() {
            "" => Vec::new(),
            start => models.starting_with(start),
        };
        let made = match found.as_slice() {
            [made] => &made.model,
            [] => {
                return Err(Problem::unprocessable(
                    format!("no model's hash begins with {:?}", asked.model),
                    "GET /api/models lists them",
                )
                .into());
            }
            several => {
                return Err(Problem::unprocessable(
                    format!(
                        "{} models' hashes begin with {:?}",
                        several.len(),
                        asked.model
                    ),
                    "give more of the hash",
                )
                .into());
            }
        };
        let model = made.hash.clone();
        let event = project.use_model(&model, annotator, now())?;
        Ok(Answer(Used { event, model }))
    })
    .await
}
