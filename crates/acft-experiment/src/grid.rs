//! Every run of an experiment: data × network × arm, seed by seed.

use std::path::{Path, PathBuf};

use acft_run::files::write_atomically;
use acft_run::settings::{Flags, Settings};
use acft_run::{Learns, bad_input, digest};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::file::{Arm, Entry, Experiment, Kind};

/// The runs of an experiment and their folder.
pub struct Grid {
    /// The file of the experiment.
    pub experiment: Experiment,
    /// The folder of the runs and results.
    pub out: PathBuf,
    /// The runs, ordered by seed first, so that an interrupted experiment has about as many runs of each arm.
    pub cells: Vec<Cell>,
}

/// One run.
pub struct Cell {
    pub(super) data: String,
    /// Empty if the experiment has only one network.
    pub(super) network: String,
    pub(super) arm: String,
    pub(super) kind: Kind,
    pub(super) seed: u64,
    pub(super) settings: Settings,
}

/// The note beside the folder of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub(super) struct Note {
    /// The version of the program that made the run; empty without a note.
    pub(super) version: String,
    /// All programs and machines that worked on the run: it may be continued on another machine, by another commit.
    pub(super) builds: Vec<Build>,
    /// Why the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<String>,
}

/// A build of the program, and the machine that it ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Build {
    /// Its commit, if known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) machine: Option<String>,
}

/// The form of a note in its file.
#[derive(Deserialize)]
struct Kept {
    version: String,
    #[serde(default)]
    builds: Vec<Build>,
    /// Earlier versions recorded the last one only.
    #[serde(flatten)]
    last: Build,
    failed: Option<String>,
}

impl From<Kept> for Note {
    fn from(kept: Kept) -> Self {
        let builds = match kept.builds.is_empty() {
            true => vec![kept.last],
            false => kept.builds,
        };
        Self {
            version: kept.version,
            builds,
            failed: kept.failed,
        }
    }
}

impl Note {
    /// The note while this program works on the run.
    pub(super) fn gone_on_with(mut self) -> Self {
        let here = Build {
            commit: crate::COMMIT.map(str::to_owned),
            machine: Some(machine()),
        };
        if !self.builds.contains(&here) {
            self.builds.push(here);
        }
        Self {
            version: VERSION.to_owned(),
            failed: None,
            ..self
        }
    }

    /// The commits that worked on the run; `None` for an unknown one.
    pub(super) fn commits(&self) -> Vec<Option<&str>> {
        match self.builds.as_slice() {
            [] => vec![None],
            builds => builds.iter().map(|build| build.commit.as_deref()).collect(),
        }
    }

    /// The machines that the run was made on; `None` for an unknown one.
    pub(super) fn machines(&self) -> Vec<Option<&str>> {
        match self.builds.as_slice() {
            [] => vec![None],
            builds => builds
                .iter()
                .map(|build| build.machine.as_deref())
                .collect(),
        }
    }
}

/// The stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    ToDo,
    Begun,
    Failed,
    Finished,
}

impl Stage {
    /// The word in the tables of results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ToDo => "todo",
            Self::Begun => "begun",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

impl Grid {
    /// # Errors
    /// The settings of a run are wrong. The message names the arm and the data.
    pub fn new(
        experiment: Experiment,
        root: &Path,
        out: PathBuf,
        file: &Path,
    ) -> anyhow::Result<Self> {
        let mut cells = Vec::new();
        for (place, &seed) in experiment.seeds.iter().enumerate() {
            for data in &experiment.data {
                for network in &experiment.networks {
                    for arm in &experiment.arms {
                        let data = &data.entry;
                        let elsewhere = arm.on.as_ref().is_some_and(|on| !on.contains(&data.name));
                        if elsewhere || arm.seeds.is_some_and(|seeds| place >= seeds) {
                            continue;
                        }
                        let settings =
                            settings(&experiment.settings, [data, network], arm, root, seed, &out)
                                .map_err(|error| {
                                    let (arm, data) = (&arm.entry.name, &data.name);
                                    bad_input!(
                                        "{}: arm {arm:?} on {data:?}: {error:#}",
                                        file.display()
                                    )
                                })?;
                        cells.push(Cell {
                            data: data.name.clone(),
                            network: network.name.clone(),
                            arm: arm.entry.name.clone(),
                            kind: arm.kind,
                            seed,
                            settings,
                        });
                    }
                }
            }
        }
        Ok(Self {
            experiment,
            out,
            cells,
        })
    }

    /// The runs that are finished.
    pub(super) fn finished(&self) -> anyhow::Result<Vec<&Cell>> {
        let mut finished = Vec::new();
        for cell in &self.cells {
            if cell.stage()? == Stage::Finished {
                finished.push(cell);
            }
        }
        Ok(finished)
    }

    /// Refuses finished runs that have lost or changed what they recorded: a
    /// table or a mean over them would be wrong without a word.
    ///
    /// # Errors
    /// There is one: each, with its files, and what to do.
    pub(super) fn require_whole(&self) -> anyhow::Result<()> {
        let mut damaged = Vec::new();
        for cell in self.finished()? {
            let found = cell.or_anew(digest::damage(&cell.settings.out))?;
            if !found.is_empty() {
                damaged.push(format!(
                    "{} ({}): {}",
                    cell.title(),
                    cell.settings.out.display(),
                    digest::told(&found)
                ));
            }
        }
        if damaged.is_empty() {
            return Ok(());
        }
        bail!(
            "finished runs are damaged:\n  {}\nPut the files back from a copy; or remove the folder of a run, and the \
             file beside it that is called as the folder with .json, and `acft experiment run` makes it again",
            damaged.join("\n  ")
        )
    }
}

/// Merges the settings of one run; later entries win.
fn settings(
    common: &Flags,
    parts: [&Entry; 2],
    arm: &Arm,
    root: &Path,
    seed: u64,
    out: &Path,
) -> anyhow::Result<Settings> {
    let mut flags = common.clone();
    let mut folder = out.join("runs");
    for part in parts {
        flags = part.flags.clone().over(flags)?;
        if !part.name.is_empty() {
            folder.push(&part.name);
        }
    }
    folder.push(&arm.entry.name);
    if arm.kind == Kind::Line {
        flags = of_a_line(flags)?;
    }
    flags = arm.entry.flags.clone().over(flags)?;
    if let Some(here) = arm.at.get(&parts[0].name) {
        flags = here.clone().over(flags)?;
    }
    // Joining leaves a path as it is that starts at the root of the machine.
    let named = [
        &mut flags.data,
        &mut flags.manifest,
        &mut flags.weights,
        &mut flags.features,
    ];
    for path in named {
        *path = path.take().map(|path| root.join(path));
    }
    flags.seed = Some(seed);
    flags.out = Some(folder.join(format!("seed-{seed}")));
    let mut settings = flags.resolve()?;
    if settings.learns == Learns::Head && settings.flags.features.is_none() {
        // All runs share the network's features, whatever folder each is in.
        settings.features = out.join("features");
        settings.flags.features = Some(settings.features.clone());
    }
    Ok(settings)
}

/// All labels at once, from M_0.
fn of_a_line(common: Flags) -> anyhow::Result<Flags> {
    let line = Flags {
        strategy: Some("rft".to_owned()),
        // A pool that has fewer is taken whole.
        batch: Some(common.pool.unwrap_or(1_000_000_000)),
        steps: Some(1),
        ..Flags::default()
    };
    Ok(Flags {
        first_query: None,
        max_per_group: None,
        max_labels: None,
        plateau: None,
        stop_set: None,
        ..line.over(common)?
    })
}

impl Cell {
    /// Its name for people.
    pub(super) fn title(&self) -> String {
        let parts = [&self.data, &self.network, &self.arm];
        let named: Vec<&str> = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        format!("{}, seed {}", named.join(" "), self.seed)
    }

    fn note_path(&self) -> PathBuf {
        self.settings.out.with_extension("json")
    }

    /// Reads the note of the run; `None` before it is begun.
    pub(super) fn note(&self) -> anyhow::Result<Option<Note>> {
        let path = self.note_path();
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| {
            bad_input!(
                "{} is damaged ({error}): remove it, and {}, to make the run again",
                path.display(),
                self.settings.out.display()
            )
        })
    }

    /// Writes the note of the run.
    pub(super) fn keep(&self, note: &Note) -> anyhow::Result<()> {
        let path = self.note_path();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write_atomically(&path, &serde_json::to_vec(note)?)
    }

    /// Adds to an error of reading how to make the run again.
    pub(super) fn or_anew<T>(&self, read: anyhow::Result<T>) -> anyhow::Result<T> {
        read.with_context(|| {
            format!(
                "a run cannot be read: where its files are damaged, remove {} and {} to make it again",
                self.settings.out.display(),
                self.note_path().display()
            )
        })
    }

    /// Why the run ended before its time, if it did.
    pub(super) fn failure(&self) -> anyhow::Result<Option<String>> {
        Ok(self.note()?.and_then(|note| note.failed))
    }

    /// The stage of the run.
    pub(super) fn stage(&self) -> anyhow::Result<Stage> {
        let out = &self.settings.out;
        if out.join("finished.json").is_file() {
            return Ok(Stage::Finished);
        }
        if self.failure()?.is_some() {
            return Ok(Stage::Failed);
        }
        Ok(if out.join("config.toml").is_file() {
            Stage::Begun
        } else {
            Stage::ToDo
        })
    }
}

/// The system's name for the processor, and its number of threads.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!(
        "{name}, {} threads, {}",
        rayon::current_num_threads(),
        std::env::consts::OS
    )
}

/// The build of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_note_has_all_builds_that_worked_on_the_run() {
        let read = |text: &str| serde_json::from_str::<Note>(text).unwrap();
        let old = read(r#"{"version": "0.1.0", "commit": "abc", "machine": "a, 2 threads"}"#);
        assert_eq!(old.commits(), [Some("abc")]);
        let more = old.gone_on_with();
        assert_eq!(more.commits(), [Some("abc"), crate::COMMIT]);
        let again = more.clone().gone_on_with();
        assert_eq!(again, more);
        assert_eq!(read(&serde_json::to_string(&more).unwrap()), more);
        // One that is not known is no less of one.
        let unknown = read(r#"{"version": "0.1.0", "failed": "no memory"}"#);
        assert_eq!(unknown.commits(), [None]);
        assert_eq!(Note::default().commits(), [None]);
    }
}
