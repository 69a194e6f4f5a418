//! Several annotators at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::site::{Plan, Site, key};

fn with_overlap(overlap: usize) -> Site {
    let mut plan = Plan::default();
    plan.rules.overlap = overlap;
    Site::of(plan)
}

#[tokio::test]
async fn two_never_get_the_same() {
    let site = Site::new();
    site.add_annotators(&["ada", "bob"]);
    assert_eq!(
        site.get_as("@ada", "/api/session").await.ok()["several"],
        true
    );
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let (ada, bob) = tokio::join!(site.next_of("@ada", 3), site.next_of("@bob", 3));
        let mut both = BTreeSet::new();
        for (name, keys) in [("@ada", ada), ("@bob", bob)] {
            assert_eq!(keys.len(), 3);
            for key in keys {
                assert!(both.insert(key.clone()), "{key} is with both");
                let said = json!({"candidate": key, "class": 0});
                site.post_as(name, "/api/label", said).await.ok();
            }
        }
        assert!(seen.is_disjoint(&both));
        seen.extend(both);
    }
    assert_eq!(site.see(|ledger| ledger.spent()), 18);
}

#[tokio::test]
async fn what_another_has_is_refused() {
    let site = Site::new();
    site.add_annotators(&["ada", "bob"]);
    let key = site.next_of("@ada", 1).await.remove(0);
    let before = (site.last(), site.standing());
    for (path, said) in [
        ("/api/label", json!({"candidate": key, "class": 0})),
        ("/api/skip", json!({"candidate": key})),
    ] {
        let stale = site.post_as("@bob", path, said).await;
        stale.refused(409, &["is with ada now", "nothing was changed"]);
    }
    assert_eq!((site.last(), site.standing()), before);
}

#[tokio::test]
async fn with_overlap_nobody_sees_the_word_of_another_before_their_own() {
    let site = with_overlap(2);
    site.query(&[1, 2], 1);
    let key = key(1);
    let path = format!("/api/candidates/{key}");
    for name in ["ada", "bob"] {
        assert_eq!(site.next_of(name, 1).await, [key.as_str()]);
    }
    let said = json!({"candidate": key, "class": 1});
    let kept = site.post_as("ada", "/api/label", said).await.ok();
    assert_eq!(kept["why"]["dominant"], 1);
    let note = json!({"candidate": key, "note": "surely malignant"});
    site.post_as("ada", "/api/flag", note).await.ok();

    let detail = site.get_as("bob", &path).await.ok();
    for field in ["votes", "history", "flags"] {
        assert_eq!(detail[field], json!([]), "{field}");
    }
    assert_eq!(
        (&detail["label"], &detail["why"]),
        (&Value::Null, &Value::Null)
    );
    let next = site
        .post_as("bob", "/api/next", json!({"count": 1}))
        .await
        .ok();
    assert_eq!(next["assignments"][0]["flags"], json!([]));
    assert_eq!(next["assignments"][0]["why"], Value::Null);
    for filter in ["", "?flagged=1", "?annotator=ada"] {
        let page = site
            .get_as("bob", &format!("/api/review{filter}"))
            .await
            .ok();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["votes"], json!([]));
            assert_eq!(item["flags"], json!([]));
            for field in ["label", "guess", "trust"] {
                assert_eq!(item[field], Value::Null, "{field}");
            }
        }
    }
    let own = site.get_as("ada", &path).await.ok();
    assert_eq!(own["votes"].as_array().unwrap().len(), 1);

    let said = json!({"candidate": key, "class": 0});
    site.post_as("bob", "/api/label", said).await.ok();
    for name in ["ada", "bob"] {
        let detail = site.get_as(name, &path).await.ok();
        assert_eq!(detail["votes"].as_array().unwrap().len(), 2);
        assert_eq!(detail["flags"].as_array().unwrap().len(), 1);
        assert_eq!(detail["label"], Value::Null, "they disagree");
    }
}

#[tokio::test]
async fn many_at_once_lose_no_label() {
    let site = Site::of(Plan {
        pool: 60,
        ..Plan::default()
    });
    let names: Vec<String> = (0..10).map(|at| format!("reader {at}")).collect();
    let work = |name: String| {
        let site = &site;
        async move {
            for _ in 0..5 {
                let key = site.next_of(&name, 1).await.remove(0);
                let said = json!({"candidate": key, "class": 1});
                site.post_as(&name, "/api/label", said).await.ok();
            }
        }
    };
    let all = names.into_iter().map(work);
    let mut running: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> =
        all.map(|one| Box::pin(one) as _).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match running.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    assert_eq!(site.see(|ledger| ledger.spent()), 50);
    let metrics = site.get("/metrics").await.text();
    assert!(metrics.contains("acft_labels_total 50\n"), "{metrics}");
}
