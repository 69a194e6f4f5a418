//! A day of labeling.

use acft_project::{ClassId, Draw, Event, Member};
use serde_json::{Value, json};

use crate::rows::foreseen;
use crate::site::{BENIGN, MALIGNANT, Plan, Site, key, text};
use crate::vision::{HEIGHT, WIDTH};

#[tokio::test]
async fn the_page_learns_once_what_it_needs() {
    let mut plan = Plan::default();
    plan.settings.budget = Some(50);
    plan.settings.positive = Some(MALIGNANT);
    plan.settings.patches = 12;
    let site = Site::of(plan);
    let session = site.get("/api/session").await.ok();
    assert_eq!(
        session,
        json!({
            "annotator": "expert",
            "role": "annotator", "id": "7-3e8", "project": "lesions", "version": "0.1.0",
            "classes": [
                {"id": 0, "name": "benign", "key": "1"},
                {"id": 1, "name": "malignant", "key": "2"},
            ],
            "positive": 1, "show_guess": "after", "overlap": 1, "budget": 50,
            "patches": 12, "several": false,
        })
    );
    let session = site.get_as("Jörg", "/api/session").await.ok();
    assert_eq!(session["annotator"], "Jörg");
}

#[tokio::test]
async fn candidates_are_served_labeled_skipped_and_taken_back() {
    let site = Site::new();
    let next = site.post("/api/next", json!({"count": 3})).await.ok();
    assert_eq!(
        (&next["advice"], &next["exhausted"]),
        (&Value::Null, &json!(false))
    );
    let served = next["assignments"].as_array().unwrap();
    assert_eq!(served.len(), 3);
    assert_eq!(served[0]["draw"], "random");
    assert_eq!(served[0]["why"], Value::Null);
    let keys: Vec<String> = served.iter().map(|one| text(one, "candidate")).collect();
    assert_eq!(site.next(3).await, keys, "a reload gets the same");

    let labeled = site.label(&keys[0], MALIGNANT).await;
    assert_eq!(labeled, site.last().0);
    let skip = json!({"candidate": keys[1], "seconds": 4});
    site.post("/api/skip", skip).await.ok();

    let undone = site.post("/api/undo", json!({})).await.ok();
    assert_eq!(
        (&undone["was"], &undone["class"]),
        (&json!("skip"), &Value::Null)
    );
    assert_eq!(text(&undone["assignment"], "candidate"), keys[1]);
    let undone = site
        .post("/api/undo", json!({"candidate": null}))
        .await
        .ok();
    assert_eq!(
        (&undone["was"], &undone["class"]),
        (&json!("label"), &json!(1))
    );
    assert_eq!(
        site.next(3).await,
        [&keys[0], &keys[1], &keys[2]].map(Clone::clone)
    );
    site.post("/api/undo", json!({}))
        .await
        .refused(409, &["expert"]);

    site.label(&keys[0], BENIGN).await;
    let detail = site.get(&format!("/api/candidates/{}", keys[0])).await.ok();
    assert_eq!(detail["label"], 0);
    assert_eq!(detail["votes"], detail["history"]);
    assert_eq!(detail["votes"][0]["annotator"], "expert");
    assert_eq!(detail["votes"][0]["seconds"], 2.0);
    assert_eq!(
        (&detail["width"], &detail["height"]),
        (&json!(WIDTH), &json!(HEIGHT))
    );
}

#[tokio::test]
async fn as_many_are_served_as_there_are_and_no_more_than_fifty() {
    let site = Site::of(Plan {
        pool: 60,
        ..Plan::default()
    });
    assert_eq!(site.next(0).await.len(), 1);
    assert_eq!(site.next(1_000_000).await.len(), 50);
    let next = site.post("/api/next", json!({})).await.ok();
    assert_eq!(next["assignments"].as_array().unwrap().len(), 1);

    let small = Site::of(Plan {
        pool: 2,
        ..Plan::default()
    });
    for key in small.next(5).await {
        small.label(&key, BENIGN).await;
    }
    let next = small.post("/api/next", json!({"count": 5})).await.ok();
    assert_eq!(
        next,
        json!({"assignments": [], "advice": null, "exhausted": true})
    );
}

#[tokio::test]
async fn an_image_that_cannot_be_read_is_served_with_the_reason() {
    let site = Site::of(Plan {
        pool: 6,
        ..Plan::default()
    });
    let next = site.post("/api/next", json!({"count": 6})).await.ok();
    let broken = |one: &&Value| one["name"] == "case 5";
    let broken = next["assignments"]
        .as_array()
        .unwrap()
        .iter()
        .find(broken)
        .unwrap();
    assert_eq!(broken["width"], Value::Null);
    assert!(text(broken, "problem").contains("images/5.png"));
    let detail = site.get(&format!("/api/candidates/{}", key(5))).await.ok();
    assert_eq!(detail["problem"], broken["problem"]);
    let skip = json!({"candidate": key(5)});
    site.post("/api/skip", skip).await.ok();
}

#[tokio::test]
async fn doubts_are_noted_and_taken_off() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    let flag = json!({"candidate": key, "note": "  blurred, ../../etc/passwd "});
    site.post("/api/flag", flag).await.ok();
    let again = json!({"candidate": key});
    let next = site.post("/api/next", json!({"count": 1})).await.ok();
    let flags = &next["assignments"][0]["flags"];
    assert_eq!(flags[0]["note"], "blurred, ../../etc/passwd");
    assert_eq!(flags[0]["annotator"], "expert");
    site.post("/api/flag", again.clone()).await.ok();
    let path = format!("/api/candidates/{key}");
    assert_eq!(site.get(&path).await.ok()["flags"][0]["note"], "");

    site.post("/api/unflag", again.clone()).await.ok();
    assert_eq!(site.get(&path).await.ok()["flags"], json!([]));
    let before = site.last();
    site.post("/api/unflag", again)
        .await
        .refused(409, &["expert"]);
    assert_eq!(site.last(), before);
}

#[tokio::test]
async fn the_guess_is_hidden_until_the_label_is_given() {
    let site = Site::new();
    site.query(&[1, 2, 3, 4], 2);
    let [one, two] = [key(1), key(2)];
    let next = site.post("/api/next", json!({"count": 2})).await.ok();
    for assignment in next["assignments"].as_array().unwrap() {
        assert_eq!(assignment["draw"], "query");
        assert_eq!(assignment["why"], Value::Null);
    }
    let path = format!("/api/candidates/{one}");
    assert_eq!(site.get(&path).await.ok()["why"], Value::Null);
    let said = json!({"candidate": one, "class": 0});
    let kept = site.post("/api/label", said).await.ok();
    let why = &kept["why"];
    assert_eq!(why["mean"], json!([0.25, 0.75]));
    assert_eq!((&why["dominant"], &why["rank"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&why["ranking_size"], &why["classes"]),
        (&json!(4), &json!([0, 1]))
    );
    assert_eq!(why["predictions"], json!([[0.0, 1.0], [0.5, 0.5]]));
    assert_eq!(site.get(&path).await.ok()["why"], *why);
    let page = site.get("/api/review").await.ok();
    assert_eq!(
        (&page["items"][0]["guess"], &page["items"][0]["trust"]),
        (&json!(1), &json!(0.25))
    );

    // A skip is no label: the candidate may come back.
    site.post("/api/skip", json!({"candidate": two})).await.ok();
    let path = format!("/api/candidates/{two}");
    assert_eq!(site.get(&path).await.ok()["why"], Value::Null);
}

#[tokio::test]
async fn scores_made_elsewhere_are_no_guess() {
    let site = Site::new();
    let member = Member {
        predictions: Vec::new(),
        ..foreseen(1, 0)
    };
    site.append(vec![
        Event::Ranked {
            ranking: 1,
            model: None,
            scored: 1,
            reserve: Vec::new(),
            short: false,
        },
        Event::BatchDrawn {
            batch: 1,
            draw: Draw::Query,
            ranking: Some(1),
            members: vec![member],
        },
    ]);
    site.next(1).await;
    let said = json!({"candidate": key(1), "class": 0});
    let kept = site.post("/api/label", said).await.ok();
    let why = &kept["why"];
    assert_eq!(
        (&why["dominant"], &why["model"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!((&why["score"], &why["rank"]), (&json!(1.0), &json!(1)));
    assert_eq!((&why["mean"], &why["classes"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_guess_of_a_class_that_was_merged_is_of_what_it_counts_as() {
    let site = Site::new();
    let third = ClassId(2);
    site.append(vec![Event::ClassAdded {
        class: third,
        name: "malignant, rare".to_owned(),
    }]);
    site.query(&[1, 2], 1);
    let merged = Event::ClassMerged {
        from: MALIGNANT,
        into: third,
    };
    site.append(vec![merged]);
    site.next(1).await;
    let said = json!({"candidate": key(1), "class": third});
    let why = &site.post("/api/label", said).await.ok()["why"];
    assert_eq!(why["dominant"], json!(third));
    assert_eq!(why["classes"], json!([BENIGN, third]));
}

#[tokio::test]
async fn the_guess_is_shown_from_the_start_where_that_is_wanted() {
    let mut plan = Plan::default();
    plan.settings.show_guess = acft_server::ShowGuess::Before;
    let site = Site::of(plan);
    site.query(&[1, 2], 1);
    let next = site.post("/api/next", json!({"count": 1})).await.ok();
    assert_eq!(next["assignments"][0]["why"]["dominant"], 1);
    assert_eq!(site.get("/api/session").await.ok()["show_guess"], "before");
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on() {
    let site = Site::new();
    let keys = site.next(4).await;
    site.label(&keys[0], MALIGNANT).await;
    let site = site.restart();
    assert_eq!(site.next(3).await, keys[1..]);
    site.label(&keys[1], BENIGN).await;
    let site = site.restart();
    // What was on the screen when the server went is taken, unasked for.
    site.label(&keys[2], BENIGN).await;
    let undone = site
        .post("/api/undo", json!({"candidate": keys[2]}))
        .await
        .ok();
    assert_eq!(text(&undone["assignment"], "candidate"), keys[2]);
    let path = format!("/api/candidates/{}", keys[0]);
    assert_eq!(site.get(&path).await.ok()["label"], 1);
}
