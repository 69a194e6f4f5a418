//! Candidates whose file is no longer what joined the project. What is said of
//! the file that is there now would count for the image that was there.

use std::sync::Arc;

use acft::CandidateKey;
use acft_project::{Candidate, Project};

use crate::app::{App, Halt, now, on_a_thread};
use crate::card;
use crate::guard::Caller;
use crate::problem::Problem;
use crate::vision::Content;

/// Looks at the file of a candidate; sets the candidate aside where the file
/// is another than it was.
///
/// # Errors
/// It is another, or the candidate cannot be set aside.
pub(super) async fn require_same(
    app: &App,
    caller: &Caller,
    candidate: Candidate,
) -> Result<(), Problem> {
    let key = candidate.key;
    match look(app, Arc::new(candidate)).await? {
        // One that cannot be opened now was seen before it was spoken of.
        Content::Same | Content::Away(_) => Ok(()),
        Content::Changed(reason) => Err(set_aside(app, caller, key, reason).await?),
    }
}

/// Looks at the file of a candidate. Not among those who decode images: it is
/// a matter of a moment, and a label waits for it.
pub(super) async fn look(app: &App, candidate: Arc<Candidate>) -> Result<Content, Problem> {
    let vision = Arc::clone(&app.vision);
    on_a_thread(move || vision.content(&candidate)).await
}

/// Sets a candidate aside whose file is not the image that joined the project;
/// what is answered.
///
/// # Errors
/// The disk does not take it.
pub(super) async fn set_aside(
    app: &App,
    caller: &Caller,
    key: CandidateKey,
    reason: String,
) -> Result<Problem, Problem> {
    let told = reason.clone();
    app.ask(caller, move |project: &mut Project, _| {
        let id = card::find(project.ledger(), &key)?;
        project.set_changed(id, &told, now()).map_err(Halt::from)
    })
    .await?;
    tracing::warn!("{reason}: it was set aside");
    Ok(Problem::conflict(
        reason,
        "ask for the next candidate; put the file back as it was, or label what is there now as a \
         candidate of its own: `acft add --again` does either",
    ))
}

/// 503: the file of a candidate cannot be opened now.
pub(super) fn away(reason: String) -> Problem {
    Problem::new(
        axum::http::StatusCode::SERVICE_UNAVAILABLE,
        reason,
        "nothing is wrong with the candidate: its disk or share may be back in a moment, so load it again",
    )
}
