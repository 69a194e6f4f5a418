//! A second look.

use acft_project::desk::{Agreement, Reviewed};
use acft_project::{ClassId, Filter, Ledger};
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::classes::{ClassParams, ClassRef};
use super::content;
use super::labels::of_candidate;
use super::values::{Kept, nullable};
use crate::app::{App, Halt, now};
use crate::card::{self, Head, VoteView};
use crate::extract::{Json, Params, key};
use crate::guard::Caller;
use crate::problem::Problem;
use crate::settings::ShowGuess;
use crate::why::{has_labeled, may_see_votes};

/// The most that is listed at once.
const MOST: u32 = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    class: Option<String>,
    #[serde(rename = "class-name")]
    class_name: Option<String>,
    #[serde(rename = "class-number")]
    class_number: Option<String>,
    annotator: Option<String>,
    #[serde(default, deserialize_with = "switch")]
    flagged: bool,
    #[serde(default, deserialize_with = "switch")]
    disagreed: bool,
    #[serde(default, deserialize_with = "switch")]
    disputed: bool,
    #[serde(default)]
    offset: u32,
    #[serde(default = "fifty")]
    limit: u32,
}

fn fifty() -> u32 {
    50
}

/// `1` and `true` turn a filter on, `0` and `false` leave it off.
fn switch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" | "" => Ok(false),
        other => Err(serde::de::Error::custom(format!(
            "{other:?} turns nothing on or off; give 1 or 0"
        ))),
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Page {
    total: usize,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    #[serde(flatten)]
    head: Head,
    label: Option<ClassId>,
    votes: Vec<VoteView>,
    guess: Option<ClassId>,
    trust: Option<f64>,
}

/// `GET /api/review`
pub(crate) async fn review(
    State(app): State<App>,
    caller: Caller,
    Params(asked): Params<Asked>,
) -> Result<Answer<Page>, Problem> {
    let show = app.settings.show_guess;
    app.ask(&caller, move |project, annotator| {
        let ledger = project.ledger();
        // The page's form sends what is not chosen, too.
        let chosen = |text: Option<String>| text.filter(|text| !text.is_empty());
        let class = ClassParams {
            class: chosen(asked.class),
            name: chosen(asked.class_name),
            number: chosen(asked.class_number),
        };
        let filter = Filter {
            class: class.find(ledger)?,
            annotator: asked.annotator.filter(|name| !name.is_empty()),
            flagged: asked.flagged,
            disagreed: asked.disagreed,
            disputed: asked.disputed,
        };
        let page = project.review(
            &filter,
            asked.offset as usize,
            asked.limit.min(MOST) as usize,
        );
        let items = page
            .items
            .iter()
            .map(|one| item(ledger, one, annotator, show))
            .collect::<Result<_, Halt>>()?;
        Ok(Answer(Page {
            total: page.total,
            items,
        }))
    })
    .await
}

/// What this annotator may see of it: while their own, independent word is
/// still wanted, neither the network's guess nor what others said.
fn item(ledger: &Ledger, one: &Reviewed, annotator: &str, show: ShowGuess) -> Result<Item, Halt> {
    let id = one.candidate;
    let votes = may_see_votes(ledger, id, annotator);
    let settled = ledger.votes().is_done(id) && votes;
    let guess = show == ShowGuess::Before || settled || has_labeled(ledger, id, annotator);
    Ok(Item {
        head: card::head(ledger, id, annotator)?,
        label: one.label.filter(|_| votes),
        votes: card::votes(ledger, id, annotator, ledger.votes().of(id)),
        guess: one.guess.filter(|_| guess),
        trust: one.trust.filter(|_| guess && votes),
    })
}

/// `GET /api/agreement`
pub(crate) async fn agreement(
    State(app): State<App>,
    caller: Caller,
) -> Result<Answer<Agreement>, Problem> {
    app.ask(&caller, |project, _| Ok(Answer(project.agreement())))
        .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corrected {
    candidate: String,
    #[serde(deserialize_with = "nullable")]
    class: Option<ClassRef>,
}

/// `POST /api/correct`
pub(crate) async fn correct(
    State(app): State<App>,
    caller: Caller,
    Json(said): Json<Corrected>,
) -> Result<Answer<Kept>, Problem> {
    // That there is no label can be said of a file that nobody can look at.
    if said.class.is_some() {
        let key = key(&said.candidate)?;
        let candidate = app
            .ask(&caller, move |project, _| {
                let id = card::find(project.ledger(), &key)?;
                Ok(project.ledger().candidates()[id.index()].clone())
            })
            .await?;
        content::require_same(&app, &caller, candidate).await?;
    }
    of_candidate(
        &app,
        &caller,
        &said.candidate,
        move |project, annotator, id| {
            let class = said
                .class
                .map(|class| class.find(project.ledger()))
                .transpose()?;
            Ok(project.correct(annotator, id, class, now())?)
        },
    )
    .await
}
