//! A second look.

use serde_json::{Value, json};

use crate::site::{BENIGN, MALIGNANT, Plan, Site, key, text};

async fn listed(site: &Site, filter: &str) -> Vec<String> {
    let page = site.get(&format!("/api/review?{filter}")).await.ok();
    let items = page["items"].as_array().unwrap();
    assert_eq!(page["total"], items.len());
    items.iter().map(|one| text(one, "name")).collect()
}

#[tokio::test]
async fn what_was_said_is_found_by_what_it_is() {
    let site = Site::new();
    site.query(&[1, 2, 3, 4], 4);
    site.next(4).await;
    site.label(&key(1), BENIGN).await;
    site.label(&key(2), MALIGNANT).await;
    site.post("/api/skip", json!({"candidate": key(3)}))
        .await
        .ok();
    site.post("/api/flag", json!({"candidate": key(9), "note": "odd"}))
        .await
        .ok();

    for (filter, names) in [
        ("", &["case 3", "case 2", "case 1"][..]),
        ("class=1", &["case 2"]),
        ("class=malignant", &["case 2"]),
        ("class=", &["case 3", "case 2", "case 1"]),
        ("annotator=expert", &["case 3", "case 2", "case 1"]),
        ("annotator=nobody", &[]),
        ("annotator=..%2f..%2fetc", &[]),
        ("flagged=1", &["case 9"]),
        ("flagged=false", &["case 3", "case 2", "case 1"]),
        // The network took all for malignant.
        ("disagreed=true", &["case 1"]),
        ("disputed=1", &[]),
        ("offset=4294967295", &[]),
    ] {
        if filter.starts_with("offset") {
            let page = site.get(&format!("/api/review?{filter}")).await.ok();
            assert_eq!(page["items"], json!([]));
            continue;
        }
        assert_eq!(listed(&site, filter).await, names, "{filter}");
    }
    let page = site.get("/api/review?offset=1&limit=1").await.ok();
    assert_eq!(
        (&page["total"], &page["items"][0]["name"]),
        (&json!(3), &json!("case 2"))
    );
    let none = site.get("/api/review?limit=0").await.ok();
    assert_eq!(none["items"], json!([]));
    let item = &site.get("/api/review?disagreed=1").await.ok()["items"][0];
    assert_eq!((&item["label"], &item["guess"]), (&json!(0), &json!(1)));
    assert_eq!(item["trust"], 0.25);
}

#[tokio::test]
async fn a_correction_settles_it_and_the_history_stays() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    let corrected = |class: Value| json!({"candidate": key, "class": class});
    let early = site.post("/api/correct", corrected(json!(1))).await;
    early.refused(409, &["not labeled yet"]);

    site.label(&key, BENIGN).await;
    site.post("/api/correct", corrected(json!(1))).await.ok();
    let path = format!("/api/candidates/{key}");
    let detail = site.get(&path).await.ok();
    assert_eq!(detail["label"], 1);
    let classes: Vec<&Value> = detail["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["class"])
        .collect();
    assert_eq!(classes, [&json!(0), &json!(1)]);
    assert_eq!(detail["history"][1]["origin"], "review");

    site.post("/api/correct", corrected(Value::Null)).await.ok();
    let detail = site.get(&path).await.ok();
    assert_eq!(
        (
            &detail["label"],
            detail["history"].as_array().unwrap().len()
        ),
        (&Value::Null, 3)
    );
}

#[tokio::test]
async fn two_who_labeled_the_same_are_compared() {
    let mut plan = Plan::default();
    plan.rules.overlap = 2;
    let site = Site::of(plan);
    assert_eq!(
        site.get("/api/agreement").await.ok(),
        json!({"pairs": [], "kappa": null})
    );
    for (name, classes) in [("ada", [0, 0, 1, 1]), ("bob", [0, 1, 1, 1])] {
        for class in classes {
            let key = site.next_of(name, 1).await.remove(0);
            let said = json!({"candidate": key, "class": class});
            site.post_as(name, "/api/label", said).await.ok();
        }
    }
    let agreement = site.get("/api/agreement").await.ok();
    let pair = &agreement["pairs"][0];
    assert_eq!((&pair["a"], &pair["b"]), (&json!("ada"), &json!("bob")));
    assert_eq!(
        (&pair["n"], &pair["agreed"], &pair["kappa"]),
        (&json!(4), &json!(3), &json!(0.5))
    );
    assert_eq!(agreement["kappa"], 0.5);
    let disputed = site.get("/api/review?disputed=1").await.ok();
    assert_eq!(disputed["total"], 1);
    assert_eq!(disputed["items"][0]["label"], Value::Null);
}
