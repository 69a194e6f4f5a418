//! Images that come slowly keep nothing from others.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::channel::{Channel, Sender};

use crate::site::{Plan, Site, post_image};

/// An image of which only the beginning comes.
fn slow(path: &str) -> (axum::http::Request<Body>, Sender<Bytes, Infallible>) {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    let _ = sender.try_send(hyper::body::Frame::data(Bytes::from_static(b"ima")));
    let mut request = post_image(path, b"");
    *request.body_mut() = Body::new(body);
    (request, sender)
}

#[tokio::test]
async fn slow_uploads_keep_no_place_from_others() {
    let mut plan = Plan::default();
    plan.settings.predictions_at_once = 1;
    plan.settings.predictions_waiting = 1;
    plan.settings.request_timeout = Duration::from_secs(20);
    let site = Site::of(plan);
    let mut senders = Vec::new();
    let mut waiting = Vec::new();
    for at in 0..20 {
        let path = ["/api/predict", "/api/feedback?class=1"][at % 2];
        let (request, sender) = slow(path);
        senders.push(sender);
        waiting.push(tokio::spawn(tower::ServiceExt::oneshot(
            site.router(),
            request,
        )));
    }
    for _ in 0..3 {
        site.send(post_image("/api/predict", b"image")).await.ok();
        site.send(post_image("/api/feedback?class=1", b"image"))
            .await
            .ok();
    }
    assert!(waiting.iter().all(|one| !one.is_finished()));
    assert_eq!(site.sight.predictions.load(Ordering::SeqCst), 3);
    drop(senders);
}
