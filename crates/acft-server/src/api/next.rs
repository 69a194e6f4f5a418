//! The next candidates to label.

use std::sync::Arc;

use acft_project::{Assignment, Candidate, Ledger, Moment};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::{App, Halt, now, on_a_thread};
use crate::card::{self, Head, Shape};
use crate::extract::Json;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::vision::Content;
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
    let mut rounds = 0;
    let (dealt, advice, exhausted) = loop {
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
        rounds += 1;
        if !passed_over(&app, &caller, &dealt).await? || rounds == MOST_ROUNDS {
            break (dealt, advice, exhausted);
        }
    };
    Ok(Answer(Served {
        assignments: cards(&app, dealt).await?,
        advice,
        exhausted,
    }))
}

/// So often others are dealt in the place of those that cannot be shown. After
/// that they are served, and the annotator is told what is wrong with them.
const MOST_ROUNDS: usize = 20;

/// Passes over those of what was dealt that cannot be shown: one whose file is
/// another by now is set aside, one whose file cannot be opened is served
/// later. Says whether there was any.
async fn passed_over(app: &App, caller: &Caller, dealt: &[Dealt]) -> Result<bool, Problem> {
    let candidates: Vec<Arc<Candidate>> =
        dealt.iter().map(|one| Arc::clone(&one.candidate)).collect();
    let vision = Arc::clone(&app.vision);
    let mut contents = on_a_thread(move || {
        let seen = candidates.iter().map(|one| (one.key, vision.content(one)));
        seen.collect::<Vec<_>>()
    })
    .await?;
    contents.retain(|(_, content)| *content != Content::Same);
    if contents.is_empty() {
        return Ok(false);
    }
    app.ask(caller, move |project, _| {
        let mut any = false;
        for (key, content) in contents {
            let id = card::find(project.ledger(), &key)?;
            any |= match content {
                Content::Same => false,
                Content::Changed(reason) => {
                    tracing::warn!("{reason}: it is set aside");
                    project.set_changed(id, &reason, now())?;
                    true
                }
                Content::Away(_) => project.put_off(id, now()),
            };
        }
        Ok(any)
    })
    .await
}
