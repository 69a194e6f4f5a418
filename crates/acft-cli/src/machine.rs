//! How many threads and how much memory a command may use.

use std::num::NonZeroUsize;

use anyhow::Context;

/// How many threads and how much memory a command may use.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Machine {
    /// How many threads compute [default: one a processor]; results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Memory for images while they are decoded, in MiB [default: 2048]; results do not depend on it.
    #[arg(long, value_name = "MIB")]
    decode_mib: Option<NonZeroUsize>,
}

impl Machine {
    /// Starts the threads that compute. This must be called once, before any computation; rayon knows their number.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        if let Some(mib) = self.decode_mib {
            acft_images::image_io::set_decoding_memory((mib.get() as u64).saturating_mul(1 << 20));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.map_or(0, NonZeroUsize::get))
            .build_global()
            .context("cannot start the threads that compute")
    }
}
