//! The next candidates to label.

use std::sync::Arc;

use acft_project::{Assignment, Candidate, Ledger, Moment};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::{App, Halt, now};
use crate::card::{self, Head, Shape};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::why::{Why, why_for};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskNext {
    #[serde(default = "one")]
    count: u32,
}

fn one() -> u32 {
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
pub(super) struct Dealt {
    candidate: Arc<Candidate>,
    head: Head,
    why: Option<Why>,
    until: Moment,
}

pub(super) fn deal(
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
pub(super) async fn cards(app: &App, dealt: Vec<Dealt>) -> Result<Vec<Card>, Problem> {
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
            let next = project.next(annotator, asked.count as usize, now())?;
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
