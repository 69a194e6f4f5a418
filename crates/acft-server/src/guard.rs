//! Who asks: the bearer of a token, or, on this machine and while the project
//! has no annotators, whoever says a name.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use acft_project::Ledger;
use acft_project::ledger::People;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::problem::Problem;
use crate::settings::Exposure;

/// Who labels where nobody says a name.
const DEFAULT_NAME: &str = "expert";
/// Longer names are refused.
const NAME_LIMIT: usize = 64;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The annotator.
    pub(crate) name: Arc<str>,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Token,
    Word,
}

impl Caller {
    /// Asked again where the state is at hand: a token may have been revoked,
    /// or the first annotator added, since the request was let in.
    pub(crate) fn require_welcome(&self, ledger: &Ledger) -> Result<(), Problem> {
        let mut active = ledger.people().active();
        let welcome = match self.by {
            By::Token => active.any(|name| name == &*self.name),
            By::Word => active.next().is_none(),
        };
        if welcome {
            return Ok(());
        }
        Err(wrong_token())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        // Only a route that the guard does not stand before lacks it.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(Problem::internal)
    }
}

/// Stands before every route that is not for everybody.
pub(crate) async fn guard(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = identify(&app, request.headers(), request.uri()).await?;
    tracing::Span::current().record("annotator", &*caller.name);
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The annotators as they were when last looked at: the thread that owns the
/// project need not be asked about every request.
#[derive(Debug, Default)]
pub(crate) struct Known {
    people: RwLock<Option<People>>,
}

impl Known {
    fn with<T>(&self, look: impl FnOnce(&People) -> Option<T>) -> Option<T> {
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        look(people.as_ref()?)
    }

    fn set(&self, people: People) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = Some(people);
    }
}

async fn identify(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<Caller, Problem> {
    match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer);
            by_token(app, token.ok_or_else(wrong_token)?).await
        }
        None => {
            let open = |people: &People| people.active().next().is_none().then_some(());
            if app.settings.exposure != Exposure::Loopback || look(app, open).await?.is_none() {
                return Err(Problem::unauthorized("this project demands a token"));
            }
            by_word(headers, uri)
        }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

async fn by_token(app: &App, token: &str) -> Result<Caller, Problem> {
    let name = look(app, |people| people.bearer(token).map(Arc::from)).await?;
    let name = name.ok_or_else(wrong_token)?;
    let by = By::Token;
    Ok(Caller { name, by })
}

fn wrong_token() -> Problem {
    Problem::unauthorized("this token is not, or no longer, one of this project's")
}

/// Looks among the annotators; once more with fresh eyes before it says no.
async fn look<T>(app: &App, find: impl Fn(&People) -> Option<T>) -> Result<Option<T>, Problem> {
    if let Some(found) = app.known.with(&find) {
        return Ok(Some(found));
    }
    let people = app
        .peek(|project| Ok(project.ledger().people().clone()))
        .await?;
    app.known.set(people);
    Ok(app.known.with(&find))
}

fn by_word(headers: &HeaderMap, uri: &Uri) -> Result<Caller, Problem> {
    require_loopback_host(headers, uri)?;
    let name = match headers.get("x-annotator") {
        None => DEFAULT_NAME.to_owned(),
        Some(value) => said(value.as_bytes()).ok_or_else(|| {
            Problem::malformed(
                "the header X-Annotator is no name",
                format!("send 1 to {NAME_LIMIT} letters, or leave the header out"),
            )
        })?,
    };
    Ok(Caller {
        name: name.into(),
        by: By::Word,
    })
}

/// A name as it stands in a header: browsers send Latin-1, others UTF-8.
fn said(bytes: &[u8]) -> Option<String> {
    let name = match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => bytes.iter().map(|byte| *byte as char).collect(),
    };
    let name = name.trim();
    let good =
        (1..=NAME_LIMIT).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    good.then(|| name.to_owned())
}

/// Without tokens, the name that the browser believes it talks to is all that
/// tells our page from one whose name was pointed at this machine.
fn require_loopback_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(|authority| authority.as_str()));
    if host.is_some_and(is_loopback) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "without tokens this server answers only to localhost",
        "open http://127.0.0.1 with the server's port, or make tokens with `acft annotator add NAME DIR`",
    ))
}

fn is_loopback(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let name = match bracketed {
        Some((name, _)) => name,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8500", true),
            ("127.0.0.1", true),
            ("127.0.0.1:8500", true),
            ("[::1]", true),
            ("[::1]:8500", true),
            ("", false),
            ("example.org", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org:80", false),
            ("192.168.0.7:8500", false),
            ("[::]:8500", false),
            ("0.0.0.0:8500", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn a_name_is_read_in_both_encodings() {
        for (bytes, name) in [
            (&b"ada"[..], Some("ada")),
            ("Jörg".as_bytes(), Some("Jörg")),
            (b"J\xf6rg", Some("Jörg")),
            (b"  ", None),
            (&[b'a'; 65], None),
        ] {
            assert_eq!(said(bytes).as_deref(), name);
        }
    }

    #[test]
    fn a_bearer_is_announced_as_such() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("abc", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
    }
}
