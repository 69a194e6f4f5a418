//! What the network in use makes of an image that is in no project.

use acft_project::ClassId;
use axum::Json as Answer;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};

use super::values::region;
use crate::app::{App, on_a_thread};
use crate::extract::{Params, is_image, unsupported};
use crate::guard::Caller;
use crate::problem::Problem;
use crate::uploads::receive;
use crate::vision::VisionError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Where {
    #[serde(rename = "box")]
    corners: Option<String>,
    point: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Predicted {
    probabilities: Vec<Probability>,
    dominant: Option<ClassId>,
    score: f64,
    entropy: f64,
    diversity: f64,
    patches: usize,
    model: String,
}

#[derive(Debug, Serialize)]
struct Probability {
    class: ClassId,
    name: String,
    p: f64,
}

/// `POST /api/predict`: also while a training runs.
pub(crate) async fn predict(
    State(app): State<App>,
    caller: Caller,
    Params(place): Params<Where>,
    request: Request,
) -> Result<Answer<Predicted>, Problem> {
    let region = region(place.corners.as_deref(), place.point.as_deref())?;
    if !is_image(request.headers()) {
        return Err(unsupported("image/png (or another image)"));
    }
    // Whoever may no longer ask costs the network nothing.
    app.ask(&caller, |_, _| Ok(())).await?;
    let headers = request.headers().clone();
    let image = receive(&app, &headers, request.into_body()).await?;
    let turn = app.predictions.join()?.turn().await?;
    let vision = std::sync::Arc::clone(&app.vision);
    let seen = on_a_thread(move || {
        // Held until the work ends, also where nobody waits for it any more.
        let _turn = turn;
        vision.predict(&image, region)
    })
    .await?
    .map_err(at_fault)?;
    app.ask(&caller, move |project, _| {
        let classes = project.ledger().classes();
        let probabilities = seen.classes.iter().zip(&seen.mean);
        Ok(Answer(Predicted {
            probabilities: probabilities
                .map(|(class, p)| Probability {
                    class: *class,
                    name: classes.name(*class).to_owned(),
                    p: *p,
                })
                .collect(),
            dominant: seen.classes.get(seen.score.dominant).copied(),
            score: seen.score.value,
            entropy: seen.score.entropy,
            diversity: seen.score.diversity,
            patches: seen.patches,
            model: seen.model,
        }))
    })
    .await
}

/// Whose fault it is that nothing was seen.
pub(super) fn at_fault(error: VisionError) -> Problem {
    match error {
        VisionError::Input(reason) => Problem::unprocessable(
            reason,
            "send a PNG, JPEG, TIFF, BMP or WebP, and a box or point that lies in it",
        ),
        VisionError::Unavailable(reason) => Problem::unavailable(reason),
    }
}
