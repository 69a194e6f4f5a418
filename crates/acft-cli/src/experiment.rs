//! `acft experiment`: a grid of simulations from one file, and what came of it.

mod file;
mod grid;
mod memory;
mod report;
mod results;
mod run;
mod sources;
mod status;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_vision::learner::FineTuning;

use crate::cli::{Machine, bad_input};
use crate::files::is_temporary;
use crate::simulate::settings::Settings;

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
    match &args.command {
        Command::Run(args) => {
            let grid = args.which.open()?;
            let jobs = args
                .jobs
                .map_or_else(|| jobs_here(&grid), NonZeroUsize::get);
            run::run(&grid, jobs, args.retry)?;
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

/// What a run takes whatever its images: weights and optimiser, of AlexNet at most.
const RUN_BYTES: u64 = 1 << 30;

/// What is kept of a pixel of a mini-batch on its way through a network and back.
const PIXEL_BYTES: u64 = 512;

/// As many as processors, since a run alone does not keep all of them busy, and no more than there is memory for.
fn jobs_here(grid: &grid::Grid) -> usize {
    let most = rayon::current_num_threads();
    let each = grid.cells.iter().map(|cell| bytes_of(&cell.settings)).max();
    let fit = memory::free().map_or(most, |free| (free / each.unwrap_or(RUN_BYTES)) as usize);
    most.min(fit).max(1)
}

/// What a run takes at most, about.
fn bytes_of(settings: &Settings) -> u64 {
    let patches = settings.flags.minibatch.unwrap_or_default();
    let pixels = (patches * settings.input * settings.input) as u64;
    // The cache of decoded images, and the patches of a training set.
    let kept = settings.cache_bytes + FineTuning::default().memory_bytes;
    RUN_BYTES + PIXEL_BYTES * pixels + kept as u64
}

fn status(which: &Which, grid: &grid::Grid) -> anyhow::Result<status::Status> {
    let status = status::Status::of(grid)?;
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
        require_report_or_nothing(to)?;
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

/// A report replaces an earlier one, and lies in no folder of other things.
fn require_report_or_nothing(to: &Path) -> anyhow::Result<()> {
    let is_report = report::was_begun(to)
        || std::fs::read_to_string(to.join("report.html"))
            .is_ok_and(|page| page.contains("Written by acft "));
    let in_the_way = match std::fs::read_dir(to) {
        _ if is_report => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(bad_input!("cannot use {}: {error}", to.display())),
        // What a kill left of a file that was being written is in nobody's way.
        Ok(mut entries) => entries
            .find(|entry| {
                let name = entry.as_ref().map(std::fs::DirEntry::file_name);
                !name.is_ok_and(|name| is_temporary(&name.to_string_lossy()))
            })
            .transpose()?,
    };
    match in_the_way {
        None => Ok(()),
        Some(entry) => Err(bad_input!(
            "{} is no folder of a report, and not empty (it has {}): choose another one with --to",
            to.display(),
            entry.file_name().display()
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::simulate::settings::Flags;

    #[test]
    fn a_report_lies_where_nothing_else_does() {
        let home = tempfile::tempdir().unwrap();
        let to = home.path().join("to");
        require_report_or_nothing(&to).unwrap();
        std::fs::create_dir(&to).unwrap();
        std::fs::write(to.join(".acft-files.txt-1.tmp"), "").unwrap();
        require_report_or_nothing(&to).unwrap();
        std::fs::write(to.join("chapter.tex"), "").unwrap();
        let error = require_report_or_nothing(&to).unwrap_err().to_string();
        assert!(error.contains("(it has chapter.tex)"), "{error}");
        std::fs::write(to.join("report.html"), "of someone else").unwrap();
        std::fs::write(to.join("files.txt"), "chapter.tex\n").unwrap();
        assert!(require_report_or_nothing(&to).is_err());
        // Of one that was cut short: the page is written last.
        std::fs::write(to.join("files.txt"), "tables/alc.csv\n").unwrap();
        require_report_or_nothing(&to).unwrap();
        std::fs::remove_file(to.join("files.txt")).unwrap();
        std::fs::write(to.join("report.html"), "Written by acft 0.1.0.").unwrap();
        require_report_or_nothing(&to).unwrap();
        assert!(require_report_or_nothing(&to.join("report.html")).is_err());
    }

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
