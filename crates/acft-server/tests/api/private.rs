//! No answer names a folder of this machine, whatever went wrong.

use std::sync::atomic::Ordering;

use acft_project::Event;
use acft_server::Phase;
use serde_json::json;

use crate::site::{MODEL, Reply, Site, key, model, post_image};

const SECRET: &str = "/srv/hospital/ward 7/lungs";

#[track_caller]
fn names_no_folder(reply: &Reply) {
    let text = reply.text();
    for part in ["/srv", "hospital", "ward 7", "/tmp"] {
        assert!(!text.contains(part), "{}: {text}", reply.status);
    }
}

#[tokio::test]
async fn what_a_decoder_or_a_disk_says_loses_its_folders() {
    let site = Site::new();
    *site.sight.fault.lock().unwrap() = Some(format!("cannot open {SECRET}/images/5.png: gone"));
    let candidate = format!("/api/candidates/{}", key(1));
    for what in ["image", "samples", "patches"] {
        let reply = site.get(&format!("{candidate}/{what}")).await;
        reply.refused(422, &["cannot open 5.png: gone"]);
        names_no_folder(&reply);
    }
    let detail = site.get(&candidate).await;
    assert_eq!(detail.ok()["problem"], "cannot open 5.png: gone");
    names_no_folder(&detail);
    let next = site.post("/api/next", json!({"count": 9})).await;
    next.ok();
    names_no_folder(&next);

    site.sight.blind.store(true, Ordering::SeqCst);
    for path in ["/api/predict", "/api/feedback?class=1"] {
        let reply = site.send(post_image(path, b"image")).await;
        reply.refused(503, &["cannot open 5.png: gone"]);
        names_no_folder(&reply);
    }
}

#[tokio::test]
async fn what_the_network_says_loses_its_folders() {
    let site = Site::new();
    let mut made = model(MODEL, 0);
    made.why = format!("judged by {SECRET}/holdout.csv");
    site.append(vec![Event::ModelMade(made)]);
    site.work.begin(
        Phase::Training,
        4,
        format!("reading {SECRET}/models/a.safetensors"),
    );
    let far = site.get("/api/progress").await;
    assert_eq!(far.ok()["work"]["message"], "reading a.safetensors");
    names_no_folder(&far);
    let models = site.get("/api/models").await;
    assert_eq!(models.ok()[0]["why"], "judged by holdout.csv");
    names_no_folder(&models);
    // The model's file is not there: it is named by its hash.
    let used = site.post("/api/models/use", json!({"model": MODEL})).await;
    used.refused(409, &[MODEL, "is missing"]);
    assert!(
        !used
            .text()
            .contains(site.database().parent().unwrap().to_str().unwrap())
    );
}
