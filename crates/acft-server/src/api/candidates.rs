//! One candidate: what is known of it, and how it looks.

use std::sync::Arc;

use acft_project::{Candidate, ClassId};
use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::content;
use crate::answer::{Caching, file, has, with_number};
use crate::app::App;
use crate::card::{self, Head, Shape, VoteView};
use crate::extract::Key;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::vision::{Content, Vision};
use crate::why::{Why, may_see_votes, why_for};

#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    shape: Shape,
    label: Option<ClassId>,
    votes: Vec<VoteView>,
    history: Vec<VoteView>,
    why: Option<Why>,
}

/// `GET /api/candidates/{key}`
pub(crate) async fn detail(
    State(app): State<App>,
    caller: Caller,
    Key(key): Key,
) -> Result<Answer<Detail>, Problem> {
    let shared = App::clone(&app);
    let (candidate, mut detail) = app
        .ask(&caller, move |project, annotator| {
            let ledger = project.ledger();
            let id = card::find(ledger, &key)?;
            let votes = ledger.votes();
            let label = ledger
                .label(id)
                .filter(|_| may_see_votes(ledger, id, annotator));
            let detail = Detail {
                head: card::head(ledger, id, annotator)?,
                shape: Shape::default(),
                label,
                votes: card::votes(ledger, id, annotator, votes.of(id)),
                history: card::votes(ledger, id, annotator, votes.history(id).iter()),
                why: why_for(ledger, id, annotator, shared.settings.show_guess),
            };
            Ok((Arc::new(ledger.candidates()[id.index()].clone()), detail))
        })
        .await?;
    let mut shapes = card::shapes(&app, vec![candidate]).await?;
    detail.shape = shapes.pop().unwrap_or_default();
    Ok(Answer(detail))
}

/// `GET /api/candidates/{key}/image`
pub(crate) async fn image(
    State(app): State<App>,
    caller: Caller,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    look(
        &app,
        &caller,
        key,
        &headers,
        "image",
        |vision, candidate| {
            let picture = vision.image(candidate)?;
            Ok((picture.content_type, picture.bytes, []))
        },
    )
    .await
}

/// `GET /api/candidates/{key}/samples`: u16, little-endian, row by row.
pub(crate) async fn samples(
    State(app): State<App>,
    caller: Caller,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    look(
        &app,
        &caller,
        key,
        &headers,
        "samples",
        |vision, candidate| {
            let samples = vision.samples(candidate)?;
            let bytes = samples
                .values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            Ok((
                "application/octet-stream",
                bytes,
                [
                    ("x-width", u64::from(samples.width)),
                    ("x-height", u64::from(samples.height)),
                    ("x-low", u64::from(samples.low)),
                    ("x-high", u64::from(samples.high)),
                ],
            ))
        },
    )
    .await
}

/// `GET /api/candidates/{key}/patches`
pub(crate) async fn patches(
    State(app): State<App>,
    caller: Caller,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    look(
        &app,
        &caller,
        key,
        &headers,
        "patches",
        |vision, candidate| {
            let strip = vision.patches(candidate)?;
            Ok((
                "image/png",
                strip.png,
                [
                    ("x-patches", strip.count as u64),
                    ("x-input", strip.input as u64),
                ],
            ))
        },
    )
    .await
}

/// What is seen of an image: its type, its bytes, and numbers beside them.
type Seen<const N: usize> = (&'static str, Vec<u8>, [(&'static str, u64); N]);

/// What came of a look at an image.
enum Look<T> {
    Done(Result<T, String>),
    Changed(String),
    Away(String),
}

/// Answers with what is seen of a candidate's image. A client that has it
/// already costs no look.
async fn look<const N: usize>(
    app: &App,
    caller: &Caller,
    key: acft::CandidateKey,
    headers: &HeaderMap,
    what: &'static str,
    see: impl FnOnce(&dyn Vision, &Candidate) -> Result<Seen<N>, String> + Send + 'static,
) -> Result<Response, Problem> {
    let candidate = app
        .ask(caller, move |project, _| {
            let ledger = project.ledger();
            let id = card::find(ledger, &key)?;
            Ok(ledger.candidates()[id.index()].clone())
        })
        .await?;
    // The key names the content, so what is made of it stays as it is for as
    // long as the program that makes it does.
    let etag = format!("\"{key}-{what}-{}\"", app.settings.version);
    if has(headers, &etag) {
        let (kind, none) = ("application/octet-stream", || Body::empty());
        return Ok(file(headers, &etag, Caching::Never, kind, none));
    }
    let seen = app
        .see(move |vision| match vision.content(&candidate) {
            Content::Same => Look::Done(see(vision, &candidate)),
            Content::Changed(reason) => Look::Changed(reason),
            Content::Away(reason) => Look::Away(reason),
        })
        .await?;
    let (kind, bytes, numbers) = match seen {
        Look::Done(seen) => seen.map_err(unreadable)?,
        Look::Changed(reason) => {
            let problem = content::set_aside(app, caller, key, reason).await?;
            // A tag of its own: no cache takes this answer for the image.
            let tag = HeaderValue::try_from(format!("\"{key}-changed\"")).ok();
            let mut response = problem.into_response();
            response
                .headers_mut()
                .extend(tag.map(|tag| (header::ETAG, tag)));
            return Ok(response);
        }
        Look::Away(reason) => return Err(content::away(reason)),
    };
    let mut response = file(headers, &etag, Caching::Never, kind, || bytes.into()).into_response();
    for (name, number) in numbers {
        response = with_number(response, name, number);
    }
    Ok(response)
}

fn unreadable(reason: String) -> Problem {
    Problem::unprocessable(
        reason,
        "skip it; put the file right and load it again, or have it looked at with `acft check`",
    )
}
