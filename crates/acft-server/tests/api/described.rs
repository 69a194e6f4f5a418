//! The description is true of itself: every example is what its schema says.
//! That it is true of answers is asked of each answer (`Site::send`).

use serde_json::Value;

use crate::schema::Description;
use crate::site::Site;

#[test]
fn every_example_is_what_its_schema_says() {
    let description = Description::read();
    let mut seen = 0;
    for (method, path, told) in description.operations() {
        let responses = told["responses"].as_object().unwrap().values();
        let responses = responses.map(|one| &description.resolve(one)["content"]);
        let bodies = [&told["requestBody"]["content"]];
        for content in responses.chain(bodies) {
            let json = &content["application/json"];
            if json.is_null() || path == "/openapi.json" {
                continue;
            }
            let place = format!("an example of {method} {path}");
            assert!(!json["example"].is_null(), "no {place}");
            description.holds(&json["schema"], &json["example"], &place);
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn every_operation_says_how_it_can_fail() {
    let description = Description::read();
    for (method, path, told) in description.operations() {
        let place = format!("{method} {path}");
        let has = |status: &str| !told["responses"][status].is_null();
        assert!(has("200") && has("405") && has("500"), "{place}");
        let open = told["security"] == serde_json::json!([]);
        assert_eq!(has("401") && has("403"), !open, "{place}");
        let reads = !told["requestBody"].is_null();
        assert_eq!(reads, method == "post", "{place}");
        assert_eq!(has("400") && has("413") && has("415"), reads, "{place}");
        for text in ["summary", "operationId"] {
            assert!(told[text].is_string(), "{place} has no {text}");
        }
    }
}

#[tokio::test]
async fn the_server_gives_its_description() {
    let site = Site::new();
    let given: Value = site.get("/openapi.json").await.ok();
    assert_eq!(given["openapi"], "3.1.0");
}

#[test]
fn every_whole_number_has_bounds() {
    let whole: Value = serde_json::from_str(include_str!("../../src/openapi.json")).unwrap();
    let mut seen = 0;
    bounded(&whole, "", &mut seen);
    assert!(seen > 40, "{seen}");
}

fn bounded(part: &Value, at: &str, seen: &mut usize) {
    match part {
        Value::Object(fields) => {
            let kinds = match fields.get("type") {
                Some(Value::Array(kinds)) => kinds.as_slice(),
                Some(kind) => std::slice::from_ref(kind),
                None => &[],
            };
            if kinds.iter().any(|kind| kind == "integer") {
                *seen += 1;
                for bound in ["minimum", "maximum"] {
                    assert!(fields.contains_key(bound), "{at} has no {bound}");
                }
            }
            for (name, part) in fields {
                bounded(part, &format!("{at}/{name}"), seen);
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| bounded(part, at, seen)),
        _ => {}
    }
}
