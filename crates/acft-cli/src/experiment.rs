//! `acft experiment`: a grid of simulations from one file, and what came of it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use acft_experiment::grid::Grid;
use acft_experiment::status::Status;
use acft_experiment::{file, jobs_here, report, run as make};

use crate::machine::Machine;
use crate::progress::Shared;

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
the report then confirms the one, and tells savings in minutes by the other. What is
declared, and with which seeds, stands (declared.json) once a run on the data begins;
where seeds are added, the report tells it of those that were declared, and of all.

Entries of [[network]] are a third side of the grid, where there are some. Later
entries win: settings, data, network, arm, at. What the data are is said in settings and in
[[data]] alone. Paths are relative to --root.

Several machines can share the work: give each some of the seeds, copy the runs/ of all
of them into one folder, and run and report there with the file that has all seeds: where
none is left to make, run brings the table of results up to date. Where a
contrast is declared, begin with that file there, so that it is declared with all seeds.";

/// Run a grid of simulations, and report what came of it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the runs that are not finished; run it again to go on, or after seeds were added. A FILE.toml alone does it too.
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
    /// How many runs go on at a time; results do not depend on it [default: as many as processors, where memory allows].
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
    /// The folder of the report: a new one, or that of an earlier report [default: report, in the folder of the results].
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
    /// What makes the runs.
    fn run_command(&self) -> String {
        let mut command = format!("acft experiment run {}", self.file.display());
        for (flag, path) in [("--root", &self.root), ("--out", &self.out)] {
            if let Some(path) = path {
                command += &format!(" {flag} {}", path.display());
            }
        }
        command
    }

    fn open(&self) -> anyhow::Result<Grid> {
        let experiment = file::read(&self.file)?;
        let beside = self.file.parent().map(PathBuf::from).unwrap_or_default();
        let root = self.root.clone().unwrap_or(beside);
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| PathBuf::from("runs").join(&experiment.name));
        Grid::new(experiment, &root, out, &self.file)
    }
}

/// Runs the command. Exits with 1 where a run failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Run(args) => {
            let grid = args.which.open()?;
            let jobs = args
                .jobs
                .map_or_else(|| jobs_here(&grid), NonZeroUsize::get);
            make::run(&grid, jobs, args.retry, &|steps| {
                Box::new(Shared::new(steps))
            })?;
            let failed = status(&args.which, &grid)?.failed();
            Ok(match failed {
                0 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
        Command::Status(args) => {
            status(&args.which, &args.which.open()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Report(args) => report(args),
    }
}

fn status(which: &Which, grid: &Grid) -> anyhow::Result<Status> {
    let status = Status::of(grid)?;
    if which.json {
        println!("{}", acft_terminal::json(&serde_json::to_string(&status)?));
    } else {
        print!("{status}");
    }
    Ok(status)
}

fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let grid = args.which.open()?;
    if let Some(to) = &args.to {
        report::require_report_or_nothing(to)?;
    }
    let out = args.to.clone().unwrap_or_else(|| grid.out.join("report"));
    let command = args.which.run_command();
    let page = report::write(&grid, &args.which.file, &command, args.step, &out)?;
    if args.which.json {
        let told = serde_json::json!({ "report": page }).to_string();
        println!("{}", acft_terminal::json(&told));
    } else {
        println!("the report is {}", page.display());
    }
    Ok(ExitCode::SUCCESS)
}
