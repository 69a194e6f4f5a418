//! Holds answers against `openapi.json`: as much of JSON Schema as that file
//! uses. A field that it does not describe is an error too.

use axum::http::Method;
use serde_json::Value;

use crate::site::Reply;

/// The description of the API.
pub(crate) struct Description {
    whole: Value,
}

impl Description {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../src/openapi.json");
        Self {
            whole: serde_json::from_str(text).unwrap(),
        }
    }

    /// Every operation: method, path, and what is said of it.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.whole["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, told)| (method.as_str(), path.as_str(), told))
        })
    }

    pub(crate) fn resolve<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(target) => self.whole.pointer(&target[1..]).unwrap(),
            None => part,
        }
    }

    /// Whether an answer is one that is described.
    #[track_caller]
    pub(crate) fn check(&self, method: &Method, path: &str, reply: &Reply) {
        let place = format!("{method} {path}: {} {}", reply.status, reply.text());
        let Some(methods) = self.methods(path) else {
            assert_eq!(reply.status, 404, "{place}");
            return self.conforms("Problem", &reply.json(), &place);
        };
        let asked = match method.as_str() {
            "HEAD" => "get".to_owned(),
            other => other.to_lowercase(),
        };
        let Some(operation) = methods.get(&asked) else {
            // Whoever may not ask at all is told that first.
            assert!(matches!(reply.status.as_u16(), 401 | 403 | 405), "{place}");
            return self.conforms("Problem", &reply.json(), &place);
        };
        let described = &operation["responses"][reply.status.as_str()];
        assert!(!described.is_null(), "the status is not described: {place}");
        let described = self.resolve(described);
        let headers = described["headers"].as_object();
        for (name, header) in headers.into_iter().flatten() {
            let value = reply.header(name);
            assert!(!value.is_empty(), "no header {name}: {place}");
            if let Some(expected) = header["schema"]["const"].as_str() {
                assert_eq!(value, expected, "{name}: {place}");
            }
        }
        let Some(contents) = described["content"].as_object() else {
            assert_eq!(reply.body, b"", "{place}");
            return;
        };
        let kind = reply.header("content-type");
        let kind = kind.split(';').next().unwrap();
        let content = contents.get(kind);
        let content = content.unwrap_or_else(|| panic!("{kind:?} is not described: {place}"));
        if kind == "application/json" && method != Method::HEAD {
            self.holds(&content["schema"], &reply.json(), &place);
        }
    }

    fn methods(&self, path: &str) -> Option<&serde_json::Map<String, Value>> {
        let paths = self.whole["paths"].as_object().unwrap();
        let fits = |pattern: &str| {
            let (parts, given) = (pattern.split('/'), path.split('/'));
            pattern.split('/').count() == path.split('/').count()
                && parts
                    .zip(given)
                    .all(|(part, given)| part == given || part.starts_with('{'))
        };
        let exact = paths.get(path);
        let found = exact.or_else(|| paths.iter().find(|(p, _)| fits(p)).map(|(_, m)| m));
        found.map(|methods| methods.as_object().unwrap())
    }

    #[track_caller]
    fn conforms(&self, schema: &str, value: &Value, place: &str) {
        self.holds(&self.whole["components"]["schemas"][schema], value, place);
    }

    /// Panics where a value is not what a schema says.
    #[track_caller]
    pub(crate) fn holds(&self, schema: &Value, value: &Value, place: &str) {
        if let Err(fault) = self.fits(schema, value, "") {
            panic!("{fault}, in {place}");
        }
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let fault = |what: String| Err(format!("{at:?} is {value}, and {what}"));
        let schema = self.resolve(schema);
        if let Some(choices) = schema["anyOf"].as_array() {
            let fitting = choices.iter().any(|one| self.fits(one, value, at).is_ok());
            return match fitting {
                true => Ok(()),
                false => fault(format!("none of {choices:?}")),
            };
        }
        if let Some(only) = schema.get("const")
            && only != value
        {
            return fault(format!("is not {only}"));
        }
        if let Some(values) = schema["enum"].as_array()
            && !values.contains(value)
        {
            return fault(format!("is none of {values:?}"));
        }
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            Value::String(kind) => vec![kind.as_str()],
            _ => Vec::new(),
        };
        if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
            return fault(format!("is no {kinds:?}"));
        }
        let number = value.as_f64().unwrap_or(0.0);
        if value.is_number()
            && (schema["minimum"]
                .as_f64()
                .is_some_and(|least| number < least)
                || schema["maximum"].as_f64().is_some_and(|most| number > most))
        {
            return fault("is out of bounds".to_owned());
        }
        if let Some(items) = value.as_array() {
            let count = items.len() as u64;
            if schema["minItems"]
                .as_u64()
                .is_some_and(|least| count < least)
                || schema["maxItems"].as_u64().is_some_and(|most| count > most)
            {
                return fault("has another number of items".to_owned());
            }
            for (place, item) in items.iter().enumerate() {
                self.fits(&schema["items"], item, &format!("{at}/{place}"))?;
            }
        }
        if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
            let required = schema["required"].as_array().into_iter().flatten();
            for name in required.filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return fault(format!("lacks {name}"));
                }
            }
            for (name, field) in fields {
                let Some(schema) = known.get(name) else {
                    return fault(format!("has an undescribed {name}"));
                };
                self.fits(schema, field, &format!("{at}/{name}"))?;
            }
        }
        Ok(())
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    }
}
