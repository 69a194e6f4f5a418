//! M_t where a head learns: the head, and the labels that are spread over the graph.

use std::sync::Arc;

use acft::{Example, Taught};
use acft_head::{Head, Spread};

use super::file;
use crate::run_model::RunModel;

/// A head, and what the graph says. A handle: copies share it.
#[derive(Clone)]
pub(crate) struct HeadModel(Arc<Inner>);

struct Inner {
    bytes: Vec<u8>,
    head: Option<Head>,
    examples: Vec<Example>,
    guess: Option<Guess>,
}

/// What labels say over the graph.
pub(super) struct Guess {
    /// Of the pool.
    pub(super) pool: Spread,
    /// Of the others, `[candidate][class]`.
    pub(super) others: Vec<f64>,
}

impl HeadModel {
    pub(super) fn new(
        about: &file::About,
        head: Option<Head>,
        examples: Vec<Example>,
        guess: Option<Guess>,
    ) -> Self {
        Self(Arc::new(Inner {
            bytes: file::write(about, head.as_ref()),
            head,
            examples,
            guess,
        }))
    }

    /// None while fewer than two classes have a label.
    pub(super) fn head(&self) -> Option<&Head> {
        self.0.head.as_ref()
    }

    /// What the graph says; none while there is no head.
    pub(super) fn guess(&self) -> Option<&Guess> {
        self.0.guess.as_ref()
    }
}

impl RunModel for HeadModel {
    fn file(&self) -> Vec<u8> {
        self.0.bytes.clone()
    }

    fn warnings(taught: &Taught<Self>, classes: &[String]) -> Vec<String> {
        let examples = &taught.model.0.examples;
        let labeled = |class: &usize| {
            examples
                .iter()
                .any(|example| example.label.index() == *class)
        };
        let name = |class: usize| format!("{:?}", classes[class]);
        let there: Vec<usize> = (0..classes.len()).filter(labeled).collect();
        let absent = (0..classes.len()).filter(|class| !labeled(class));
        let absent: Vec<String> = absent.map(name).collect();
        match there[..] {
            [] => vec!["there is no label yet, so that all classes are as likely".to_owned()],
            [class] => vec![format!(
                "all {} labels so far are {}: a head needs labels of two classes, and until then it says of everything \
                 that all classes are as likely",
                examples.len(),
                name(class)
            )],
            _ if absent.is_empty() => Vec::new(),
            _ => vec![format!(
                "no label yet of {}: a class without one has the same small probability everywhere",
                absent.join(", ")
            )],
        }
    }
}
