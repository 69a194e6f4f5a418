//! Every route, in one table: the router is made of it, and `openapi.json` is
//! held against it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{
    annotators, candidates, feedback, flags, labels, models, next, predict, progress, review,
    session, system,
};
use crate::app::{App, Served, Shared};
use crate::guard::{guard, only_by_own_names};
use crate::observe::{Place, limit_time, observe, panicked};
use crate::page;
use crate::problem::Problem;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody who can reach the server.
    Everybody,
    /// Everybody who knows the server by a name of its own.
    Machines,
    /// Annotators.
    Annotators,
}

/// One method on one path.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: MethodRouter<App>,
}

/// The table.
pub(crate) fn table() -> Vec<Route> {
    use Access::{Annotators, Everybody, Machines};
    let read = |path, access, handler| Route {
        method: Method::GET,
        path,
        access,
        handler,
    };
    let write = |path, handler| Route {
        method: Method::POST,
        path,
        access: Annotators,
        handler,
    };
    vec![
        read("/", Everybody, get(page::index)),
        read("/assets/{file}", Everybody, get(page::asset)),
        read("/health", Machines, get(system::health)),
        read("/metrics", Machines, get(system::metrics)),
        read("/openapi.json", Everybody, get(system::openapi)),
        read("/api/session", Annotators, get(session::session)),
        write("/api/next", post(next::next)),
        write("/api/label", post(labels::label)),
        write("/api/skip", post(labels::skip)),
        write("/api/undo", post(labels::undo)),
        write("/api/flag", post(flags::flag)),
        write("/api/unflag", post(flags::unflag)),
        read("/api/candidates/{key}", Annotators, get(candidates::detail)),
        read(
            "/api/candidates/{key}/image",
            Annotators,
            get(candidates::image),
        ),
        read(
            "/api/candidates/{key}/samples",
            Annotators,
            get(candidates::samples),
        ),
        read(
            "/api/candidates/{key}/patches",
            Annotators,
            get(candidates::patches),
        ),
        read("/api/progress", Annotators, get(progress::progress)),
        read("/api/review", Annotators, get(review::review)),
        write("/api/correct", post(review::correct)),
        read("/api/agreement", Annotators, get(review::agreement)),
        write("/api/go-on", post(progress::go_on)),
        read("/api/models", Annotators, get(models::models)),
        write("/api/models/use", post(models::use_model)),
        write("/api/predict", post(predict::predict)),
        write("/api/feedback", post(feedback::feedback)),
        read("/api/annotators", Annotators, get(annotators::list)),
        write("/api/annotators/add", post(annotators::add)),
        write("/api/annotators/revoke", post(annotators::revoke)),
    ]
}

/// The page and its API, to be served on a socket or asked in a test.
pub fn app(served: Served) -> Router {
    router(Arc::new(Shared::from(served)))
}

/// The router of the table.
fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in table() {
        let handler = route
            .handler
            .fallback(move || async move { wrong_method(&route.method) });
        let handler = match route.access {
            Access::Everybody => handler,
            Access::Machines => handler.layer(from_fn_with_state(app.clone(), only_by_own_names)),
            Access::Annotators => handler.layer(from_fn_with_state(app.clone(), guard)),
        };
        router = router.route(route.path, surround(handler, &app, route.path));
    }
    let nowhere = surround(axum::routing::any(unknown), &app, "unknown");
    router
        .fallback_service(nowhere.with_state(app.clone()))
        .with_state(app)
}

/// What every route has around it, from the inside out.
fn surround(handler: MethodRouter<App>, app: &App, route: &'static str) -> MethodRouter<App> {
    let place = Place {
        app: app.clone(),
        route,
    };
    handler
        .layer::<_, Infallible>(from_fn_with_state(app.clone(), limit_time))
        .layer::<_, Infallible>(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(place, observe))
}

fn wrong_method(right: &Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this route does not take that method",
        format!("it takes {right}; /openapi.json has every route"),
    )
}

async fn unknown(_: Uri) -> Problem {
    Problem::not_found("there is no such route", "/openapi.json has every route")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::api::system::OPENAPI;

    fn described() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let table: BTreeSet<(String, String)> = table()
            .iter()
            .map(|route| (route.path.to_owned(), route.method.to_string()))
            .collect();
        let described = described();
        let paths = described["paths"].as_object().unwrap().iter();
        let described: BTreeSet<(String, String)> = paths
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase()))
            })
            .collect();
        assert_eq!(described, table);
    }

    #[test]
    fn the_description_says_who_may_ask() {
        let described = described();
        for route in table() {
            let method = route.method.as_str().to_lowercase();
            let open = &described["paths"][route.path][method]["security"];
            let expected = match route.access {
                Access::Everybody | Access::Machines => serde_json::json!([]),
                Access::Annotators => Value::Null,
            };
            assert_eq!(*open, expected, "{}", route.path);
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        let described = described();
        for route in table() {
            let method = route.method.as_str().to_lowercase();
            let given = &described["paths"][route.path][method]["parameters"];
            let given = given.as_array().map_or(&[][..], Vec::as_slice);
            let named: BTreeSet<&str> = given
                .iter()
                .map(|one| resolve(&described, one))
                .filter(|one| one["in"] == "path")
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            let wanted: BTreeSet<&str> = route
                .path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(named, wanted, "{}", route.path);
        }
    }

    #[test]
    fn what_is_referred_to_is_there_and_what_is_there_is_referred_to() {
        let described = described();
        let mut used = BTreeSet::new();
        refer(&described, &described, &mut used);
        let components = described["components"].as_object().unwrap();
        for kind in ["schemas", "responses", "parameters"] {
            for name in components[kind].as_object().unwrap().keys() {
                let pointer = format!("/components/{kind}/{name}");
                assert!(used.contains(&pointer), "nothing refers to {pointer}");
            }
        }
    }

    fn refer(whole: &Value, part: &Value, used: &mut BTreeSet<String>) {
        match part {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref") {
                    let pointer = target.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(whole.pointer(pointer).is_some(), "{pointer} is nowhere");
                    used.insert(pointer.to_owned());
                }
                fields.values().for_each(|part| refer(whole, part, used));
            }
            Value::Array(parts) => parts.iter().for_each(|part| refer(whole, part, used)),
            _ => {}
        }
    }

    fn resolve<'a>(whole: &'a Value, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(target) => whole.pointer(&target[1..]).unwrap(),
            None => part,
        }
    }
}
