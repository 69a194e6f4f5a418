//! What a run needs of its models beside their predictions: a file to keep, and what is to be said of how they were taught.

use acft::Taught;
use acft_vision::models::Model;

use crate::journal::signs;

/// A model that a run keeps.
pub(crate) trait RunModel: Clone {
    /// Its file. Equal models give equal bytes.
    fn file(&self) -> Vec<u8>;

    /// Signs that learning goes wrong, or that something is missing, in plain words. `classes` are their names.
    fn warnings(taught: &Taught<Self>, classes: &[String]) -> Vec<String>;
}

impl RunModel for Model {
    fn file(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn warnings(taught: &Taught<Self>, classes: &[String]) -> Vec<String> {
        let mut warnings = Vec::new();
        if let (Some(first), Some(last)) = (taught.loss.first(), taught.loss.last())
            && last > first
        {
            warnings.push(format!(
                "the {} from {first:.3} to {last:.3}: try a lower --lr",
                signs::ROSE
            ));
        }
        if signs::sticks(&taught.loss, classes.len()) {
            let linear = taught.model.description().architecture.with_linear_head();
            let or = linear.map_or_else(String::new, |name| format!(", or --model {name}"));
            warnings.push(format!(
                "the training loss sticks at ln {}: the {}, or as good as dead, and learns no more; try a lower --lr{or}",
                classes.len(),
                signs::DEAD
            ));
        }
        warnings
    }
}
