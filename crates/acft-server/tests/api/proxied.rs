//! Requests that did not come straight from this machine, or ask by a name
//! that is not ours.

use acft_server::Exposure;
use axum::body::Body;
use axum::http::{Request, Version};
use serde_json::json;

use crate::schema::Description;
use crate::site::{Plan, Site, key, token};

const HOST: (&str, &str) = ("host", "127.0.0.1:8500");

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from("{}")).unwrap()
}

#[tokio::test]
async fn a_project_without_annotators_is_closed_to_what_a_proxy_brings() {
    let site = Site::new();
    let before = (site.last(), site.standing());
    for (method, path, told) in Description::read().operations() {
        if told["security"] == json!([]) {
            continue;
        }
        let (method, path) = (method.to_uppercase(), path.replace("{key}", &key(1)));
        for header in [
            ("X-Forwarded-For", "203.0.113.5"),
            ("X-Forwarded-Proto", "https"),
            ("Forwarded", "for=203.0.113.5;host=label.example.org"),
            ("X-Real-IP", "203.0.113.5"),
            ("Via", "1.1 squid"),
            ("Origin", "https://label.example.org"),
            ("Origin", "null"),
            ("Referer", "https://label.example.org/"),
            ("Sec-Fetch-Site", "cross-site"),
        ] {
            let reply = site.send(request(&method, &path, &[HOST, header])).await;
            reply.refused(
                403,
                &["localhost", "acft annotator add", "deployment-proxy.md"],
            );
        }
        let mut old = request(&method, &path, &[HOST]);
        *old.version_mut() = Version::HTTP_10;
        site.send(old).await.refused(403, &["HTTP/1.0"]);
    }
    assert_eq!((site.last(), site.standing()), before);
    // The page's own requests.
    for origin in ["http://127.0.0.1:8500", "HTTP://127.0.0.1:8500"] {
        let own = [HOST, ("origin", origin), ("sec-fetch-site", "same-origin")];
        let reply = site.send(request("POST", "/api/next", &own)).await;
        assert_eq!(
            reply.status,
            if origin.starts_with('h') { 200 } else { 403 }
        );
    }
}

#[tokio::test]
async fn with_a_token_a_proxy_may_bring_it() {
    let mut plan = Plan::default();
    plan.settings.exposure = Exposure::Network;
    plan.settings.hosts = vec!["label.example.org".to_owned()];
    let site = Site::of(plan);
    site.add_annotators(&["ada"]);
    let bearer = format!("Bearer {}", token("ada"));
    let proxied = [
        ("host", "label.example.org"),
        ("origin", "https://label.example.org"),
        ("x-forwarded-for", "203.0.113.5"),
        ("authorization", &bearer),
    ];
    site.send(request("POST", "/api/next", &proxied)).await.ok();
    site.send(request("POST", "/api/next", &proxied[..3]))
        .await
        .refused(401, &["demands a token"]);
    site.send(request("GET", "/health", &proxied[..3]))
        .await
        .ok();
}

#[tokio::test]
async fn machines_are_answered_by_names_of_this_one_only() {
    let site = Site::new();
    let mut plan = Plan::default();
    plan.settings.exposure = Exposure::Network;
    let open = Site::of(plan);
    for path in ["/health", "/metrics"] {
        for host in ["localhost:8500", "127.0.0.1", "[::1]:8500"] {
            assert_eq!(
                site.send(request("GET", path, &[("host", host)]))
                    .await
                    .status,
                200
            );
        }
        assert_eq!(site.send(request("GET", path, &[])).await.status, 200);
        for headers in [
            &[("host", "evil.example")][..],
            &[("host", "localhost.evil.example:8500")],
            &[("host", "192.168.0.7:8500")],
            &[("host", "")],
            &[HOST, ("origin", "http://evil.example")],
        ] {
            let reply = site.send(request("GET", path, headers)).await;
            reply.refused(403, &["--allow-host"]);
        }
        let address = [("host", "192.168.0.7:8500")];
        assert_eq!(open.send(request("GET", path, &address)).await.status, 200);
        let name = [("host", "evil.example")];
        open.send(request("GET", path, &name))
            .await
            .refused(403, &[]);
    }
}
