//! `acft serve`: the page on which experts label, while the network trains.

use std::net::IpAddr;
use std::process::ExitCode;

use super::at::At;

const EXAMPLE: &str = "\
Examples:
  acft serve lungs --open
  acft serve --port 8500
  acft annotator add ada && acft serve --address 0.0.0.0

The address of the page is printed on stdout, logs go to stderr (RUST_LOG=debug
for more). Ctrl-C ends it in good order; a kill loses nothing that was answered.
On an address that others can reach, everyone needs a token. There is no
encryption: put a proxy with TLS before it on a network that you do not trust.";

/// Serve the page for labeling, and train behind it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// The port; 0 takes a free one [default: as acft.toml has it, else 8500].
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// The address to listen on; 0.0.0.0 is everywhere [default: as acft.toml
    /// has it, else 127.0.0.1].
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
}

/// Not yet.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let _ = (&args.at.root()?, args.port, args.address, args.open);
    anyhow::bail!("not yet")
}
