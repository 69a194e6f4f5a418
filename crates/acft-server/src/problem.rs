//! What went wrong with a request, as the client is told: the same shape for
//! every route.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::told::Told;

/// An answer that is an error: what and where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) error: Told,
    pub(crate) help: Told,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    help: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<Told>, help: impl Into<Told>) -> Self {
        Self {
            status,
            error: error.into(),
            help: help.into(),
        }
    }

    /// 400: it cannot be read.
    pub(crate) fn malformed(error: impl Into<Told>, help: impl Into<Told>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, help)
    }

    /// 401: nobody known asks.
    pub(crate) fn unauthorized(error: impl Into<Told>) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            error,
            "open the page by the link with your token, or send the header \
             Authorization: Bearer TOKEN; `acft annotator add NAME DIR` makes a token",
        )
    }

    /// 404: no such thing.
    pub(crate) fn not_found(error: impl Into<Told>, help: impl Into<Told>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, help)
    }

    /// 409: it could be done at another moment, and not now.
    pub(crate) fn conflict(error: impl Into<Told>, help: impl Into<Told>) -> Self {
        Self::new(StatusCode::CONFLICT, error, help)
    }

    /// 422: it can be read, and cannot be meant.
    pub(crate) fn unprocessable(error: impl Into<Told>, help: impl Into<Told>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error, help)
    }

    /// 413: more bytes than are taken.
    pub(crate) fn too_large(limit: usize) -> Self {
        let limit = match limit {
            mib if mib >= 1 << 20 => format!("{} MiB", mib >> 20),
            kib => format!("{} KiB", kib >> 10),
        };
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {limit}"),
            "send less; max-image-mib in acft.toml is the limit of images",
        )
    }

    /// 500: our fault. The cause is in the log, and not for the client.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed while answering; nothing else was harmed",
            "try once more; if it fails again, the server's log says why",
        )
    }

    /// 503: not now.
    pub(crate) fn unavailable(error: impl Into<Told>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            error,
            "try again later; the server's log may say more",
        )
    }

    /// 503: nobody answers any more.
    pub(crate) fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping; nothing was accepted",
            "wait for it to start again, then repeat this",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            error: self.error.as_str(),
            help: self.help.as_str(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let extra = match self.status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
            // The rest of the body is not read: the connection is of no more use.
            StatusCode::PAYLOAD_TOO_LARGE => Some((header::CONNECTION, "close")),
            _ => None,
        };
        if let Some((name, value)) = extra {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<acft_project::Error> for Problem {
    fn from(error: acft_project::Error) -> Self {
        use acft_project::Error;
        const RELOAD: &str = "nothing was changed; load the page again to see how things are now";
        match error {
            Error::Unknown(_) => Self::not_found(error.to_string(), RELOAD),
            Error::Refused(_) | Error::Conflict(_) => Self::conflict(error.to_string(), RELOAD),
            Error::Stopped => Self::stopping(),
            // Its text names files of the server: the log has it.
            Error::TakenAway(_) => {
                tracing::error!("{error}");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "another program removed or changed the files of this project; nothing \
                     was accepted, and nothing will be",
                    "tell whoever looks after the server: its log says what happened and \
                     what to do",
                )
            }
            Error::Storage(_) => {
                tracing::error!("{error}");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the server could not keep this on its disk; nothing was accepted",
                    "see that the disk has room and can be written, then do it again; \
                     the server's log says what failed",
                )
            }
            error => {
                tracing::error!("{error}");
                Self::internal()
            }
        }
    }
}
