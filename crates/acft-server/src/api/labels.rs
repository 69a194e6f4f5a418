//! What annotators say of what they were served, and take back.

use std::time::Instant;

use acft::CandidateId;
use acft_project::{Assignment, ClassId, EventId, Project};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::classes::ClassRef;
use super::content;
use super::next::{Card, cards, deal};
use super::values::{self, Kept};
use crate::app::{App, Halt, now};
use crate::card;
use crate::extract::{Json, key};
use crate::guard::Caller;
use crate::problem::Problem;
use crate::why::{Why, why_for};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labeled {
    candidate: String,
    class: ClassRef,
    #[serde(default)]
    seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LabelKept {
    #[serde(flatten)]
    kept: Kept,
    why: Option<Why>,
}

/// `POST /api/label`: on disk when it answers.
pub(crate) async fn label(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Labeled>,
) -> Result<Answer<LabelKept>, Problem> {
    let begun = Instant::now();
    let key = key(&said.candidate)?;
    let seconds = values::seconds(said.seconds)?;
    let shared = App::clone(&app);
    let named = said.class.clone();
    let unsaid = app
        .ask(&caller, move |project, annotator| {
            let id = card::find(project.ledger(), &key)?;
            let class = named.find(project.ledger())?;
            let earlier = said_before(project, annotator, id, Some(class));
            Ok(earlier
                .is_none()
                .then(|| project.ledger().candidates()[id.index()].clone()))
        })
        .await?;
    if let Some(candidate) = unsaid {
        content::require_same(&app, &caller, candidate).await?;
    }
    let (kept, fresh) = app
        .ask(&caller, move |project, annotator| {
            let id = card::find(project.ledger(), &key)?;
            let class = said.class.find(project.ledger())?;
            let earlier = said_before(project, annotator, id, Some(class));
            let event = match earlier {
                Some(event) => event,
                None => project.label(annotator, id, class, seconds, now())?,
            };
            let kept = LabelKept {
                kept: Kept { event },
                why: why_for(project.ledger(), id, annotator, shared.settings.show_guess),
            };
            Ok((kept, earlier.is_none()))
        })
        .await?;
    if fresh {
        app.metrics.labeled(begun.elapsed());
    }
    Ok(Answer(kept))
}

/// The event of the same word, where it stands. Browsers repeat a request when
/// a connection breaks, also one that was done already: saying the same once
/// more changes nothing and is no conflict.
fn said_before(
    project: &Project,
    annotator: &str,
    id: CandidateId,
    class: Option<ClassId>,
) -> Option<EventId> {
    let classes = project.ledger().classes();
    let word = project.word_on(annotator, id)?;
    let same = word.class.map(|class| classes.today(class)) == class;
    same.then_some(word.event)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skipped {
    candidate: String,
    #[serde(default)]
    seconds: Option<f64>,
}

/// `POST /api/skip`
pub(crate) async fn skip(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Skipped>,
) -> Result<Answer<Kept>, Problem> {
    let seconds = values::seconds(said.seconds)?;
    of_candidate(
        &app,
        &caller,
        &said.candidate,
        move |project, annotator, id| match said_before(project, annotator, id, None) {
            Some(event) => Ok(event),
            None => Ok(project.skip(annotator, id, seconds, now())?),
        },
    )
    .await
}

#[derive(Debug, Serialize)]
pub(crate) struct Undone {
    assignment: Card,
    was: &'static str,
    class: Option<ClassId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakeBack {
    #[serde(default)]
    candidate: Option<String>,
}

/// `POST /api/undo`
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<TakeBack>,
) -> Result<Answer<Undone>, Problem> {
    let meant = asked.candidate.as_deref().map(key).transpose()?;
    let shared = App::clone(&app);
    let (dealt, was) = app
        .ask(&caller, move |project, annotator| {
            if let Some(meant) = meant {
                let meant = card::find(project.ledger(), &meant)?;
                require_last_word(project, annotator, meant)?;
            }
            let undone = project.undo(annotator, now())?;
            // It comes first among what they have.
            let next = project.next(annotator, 1, now())?;
            let drawn = project.ledger().drawn(undone.candidate);
            let assignment = match (next.assignments.first(), drawn) {
                (Some(first), _) if first.candidate == undone.candidate => *first,
                (_, Some((batch, _))) => Assignment {
                    candidate: undone.candidate,
                    batch: batch.number,
                    draw: batch.draw,
                    until: now(),
                },
                (Some(first), None) => *first,
                (None, None) => return Err(Halt::Problem(Problem::internal())),
            };
            let dealt = deal(&shared, project.ledger(), annotator, &assignment)?;
            Ok((dealt, undone.was))
        })
        .await?;
    let mut cards = cards(&app, vec![dealt]).await?;
    let assignment = cards.pop().ok_or_else(Problem::internal)?;
    Ok(Answer(Undone {
        assignment,
        was: if was.is_some() { "label" } else { "skip" },
        class: was,
    }))
}

/// A request that a browser repeats must not take back a second word.
fn require_last_word(
    project: &Project,
    annotator: &str,
    meant: CandidateId,
) -> Result<(), Problem> {
    let last = project.last_word(annotator);
    // Where there is nothing at all, taking it back says so.
    let Some(last) = last.filter(|last| last.candidate != meant) else {
        return Ok(());
    };
    let error = match project.word_on(annotator, meant) {
        None => "no word of yours stands on this candidate, so nothing was taken back",
        Some(word) if word.event > last.event => {
            "this candidate was settled meanwhile, so nothing was taken back"
        }
        Some(_) => "you have spoken of another candidate since, so nothing was taken back",
    };
    Err(Problem::conflict(
        error,
        "look at how things are now; what is settled can be corrected in review",
    ))
}

/// Keeps one thing that an annotator says of a candidate.
pub(super) async fn of_candidate(
    app: &App,
    caller: &Caller,
    candidate: &str,
    keep: impl FnOnce(&mut Project, &str, CandidateId) -> Result<EventId, Halt> + Send + 'static,
) -> Result<Answer<Kept>, Problem> {
    let key = key(candidate)?;
    app.ask(caller, move |project, annotator| {
        let id = card::find(project.ledger(), &key)?;
        let event = keep(project, annotator, id)?;
        Ok(Answer(Kept { event }))
    })
    .await
}
