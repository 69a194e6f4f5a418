//! Answers that are files: with a tag by which a browser knows that it has
//! them already.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// How long a browser may keep a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// It may keep it, and must ask each time whether it still holds.
    Revalidate,
    /// It may not keep it: nobody shall find a patient's image on the reader's
    /// machine, nor see it with a token that was taken back. The page keeps
    /// what it needs in its own memory.
    Never,
}

impl Caching {
    fn header(self) -> &'static str {
        match self {
            Self::Revalidate => "private, no-cache",
            Self::Never => "private, no-store",
        }
    }
}

/// A file, or 304 where the client has it.
pub(crate) fn file(
    asked: &HeaderMap,
    etag: &str,
    caching: Caching,
    content_type: &'static str,
    body: impl FnOnce() -> Body,
) -> Response {
    let mut response = match has(asked, etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let kind = HeaderValue::from_static(content_type);
            ([(header::CONTENT_TYPE, kind)], body()).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(caching.header()),
    );
    if caching == Caching::Never {
        headers.insert(
            header::VARY,
            HeaderValue::from_static("Authorization, X-Annotator"),
        );
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// Whether the client has what the tag names.
pub(crate) fn has(asked: &HeaderMap, etag: &str) -> bool {
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

/// Says a number beside the file.
pub(crate) fn with_number(mut response: Response, name: &'static str, number: u64) -> Response {
    response
        .headers_mut()
        .insert(HeaderName::from_static(name), number.into());
    response
}
