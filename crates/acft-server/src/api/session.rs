//! What the page needs to know once.

use acft_project::ClassId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::settings::ShowGuess;

#[derive(Debug, Serialize)]
pub(crate) struct Session {
    annotator: String,
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
    /// The key on the keyboard, for the first nine.
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
        let classes = known
            .current()
            .enumerate()
            .map(|(place, id)| Class {
                id,
                name: known.name(id).to_owned(),
                key: (place < 9).then(|| (place + 1).to_string()),
            })
            .collect();
        Ok(Json(Session {
            annotator: annotator.to_owned(),
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
