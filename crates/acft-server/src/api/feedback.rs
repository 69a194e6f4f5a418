//! Cases that readers settled after deployment: they join as labeled
//! candidates and take part in the next fine-tuning.

use acft_project::{Event, EventId, LabelOrigin, Origin};
use axum::Json as Answer;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};

use super::classes::{ClassParams, ClassRef};
use super::predict::at_fault;
use super::values::region;
use crate::app::{App, now, on_a_thread};
use crate::card;
use crate::extract::{Params, is_image, is_json, json, key, read, unsupported};
use crate::guard::Caller;
use crate::problem::Problem;
use crate::uploads::receive;

/// Characters of a case's name.
const NAME_LIMIT: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    class: Option<String>,
    #[serde(rename = "class-name")]
    class_name: Option<String>,
    #[serde(rename = "class-number")]
    class_number: Option<String>,
    name: Option<String>,
    #[serde(rename = "box")]
    corners: Option<String>,
    point: Option<String>,
}

/// A candidate that the project has, with the label that the reader settled on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    candidate: String,
    class: ClassRef,
}

#[derive(Debug, Serialize)]
pub(crate) struct Joined {
    candidate: String,
    event: EventId,
    /// Whether the candidate joined by this.
    new: bool,
}

/// `POST /api/feedback`
pub(crate) async fn feedback(
    State(app): State<App>,
    caller: Caller,
    Params(case): Params<Case>,
    request: Request,
) -> Result<Answer<Joined>, Problem> {
    let headers = request.headers().clone();
    if is_json(&headers) {
        let bytes = read(&headers, request.into_body(), app.settings.json_limit).await?;
        return of_known(&app, &caller, json(&bytes)?).await;
    }
    if !is_image(&headers) {
        return Err(unsupported(
            "application/json, or image/png (or another image)",
        ));
    }
    let settled = ClassParams {
        class: case.class,
        name: case.class_name,
        number: case.class_number,
    };
    if settled.is_empty() {
        return Err(no_label());
    }
    let region = region(case.corners.as_deref(), case.point.as_deref())?;
    let name = name(case.name)?;
    // Refused before the image is read, and again when it is kept: by then the
    // class may be gone.
    let asked = settled.clone();
    app.ask(&caller, move |project, _| {
        Ok(asked.find(project.ledger()).map(drop)?)
    })
    .await?;
    let image = receive(&app, &headers, request.into_body()).await?;
    let turn = app.predictions.join()?.turn().await?;
    let vision = std::sync::Arc::clone(&app.vision);
    let candidate = on_a_thread(move || {
        let _turn = turn;
        vision.admit(&image, region, &name)
    })
    .await?
    .map_err(at_fault)?;
    app.ask(&caller, move |project, annotator| {
        let class = settled.find(project.ledger())?.ok_or_else(no_label)?;
        let key = candidate.key;
        let known = project.ledger().find(&key);
        if known.is_none() {
            project.add_candidates(now(), Origin::Feedback, vec![candidate])?;
        }
        let id = card::find(project.ledger(), &key)?;
        let event = settle(project, id, class, annotator)?;
        Ok(Answer(Joined {
            candidate: key.to_string(),
            event,
            new: known.is_none(),
        }))
    })
    .await
}

fn no_label() -> Problem {
    Problem::malformed(
        "the case has no label",
        "give the class that the reader settled on as the parameter class-name or class-number",
    )
}

async fn of_known(app: &App, caller: &Caller, case: Known) -> Result<Answer<Joined>, Problem> {
    let key = key(&case.candidate)?;
    app.ask(caller, move |project, annotator| {
        let id = card::find(project.ledger(), &key)?;
        let class = case.class.find(project.ledger())?;
        let event = settle(project, id, class, annotator)?;
        Ok(Answer(Joined {
            candidate: key.to_string(),
            event,
            new: false,
        }))
    })
    .await
}

/// Appends the label that a reader settled on.
fn settle(
    project: &mut acft_project::Project,
    candidate: acft::CandidateId,
    class: acft_project::ClassId,
    annotator: &str,
) -> Result<EventId, crate::app::Halt> {
    let last = project.ledger().votes().history(candidate).last();
    let labeled = Event::Labeled {
        candidate,
        class,
        annotator: annotator.to_owned(),
        seconds: None,
        supersedes: last.map(|vote| vote.event),
        origin: LabelOrigin::Feedback,
    };
    let kept = project.append(now(), vec![labeled])?;
    Ok(kept.last().copied().ok_or_else(Problem::internal)?)
}

/// What a case is called: said by the client, shown to experts, and never the
/// name of a file.
fn name(said: Option<String>) -> Result<String, Problem> {
    let name = said.unwrap_or_default();
    let name = name.trim();
    if name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(Problem::unprocessable(
            "the case's name is too long, or has control characters",
            format!("give up to {NAME_LIMIT} letters, or none"),
        ));
    }
    Ok(match name {
        "" => "feedback".to_owned(),
        name => name.to_owned(),
    })
}
