//! Requests that lead astray, or are meant to: what is not there, paths, wrong
//! methods, endless bodies. A clear 4xx, and nothing is changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, header};
use http_body_util::channel::Channel;
use serde_json::json;

use crate::malformed::{good, in_use, raw, takers_of_json};
use crate::schema::Description;
use crate::site::{key, post_builder, post_image};

#[tokio::test]
async fn candidates_that_are_not_there_are_refused() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    let unknown = "ab".repeat(32);
    let not_served = key(9);
    for path in [
        "/api/label",
        "/api/skip",
        "/api/undo",
        "/api/flag",
        "/api/unflag",
        "/api/correct",
        "/api/feedback",
    ] {
        let mut said = match path {
            "/api/undo" => json!({"candidate": ""}),
            path => good(path),
        };
        said["candidate"] = json!(unknown);
        site.post(path, said.clone())
            .await
            .refused(404, &["no such candidate"]);
        for bad in [
            "",
            "../",
            "..%2f",
            "../../etc/passwd",
            &format!("{}/../x", key(1)),
            &format!(" {}", key(1)),
        ] {
            said["candidate"] = json!(bad);
            site.post(path, said.clone())
                .await
                .refused(400, &["64 hexadecimal digits"]);
        }
    }
    for path in ["/api/label", "/api/skip"] {
        let mut said = good(path);
        said["candidate"] = json!(not_served);
        site.post(path, said).await.refused(409, &["not served"]);
    }
    for what in ["", "/image", "/samples", "/patches"] {
        let path = format!("/api/candidates/{unknown}{what}");
        site.get(&path).await.refused(404, &["no such candidate"]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

#[tokio::test]
async fn no_path_of_a_client_leads_anywhere() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    for climb in [
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5cwindows",
        "%2fetc%2fpasswd",
        "..%00",
        "%ff%fe",
        "..",
        ".",
        "acft.db",
    ] {
        for what in ["", "/image", "/samples", "/patches"] {
            let path = format!("/api/candidates/{climb}{what}");
            site.get(&path)
                .await
                .refused(400, &["64 hexadecimal digits"]);
        }
        site.get(&format!("/assets/{climb}"))
            .await
            .refused(404, &[]);
    }
    for path in [
        "/../../etc/passwd",
        "/assets/../../etc/passwd",
        "/assets/",
        "/assets",
        "/assets/main.js/..",
        "/api/candidates/../session",
        "/api/candidates/../../acft.db",
        "/api/candidates/",
        "/api/candidates//image",
        "/api/",
        "/api",
        "//",
        "/api/session/",
        "/API/session",
        "/acft.db",
        "/..%2facft.db",
    ] {
        let reply = site.get(path).await;
        assert!(
            matches!(reply.status.as_u16(), 400 | 404),
            "{path}: {}",
            reply.status
        );
        reply.refused(reply.status.as_u16(), &[]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    for (method, path, _) in Description::read().operations() {
        let path = path.replace("{key}", &key(1)).replace("{file}", "main.js");
        let (wrong, right) = match method {
            "get" => (Method::POST, "GET"),
            _ => (Method::GET, "POST"),
        };
        for wrong in [wrong, Method::DELETE, Method::PUT, Method::OPTIONS] {
            let request = Request::builder()
                .method(&wrong)
                .uri(&path)
                .header(header::HOST, "localhost")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from("{}"))
                .unwrap();
            let reply = site.send(request).await;
            reply.refused(405, &[right]);
            assert!(reply.header("allow").contains(right), "{wrong} {path}");
        }
    }
    assert_eq!((site.last(), site.standing()), before);
}

/// 100 MB that come in pieces, and whose length nobody announced; and how many
/// pieces were taken.
fn streamed() -> (Body, Arc<AtomicUsize>) {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        for _ in 0..100 {
            if sender
                .send_data(vec![b' '; 1_000_000].into())
                .await
                .is_err()
            {
                break;
            }
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (Body::new(body), taken)
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    let huge = 100_000_000;
    for path in takers_of_json(&Description::read()) {
        // By what is announced, before any of it is read.
        let announced = post_builder(&path).header(header::CONTENT_LENGTH, huge);
        let reply = site.send(announced.body(Body::from("{}")).unwrap()).await;
        reply.refused(413, &["64 KiB"]);
        assert_eq!(reply.header("connection"), "close");
        let (body, taken) = streamed();
        raw(&site, &path, body).await.refused(413, &["64 KiB"]);
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken < 5, "{taken} MB were read of what was to be refused");
    }
    for path in ["/api/predict", "/api/feedback?class=1"] {
        let mut announced = post_image(path, b"image");
        announced
            .headers_mut()
            .insert(header::CONTENT_LENGTH, huge.into());
        site.send(announced)
            .await
            .refused(413, &["64 MiB", "max-image-mib"]);
        let mut request = post_image(path, b"");
        (*request.body_mut(), _) = streamed();
        site.send(request).await.refused(413, &["64 MiB"]);
    }
    let mut said = good("/api/label");
    said["seconds"] = json!(1.5);
    let padded = format!("{}{said}", " ".repeat((64 << 10) - said.to_string().len()));
    raw(&site, "/api/label", format!(" {padded}"))
        .await
        .refused(413, &["64 KiB"]);
    assert_eq!((site.last(), site.standing()), before);
    raw(&site, "/api/label", padded).await.ok();
}
