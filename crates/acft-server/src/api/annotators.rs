//! Who may label: listed, added and taken back while the project is served.

use acft_project::{Event, EventId, Ledger, RESERVED_NAMES, Role, annotator_name, token_hash};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::values::Kept;
use crate::app::{App, now};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::token::new_token;

/// A person who may label, or who has.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    annotator: String,
    /// None where no token opens the page for them.
    role: Option<Role>,
    labels: usize,
    skips: usize,
}

/// `GET /api/annotators`: by name.
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Answer<Vec<Person>>, Problem> {
    app.govern(&caller, |project| Ok(Answer(people(project.ledger()))))
        .await
}

fn people(ledger: &Ledger) -> Vec<Person> {
    let active = ledger.people();
    let spoken: Vec<_> = ledger.votes().annotators().collect();
    let mut people: Vec<Person> = spoken
        .iter()
        .filter(|(name, _)| !RESERVED_NAMES.contains(name))
        .map(|(name, spoken)| Person {
            annotator: (*name).to_owned(),
            role: active.role(name),
            labels: spoken.labels + spoken.reviews,
            skips: spoken.skips,
        })
        .collect();
    for name in active.active() {
        if !people.iter().any(|one| one.annotator == name) {
            people.push(Person {
                annotator: name.to_owned(),
                role: active.role(name),
                labels: 0,
                skips: 0,
            });
        }
    }
    people.sort_by(|a, b| a.annotator.cmp(&b.annotator));
    people
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    annotator: String,
    #[serde(default)]
    role: Role,
}

/// The only answer that has a token in it.
#[derive(Debug, Serialize)]
pub(crate) struct Added {
    event: EventId,
    annotator: String,
    token: String,
}

/// `POST /api/annotators/add`
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<Add>,
) -> Result<Answer<Added>, Problem> {
    annotator_name(&asked.annotator)
        .map_err(|error| Problem::unprocessable(error.to_string(), "choose another name"))?;
    let token = new_token().map_err(|error| {
        tracing::error!("the system has no randomness to give: {error}");
        Problem::internal()
    })?;
    let hash = token_hash(&token);
    let annotator = asked.annotator.clone();
    let event = change(&app, &caller, move || Event::AnnotatorAdded {
        name: asked.annotator,
        token: hash,
        role: asked.role,
    })
    .await?;
    Ok(Answer(Added {
        event,
        annotator,
        token,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    annotator: String,
}

/// `POST /api/annotators/revoke`: nothing is answered to that token from now on.
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<Revoke>,
) -> Result<Answer<Kept>, Problem> {
    let name = asked.annotator;
    let event = change(&app, &caller, move || Event::AnnotatorRevoked { name }).await?;
    Ok(Answer(Kept { event }))
}

/// Appends an event about people, and lets the guard know of it.
async fn change(
    app: &App,
    caller: &Caller,
    event: impl FnOnce() -> Event + Send + 'static,
) -> Result<EventId, Problem> {
    let (event, people) = app
        .govern(caller, move |project| {
            let kept = project.append(now(), vec![event()])?;
            let event = kept.last().copied().ok_or_else(Problem::internal)?;
            Ok((event, project.ledger().people().clone()))
        })
        .await?;
    app.known.set(people);
    Ok(event)
}
