//! Doubts: an annotator is unsure of a candidate, or no longer.

use axum::Json as Answer;
use axum::extract::State;
use serde::Deserialize;

use super::labels::of_candidate;
use super::values::{self, Kept};
use crate::app::{App, now};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flagged {
    candidate: String,
    #[serde(default)]
    note: String,
}

/// `POST /api/flag`
pub(crate) async fn flag(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Flagged>,
) -> Result<Answer<Kept>, Problem> {
    let note = values::note(&said.note)?;
    of_candidate(
        &app,
        &caller,
        &said.candidate,
        move |project, annotator, id| Ok(project.flag(annotator, id, &note, now())?),
    )
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unflagged {
    candidate: String,
}

/// `POST /api/unflag`
pub(crate) async fn unflag(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Unflagged>,
) -> Result<Answer<Kept>, Problem> {
    of_candidate(&app, &caller, &said.candidate, |project, annotator, id| {
        Ok(project.unflag(annotator, id, now())?)
    })
    .await
}
