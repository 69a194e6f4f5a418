//! How candidates look.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Method, Request, header};

use crate::site::{Reply, Site, get, key};

fn path(at: usize, what: &str) -> String {
    format!("/api/candidates/{}/{what}", key(at))
}

/// Of a patient nothing is left in a browser's cache, for whoever comes next.
fn assert_no_browser_keeps(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), "private, no-store");
    assert!(reply.header("vary").contains("Authorization"));
}

#[tokio::test]
async fn pictures_samples_and_patches_are_given() {
    let site = Site::new();
    let image = site.get(&path(1, "image")).await;
    assert_eq!(image.text(), "picture of images/1.png");
    assert_eq!(image.header("content-type"), "image/png");
    assert_no_browser_keeps(&image);

    let samples = site.get(&path(7, "samples")).await;
    assert_eq!(samples.body, [1, 0, 0x34, 0x12]);
    assert_no_browser_keeps(&samples);
    assert_eq!(
        (samples.header("x-width"), samples.header("x-height")),
        ("2", "1")
    );
    assert_eq!(
        (samples.header("x-low"), samples.header("x-high")),
        ("0", "4095")
    );
    site.get(&path(1, "samples"))
        .await
        .refused(422, &["images/1.png"]);

    let patches = site.get(&path(1, "patches")).await;
    assert_eq!(patches.text(), "patches of images/1.png");
    assert_no_browser_keeps(&patches);
    assert_eq!(
        (patches.header("x-patches"), patches.header("x-input")),
        ("12", "32")
    );
    site.get(&path(5, "image"))
        .await
        .refused(422, &["images/5.png", "skip"]);
}

#[tokio::test]
async fn what_the_browser_has_is_not_made_again() {
    let site = Site::new();
    for what in ["image", "samples", "patches"] {
        let path = path(7, what);
        let first = site.get(&path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.contains(what), "{tag}");
        let looks = site.sight.looks.load(Ordering::SeqCst);
        for known in [
            tag.clone(),
            format!("\"other\", {tag}"),
            format!("W/{tag}"),
            "*".to_owned(),
        ] {
            let request = get(&path).header(header::IF_NONE_MATCH, known);
            let again = site.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(again.status, 304);
            assert_eq!(again.header("etag"), tag);
            assert_no_browser_keeps(&again);
        }
        assert_eq!(site.sight.looks.load(Ordering::SeqCst), looks);
        let request = get(&path).header(header::IF_NONE_MATCH, "\"other\"");
        let other = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(other.body, first.body);
    }
}

#[tokio::test]
async fn a_key_is_read_in_either_case_and_a_head_has_no_body() {
    let site = Site::new();
    let upper = format!("/api/candidates/{}/image", key(1).to_uppercase());
    assert_eq!(site.get(&upper).await.text(), "picture of images/1.png");
    let head = Request::builder()
        .method(Method::HEAD)
        .uri(path(1, "image"))
        .header(header::HOST, "localhost");
    let head = site.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}
