//! Requests, and what is answered.

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// No answer is without these, whatever it answers.
    pub(crate) fn check_headers(&self) {
        assert!(
            self.header("content-security-policy")
                .contains("default-src 'self'")
        );
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("x-frame-options"), "DENY");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert_eq!(self.header("cross-origin-resource-policy"), "same-origin");
        assert!(!self.header("cache-control").is_empty());
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer that must be a good one.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// An answer that must be an error, and say `words`.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        let problem = self.json();
        let said = format!("{} / {}", text(&problem, "error"), text(&problem, "help"));
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
        assert!(text(&problem, "error").len() > 10 && text(&problem, "help").len() > 10);
    }
}

/// A request of a browser on this machine.
pub(crate) fn get(path: &str) -> Builder {
    Request::get(path).header(header::HOST, "127.0.0.1:8500")
}

pub(crate) fn post_builder(path: &str) -> Builder {
    Request::post(path)
        .header(header::HOST, "127.0.0.1:8500")
        .header(header::CONTENT_TYPE, "application/json")
}

pub(crate) fn post(path: &str, body: &Value) -> Request<Body> {
    post_builder(path)
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(crate) fn post_image(path: &str, image: &[u8]) -> Request<Body> {
    Request::post(path)
        .header(header::HOST, "127.0.0.1:8500")
        .header(header::CONTENT_TYPE, "image/png")
        .body(Body::from(image.to_vec()))
        .unwrap()
}

/// Says who asks: `@ada` by her token, `ada` by her name alone.
pub(crate) fn authorized(request: Builder, name: &str) -> Builder {
    match name.strip_prefix('@') {
        Some(name) => request.header(header::AUTHORIZATION, format!("Bearer {}", token(name))),
        None => request.header("X-Annotator", name),
    }
}

/// The token of an annotator.
pub(crate) fn token(name: &str) -> String {
    format!("token-of-{name}")
}

#[track_caller]
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}
