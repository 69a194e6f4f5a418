//! What the page does all day: the next candidates, and what is said of them.

use std::sync::Arc;
use std::time::Instant;

use acft::CandidateId;
use acft_project::{Assignment, Candidate, ClassId, Ledger, Moment};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::values::{self, Kept, Nothing, nullable};
use crate::app::{App, Halt, now};
use crate::card::{self, Head, Shape};
use crate::extract::{Json, key};
use crate::guard::Caller;
use crate::problem::Problem;
use crate::why::{Why, why_for};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskNext {
    #[serde(default = "one")]
    count: usize,
}

fn one() -> usize {
    1
}

/// A candidate to label.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    shape: Shape,
    until: Moment,
    why: Option<Why>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Served {
    assignments: Vec<Card>,
    advice: Option<String>,
    exhausted: bool,
}

/// What a card is made of, once it has left the project's thread.
struct Dealt {
    candidate: Arc<Candidate>,
    head: Head,
    why: Option<Why>,
    until: Moment,
}

fn deal(
    app: &App,
    ledger: &Ledger,
    annotator: &str,
    assignment: &Assignment,
) -> Result<Dealt, Halt> {
    let id = assignment.candidate;
    Ok(Dealt {
        candidate: Arc::new(ledger.candidates()[id.index()].clone()),
        head: card::head(ledger, id, annotator)?,
        why: why_for(ledger, id, annotator, app.settings.show_guess),
        until: assignment.until,
    })
}

/// Looks at the images of what was dealt.
async fn cards(app: &App, dealt: Vec<Dealt>) -> Result<Vec<Card>, Problem> {
    let candidates = dealt.iter().map(|one| Arc::clone(&one.candidate)).collect();
    let shapes = card::shapes(app, candidates).await?;
    let cards = dealt.into_iter().zip(shapes).map(|(one, shape)| Card {
        head: one.head,
        shape,
        until: one.until,
        why: one.why,
    });
    Ok(cards.collect())
}

/// `POST /api/next`
pub(crate) async fn next(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<AskNext>,
) -> Result<Answer<Served>, Problem> {
    let shared = App::clone(&app);
    let (dealt, advice, exhausted) = app
        .ask(&caller, move |project, annotator| {
            let next = project.next(annotator, asked.count, now())?;
            let dealt = next
                .assignments
                .iter()
                .map(|one| deal(&shared, project.ledger(), annotator, one))
                .collect::<Result<Vec<_>, Halt>>()?;
            Ok((dealt, next.advice, next.exhausted))
        })
        .await?;
    Ok(Answer(Served {
        assignments: cards(&app, dealt).await?,
        advice,
        exhausted,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labeled {
    candidate: String,
    class: i64,
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
    let kept = app
        .ask(&caller, move |project, annotator| {
            let id = card::find(project.ledger(), &key)?;
            let class = values::class(project.ledger(), said.class)?;
            let event = project.label(annotator, id, class, seconds, now())?;
            Ok(LabelKept {
                kept: Kept { event },
                why: why_for(project.ledger(), id, annotator, shared.settings.show_guess),
            })
        })
        .await?;
    app.metrics.labeled(begun.elapsed());
    Ok(Answer(kept))
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
        move |project, annotator, id| Ok(project.skip(annotator, id, seconds, now())?),
    )
    .await
}

#[derive(Debug, Serialize)]
pub(crate) struct Undone {
    assignment: Card,
    was: &'static str,
    class: Option<ClassId>,
}

/// `POST /api/undo`
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Answer<Undone>, Problem> {
    let shared = App::clone(&app);
    let (dealt, was) = app
        .ask(&caller, move |project, annotator| {
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flagged {
    candidate: String,
    #[serde(default)]
    note: String,
}

/// `POST /api/flag`
pub(crate) async fn flag(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Flagged>,
) -> Result<Answer<Kept>, Problem> {
    let note = values::note(&said.note)?;
    of_candidate(
        &app,
        &caller,
        &said.candidate,
        move |project, annotator, id| Ok(project.flag(annotator, id, &note, now())?),
    )
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unflagged {
    candidate: String,
}

/// `POST /api/unflag`
pub(crate) async fn unflag(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Unflagged>,
) -> Result<Answer<Kept>, Problem> {
    of_candidate(&app, &caller, &said.candidate, |project, annotator, id| {
        Ok(project.unflag(annotator, id, now())?)
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corrected {
    candidate: String,
    #[serde(deserialize_with = "nullable")]
    class: Option<i64>,
}

/// `POST /api/correct`
pub(crate) async fn correct(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Corrected>,
) -> Result<Answer<Kept>, Problem> {
    of_candidate(
        &app,
        &caller,
        &said.candidate,
        move |project, annotator, id| {
            let class = said
                .class
                .map(|number| values::class(project.ledger(), number))
                .transpose()?;
            Ok(project.correct(annotator, id, class, now())?)
        },
    )
    .await
}

/// Keeps one thing that an annotator says of a candidate.
async fn of_candidate(
    app: &App,
    caller: &Caller,
    candidate: &str,
    keep: impl FnOnce(
        &mut acft_project::Project,
        &str,
        CandidateId,
    ) -> Result<acft_project::EventId, Halt>
    + Send
    + 'static,
) -> Result<Answer<Kept>, Problem> {
    let key = key(candidate)?;
    app.ask(caller, move |project, annotator| {
        let id = card::find(project.ledger(), &key)?;
        let event = keep(project, annotator, id)?;
        Ok(Answer(Kept { event }))
    })
    .await
}
