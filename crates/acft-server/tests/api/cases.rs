//! Cases from the use of the network: what it makes of one, and what a reader
//! settled on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use acft_server::Phase;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::site::{BENIGN, MALIGNANT, MODEL, Plan, Site, key, post_image};

#[tokio::test]
async fn the_network_is_asked_about_an_image() {
    let site = Site::new();
    let before = site.last();
    // Also while another is being trained.
    site.work.begin(Phase::Training, 40, "");
    for query in ["", "?box=0,0,40,30", "?box=1,%202,3,4", "?point=39,29"] {
        let path = format!("/api/predict{query}");
        let seen = site.send(post_image(&path, b"image")).await.ok();
        assert_eq!(
            seen,
            json!({
                "probabilities": [
                    {"class": 0, "name": "benign", "p": 0.25},
                    {"class": 1, "name": "malignant", "p": 0.75},
                ],
                "dominant": 1, "score": 0.625, "entropy": 0.5, "diversity": 0.125,
                "patches": 12, "model": MODEL,
            })
        );
    }
    site.sight.blind.store(true, Ordering::SeqCst);
    let blind = site.send(post_image("/api/predict", b"image")).await;
    blind.refused(503, &["there is no model yet"]);
    assert_eq!(site.last(), before);
}

#[tokio::test]
async fn images_and_regions_that_cannot_be_meant_are_refused() {
    let site = Site::new();
    let before = (site.last(), site.standing());
    for (query, image, status) in [
        ("box=0,0,41,30", &b"image"[..], 422),
        ("box=5,5,5,9", b"image", 422),
        ("box=9,5,5,9", b"image", 422),
        ("box=0,0,4294967295,4294967295", b"image", 422),
        ("box=0,0,4294967296,1", b"image", 400),
        ("box=-1,0,4,4", b"image", 400),
        ("box=1,2,3", b"image", 400),
        ("box=../../etc/passwd", b"image", 400),
        ("box=..%2f..%2fetc%2fpasswd", b"image", 400),
        ("box=", b"image", 400),
        ("point=40,1", b"image", 422),
        ("point=1.5,2", b"image", 400),
        ("point=NaN,2", b"image", 400),
        ("point=..%2f", b"image", 400),
        ("box=1,2,3,4&point=1,2", b"image", 400),
        ("box=1,2,3,4&box=1,2,3,4", b"image", 400),
        ("file=../../etc/passwd", b"image", 400),
        ("", b"nonsense", 422),
    ] {
        let predicted = site
            .send(post_image(&format!("/api/predict?{query}"), image))
            .await;
        predicted.refused(status, &[]);
        let path = format!("/api/feedback?class=1&{query}");
        site.send(post_image(&path, image))
            .await
            .refused(status, &[]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

#[tokio::test]
async fn those_who_find_the_queue_full_are_turned_away() {
    let mut plan = Plan::default();
    plan.settings.predictions_at_once = 1;
    plan.settings.predictions_waiting = 1;
    let site = Site::of(plan);
    site.sight.slow.store(true, Ordering::SeqCst);
    let asked = || site.send(post_image("/api/predict", b"image"));
    let third = async {
        while site.sight.predictions.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let refused = asked().await;
        // Labels are not held up by predictions.
        let key = site.next(1).await.remove(0);
        site.label(&key, BENIGN).await;
        site.sight.slow.store(false, Ordering::SeqCst);
        refused
    };
    let (first, second, third) = tokio::join!(asked(), asked(), third);
    first.ok();
    second.ok();
    third.refused(429, &["wait a second", "nothing was accepted"]);
    assert_eq!(site.sight.predictions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_settled_image_joins_as_a_labeled_candidate() {
    let site = Site::new();
    let path = "/api/feedback?class=malignant&name=../../case%204711&box=1,2,30,20";
    let joined = site.send(post_image(path, b"image")).await.ok();
    assert_eq!(
        (&joined["new"], &joined["event"]),
        (&json!(true), &json!(site.last().0))
    );
    let key = joined["candidate"].as_str().unwrap();
    let detail = site.get(&format!("/api/candidates/{key}")).await.ok();
    assert_eq!(
        (&detail["label"], &detail["name"]),
        (&json!(1), &json!("../../case 4711"))
    );
    assert_eq!(
        (&detail["region"], &detail["draw"]),
        (&json!([1, 2, 30, 20]), &Value::Null)
    );
    assert_eq!(detail["votes"][0]["origin"], "feedback");
    let unlearned = site.see(|ledger| ledger.unlearned());
    let (id, class) = unlearned[0];
    assert_eq!((unlearned.len(), class), (1, MALIGNANT));
    assert_eq!(
        site.see(move |ledger| ledger.candidates()[id.index()].key.to_string()),
        key
    );

    // The same case again is the same candidate, also by another name.
    let again = "/api/feedback?class=0&box=1,2,30,20";
    let again = site.send(post_image(again, b"image")).await.ok();
    assert_eq!(
        (&again["new"], again["candidate"].as_str()),
        (&json!(false), Some(key))
    );
    assert_eq!(site.see(|ledger| ledger.candidates().len()), 21);
    assert_eq!(site.see(|ledger| ledger.unlearned())[0].1, BENIGN);
    // At another place it is another.
    let elsewhere = "/api/feedback?class=0&point=3,3";
    let elsewhere = site.send(post_image(elsewhere, b"image")).await.ok();
    assert_eq!(elsewhere["new"], true);
    let named = site
        .get(&format!(
            "/api/candidates/{}",
            elsewhere["candidate"].as_str().unwrap()
        ))
        .await;
    assert_eq!(named.ok()["name"], "feedback");
}

#[tokio::test]
async fn a_known_candidate_is_settled_whatever_was_said_before() {
    let site = Site::new();
    let served = site.next(1).await.remove(0);
    site.label(&served, BENIGN).await;
    for known in [&served, &key(19)] {
        let settled = json!({"candidate": known, "class": 1});
        let joined = site.post("/api/feedback", settled).await.ok();
        assert_eq!(
            (&joined["new"], joined["candidate"].as_str()),
            (&json!(false), Some(known.as_str()))
        );
        let detail = site.get(&format!("/api/candidates/{known}")).await.ok();
        assert_eq!(detail["label"], 1);
    }
    assert_eq!(site.see(|ledger| ledger.unlearned_count()), 2);
}

#[tokio::test]
async fn cases_that_cannot_be_meant_are_refused_before_they_are_kept() {
    let site = Site::new();
    let before = (site.last(), site.standing());
    let long = format!("class=1&name={}", "x".repeat(201));
    for (query, status, word) in [
        ("", 400, "no label"),
        ("class=odd", 422, "odd"),
        ("class=2", 422, "no class 2"),
        ("class=-1", 422, "-1"),
        ("class=../../etc", 422, "classes are"),
        ("class=..%2f..%2fetc", 422, "classes are"),
        ("class=1&class=0", 400, "duplicate"),
        ("class=1&class-number=1", 400, "twice"),
        ("class-name=1", 422, "no class"),
        ("class-number=malignant", 422, "malignant"),
        ("class=1&name=%00", 422, "name"),
        (&long, 422, "200"),
        ("class=1&path=../x", 400, "path"),
        ("class=%ff", 422, "no class"),
    ] {
        let reply = site
            .send(post_image(&format!("/api/feedback?{query}"), b"image"))
            .await;
        reply.refused(status, &[word]);
    }
    for (said, status) in [
        (json!({"candidate": "ab".repeat(32), "class": 1}), 404),
        (json!({"candidate": key(1), "class": 7}), 422),
        (json!({"candidate": key(1), "class": "odd"}), 422),
        (json!({"candidate": key(1), "class": "1"}), 422),
        (json!({"candidate": key(1), "class": 1.0}), 400),
        (json!({"candidate": key(1), "class": [1]}), 400),
        (json!({"candidate": "../../etc/passwd", "class": 1}), 400),
        (json!({"candidate": key(1)}), 400),
        (json!({"class": 1}), 400),
        (json!({"candidate": key(1), "class": 1, "path": "x"}), 400),
    ] {
        site.post("/api/feedback", said).await.refused(status, &[]);
    }
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
    ] {
        for path in ["/api/feedback?class=1", "/api/predict"] {
            let request = Request::post(path)
                .header(header::HOST, "localhost")
                .header(header::CONTENT_TYPE, kind);
            let reply = site.send(request.body(Body::from("image")).unwrap()).await;
            reply.refused(415, &["image/png"]);
        }
    }
    assert_eq!((site.last(), site.standing()), before);
}
