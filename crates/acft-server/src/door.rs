//! Where a request says it comes from: the name that it asks for, the page that
//! it is from, and whether a proxy brought it.
//!
//! Without tokens this is all that tells an expert before this machine from the
//! rest of the world, so whatever hints at another way than straight from here
//! is refused.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, Version, header};

use crate::problem::Problem;
use crate::settings::{Exposure, ServeSettings};

/// Headers with which proxies say for whom they ask; `x-forwarded-…` too.
const OF_PROXIES: [&str; 12] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-url",
    "x-envoy-external-address",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "cdn-loop",
];

const TO_DO: &str = "open http://127.0.0.1 with the server's port on the machine that serves, or \
                     make tokens with `acft annotator add NAME DIR`; docs/deployment-proxy.md says \
                     how to serve behind a proxy";

/// Lets in only what comes straight from a browser or a program on this machine.
pub(crate) fn require_this_machine(parts: &Parts, settings: &ServeSettings) -> Result<(), Problem> {
    let refused = |error: String| Err(Problem::new(StatusCode::FORBIDDEN, error, TO_DO));
    if let Some(name) = proxy(&parts.headers) {
        return refused(format!(
            "without tokens this server answers only to localhost, and the header {name} says \
             that a proxy sent this"
        ));
    }
    // Browsers speak 1.1; nginx speaks 1.0 unless it is told otherwise.
    if parts.version < Version::HTTP_11 {
        return refused(
            "without tokens this server answers only to localhost, and HTTP/1.0 is what a proxy \
             speaks"
                .to_owned(),
        );
    }
    let host = host(&parts.headers, &parts.uri);
    if !host.is_some_and(|host| is_loopback(host) || settings.is_own(name_of(host))) {
        return refused("without tokens this server answers only to localhost".to_owned());
    }
    if let Some(name) = foreign_page(&parts.headers, host.unwrap_or_default()) {
        return refused(format!(
            "without tokens this server answers only to its own page on localhost, and the header \
             {name} says that another page sent this"
        ));
    }
    Ok(())
}

/// Lets nobody in by a name that is not ours: a page of another site, whose
/// name was pointed at this machine, would read the answer.
pub(crate) fn require_own_host(parts: &Parts, settings: &ServeSettings) -> Result<(), Problem> {
    let host = host(&parts.headers, &parts.uri);
    let is_own = |host: &str| {
        is_loopback(host)
            || settings.is_own(name_of(host))
            || settings.exposure == Exposure::Network && address(name_of(host)).is_some()
    };
    // Programs may leave it out; browsers never do.
    let is_foreign = host.is_some_and(|host| !is_own(host))
        || foreign_origin(&parts.headers, host.unwrap_or_default());
    if !is_foreign {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "this server is not known by that name",
        "ask by an address of this machine, or allow the name with `acft serve --allow-host NAME`",
    ))
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST);
    match host {
        Some(host) => Some(host.to_str().unwrap_or("?")),
        None => uri.authority().map(|authority| authority.as_str()),
    }
}

/// The header by which a proxy says that it sent this.
fn proxy(headers: &HeaderMap) -> Option<&str> {
    headers
        .keys()
        .map(header::HeaderName::as_str)
        .find(|name| name.starts_with("x-forwarded") || OF_PROXIES.contains(name))
}

/// The header that names a page which is not ours. Our own page has the origin
/// that is asked, to the letter.
fn foreign_page(headers: &HeaderMap, host: &str) -> Option<&'static str> {
    if foreign_origin(headers, host) {
        return Some("Origin");
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("referer").is_some_and(|from| !is_page_of(from, host)) {
        return Some("Referer");
    }
    let site = text("sec-fetch-site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Some("Sec-Fetch-Site");
    }
    None
}

fn foreign_origin(headers: &HeaderMap, host: &str) -> bool {
    headers
        .get(header::ORIGIN)
        .is_some_and(|origin| !origin.to_str().is_ok_and(|origin| is_page_of(origin, host)))
}

/// Whether an address is of the server that is asked as `host`.
fn is_page_of(address: &str, host: &str) -> bool {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host))
}

/// A host's name without its port.
fn name_of(host: &str) -> &str {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((name, _)) => name,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    name.parse().ok()
}

fn is_loopback(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost")
        || address(name).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::Request;

    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8500", true),
            ("127.0.0.1", true),
            ("127.0.0.1:8500", true),
            ("[::1]", true),
            ("[::1]:8500", true),
            ("", false),
            ("example.org", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org:80", false),
            ("192.168.0.7:8500", false),
            ("[::]:8500", false),
            ("0.0.0.0:8500", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    fn parts(version: Version, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/api/session").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8500");

    #[test]
    fn without_tokens_nothing_comes_through_a_proxy_or_from_another_page() {
        let settings = ServeSettings::new("p", "0");
        let comes = |version, headers: &[(&str, &str)]| {
            require_this_machine(&parts(version, headers), &settings).is_ok()
        };
        assert!(comes(Version::HTTP_11, &[HOST]));
        assert!(!comes(Version::HTTP_10, &[HOST]));
        for (header, welcome) in [
            (("origin", "http://127.0.0.1:8500"), true),
            (("referer", "http://127.0.0.1:8500/"), true),
            (("sec-fetch-site", "same-origin"), true),
            (("sec-fetch-site", "none"), true),
            (("origin", "http://127.0.0.1:9000"), false),
            (("origin", "http://localhost:8500"), false),
            (("origin", "https://label.example.org"), false),
            (("origin", "null"), false),
            (("origin", "file://"), false),
            (("referer", "http://127.0.0.1:8500.example.org/"), false),
            (("sec-fetch-site", "cross-site"), false),
            (("sec-fetch-site", "same-site"), false),
            (("x-forwarded-for", "203.0.113.5"), false),
            (("x-forwarded-for", "127.0.0.1"), false),
            (("X-Forwarded-Host", "label.example.org"), false),
            (("x-forwarded-proto", "https"), false),
            (("x-forwarded-port", "443"), false),
            (("forwarded", "for=203.0.113.5"), false),
            (("x-real-ip", "203.0.113.5"), false),
            (("via", "1.1 proxy"), false),
        ] {
            assert_eq!(
                comes(Version::HTTP_11, &[HOST, header]),
                welcome,
                "{header:?}"
            );
        }
    }

    #[test]
    fn a_name_is_ours_once_it_was_allowed() {
        let headers = [
            ("host", "Box.Local:8500"),
            ("origin", "http://box.local:8500"),
        ];
        let asked = parts(Version::HTTP_11, &headers);
        let mut settings = ServeSettings::new("p", "0");
        assert!(require_this_machine(&asked, &settings).is_err());
        assert!(require_own_host(&asked, &settings).is_err());
        settings.hosts = vec!["box.local".to_owned()];
        assert!(require_this_machine(&asked, &settings).is_ok());
        assert!(require_own_host(&asked, &settings).is_ok());
    }

    #[test]
    fn machines_ask_by_addresses() {
        let mut settings = ServeSettings::new("p", "0");
        let known = |headers: &[(&str, &str)], settings: &ServeSettings| {
            require_own_host(&parts(Version::HTTP_10, headers), settings).is_ok()
        };
        assert!(known(&[], &settings));
        assert!(known(&[HOST], &settings));
        assert!(!known(&[("host", "192.168.0.7:8500")], &settings));
        assert!(!known(&[("host", "\u{e9}vil")], &settings));
        assert!(!known(
            &[HOST, ("origin", "http://evil.example")],
            &settings
        ));
        settings.exposure = Exposure::Network;
        assert!(known(&[("host", "192.168.0.7:8500")], &settings));
        assert!(!known(&[("host", "evil.example")], &settings));
    }
}
