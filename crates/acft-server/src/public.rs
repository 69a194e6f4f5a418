//! The address that a proxy gives to the server.

/// The name within the address that others know the server by, in lower case
/// and without its port.
///
/// # Errors
/// It is no such address: a sentence that says why.
pub fn public_host(url: &str) -> Result<String, String> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err("it must begin with https:// or http://".to_owned());
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(
            "the page is served at the root of a name, so nothing may follow the name".to_owned(),
        );
    }
    allowed_host(authority)
}

/// A host's name as it is compared: in lower case, without a port.
///
/// # Errors
/// It is no name: a sentence that says why.
pub fn allowed_host(text: &str) -> Result<String, String> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("{name:?} is no name of a host"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("what follows the colon is no port".to_owned());
    }
    Ok(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_in_the_address() {
        for (url, name) in [
            ("https://label.example.org/", "label.example.org"),
            ("https://Label.Example.org", "label.example.org"),
            ("http://box:8080/", "box"),
            ("https://[2001:db8::1]:8443/", "2001:db8::1"),
        ] {
            assert_eq!(public_host(url).as_deref(), Ok(name), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "label.example.org",
            "ftp://label.example.org/",
            "https:///",
            "https://label.example.org/acft",
            "https://user@label.example.org/",
            "https://label.example.org:x/",
            "https://a b/",
        ] {
            assert!(public_host(url).is_err(), "{url}");
        }
        assert_eq!(allowed_host("box:8500").as_deref(), Ok("box"));
        assert!(allowed_host("*").is_err());
    }
}
