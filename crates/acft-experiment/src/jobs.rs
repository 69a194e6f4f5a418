//! How many runs may go on at the same time.

use acft_run::settings::Settings;
use acft_vision::learner::FineTuning;

use crate::{grid, memory};

/// Memory for weights and optimiser; AlexNet, the largest network, needs as much.
const RUN_BYTES: u64 = 1 << 30;

/// Memory for each pixel of a mini-batch, in the forward and backward pass.
const PIXEL_BYTES: u64 = 512;

/// As many runs as processors, because one run does not keep all of them busy; fewer if memory is short.
pub fn jobs_here(grid: &grid::Grid) -> usize {
    let most = rayon::current_num_threads();
    let each = grid.cells.iter().map(|cell| bytes_of(&cell.settings)).max();
    let fit = memory::free().map_or(most, |free| (free / each.unwrap_or(RUN_BYTES)) as usize);
    most.min(fit).max(1)
}

/// An estimate of the memory that a run needs at most.
fn bytes_of(settings: &Settings) -> u64 {
    let patches = settings.flags.minibatch.unwrap_or_default();
    let pixels = (patches * settings.input * settings.input) as u64;
    // The cache of decoded images, and the patches of a training set.
    let kept = settings.cache_bytes + FineTuning::default().memory_bytes;
    RUN_BYTES + PIXEL_BYTES * pixels + kept as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use acft_run::settings::Flags;

    #[test]
    fn a_run_is_given_the_memory_that_it_takes() {
        // As measured with images so few that neither the cache nor the patches of a training set count, in MiB.
        for (network, input, minibatch, took) in [
            ("squeezenet1_1", 128, 128, 760),
            ("squeezenet1_1", 224, 128, 2236),
            ("resnet18", 128, 64, 1163),
            ("alexnet", 224, 32, 1753),
        ] {
            let flags: Flags = toml::from_str(&format!(
                "data = 'd'\nfrom-scratch = true\nmodel = '{network}'\ninput = {input}\nminibatch = {minibatch}\ncache = 0"
            ))
            .unwrap();
            let patches = FineTuning::default().memory_bytes as u64;
            let given = (bytes_of(&flags.resolve().unwrap()) - patches) >> 20;
            assert!((took..3 * took).contains(&given), "{network}: {given}");
        }
    }
}
