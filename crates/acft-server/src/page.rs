//! The page: files that are part of the program.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::answer::{Caching, file};
use crate::problem::Problem;

/// A file of the page.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $content_type:expr),* $(,)?) => {
        &[$(Asset {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("page/", $name)),
        }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const ASSETS: &[Asset] = assets! {
    "index.html": HTML,
    "api.js": SCRIPT,
    "charts.js": SCRIPT,
    "dialogs.js": SCRIPT,
    "dom.js": SCRIPT,
    "en.js": SCRIPT,
    "help.js": SCRIPT,
    "keys.js": SCRIPT,
    "labeling.js": SCRIPT,
    "levels.js": SCRIPT,
    "main.js": SCRIPT,
    "memory.js": SCRIPT,
    "outbox.js": SCRIPT,
    "panels.css": STYLE,
    "panels.js": SCRIPT,
    "people.js": SCRIPT,
    "pictures.js": SCRIPT,
    "place.js": SCRIPT,
    "progress.js": SCRIPT,
    "queue.js": SCRIPT,
    "review.js": SCRIPT,
    "say.js": SCRIPT,
    "stage.css": STYLE,
    "stage.js": SCRIPT,
    "style.css": STYLE,
    "theme.js": SCRIPT,
    "viewer.js": SCRIPT,
    "why.js": SCRIPT,
};

/// `GET /`
pub(crate) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    find("index.html", &headers)
}

/// `GET /assets/{file}`
pub(crate) async fn asset(
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| unknown())?;
    find(&name, &headers)
}

/// A name is looked for among those of the table: nothing else is read.
fn find(name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(unknown)?;
    let etag = format!("\"{}\"", blake3::hash(asset.bytes).to_hex());
    Ok(file(
        headers,
        &etag,
        Caching::Revalidate,
        asset.content_type,
        || asset.bytes.into(),
    ))
}

fn unknown() -> Problem {
    Problem::not_found("the page has no such file", "load the page again")
}
