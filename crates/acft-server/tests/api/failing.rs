//! What fails on our side.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::channel::Channel;
use rusqlite::Connection;
use serde_json::json;

use crate::site::{MALIGNANT, Plan, Site, key, post_builder, post_image};

#[tokio::test]
async fn a_defect_in_a_decoder_is_an_answer_and_the_server_lives_on() {
    let site = Site::new();
    let path = format!("/api/candidates/{}/image", key(6));
    let before = site.last();
    for _ in 0..10 {
        site.get(&path).await.refused(500, &["log"]);
        site.send(post_image("/api/predict", b"panic"))
            .await
            .refused(500, &["log"]);
        let case = post_image("/api/feedback?class=1", b"panic");
        site.send(case).await.refused(500, &["log"]);
    }
    assert_eq!(site.last(), before);
    site.get(&format!("/api/candidates/{}/image", key(1))).await;
    let key = site.next(1).await.remove(0);
    site.label(&key, MALIGNANT).await;
}

#[tokio::test]
async fn an_image_that_a_decoder_panics_at_can_be_skipped() {
    let site = Site::of(Plan {
        pool: 7,
        ..Plan::default()
    });
    let next = site.post("/api/next", json!({"count": 7})).await.ok();
    let cards = next["assignments"].as_array().unwrap();
    let card = cards.iter().find(|one| one["name"] == "case 6").unwrap();
    assert_eq!(card["problem"], "the program failed while it read case 6");
    let skip = json!({"candidate": key(6)});
    site.post("/api/skip", skip).await.ok();
    assert_eq!(site.next(7).await.len(), 6);
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_not_accepted() {
    let site = Site::new();
    let keys = site.next(2).await;
    site.label(&keys[0], MALIGNANT).await;
    let before = (site.last(), site.standing());
    // As a disk would that takes nothing more.
    let disk = Connection::open(site.database()).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON events BEGIN \
                SELECT RAISE(ROLLBACK, 'no space left'); END";
    disk.execute_batch(full).unwrap();
    let label = json!({"candidate": keys[1], "class": 0});
    for (path, said) in [
        ("/api/label", label.clone()),
        ("/api/skip", json!({"candidate": keys[1]})),
        ("/api/undo", json!({"candidate": keys[0]})),
        ("/api/flag", json!({"candidate": keys[1], "note": "?"})),
        ("/api/correct", json!({"candidate": keys[0], "class": 0})),
        ("/api/feedback", json!({"candidate": keys[0], "class": 0})),
    ] {
        let reply = site.post(path, said).await;
        reply.refused(503, &["nothing was accepted", "room"]);
        assert!(
            !reply.text().contains("acft.db"),
            "no path of this machine is told"
        );
    }
    let case = post_image("/api/feedback?class=1", b"image");
    site.send(case)
        .await
        .refused(503, &["nothing was accepted"]);
    assert_eq!((site.last(), site.standing()), before);
    site.get("/health").await.ok();
    let path = format!("/api/candidates/{}", keys[0]);
    assert_eq!(site.get(&path).await.ok()["label"], 1);

    disk.execute_batch("DROP TRIGGER full").unwrap();
    site.post("/api/label", label).await.ok();
    let (last, standing) = (site.last(), site.standing());
    let site = site.restart();
    assert_eq!((site.last(), site.standing()), (last, standing));
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let site = Site::new();
    let keys = site.next(1).await;
    site.keeper.stop();
    let label = json!({"candidate": keys[0], "class": 0});
    for reply in [
        site.post("/api/label", label).await,
        site.get("/api/progress").await,
        site.get("/health").await,
        site.get("/metrics").await,
    ] {
        reply.refused(503, &["stopping", "nothing was accepted"]);
    }
    assert_eq!(site.get("/").await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let mut plan = Plan::default();
    plan.settings.request_timeout = Duration::from_millis(50);
    let site = Site::of(plan);
    let slow = std::sync::atomic::Ordering::SeqCst;
    site.sight.slow.store(true, slow);
    let reply = site.send(post_image("/api/predict", b"image")).await;
    reply.refused(408, &["0.05 seconds"]);
    site.sight.slow.store(false, slow);
    // A body that never comes.
    let (_sender, body) = Channel::<Bytes, Infallible>::new(1);
    let label = post_builder("/api/label").body(Body::new(body)).unwrap();
    let before = site.last();
    site.send(label).await.refused(408, &["longer"]);
    assert_eq!(site.last(), before);
}
