//! What machines ask: whether the server lives, how it does, what it offers.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::problem::Problem;

/// The description of the API.
pub(crate) const OPENAPI: &str = include_str!("../openapi.json");

#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    version: String,
}

/// `GET /health`: the thread that owns the project answers too, or this does not.
pub(crate) async fn health(State(app): State<App>) -> Result<Json<Health>, Problem> {
    app.peek(|_| Ok(())).await?;
    Ok(Json(Health {
        status: "ok",
        version: app.settings.version.clone(),
    }))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let shared = App::clone(&app);
    app.peek(move |project| {
        shared.metrics.look(project.ledger());
        Ok(())
    })
    .await?;
    let text = app.metrics.text(&app.work).map_err(|error| {
        tracing::error!("the metrics cannot be written: {error}");
        Problem::internal()
    })?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
