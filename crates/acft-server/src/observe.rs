//! What surrounds every answer: a line in the log, a count, a time limit, the
//! headers that keep a browser from doing more than the page needs.

use std::any::Any;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use tracing::field::Empty;

use crate::app::App;
use crate::problem::Problem;

/// Where an answer comes from: the application, and the route's pattern.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) app: App,
    pub(crate) route: &'static str,
}

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Logs and counts an answer, and gives it the headers of all answers. Neither
/// tokens nor bodies, nor parameters, get into the log.
pub(crate) async fn observe(State(place): State<Place>, request: Request, next: Next) -> Response {
    let method = name(request.method());
    let route = place.route;
    let span = tracing::info_span!(
        "request",
        method,
        route,
        annotator = Empty,
        status = Empty,
        ms = Empty
    );
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    span.record("status", status);
    span.record("ms", (ms * 100.0).round() / 100.0);
    span.in_scope(|| match status {
        500.. => tracing::warn!("failed"),
        _ => tracing::info!("answered"),
    });
    place.app.metrics.answered(route, method, status);
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Methods are of a closed set here: a client's inventions would each be a
/// series of their own.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

/// Ends a request that takes too long, its body included.
pub(crate) async fn limit_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.settings.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("this took longer than {} seconds", limit.as_secs_f64()),
            "look at how things are now, then try again; the server may be busy, or the line slow",
        )
        .into_response(),
    }
}

/// A defect of ours is an answer, not a broken line.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("panicked: {}", text.unwrap_or("for no known reason"));
    Problem::internal().into_response()
}
