//! The page's own files.

use axum::body::Body;
use axum::http::header;

use crate::site::{Site, get};

#[tokio::test]
async fn the_page_and_all_that_it_names_is_there() {
    let site = Site::new();
    let page = site.get("/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    for rule in [
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    let page = page.text();
    // The name of a format, in the icon, is no request.
    let requests = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!requests.contains("http://") && !requests.contains("https://"));
    let mut waiting: Vec<String> = named(&page, "/assets/");
    assert!(!waiting.is_empty());
    let mut seen: Vec<String> = Vec::new();
    while let Some(file) = waiting.pop() {
        if seen.contains(&file) {
            continue;
        }
        let asset = site.get(&format!("/assets/{file}")).await;
        assert_eq!(asset.status, 200, "{file}");
        let kind = match file.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript",
            _ => "text/css",
        };
        assert!(asset.header("content-type").starts_with(kind), "{file}");
        waiting.extend(named(&asset.text(), "\"./"));
        seen.push(file);
    }
    let given = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/page")).unwrap();
    assert_eq!(
        seen.len() + 1,
        given.count(),
        "a file is there and never asked for: {seen:?}"
    );
}

/// The files that a text names after `before`.
fn named(text: &str, before: &str) -> Vec<String> {
    let found = text.split(before).skip(1);
    found
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .filter(|name| name.ends_with(".js") || name.ends_with(".css"))
        .collect()
}

#[tokio::test]
async fn a_browser_asks_each_time_and_is_told_that_nothing_changed() {
    let site = Site::new();
    for path in ["/", "/assets/main.js", "/assets/style.css"] {
        let first = site.get(path).await;
        assert!(first.header("cache-control").contains("no-cache"));
        let tag = first.header("etag").to_owned();
        let request = get(path).header(header::IF_NONE_MATCH, &tag);
        let again = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag")),
            (304, tag.as_str())
        );
        assert!(again.body.is_empty());
    }
    site.get("/assets/other.js")
        .await
        .refused(404, &["load the page"]);
}

#[tokio::test]
async fn what_is_not_a_file_is_not_kept_by_the_browser() {
    let site = Site::new();
    for path in ["/api/session", "/health", "/nowhere", "/openapi.json"] {
        assert_eq!(
            site.get(path).await.header("cache-control"),
            "no-store",
            "{path}"
        );
    }
}
