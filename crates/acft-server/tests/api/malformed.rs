//! Requests that cannot be right: a clear 4xx, and nothing is changed.

use acft_project::{ClassId, Event};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::schema::Description;
use crate::site::{MALIGNANT, Reply, Site, key, post_builder};

/// A site in use, so that there is something to harm.
pub(crate) async fn in_use() -> Site {
    let site = Site::new();
    site.query(&[1, 2, 3, 4], 4);
    let keys = site.next(3).await;
    site.label(&keys[0], MALIGNANT).await;
    site
}

/// What is sent to every route that takes JSON.
pub(crate) fn good(path: &str) -> Value {
    match path {
        "/api/label" | "/api/feedback" => json!({"candidate": key(2), "class": 1}),
        "/api/correct" => json!({"candidate": key(1), "class": 0}),
        "/api/next" => json!({"count": 1}),
        "/api/models/use" => json!({"model": "aa"}),
        "/api/undo" | "/api/go-on" => json!({}),
        "/api/annotators/add" | "/api/annotators/revoke" => json!({"annotator": "bob"}),
        _ => json!({"candidate": key(1)}),
    }
}

pub(crate) fn takers_of_json(description: &Description) -> Vec<String> {
    let takers = description
        .operations()
        .filter(|(_, _, told)| !told["requestBody"]["content"]["application/json"].is_null());
    takers.map(|(_, path, _)| path.to_owned()).collect()
}

pub(crate) async fn raw(site: &Site, path: &str, body: impl Into<Body>) -> Reply {
    site.send(post_builder(path).body(body.into()).unwrap())
        .await
}

#[tokio::test]
async fn bodies_that_are_not_what_a_route_takes_are_refused_everywhere() {
    let site = in_use().await;
    let before = (site.last(), site.standing());
    let takers = takers_of_json(&Description::read());
    assert_eq!(takers.len(), 12, "{takers:?}");
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
            422,
            "no class \"1\"",
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
        (
            "/api/next",
            r#"{"count":4294967296}"#.to_owned(),
            400,
            "4294967296",
        ),
    ] {
        raw(&site, path, body).await.refused(status, &[word]);
    }
    for query in [
        "limit=-1",
        "offset=x",
        "offset=../..",
        "limit=..%2f..%2fetc",
        "disputed=..%2f",
        "flagged=2",
        "disagreed=../x",
        "limit=1&limit=2",
        "order=class",
        "limit=99999999999999999999",
        "limit=4294967296",
        "offset=4294967296",
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
