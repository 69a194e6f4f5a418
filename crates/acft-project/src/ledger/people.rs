//! Who may label.

use std::collections::BTreeMap;

use super::{Contradiction, refuse};

/// Annotators by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// The hash of the token; none once it was revoked.
    tokens: BTreeMap<String, Option<String>>,
}

impl People {
    pub(super) fn add(&mut self, name: &str, token: &str) -> Result<(), Contradiction> {
        if name.trim().is_empty() {
            return refuse("an annotator needs a name");
        }
        if self.tokens.get(name).is_some_and(Option::is_some) {
            return refuse(format!("there is an annotator {name:?} already"));
        }
        if self.tokens.values().flatten().any(|known| known == token) {
            return refuse("another annotator has this token");
        }
        self.tokens.insert(name.to_owned(), Some(token.to_owned()));
        Ok(())
    }

    pub(super) fn revoke(&mut self, name: &str) -> Result<(), Contradiction> {
        match self.tokens.get_mut(name) {
            Some(token @ Some(_)) => {
                *token = None;
                Ok(())
            }
            _ => refuse(format!("there is no annotator {name:?}")),
        }
    }

    /// Those who may label, by name.
    pub fn active(&self) -> impl Iterator<Item = &str> + '_ {
        self.tokens
            .iter()
            .filter(|(_, token)| token.is_some())
            .map(|(name, _)| name.as_str())
    }

    /// Whose token this is. Tokens are compared by their hashes, so that the
    /// time it takes tells nothing of the token.
    pub fn bearer(&self, token: &str) -> Option<&str> {
        let hash = token_hash(token);
        self.tokens
            .iter()
            .find(|(_, known)| known.as_deref() == Some(&hash))
            .map(|(name, _)| name.as_str())
    }
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}
