//! How requests are read: bodies with a limit and a content type, parameters,
//! keys of candidates. Whatever cannot be read is a [`Problem`].

use std::error::Error as _;

use acft::CandidateKey;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};

use crate::app::App;
use crate::problem::Problem;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let headers = request.headers().clone();
        let bytes = read(&headers, request.into_body(), app.settings.json_limit).await?;
        json(&bytes).map(Self)
    }
}

/// Parses a JSON body: an object. A list of its values, in the order in which
/// the fields are declared here, would be taken too if it were not refused.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let parsed = match bytes.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice::<IgnoredAny>(bytes)
            .and_then(|_| Err(serde_json::Error::custom("a list, expected an object"))),
        _ => serde_json::from_slice(bytes),
    };
    parsed.map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "is not what this route takes",
            _ => "is no JSON",
        };
        Problem::malformed(
            format!("the body {what}: {error}"),
            "/openapi.json says what each route takes",
        )
    })
}

/// Whether the body says it is JSON. A form of another site cannot say so,
/// which is why it is demanded.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// Whether the body says it is an image.
pub(crate) fn is_image(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| {
        kind.get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("image/"))
    })
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(headers) {
        return Ok(());
    }
    Err(unsupported("application/json"))
}

/// 415: the body is something else.
pub(crate) fn unsupported(wanted: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("the body's content type is not {wanted}"),
        format!("send the header Content-Type: {wanted}"),
    )
}

/// Reads a body of at most `limit` bytes; a longer one is refused before it is
/// read, where its length is announced.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    require_small(headers, limit)?;
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        if error
            .source()
            .is_some_and(|source| source.is::<LengthLimitError>())
        {
            return Problem::too_large(limit);
        }
        broke_off()
    })
}

/// Refuses a body that is announced as too long.
pub(crate) fn require_small(headers: &HeaderMap, limit: usize) -> Result<(), Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced.is_some_and(|length| length > limit as u64) {
        true => Err(Problem::too_large(limit)),
        false => Ok(()),
    }
}

/// 400: there is no more of the body.
pub(crate) fn broke_off() -> Problem {
    Problem::malformed("the body broke off", "send it again")
}

/// The parameters behind the question mark.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|error| {
                Problem::malformed(
                    format!("the parameters are not what this route takes: {error}"),
                    "/openapi.json says what each route takes",
                )
            })
    }
}

/// The key of a candidate in the path.
pub(crate) struct Key(pub(crate) CandidateKey);

impl FromRequestParts<App> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| not_a_key())?;
        key(&text).map(Self)
    }
}

/// The key that a text stands for: 64 hexadecimal digits and nothing else, so
/// that no path can be meant by it.
pub(crate) fn key(text: &str) -> Result<CandidateKey, Problem> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let text = text.as_bytes();
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return Err(not_a_key());
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(not_a_key)?;
        *byte = high << 4 | low;
    }
    Ok(CandidateKey(bytes))
}

fn not_a_key() -> Problem {
    Problem::malformed(
        "this is no key of a candidate",
        "a key has 64 hexadecimal digits, as /api/next gives them",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_64_hexadecimal_digits_are_a_key() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(key(&good).unwrap().to_string(), good);
        assert_eq!(key(&good.to_uppercase()).unwrap().to_string(), good);
        for bad in [
            String::new(),
            "../../etc/passwd".into(),
            good[1..].to_owned(),
            format!("{good}0"),
            format!("{}g", &good[1..]),
            format!("{}é", &good[2..]),
            format!("+{}", &good[1..]),
        ] {
            assert_eq!(key(&bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
