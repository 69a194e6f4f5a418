//! `acft serve`: the page on which experts label, while the network trains.

mod channel;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use acft_project::{Keeper, token_hash};
use acft_run::bad_input;
use acft_server::settings::exposure;
use acft_server::{
    Exposure, Limits, ServeSettings, Served, Work, allowed_host, app, public_host, serve,
};
use acft_worker::Opened;
use acft_worker::backup::timer::Timer;
use acft_worker::settings::ProjectSettings;
use acft_worker::vision::ProjectVision;
use acft_worker::worker::Worker;
use anyhow::Context;
use tokio::net::TcpListener;

use super::at::At;
use crate::machine::Machine;

pub(crate) use channel::Channel;

const EXAMPLE: &str = "\
Examples:
  acft serve lungs --open
  acft serve --port 8500
  acft annotator add ada && acft serve --address 0.0.0.0
  acft serve --public-url https://label.example.org/   (behind a proxy with TLS)

The address of the page is printed on stdout, logs go to stderr (RUST_LOG=debug
for more). Ctrl-C ends it in good order; a kill loses nothing that was answered.
On an address that others can reach, everyone needs a token. There is no
encryption: put a proxy with TLS before it on a network that you do not trust,
and say its address with --public-url. Without tokens nothing is answered that
came through a proxy or from another page. docs/deployment-proxy.md has
settings for nginx and Caddy.";

/// How long what still reads an image is waited for at the end.
const LAST_WORK: Duration = Duration::from_millis(200);

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
    /// The address that a proxy with TLS gives to this server; everybody then
    /// needs a token [default: as acft.toml has it, else none].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A name of this machine, beside its addresses, by which it may be asked;
    /// once for each [default: as acft.toml has it, else none].
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

impl Args {
    /// As if these had been given on the command line.
    pub(crate) fn of(dir: PathBuf, port: Option<u16>) -> Self {
        Self {
            at: At::of(dir),
            port,
            address: None,
            public_url: None,
            allow_host: Vec::new(),
            open: false,
            machine: Machine::default(),
        }
    }
}

/// Runs the command until it is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    log_to_stderr();
    let root = args.at.root()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    let served = runtime.block_on(serve_project(args, root));
    // An image that is still being read for nobody is no reason to stay.
    runtime.shutdown_timeout(LAST_WORK);
    served?;
    Ok(ExitCode::SUCCESS)
}

async fn serve_project(args: &Args, root: std::path::PathBuf) -> anyhow::Result<()> {
    let kept = acft_worker::settings::ProjectSettings::read(&root)?;
    let address = args.address.unwrap_or(kept.address());
    let port = args.port.unwrap_or(kept.port());
    let public_url = args.public_url.as_deref().or(kept.public_url());
    let hosts = hosts(args, &kept, public_url)?;
    // First, so that others are told the port that it became.
    let listener = TcpListener::bind((address, port)).await.map_err(|error| {
        bad_input!("cannot listen on {address} port {port}: {error}; choose another with --port")
    })?;
    let bound = listener.local_addr().context("the socket has no address")?;
    let url = format!("http://{bound}/");

    let opened = Opened::write(root, &format!("acft serve on {url}"))?;
    let exposure = exposure(address, public_url, opened.project.ledger())
        .map_err(|refused| bad_input!("{refused}"))?;
    let name = opened.name();
    let Opened {
        root,
        settings,
        project,
    } = opened;
    let needs_token =
        exposure == Exposure::Network || project.ledger().people().active().next().is_some();
    // Gone before the project is let go.
    let channel = Channel::open(&root, bound)?;
    let serve_settings = ServeSettings {
        exposure,
        hosts,
        key: Some(token_hash(&channel.channel.key)),
        ..settings.serve(&name, project.ledger())?
    };
    let vision = Arc::new(ProjectVision::open(&root, &settings, &project)?);
    let work = Arc::new(Work::new());
    let keeper = Keeper::start_watched(project, |error| tracing::error!("{error}"));
    let _backups = settings
        .backups(&root)
        .map(|plan| Timer::start(root.clone(), plan))
        .transpose()?;
    let worker = Worker::start(
        &root,
        settings,
        keeper.clone(),
        Arc::clone(&vision),
        Arc::clone(&work),
    )?;
    let router = app(Served {
        keeper: keeper.clone(),
        vision,
        work,
        settings: serve_settings,
    });

    println!("{url}");
    tracing::info!("{name} is served at {url}");
    let page = public_url.unwrap_or(&url).trim_end_matches('/');
    if needs_token {
        tracing::info!(
            "a token is needed: open {page}/#token=TOKEN (`acft annotator add` makes one)"
        );
    } else {
        tracing::info!(
            "no token is needed on this machine, and nothing else is answered; for others, make \
             tokens with `acft annotator add`, and say --public-url behind a proxy"
        );
    }
    if args.open {
        open_browser(&url);
    }
    let limits = Limits {
        connections: kept.max_connections(),
        ..Limits::default()
    };
    serve(listener, router, limits, stopped_once()).await;
    // The training that runs is given up: what was labeled is kept, and learned next time.
    worker.stop();
    drop(channel);
    keeper.stop();
    Ok(())
}

/// The names by which this machine may be asked, as they are compared.
fn hosts(
    args: &Args,
    kept: &ProjectSettings,
    public_url: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    let named = match args.allow_host.as_slice() {
        [] => kept.allow_hosts(),
        given => given,
    };
    let mut hosts = Vec::with_capacity(named.len() + 1);
    for name in named {
        let host = allowed_host(name).map_err(|why| bad_input!("--allow-host {name}: {why}"))?;
        hosts.push(host);
    }
    if let Some(url) = public_url {
        hosts.push(public_host(url).map_err(|why| bad_input!("--public-url {url}: {why}"))?);
    }
    Ok(hosts)
}

/// Ends when the process is told to stop; told again, the process ends at
/// once, whatever it still waits for: what was answered is on disk.
async fn stopped_once() {
    stopped().await;
    tracing::info!("stopping");
    tokio::spawn(async {
        stopped().await;
        tracing::warn!("told twice: ending at once");
        std::process::exit(130);
    });
}

/// Ends when the process is told to stop: Ctrl-C, or a service manager's TERM.
async fn stopped() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

fn log_to_stderr() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call, as from the demo, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// Asks the desktop to show the page. Where there is none, the address that
/// was printed is enough.
fn open_browser(url: &str) {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let started = std::process::Command::new(program)
        .args(before)
        .arg(url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if let Err(error) = started {
        tracing::warn!("no browser could be opened ({error}); the page is at {url}");
    }
}
