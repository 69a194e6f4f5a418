//! Who may ask.

use acft_project::Event;
use acft_server::Exposure;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::schema::Description;
use crate::site::{Plan, Reply, Site, key, token};

async fn with(site: &Site, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get("/api/session");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_tokens_only_this_machine_is_answered() {
    let site = Site::new();
    for host in [
        "localhost",
        "localhost:8500",
        "127.0.0.1:8500",
        "[::1]:8500",
    ] {
        assert_eq!(
            with(&site, &[("host", host)]).await.ok()["annotator"],
            "expert"
        );
    }
    for host in [
        "example.org",
        "localhost.example.org:8500",
        "192.168.0.7",
        "0.0.0.0",
        "../",
    ] {
        let reply = with(&site, &[("host", host)]).await;
        reply.refused(403, &["localhost", "acft annotator add"]);
    }
    with(&site, &[]).await.refused(403, &["localhost"]);
    let long = "x".repeat(65);
    for name in ["", "  ", &long] {
        let reply = with(&site, &[("host", "localhost"), ("x-annotator", name)]).await;
        reply.refused(400, &["X-Annotator"]);
    }
    // A token where there are none is a mistake that must be seen.
    let reply = with(
        &site,
        &[("host", "localhost"), ("authorization", "Bearer x")],
    )
    .await;
    reply.refused(401, &["token"]);
}

#[tokio::test]
async fn every_route_of_annotators_demands_a_token_once_there_is_one() {
    for exposure in [Exposure::Loopback, Exposure::Network] {
        let mut plan = Plan::default();
        plan.settings.exposure = exposure;
        let site = Site::of(plan);
        site.add_annotators(&["ada"]);
        let before = (site.last(), site.standing());
        for (method, path, told) in Description::read().operations() {
            if told["security"] == json!([]) {
                continue;
            }
            let path = path.replace("{key}", &key(1));
            let bearer = token("ada");
            for wrong in [
                None,
                Some("Bearer wrong".to_owned()),
                Some(format!("Basic {bearer}")),
                Some(bearer.clone()),
                Some(format!("Bearer {}", bearer.to_uppercase())),
                Some("Bearer ".to_owned()),
                Some("Bearer ../../etc/passwd".to_owned()),
            ] {
                let mut request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&path)
                    .header(header::HOST, "localhost")
                    .header("x-annotator", "ada")
                    .header(header::CONTENT_TYPE, "application/json");
                if let Some(wrong) = wrong {
                    request = request.header(header::AUTHORIZATION, wrong);
                }
                let reply = site.send(request.body(Body::from("{}")).unwrap()).await;
                reply.refused(401, &["token"]);
                assert_eq!(reply.header("www-authenticate"), "Bearer");
            }
        }
        assert_eq!((site.last(), site.standing()), before);
        // Whoever has one may come by any name of the machine.
        let bearer = format!("Bearer {}", token("ada"));
        let reply = with(
            &site,
            &[("host", "acft.example.org"), ("authorization", &bearer)],
        )
        .await;
        assert_eq!(reply.ok()["annotator"], "ada");
    }
}

#[tokio::test]
async fn on_a_network_nobody_is_answered_without_a_token() {
    let mut plan = Plan::default();
    plan.settings.exposure = Exposure::Network;
    let site = Site::of(plan);
    with(&site, &[("host", "localhost")])
        .await
        .refused(401, &["demands a token"]);
    site.get("/health").await.ok();
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_its_labels_stay() {
    let site = Site::new();
    site.add_annotators(&["ada", "bob"]);
    let key = site.next_of("@ada", 1).await.remove(0);
    let said = json!({"candidate": key, "class": 1});
    site.post_as("@ada", "/api/label", said.clone()).await.ok();
    let name = "ada".to_owned();
    site.append(vec![Event::AnnotatorRevoked { name }]);
    let before = (site.last(), site.standing());
    site.post_as("@ada", "/api/label", said)
        .await
        .refused(401, &["no longer"]);
    site.post_as("@ada", "/api/undo", json!({}))
        .await
        .refused(401, &["no longer"]);
    site.get_as("@ada", "/api/session")
        .await
        .refused(401, &["no longer"]);
    let image = format!("/api/candidates/{key}/image");
    site.get_as("@ada", &image)
        .await
        .refused(401, &["no longer"]);
    let predict = Request::post("/api/predict")
        .header(header::AUTHORIZATION, format!("Bearer {}", token("ada")))
        .header(header::CONTENT_TYPE, "image/png");
    let predicted = site.send(predict.body(Body::from("image")).unwrap()).await;
    predicted.refused(401, &["no longer"]);
    let asked = site
        .sight
        .predictions
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(asked, 0, "the network was asked all the same");

    assert_eq!((site.last(), site.standing()), before);
    let detail = site
        .get_as("@bob", &format!("/api/candidates/{key}"))
        .await
        .ok();
    assert_eq!(
        (&detail["label"], &detail["votes"][0]["annotator"]),
        (&json!(1), &json!("ada"))
    );
}

#[tokio::test]
async fn the_first_annotator_ends_the_time_without_tokens() {
    let site = Site::new();
    let key = site.next(1).await.remove(0);
    site.add_annotators(&["ada"]);
    let said = json!({"candidate": key, "class": 1});
    let before = site.last();
    site.post("/api/label", said).await.refused(401, &["token"]);
    assert_eq!(site.last(), before);
    site.get_as("@ada", "/api/session").await.ok();
}
