//! Requests that cannot be right: a clear 4xx, and nothing is changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acft_project::{ClassId, Event};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, header};
use http_body_util::channel::Channel;
use serde_json::{Value, json};

use crate::schema::Description;
use crate::site::{MALIGNANT, Site, key, post_builder, post_image};

/// A site in use, so that there is something to harm.
async fn in_use() -> Site {
    let site = Site::new();
    site.query(&[1, 2, 3, 4], 4);
    let keys = site.next(3).await;
    site.label(&keys[0], MALIGNANT).await;
    site
}

/// What is sent to every route that takes JSON.
fn good(path: &str) -> Value {
    match path {
        "/api/label" | "/api/feedback" => json!({"candidate": key(2), "class": 1}),
        "/api/correct" => json!({"candidate": key(1), "class": 0}),
        "/api/next" => json!({"count": 1}),
        "/api/models/use" => json!({"model": "aa"}),
        "/api/undo" | "/api/go-on" => json!({}),
        _ => json!({"candidate": key(1)}),
    }
}

fn takers_of_json(description: &Description) -> Vec<String> {
    let takers = description
        .operations()
        .filter(|(_, _, told)| !told["requestBody"]["content"]["application/json"].is_null());
    takers.map(|(_, path, _)| path.to_owned()).collect()
}

async fn raw(site: &Site, path: &str, body: impl Into<Body>) -> crate::site::Reply {
    site.send(post_builder(path).body(body.into()).unwrap())
        .await
}

#[tokio::test]
async fn bodies_that_are_not_what_a_route_takes_are_refused_everywhere() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    let takers = takers_of_json(&Description::read());
    assert_eq!(takers.len(), 10, "{takers:?}");
    for path in &takers {
        for body in [
            "",
            "{",
            "[]",
            "null",
            "\"x\"",
            "{}{}",
            "{\"a\":NaN}",
            "\u{feff}{}",
            "candidate=x",
        ] {
            raw(&site, path, body).await.refused(400, &["body"]);
        }
        raw(&site, path, vec![b'{', 0xff, b'}'])
            .await
            .refused(400, &["body"]);
        let deep = "[".repeat(20_000);
        raw(&site, path, deep).await.refused(400, &["body"]);

        let mut unknown = good(path);
        unknown["path"] = json!("../../etc/passwd");
        site.post(path, unknown)
            .await
            .refused(400, &["unknown field `path`"]);

        for field in good(path).as_object().unwrap().keys() {
            let text = good(path).to_string();
            let twice = format!("{{{},{}", &text[1..text.len() - 1], &text[1..]);
            raw(&site, path, twice)
                .await
                .refused(400, &["duplicate field"]);
            if path == "/api/next" {
                continue;
            }
            let mut lacking = good(path);
            lacking.as_object_mut().unwrap().remove(field);
            site.post(path, lacking)
                .await
                .refused(400, &["missing field", field]);
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "../../x",
        ] {
            let request = Request::post(path)
                .header(header::HOST, "localhost")
                .header(header::CONTENT_TYPE, kind)
                .body(Body::from(good(path).to_string()))
                .unwrap();
            site.send(request).await.refused(415, &["application/json"]);
        }
        let bare = Request::post(path).header(header::HOST, "localhost");
        let bare = bare.body(Body::from(good(path).to_string())).unwrap();
        site.send(bare).await.refused(415, &["Content-Type"]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

#[tokio::test]
async fn values_that_cannot_be_meant_are_refused() {
    let site = in_use().await;
    site.append(vec![
        Event::ClassAdded {
            class: ClassId(2),
            name: "spiculated".to_owned(),
        },
        Event::ClassMerged {
            from: ClassId(2),
            into: MALIGNANT,
        },
    ]);
    let before = (site.last(), site.standing());
    let two = key(2);
    for (path, body, status, word) in [
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":3}}"#),
            422,
            "no class 3",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":2}}"#),
            422,
            "merged into \"malignant\"",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":-1}}"#),
            422,
            "0 (benign), 1 (malignant)",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":65536}}"#),
            422,
            "65536",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1e2}}"#),
            400,
            "floating",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":99999999999999999999}}"#),
            400,
            "",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":"1"}}"#),
            400,
            "string",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":null}}"#),
            400,
            "null",
        ),
        (
            "/api/correct",
            format!(r#"{{"candidate":"{}","class":9}}"#, key(1)),
            422,
            "no class 9",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":-0.5}}"#),
            422,
            "-0.5 seconds",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":86401}}"#),
            422,
            "86401",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":1e300}}"#),
            422,
            "seconds",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":1e999}}"#),
            400,
            "out of range",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":NaN}}"#),
            400,
            "no JSON",
        ),
        (
            "/api/label",
            format!(r#"{{"candidate":"{two}","class":1,"seconds":"2"}}"#),
            400,
            "string",
        ),
        (
            "/api/skip",
            format!(r#"{{"candidate":"{two}","seconds":-1}}"#),
            422,
            "-1",
        ),
        (
            "/api/skip",
            format!(r#"{{"candidate":"{two}","seconds":1e999}}"#),
            400,
            "out of range",
        ),
        (
            "/api/flag",
            format!(r#"{{"candidate":"{two}","note":"{}"}}"#, "x".repeat(2001)),
            422,
            "2000",
        ),
        ("/api/next", r#"{"count":-1}"#.to_owned(), 400, "-1"),
        ("/api/next", r#"{"count":1.5}"#.to_owned(), 400, "1.5"),
        (
            "/api/next",
            r#"{"count":99999999999999999999999}"#.to_owned(),
            400,
            "",
        ),
    ] {
        raw(&site, path, body).await.refused(status, &[word]);
    }
    for query in [
        "limit=-1",
        "offset=x",
        "flagged=2",
        "disagreed=../x",
        "limit=1&limit=2",
        "order=class",
        "limit=99999999999999999999",
    ] {
        site.get(&format!("/api/review?{query}"))
            .await
            .refused(400, &["parameters"]);
    }
    for query in [
        "class=7",
        "class=odd",
        "class=..%2f..%2fetc%2fpasswd",
        "class=2",
    ] {
        site.get(&format!("/api/review?{query}"))
            .await
            .refused(422, &["classes are"]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

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
