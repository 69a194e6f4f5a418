//! What the server is told about the project that it does not find in its
//! events, and its limits.

use std::net::IpAddr;
use std::time::Duration;

use acft_project::{ClassId, Ledger};
use serde::Serialize;

/// The default of [`ServeSettings::json_limit`].
pub const JSON_LIMIT: usize = 64 << 10;
/// The default of [`ServeSettings::image_limit`].
pub const IMAGE_LIMIT: usize = 64 << 20;
/// The default of [`ServeSettings::request_timeout`].
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The default of [`ServeSettings::predictions_at_once`].
pub const PREDICTIONS_AT_ONCE: usize = 2;
/// The default of [`ServeSettings::predictions_waiting`].
pub const PREDICTIONS_WAITING: usize = 8;
/// The default of [`ServeSettings::images_at_once`].
pub const IMAGES_AT_ONCE: usize = 4;

/// Who can reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Only this machine. While the project has no annotators, nobody needs a
    /// token.
    Loopback,
    /// Others too: everybody needs a token.
    Network,
}

/// When the network's guess is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShowGuess {
    /// Once the annotator has labeled the candidate, so that it does not sway them.
    #[default]
    After,
    /// From the start.
    Before,
}

/// What the server is told.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// The project's name, for the page's title.
    pub project: String,
    /// The program's version.
    pub version: String,
    /// Who can reach the server.
    pub exposure: Exposure,
    /// Names by which this machine may be asked, beside its addresses: in lower
    /// case, without a port.
    pub hosts: Vec<String>,
    /// The hash of the key with which the machine's owner says who may label.
    pub key: Option<String>,
    /// The class that AUC and the page's colours call positive.
    pub positive: Option<ClassId>,
    /// When the network's guess is shown.
    pub show_guess: ShowGuess,
    /// How many labels may be spent.
    pub budget: Option<usize>,
    /// m, the patches that the network is asked about a candidate.
    pub patches: usize,
    /// Bytes of a JSON body.
    pub json_limit: usize,
    /// Bytes of an image in a body.
    pub image_limit: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Predictions that run at once; each uses all cores.
    pub predictions_at_once: usize,
    /// Predictions that may wait beyond those; more are turned away.
    pub predictions_waiting: usize,
    /// Images that are decoded at once.
    pub images_at_once: usize,
}

impl ServeSettings {
    /// Settings of a project with everything else at its default.
    pub fn new(project: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            version: version.into(),
            exposure: Exposure::Loopback,
            hosts: Vec::new(),
            key: None,
            positive: None,
            show_guess: ShowGuess::After,
            budget: None,
            patches: 1,
            json_limit: JSON_LIMIT,
            image_limit: IMAGE_LIMIT,
            request_timeout: REQUEST_TIMEOUT,
            predictions_at_once: PREDICTIONS_AT_ONCE,
            predictions_waiting: PREDICTIONS_WAITING,
            images_at_once: IMAGES_AT_ONCE,
        }
    }

    /// Whether a name without its port was given to this machine.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Why the server does not start on an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{at} can be reached by others, and this project has no annotators yet: \
     make a token for each with `acft annotator add NAME DIR`, or serve on 127.0.0.1 \
     without a public-url"
)]
pub struct NeedsAnnotators {
    at: String,
}

/// Who can reach a server on `address`, which a proxy may give another address
/// (`public_url`), and whether it may be served there.
///
/// # Errors
/// Others can reach it, and nobody has a token.
pub fn exposure(
    address: IpAddr,
    public_url: Option<&str>,
    ledger: &Ledger,
) -> Result<Exposure, NeedsAnnotators> {
    if address.is_loopback() && public_url.is_none() {
        return Ok(Exposure::Loopback);
    }
    match ledger.people().active().next() {
        Some(_) => Ok(Exposure::Network),
        None => Err(NeedsAnnotators {
            at: public_url.map_or_else(|| address.to_string(), str::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft_project::{Event, EventId, Moment, Role};

    use super::*;

    #[test]
    fn only_this_machine_is_served_without_tokens() {
        let mut ledger = Ledger::new(1);
        let created = Event::Created {
            seed: 0,
            version: "0".into(),
        };
        ledger.apply(EventId(1), Moment(0), &created, &[]).unwrap();
        for address in ["127.0.0.1", "127.8.0.1", "::1"] {
            let address = address.parse().unwrap();
            assert_eq!(exposure(address, None, &ledger), Ok(Exposure::Loopback));
        }
        for address in ["0.0.0.0", "192.168.0.7", "::"] {
            let address = address.parse().unwrap();
            let refused = exposure(address, None, &ledger).unwrap_err();
            assert!(refused.to_string().contains("acft annotator add"));
        }
        // Behind a proxy everybody comes from this machine.
        let (loopback, public) = ("127.0.0.1".parse().unwrap(), Some("https://a.example/"));
        let refused = exposure(loopback, public, &ledger).unwrap_err();
        assert!(refused.to_string().contains("https://a.example/"));

        let added = Event::AnnotatorAdded {
            name: "ada".into(),
            token: "hash".into(),
            role: Role::Annotator,
        };
        ledger.apply(EventId(2), Moment(0), &added, &[]).unwrap();
        let everybody = "0.0.0.0".parse().unwrap();
        assert_eq!(exposure(everybody, None, &ledger), Ok(Exposure::Network));
        assert_eq!(exposure(loopback, public, &ledger), Ok(Exposure::Network));
    }
}
