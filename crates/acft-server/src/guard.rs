//! Who asks: the bearer of a token, or, on this machine and while the project
//! has no annotators, whoever says a name.

use std::sync::{Arc, PoisonError, RwLock};

use acft_project::ledger::People;
use acft_project::{Ledger, Role, annotator_name, token_hash};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::connections::Welcome;
use crate::door;
use crate::problem::Problem;
use crate::settings::Exposure;

/// Who labels where nobody says a name.
const DEFAULT_NAME: &str = "expert";
/// The name in the log of who holds the key of the machine's owner.
const OWNER: &str = "acft";

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
    /// The key that lies in the project's folder: whoever can read it could as
    /// well change the project's files.
    Key,
}

impl Caller {
    /// Asked again where the state is at hand: a token may have been revoked,
    /// or the first annotator added, since the request was let in.
    pub(crate) fn require_welcome(&self, ledger: &Ledger) -> Result<(), Problem> {
        let mut active = ledger.people().active();
        let welcome = match self.by {
            By::Token => active.any(|name| name == &*self.name),
            By::Word => active.next().is_none(),
            By::Key => return Err(not_for_keys()),
        };
        if welcome {
            return Ok(());
        }
        Err(wrong_token())
    }

    /// Whether they may say who else may label.
    pub(crate) fn require_administrator(&self, ledger: &Ledger) -> Result<(), Problem> {
        if self.by == By::Key {
            return Ok(());
        }
        self.require_welcome(ledger)?;
        match self.by {
            By::Token if ledger.people().role(&self.name) == Some(Role::Administrator) => Ok(()),
            _ => Err(not_an_administrator()),
        }
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
    let (parts, body) = request.into_parts();
    let caller = identify(&app, &parts).await?;
    request = Request::from_parts(parts, body);
    tracing::Span::current().record("annotator", &*caller.name);
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    if response.status() != StatusCode::UNAUTHORIZED {
        response.extensions_mut().insert(Welcome);
    }
    Ok(response)
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

    pub(crate) fn set(&self, people: People) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = Some(people);
    }
}

/// Stands before routes for machines, which are asked without a token.
pub(crate) async fn only_by_own_names(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    door::require_own_host(&parts, &app.settings)?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn identify(app: &App, parts: &Parts) -> Result<Caller, Problem> {
    match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer);
            by_token(app, token.ok_or_else(wrong_token)?).await
        }
        None => {
            let open = |people: &People| people.active().next().is_none().then_some(());
            if app.settings.exposure != Exposure::Loopback || look(app, open).await?.is_none() {
                return Err(Problem::unauthorized("this project demands a token"));
            }
            door::require_this_machine(parts, &app.settings)?;
            by_word(&parts.headers)
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
    // By their hashes, so that the time it takes tells nothing of the key.
    if app.settings.key.as_ref() == Some(&token_hash(token)) {
        let (name, by) = (Arc::from(OWNER), By::Key);
        return Ok(Caller { name, by });
    }
    let name = look(app, |people| people.bearer(token).map(Arc::from)).await?;
    let name = name.ok_or_else(wrong_token)?;
    let by = By::Token;
    Ok(Caller { name, by })
}

fn wrong_token() -> Problem {
    Problem::unauthorized("this token is not, or no longer, one of this project's")
}

fn not_for_keys() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "this key says who may label, and labels nothing itself",
        "use the token of an annotator; `acft annotator add NAME DIR` makes one",
    )
}

fn not_an_administrator() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "only an administrator may say who labels",
        "ask one, or use `acft annotator` on the machine that serves; \
         `acft annotator add NAME DIR --admin` makes an administrator",
    )
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

fn by_word(headers: &HeaderMap) -> Result<Caller, Problem> {
    let name = match headers.get("x-annotator") {
        None => DEFAULT_NAME.to_owned(),
        Some(value) => said(value.as_bytes())?,
    };
    Ok(Caller {
        name: name.into(),
        by: By::Word,
    })
}

/// A name as it stands in a header: browsers send Latin-1, others UTF-8.
fn said(bytes: &[u8]) -> Result<String, Problem> {
    let name = match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => bytes.iter().map(|byte| *byte as char).collect(),
    };
    match annotator_name(name.trim()) {
        Ok(name) => Ok(name.to_owned()),
        Err(error) => Err(Problem::malformed(
            format!("the header X-Annotator: {error}"),
            "send another name, or leave the header out",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_both_encodings() {
        for (bytes, name) in [
            (&b"ada"[..], Some("ada")),
            ("Jörg".as_bytes(), Some("Jörg")),
            (b"J\xf6rg", Some("Jörg")),
            (b"  ", None),
            (&[b'a'; 65], None),
            (b"manifest", None),
            (b" Import ", None),
        ] {
            assert_eq!(said(bytes).ok().as_deref(), name);
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
