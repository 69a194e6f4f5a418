//! `acft experiment`: a grid of simulations from one file, and what came of it.

mod file;
mod grid;
mod report;
mod results;
mod run;
mod status;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Machine;

const EXAMPLE: &str = "\
A file says what is compared:

  name = \"lung\"
  seeds = 10                          # 0 to 9; or a list
  [settings]                          # as for acft simulate --config
  weights = \"squeezenet1_1.safetensors\"
  input = 48
  steps = 16
  [[data]]
  name = \"lung\"
  data = \"lung_nodule_candidates\"
  positive = \"1\"
  [[arm]]
  name = \"RFT\"
  strategy = \"rft\"
  [[arm]]
  name = \"core-set\"
  query = \"core-set\"
  learn = \"hq\"
  on = [\"lung\"]                       # these data alone; all without it
  at.lung.lr = 1e-3                   # what is different there
  [[line]]                            # what all labels at once are worth
  name = \"full-training\"
  seeds = 3                           # the first three alone

With contrast = [\"core-set\", \"RFT\"] a [[data]] says beforehand which arm is to be
held against which, and with seconds-per-label = 4.0 what a label costs an expert:
the report then confirms the one, and tells savings in minutes by the other.

Entries of [[network]] are a third side of the grid, where there are some. Later
entries win: settings, data, network, arm, at. Paths are relative to --root.";

/// Run a grid of simulations, and gather their results.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the runs that are not finished; run it again to go on, or after seeds were added.
    Run(RunArgs),
    /// How far the runs are.
    Status(StatusArgs),
    /// Every figure and table of the finished runs: a page, SVG, PNG and CSV.
    Report(ReportArgs),
}

/// What both ask for.
#[derive(clap::Args)]
struct Which {
    /// The file of the experiment.
    file: PathBuf,
    /// The folder that its paths are relative to [default: that of the file].
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Where the runs and the results go [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what came of it as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// How many runs go on at a time; results do not depend on it [default: half as many as processors].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Try runs again that failed.
    #[arg(long)]
    retry: bool,
    #[command(flatten)]
    machine: Machine,
}

#[derive(clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
struct ReportArgs {
    #[command(flatten)]
    which: Which,
    /// The step whose predictions and candidates are shown.
    #[arg(long, value_name = "T", default_value_t = 3)]
    step: u32,
    /// The folder of the report [default: report, in the folder of the results].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

impl Args {
    /// What the command may take of the machine.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        match &self.command {
            Command::Run(args) => Some(&args.machine),
            Command::Status(_) => None,
            Command::Report(args) => Some(&args.machine),
        }
    }
}

impl Which {
    fn open(&self) -> anyhow::Result<grid::Grid> {
        let experiment = file::read(&self.file)?;
        let beside = self.file.parent().map(PathBuf::from).unwrap_or_default();
        let root = self.root.clone().unwrap_or(beside);
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| PathBuf::from("runs").join(&experiment.name));
        grid::Grid::new(experiment, &root, out, &self.file)
    }
}

/// Runs the command. Exits with 1 where a run failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (which, grid) = match &args.command {
        Command::Run(args) => {
            let grid = args.which.open()?;
            let half = rayon::current_num_threads().div_ceil(2);
            let jobs = args.jobs.map_or(half, NonZeroUsize::get);
            run::run(&grid, jobs, args.retry)?;
            (&args.which, grid)
        }
        Command::Status(args) => (&args.which, args.which.open()?),
        Command::Report(args) => return report(args),
    };
    let status = status::Status::of(&grid)?;
    if which.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print!("{status}");
    }
    let failed = matches!(args.command, Command::Run(_)) && status.failed() > 0;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let grid = args.which.open()?;
    let out = args.to.clone().unwrap_or_else(|| grid.out.join("report"));
    let page = report::write(&grid, &args.which.file, args.step, &out)?;
    if args.which.json {
        println!("{}", serde_json::json!({ "report": page }));
    } else {
        println!("the report is {}", page.display());
    }
    Ok(ExitCode::SUCCESS)
}
