//! Browsers repeat a request when a connection breaks, also one that the
//! server has done already.

use serde_json::{Value, json};

use crate::site::{BENIGN, MALIGNANT, Plan, Site, text};

#[tokio::test]
async fn the_same_label_twice_is_one_label() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    let event = site.label(&key, MALIGNANT).await;
    assert_eq!(site.label(&key, MALIGNANT).await, event);
    assert_eq!(site.last().0, event);
    let metrics = site.get("/metrics").await.text();
    assert!(metrics.contains("acft_labels_total 1\n"), "{metrics}");

    let other = json!({"candidate": key, "class": BENIGN});
    site.post("/api/label", other)
        .await
        .refused(409, &["already"]);
    let skip = json!({"candidate": key});
    site.post("/api/skip", skip)
        .await
        .refused(409, &["already"]);
    let said = json!({"candidate": key, "class": 1});
    let by_another = site.post_as("bob", "/api/label", said).await;
    by_another.refused(409, &["labeled by expert"]);
    assert_eq!(site.last().0, event);
}

#[tokio::test]
async fn the_same_skip_twice_is_one_skip() {
    let site = Site::new();
    let skip = json!({"candidate": site.next(1).await.remove(0)});
    let first = site.post("/api/skip", skip.clone()).await.ok();
    assert_eq!(site.post("/api/skip", skip).await.ok(), first);
    assert_eq!(first["event"], site.last().0);
}

#[tokio::test]
async fn the_same_label_is_known_again_after_a_second_look_of_another_and_a_restart() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    let event = site.label(&key, MALIGNANT).await;
    let other = json!({"candidate": key, "class": 0});
    site.post_as("bob", "/api/correct", other).await.ok();
    let site = site.restart();
    let before = site.last();
    assert_eq!(site.label(&key, MALIGNANT).await, event);
    assert_eq!(site.last(), before);
}

#[tokio::test]
async fn a_second_look_of_ones_own_is_no_label_given_twice() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    site.label(&key, MALIGNANT).await;
    let corrected = json!({"candidate": key, "class": 0});
    site.post("/api/correct", corrected.clone()).await.ok();
    site.post("/api/label", corrected)
        .await
        .refused(409, &["already"]);
    let first = json!({"candidate": key, "class": 1});
    site.post("/api/label", first)
        .await
        .refused(409, &["already"]);
}

#[tokio::test]
async fn undo_takes_back_what_is_meant_and_nothing_else() {
    let site = Site::new();
    let keys = site.next(3).await;
    site.label(&keys[0], BENIGN).await;
    site.label(&keys[1], BENIGN).await;
    let meant = json!({"candidate": keys[1]});
    let early = json!({"candidate": keys[0]});
    site.post("/api/undo", early)
        .await
        .refused(409, &["another candidate since"]);
    let undone = site.post("/api/undo", meant.clone()).await.ok();
    assert_eq!(text(&undone["assignment"], "candidate"), keys[1]);

    let before = site.last();
    let again = site.post("/api/undo", meant).await;
    again.refused(409, &["no word of yours", "nothing was taken back"]);
    assert_eq!(site.last(), before);
    let path = format!("/api/candidates/{}", keys[0]);
    assert_eq!(site.get(&path).await.ok()["label"], 0);

    let first = json!({"candidate": keys[0]});
    site.post("/api/undo", first.clone()).await.ok();
    let before = site.last();
    site.post("/api/undo", first)
        .await
        .refused(409, &["nothing"]);
    assert_eq!(site.last(), before);
}

#[tokio::test]
async fn undo_passes_over_what_another_settled() {
    let site = Site::of(Plan::default());
    let keys = site.next(2).await;
    site.label(&keys[0], BENIGN).await;
    site.label(&keys[1], BENIGN).await;
    let settled = json!({"candidate": keys[1], "class": Value::Null});
    site.post_as("bob", "/api/correct", settled).await.ok();
    let before = site.last();
    let meant = json!({"candidate": keys[1]});
    site.post("/api/undo", meant)
        .await
        .refused(409, &["settled meanwhile", "review"]);
    assert_eq!(site.last(), before);
    let undone = site.post("/api/undo", json!({})).await.ok();
    assert_eq!(text(&undone["assignment"], "candidate"), keys[0]);
}
