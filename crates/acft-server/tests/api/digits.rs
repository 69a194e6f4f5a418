//! Classes that are named by digits: no request and no key gives another class
//! than the one that is meant.

use acft_project::Event;
use serde_json::{Value, json};

use crate::site::{BENIGN, MALIGNANT, Site, key, post_image};

/// Grades: the class of number 0 is called 1, and that of number 1 is called 2.
fn graded() -> Site {
    let site = Site::new();
    let renamed = |class, name: &str| Event::ClassRenamed {
        class,
        name: name.to_owned(),
    };
    // By way of another name: two classes never have the same.
    site.append(vec![renamed(BENIGN, "1"), renamed(MALIGNANT, "2")]);
    site
}

async fn label_of(site: &Site, key: &str) -> Value {
    let detail = site.get(&format!("/api/candidates/{key}")).await.ok();
    detail["label"].clone()
}

#[tokio::test]
async fn feedback_is_by_name_or_by_number_and_never_by_chance() {
    let site = graded();
    let before = (site.last(), site.standing());
    for query in ["class=1", "class=0", "class=2", "class=3", "class=%201"] {
        let reply = site
            .send(post_image(&format!("/api/feedback?{query}"), b"image"))
            .await;
        reply.refused(422, &["classes are 0 (1), 1 (2)"]);
    }
    assert_eq!((site.last(), site.standing()), before);

    for (query, number) in [
        ("class-name=1", 0),
        ("class-number=1", 1),
        ("class-name=2", 1),
        ("class-number=0", 0),
    ] {
        let path = format!("/api/feedback?{query}");
        let joined = site.send(post_image(&path, query.as_bytes())).await.ok();
        let key = joined["candidate"].as_str().unwrap();
        assert_eq!(label_of(&site, key).await, number, "{query}");
    }
    for (class, number) in [
        (json!("1"), 0),
        (json!(1), 1),
        (json!("2"), 1),
        (json!(0), 0),
    ] {
        let settled = json!({"candidate": key(3), "class": class});
        site.post("/api/feedback", settled).await.ok();
        assert_eq!(label_of(&site, &key(3)).await, number, "{class}");
    }
}

#[tokio::test]
async fn labels_corrections_and_review_tell_names_from_numbers() {
    let site = graded();
    let keys = site.next(2).await;
    for (key, class, number) in [(&keys[0], json!("1"), 0), (&keys[1], json!(1), 1)] {
        let said = json!({"candidate": key, "class": class});
        site.post("/api/label", said).await.ok();
        assert_eq!(label_of(&site, key).await, number);
    }
    let listed = |query: &str| {
        let path = format!("/api/review?{query}");
        let site = &site;
        async move {
            let page = site.get(&path).await.ok();
            page["items"][0]["candidate"].clone()
        }
    };
    assert_eq!(listed("class-name=1").await, json!(keys[0]));
    assert_eq!(listed("class-number=1").await, json!(keys[1]));
    site.get("/api/review?class=1")
        .await
        .refused(422, &["class-name", "class-number"]);

    let said = json!({"candidate": keys[0], "class": "2"});
    site.post("/api/correct", said).await.ok();
    assert_eq!(label_of(&site, &keys[0]).await, 1);
}

#[tokio::test]
async fn the_keys_of_the_page_agree_with_the_names() {
    let keys = |session: &Value| -> Vec<(String, String)> {
        let classes = session["classes"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        classes
            .map(|one| (text(&one["name"]), text(&one["key"])))
            .collect()
    };
    let pair = |name: &str, key: &str| (name.to_owned(), key.to_owned());
    let site = graded();
    let session = site.get("/api/session").await.ok();
    assert_eq!(keys(&session), [pair("1", "1"), pair("2", "2")]);
    let name = "0".to_owned();
    site.append(vec![Event::ClassRenamed {
        class: MALIGNANT,
        name,
    }]);
    let session = site.get("/api/session").await.ok();
    assert_eq!(keys(&session), [pair("1", "1"), pair("0", "0")]);
}
