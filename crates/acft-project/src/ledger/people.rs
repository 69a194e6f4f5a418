//! Who may label.

use std::collections::BTreeMap;

use super::{Contradiction, refuse};
use crate::event::Role;

/// Annotators by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Their access; none once it was revoked.
    all: BTreeMap<String, Option<Access>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Access {
    /// The hash of the token.
    token: String,
    role: Role,
}

impl People {
    pub(super) fn add(&mut self, name: &str, token: &str, role: Role) -> Result<(), Contradiction> {
        if name.trim().is_empty() {
            return refuse("an annotator needs a name");
        }
        if self.all.get(name).is_some_and(Option::is_some) {
            return refuse(format!("there is an annotator {name:?} already"));
        }
        if self
            .all
            .values()
            .flatten()
            .any(|known| known.token == token)
        {
            return refuse("another annotator has this token");
        }
        let token = token.to_owned();
        self.all
            .insert(name.to_owned(), Some(Access { token, role }));
        Ok(())
    }

    pub(super) fn revoke(&mut self, name: &str) -> Result<(), Contradiction> {
        match self.all.get_mut(name) {
            Some(access @ Some(_)) => {
                *access = None;
                Ok(())
            }
            _ => refuse(format!("there is no annotator {name:?}")),
        }
    }

    /// Those who may label, by name.
    pub fn active(&self) -> impl Iterator<Item = &str> + '_ {
        self.all
            .iter()
            .filter(|(_, access)| access.is_some())
            .map(|(name, _)| name.as_str())
    }

    /// What a person may do; none where they have no token, or no longer.
    pub fn role(&self, name: &str) -> Option<Role> {
        Some(self.all.get(name)?.as_ref()?.role)
    }

    /// Whose token this is. Tokens are compared by their hashes, so that the
    /// time it takes tells nothing of the token.
    pub fn bearer(&self, token: &str) -> Option<&str> {
        let hash = token_hash(token);
        self.all
            .iter()
            .find(|(_, access)| access.as_ref().is_some_and(|access| access.token == hash))
            .map(|(name, _)| name.as_str())
    }
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}
