//! What a command may take of the machine.

use std::num::NonZeroUsize;

use anyhow::Context;

/// What a command may take of the machine.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Machine {
    /// How many threads compute [default: one a processor]; results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl Machine {
    /// Starts the threads that compute, once and before anything does; whoever needs their number asks rayon.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.map_or(0, NonZeroUsize::get))
            .build_global()
            .context("cannot start the threads that compute")
    }
}
