//! Who may label is changed while the project is served.

use acft_project::{Event, Role, token_hash};
use serde_json::{Value, json};

use crate::site::{Plan, Reply, Site, post_builder, text, token};

const KEY: &str = "key-in-the-folder";

/// A site with an administrator, an annotator, and a key in its folder.
fn governed() -> Site {
    let mut plan = Plan::default();
    plan.settings.key = Some(token_hash(KEY));
    let site = Site::of(plan);
    site.add_annotators(&["ada"]);
    site.append(vec![Event::AnnotatorAdded {
        name: "root".to_owned(),
        token: token_hash(&token("root")),
        role: Role::Administrator,
    }]);
    site
}

async fn with(site: &Site, token: &str, path: &str, body: Value) -> Reply {
    let request = post_builder(path).header("authorization", format!("Bearer {token}"));
    let request = match body {
        Value::Null => request.method("GET").body(axum::body::Body::empty()),
        body => request.body(body.to_string().into()),
    };
    site.send(request.unwrap()).await
}

#[tokio::test]
async fn an_administrator_and_the_key_add_and_revoke() {
    for who in [token("root").as_str(), KEY] {
        let site = governed();
        let added = with(
            &site,
            who,
            "/api/annotators/add",
            json!({"annotator": "bob"}),
        )
        .await;
        let bob = text(&added.ok(), "token");
        assert_eq!(bob.len(), 32);
        let session = with(&site, &bob, "/api/session", Value::Null).await.ok();
        assert_eq!(
            (&session["annotator"], &session["role"]),
            (&json!("bob"), &json!("annotator"))
        );
        with(
            &site,
            who,
            "/api/annotators/add",
            json!({"annotator": "bob"}),
        )
        .await
        .refused(409, &["already"]);

        let people = with(&site, who, "/api/annotators", Value::Null).await.ok();
        assert_eq!(people[0]["annotator"], "ada");
        assert_eq!(
            people[2],
            json!({"annotator": "root", "role": "administrator", "labels": 0, "skips": 0})
        );

        with(
            &site,
            who,
            "/api/annotators/revoke",
            json!({"annotator": "bob"}),
        )
        .await
        .ok();
        with(&site, &bob, "/api/session", Value::Null)
            .await
            .refused(401, &["no longer"]);
        with(
            &site,
            who,
            "/api/annotators/revoke",
            json!({"annotator": "bob"}),
        )
        .await
        .refused(409, &["no annotator"]);
    }
}

#[tokio::test]
async fn nobody_else_says_who_labels() {
    let site = governed();
    let open = Site::new();
    let before = (site.last(), open.last());
    for (path, body) in [
        ("/api/annotators", Value::Null),
        (
            "/api/annotators/add",
            json!({"annotator": "eve", "role": "administrator"}),
        ),
        ("/api/annotators/revoke", json!({"annotator": "root"})),
    ] {
        with(&site, &token("ada"), path, body.clone())
            .await
            .refused(403, &["administrator"]);
        with(&site, "wrong", path, body.clone())
            .await
            .refused(401, &[]);
        // Whoever sits before the machine needs the command line for it.
        let reply = match body {
            Value::Null => open.get(path).await,
            body => open.post(path, body).await,
        };
        reply.refused(403, &["acft annotator"]);
    }
    assert_eq!((site.last(), open.last()), before);
}

#[tokio::test]
async fn an_administrator_who_was_revoked_governs_no_more() {
    let site = governed();
    let revoke = json!({"annotator": "root"});
    with(&site, KEY, "/api/annotators/revoke", revoke)
        .await
        .ok();
    let add = json!({"annotator": "eve"});
    with(&site, &token("root"), "/api/annotators/add", add)
        .await
        .refused(401, &["no longer"]);
}

#[tokio::test]
async fn the_key_labels_nothing() {
    let site = governed();
    for (path, body) in [
        ("/api/session", Value::Null),
        ("/api/progress", Value::Null),
        ("/api/next", json!({})),
    ] {
        with(&site, KEY, path, body)
            .await
            .refused(403, &["labels nothing"]);
    }
}

#[tokio::test]
async fn reserved_names_are_nobodys() {
    let site = governed();
    let open = Site::new();
    let before = (site.last(), open.last());
    for name in ["manifest", "import", "acft", "MANIFEST", "Import"] {
        with(
            &site,
            KEY,
            "/api/annotators/add",
            json!({"annotator": name}),
        )
        .await
        .refused(422, &["choose another name"]);
        open.post_as(name, "/api/next", json!({}))
            .await
            .refused(400, &["X-Annotator", "choose another name"]);
    }
    for name in ["", " ada", "a\u{200b}da", &"x".repeat(65)] {
        with(
            &site,
            KEY,
            "/api/annotators/add",
            json!({"annotator": name}),
        )
        .await
        .refused(422, &["1 to 64 letters"]);
    }
    assert_eq!((site.last(), open.last()), before);
}
