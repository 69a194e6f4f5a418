//! What the page needs to know once.

use acft_project::{ClassId, Role};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::guard::Caller;
use crate::keys::keys;
use crate::problem::Problem;
use crate::settings::ShowGuess;

#[derive(Debug, Serialize)]
pub(crate) struct Session {
    annotator: String,
    role: Role,
    /// Differs between projects, also where they have one name.
    id: String,
    project: String,
    version: String,
    classes: Vec<Class>,
    positive: Option<ClassId>,
    show_guess: ShowGuess,
    overlap: usize,
    budget: Option<usize>,
    patches: usize,
    /// More than one annotator.
    several: bool,
}

#[derive(Debug, Serialize)]
struct Class {
    id: ClassId,
    name: String,
    /// The key on the keyboard, as long as there are digits.
    key: Option<String>,
}

/// `GET /api/session`
pub(crate) async fn session(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Session>, Problem> {
    let settings = app.settings.clone();
    app.ask(&caller, move |project, annotator| {
        let ledger = project.ledger();
        let known = ledger.classes();
        let names = known.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let classes = known
            .current()
            .zip(keys(&names))
            .map(|(id, key)| Class {
                id,
                name: known.name(id).to_owned(),
                key: key.map(String::from),
            })
            .collect();
        Ok(Json(Session {
            annotator: annotator.to_owned(),
            role: ledger.people().role(annotator).unwrap_or_default(),
            id: format!("{:x}-{:x}", ledger.seed(), ledger.created().0),
            project: settings.project,
            version: settings.version,
            classes,
            positive: settings.positive.map(|class| known.today(class)),
            show_guess: settings.show_guess,
            overlap: ledger.votes().overlap(),
            budget: settings.budget,
            patches: settings.patches,
            several: ledger.people().active().count() > 1,
        }))
    })
    .await
}
