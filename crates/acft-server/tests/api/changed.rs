//! Candidates whose file is another by now, or cannot be opened.

use acft_server::Content;
use serde_json::json;

use crate::site::{BENIGN, MALIGNANT, Site, text};

impl Site {
    /// The next candidate: its key and its name.
    async fn one(&self) -> (String, String) {
        let next = self.post("/api/next", json!({})).await.ok();
        let one = &next["assignments"][0];
        (text(one, "candidate"), text(one, "name"))
    }

    fn turns(&self, name: &str, content: Content) {
        let mut files = self.sight.files.lock().unwrap();
        files.insert(name.to_owned(), content);
    }
}

fn changed() -> Content {
    Content::Changed("it is not the image that joined the project".to_owned())
}

fn away() -> Content {
    Content::Away("it cannot be opened".to_owned())
}

#[tokio::test]
async fn what_is_another_image_by_now_is_neither_shown_nor_labeled() {
    for what in ["image", "samples", "patches"] {
        let site = Site::new();
        let (key, name) = site.one().await;
        site.turns(&name, changed());
        let path = format!("/api/candidates/{key}/{what}");
        let said = ["not the image that joined", "acft add --again"];
        site.get(&path).await.refused(409, &said);
        let label = json!({"candidate": key, "class": BENIGN});
        site.post("/api/label", label)
            .await
            .refused(409, &["not the image that joined"]);
        assert_eq!(site.see(|ledger| ledger.changed().len()), 1);
        let progress = site.get("/api/progress").await.ok();
        assert_eq!(
            (&progress["changed"], &progress["unreadable"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(progress["labels"], 0);
        assert_ne!(site.one().await.0, key);
    }
}

#[tokio::test]
async fn a_label_is_refused_though_nobody_asked_for_the_image() {
    let site = Site::new();
    let (key, name) = site.one().await;
    let (said, other) = (site.label(&key, BENIGN).await, site.one().await);
    site.turns(&name, changed());
    site.turns(&other.1, changed());
    let label = json!({"candidate": other.0, "class": BENIGN});
    site.post("/api/label", label)
        .await
        .refused(409, &["not the image that joined"]);
    // What is on disk already is said again as it was.
    let label = json!({"candidate": key, "class": BENIGN});
    assert_eq!(site.post("/api/label", label).await.ok()["event"], said);
    let correct = json!({"candidate": key, "class": MALIGNANT});
    site.post("/api/correct", correct)
        .await
        .refused(409, &["not the image that joined"]);
}

#[tokio::test]
async fn what_changed_before_it_was_served_is_passed_over() {
    let site = Site::new();
    let before = site.next(3).await;
    for one in &before[..2] {
        let detail = site.get(&format!("/api/candidates/{one}")).await.ok();
        site.turns(&text(&detail, "name"), changed());
    }
    let served = site.next(3).await;
    assert_eq!(served.len(), 3);
    assert!(!served.contains(&before[0]) && !served.contains(&before[1]));
    assert_eq!(site.see(|ledger| ledger.changed().len()), 2);
}

#[tokio::test]
async fn what_cannot_be_opened_now_is_served_later_and_not_set_aside() {
    let site = Site::new();
    let (key, name) = site.one().await;
    site.turns(&name, away());
    let path = format!("/api/candidates/{key}/image");
    site.get(&path)
        .await
        .refused(503, &["cannot be opened", "load it again"]);
    assert_ne!(site.one().await.0, key);
    let progress = site.get("/api/progress").await.ok();
    assert_eq!(
        (&progress["away"], &progress["unreadable"]),
        (&json!(1), &json!(0))
    );
    // It was seen before its share went away, and its label waited.
    site.label(&key, BENIGN).await;
    site.sight.files.lock().unwrap().clear();
    site.get(&path).await.text();
}
