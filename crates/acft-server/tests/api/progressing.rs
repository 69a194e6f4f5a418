//! How far the project is, its models, and going on against advice.

use acft_project::{ClassId, Event, ModelMade};
use acft_server::Phase;
use serde_json::{Value, json};

use crate::site::{BENIGN, MALIGNANT, MODEL, Plan, Site, model};

const OTHER: &str = "aa22000000000000000000000000000000000000000000000000000000000000";

#[tokio::test]
async fn progress_tells_of_labels_models_and_work() {
    let mut plan = Plan::default();
    plan.rules.budget = Some(100);
    let site = Site::of(plan);
    let start = site.get("/api/progress").await.ok();
    assert_eq!(
        (&start["model"], &start["batch"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(start["work"]["phase"], "idle");

    site.query(&[1, 2, 3, 4], 4);
    let keys = site.next(3).await;
    site.label(&keys[0], BENIGN).await;
    site.label(&keys[1], MALIGNANT).await;
    site.post("/api/skip", json!({"candidate": keys[2]}))
        .await
        .ok();
    site.work.begin(Phase::Training, 40, "learning 2 labels");
    site.work.epoch(2, 8);
    site.work.advance(10, 40);

    let far = site.get("/api/progress").await.ok();
    assert_eq!((&far["labels"], &far["skipped"]), (&json!(2), &json!(1)));
    assert_eq!((&far["pool"], &far["candidates"]), (&json!(16), &json!(20)));
    assert_eq!(
        (&far["unlearned"], &far["budget"]),
        (&json!(2), &json!(100))
    );
    assert_eq!(far["batch"], json!({"number": 1, "size": 4, "done": 3}));
    assert_eq!(far["seconds_per_label"], 2.0);
    assert_eq!(
        (&far["model"]["hash"], &far["model"]["auc"]),
        (&json!(MODEL), &json!(0.75))
    );
    assert_eq!(
        (&far["work"]["phase"], &far["work"]["epoch"]),
        (&json!("training"), &json!(2))
    );
    assert_eq!(far["work"]["message"], "learning 2 labels");
    assert_eq!(far["annotators"][0]["name"], "expert");
    assert_eq!((&far["advice"], &far["stop"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn going_on_is_possible_once_stopping_was_advised() {
    let site = Site::new();
    let before = site.last();
    site.post("/api/go-on", json!({}))
        .await
        .refused(409, &["go on"]);
    assert_eq!(site.last(), before);

    let reason = "the curve is flat".to_owned();
    site.append(vec![Event::StopAdvised { reason }]);
    let next = site.post("/api/next", json!({"count": 1})).await.ok();
    assert_eq!(
        (&next["advice"], &next["assignments"]),
        (&json!("the curve is flat"), &json!([]))
    );
    assert_eq!(
        site.get("/api/progress").await.ok()["stop"],
        "the curve is flat"
    );
    site.post("/api/go-on", json!({})).await.ok();
    assert_eq!(site.next(1).await.len(), 1);
}

#[tokio::test]
async fn a_spent_budget_stops_and_undo_frees_it() {
    let mut plan = Plan::default();
    plan.rules.budget = Some(1);
    let site = Site::of(plan);
    let key = site.next(3).await.remove(0);
    site.label(&key, BENIGN).await;
    let next = site.post("/api/next", json!({"count": 1})).await.ok();
    assert_eq!(next["assignments"], json!([]));
    assert!(next["advice"].as_str().unwrap().contains("budget"));
    let undone = site.post("/api/undo", json!({"candidate": key})).await.ok();
    assert_eq!(undone["assignment"]["candidate"], key);
    assert_eq!(site.next(1).await, [key]);
}

#[tokio::test]
async fn an_earlier_model_is_used_again() {
    let site = Site::new();
    assert_eq!(site.get("/api/models").await.ok(), json!([]));
    site.append(vec![
        Event::ModelMade(model(MODEL, 0)),
        Event::ModelMade(ModelMade {
            parent: Some(MODEL.to_owned()),
            ..model(OTHER, 1)
        }),
    ]);
    let models = site.get("/api/models").await.ok();
    assert_eq!(
        (&models[0]["current"], &models[1]["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&models[1]["parent"], &models[1]["auc_before"]),
        (&json!(MODEL), &json!(0.5))
    );

    // Its file is gone.
    let before = site.last();
    let asked = json!({"model": "aa11"});
    let reply = site.post("/api/models/use", asked).await;
    reply.refused(409, &["is missing"]);
    assert_eq!(site.last(), before);
    site.keep_model(MODEL);

    let used = site
        .post("/api/models/use", json!({"model": "aa11"}))
        .await
        .ok();
    assert_eq!(used, json!({"event": site.last().0, "model": MODEL}));
    assert_eq!(site.get("/api/models").await.ok()[0]["current"], true);

    let before = site.last();
    for (start, words) in [
        ("", &["no model"][..]),
        ("aa", &["2 models", "more of the hash"]),
        ("bb", &["no model", "bb"]),
        ("../../models", &["no model"]),
    ] {
        let reply = site.post("/api/models/use", json!({"model": start})).await;
        reply.refused(422, words);
    }
    assert_eq!(site.last(), before);

    let (class, name) = (ClassId(2), "odd".to_owned());
    site.append(vec![Event::ClassAdded { class, name }]);
    let before = site.last();
    let reply = site.post("/api/models/use", json!({"model": "aa22"})).await;
    reply.refused(409, &["other classes"]);
    assert_eq!(site.last(), before);
}

#[tokio::test]
async fn machines_are_told_how_it_does() {
    let site = Site::new();
    assert_eq!(
        site.get("/health").await.ok(),
        json!({"status": "ok", "version": "0.1.0"})
    );
    site.query(&[1, 2], 2);
    let keys = site.next(2).await;
    site.label(&keys[0], BENIGN).await;
    site.label(&keys[1], BENIGN).await;
    let metrics = site.get("/metrics").await;
    assert!(metrics.header("content-type").contains("openmetrics"));
    let metrics = metrics.text();
    for line in [
        "acft_labels_total 2\n",
        "acft_label_latency_seconds_count 2\n",
        "acft_labels_spent 2\n",
        "acft_pool_candidates 18\n",
        "acft_work_phase{phase=\"idle\"} 1\n",
        "acft_requests_total{route=\"/api/label\",method=\"POST\",status=\"200\"} 2\n",
        "# EOF\n",
    ] {
        assert!(metrics.contains(line), "{line:?} is not in {metrics}");
    }
    assert!(!metrics.contains("expert") && !metrics.contains(&keys[0]));
}
