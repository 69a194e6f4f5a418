//! The strategies by name: those of the paper's Table 2, and those of a head on a network that stays as it is.

use acft::strategy::{PRESETS, Preset};

/// The name of the rule by which a head learns.
pub(crate) const HEAD: &str = "head";

/// How each strategy of a head queries: by the paper's rule, and its random control.
const OF_HEADS: [(&str, &str); 2] = [("head", "active"), ("head-random", "random")];

/// What learns at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learns {
    /// The network is fine-tuned.
    Network,
    /// The network stays as it is, and a head on its features is fitted to all labels.
    Head,
}

impl Learns {
    /// What learns by the rule of that name.
    pub(crate) fn named(learn: &str) -> Self {
        match learn {
            HEAD => Self::Head,
            _ => Self::Network,
        }
    }
}

/// The names of all strategies.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    let of_networks = PRESETS.iter().map(|preset| preset.code);
    of_networks.chain(OF_HEADS.iter().map(|(code, _)| *code))
}

/// How the strategy of that name queries, and the rule by which it learns.
pub(crate) fn named(code: &str) -> Option<(&'static str, &'static str)> {
    if let Some((_, how)) = OF_HEADS.iter().find(|(known, _)| *known == code) {
        return Some((how, HEAD));
    }
    let preset = Preset::named(code)?;
    let how = if preset.active { "active" } else { "random" };
    Some((how, preset.learn))
}

/// The strategy that queries and learns so, if it has a name.
pub(crate) fn code(how: &str, learn: &str) -> Option<&'static str> {
    if Learns::named(learn) == Learns::Head {
        return OF_HEADS
            .iter()
            .find(|(_, known)| *known == how)
            .map(|(code, _)| *code);
    }
    Preset::of(how == "active", learn).map(|preset| preset.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_goes_round() {
        for name in codes() {
            let (how, learn) = named(name).unwrap_or_default();
            assert_eq!(code(how, learn), Some(name));
        }
        assert_eq!(named("heads"), None);
        assert_eq!(code("margin", HEAD), None);
    }
}
