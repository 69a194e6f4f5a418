//! `acft.toml`: what a project is asked to do, readable and commented.
//!
//! What a simulation knows too has the same name here, at the top; how people
//! label and how the page is served have tables of their own.

mod file;

pub use file::HELP;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use acft::Query;
use acft_project::{Ledger, Rules};
use acft_run::settings::{Flags, Settings};
use acft_run::{Learns, bad_input};
use acft_server::ServeSettings;
use acft_server::settings::ShowGuess;
use serde::{Deserialize, Serialize};

use super::backup::timer::Plan;
use super::vision::RegionCaches;

/// The settings of a project, with their values.
#[derive(Clone, Debug)]
pub struct ProjectSettings {
    simulation: Settings,
    labeling: Labeling,
    server: Server,
}

/// How people label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Labeling {
    every: Option<usize>,
    overlap: usize,
    show_guess: Guess,
    holdout_one_in: usize,
    holdout_per_class: usize,
    tolerance: f64,
    lease_minutes: f64,
}

/// When the network's guess is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Guess {
    After,
    Before,
}

impl Default for Labeling {
    fn default() -> Self {
        Self {
            every: None,
            overlap: 1,
            show_guess: Guess::After,
            holdout_one_in: 10,
            holdout_per_class: 30,
            tolerance: 0.02,
            lease_minutes: 15.0,
        }
    }
}

/// How the page is served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Server {
    address: IpAddr,
    port: u16,
    public_url: Option<String>,
    allow_hosts: Vec<String>,
    max_connections: usize,
    max_image_mib: usize,
    disk_cache_mib: u32,
    backup_to: Option<PathBuf>,
    backup_every: f64,
    backup_keep: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8500,
            public_url: None,
            allow_hosts: Vec::new(),
            max_connections: 512,
            max_image_mib: 64,
            disk_cache_mib: 2048,
            backup_to: None,
            backup_every: 24.0,
            backup_keep: 7,
        }
    }
}

/// How many are served ahead at a time while the network is busy: few, so that
/// the next ranking soon has its say.
const AHEAD: usize = 4;

/// Batches beyond the window that a ranking is kept for.
const BATCHES_AHEAD: usize = 5;

/// In minutes. Whoever was served something a week ago does not come back to it.
const LONGEST_LEASE: f64 = 7.0 * 24.0 * 60.0;

/// In hours. A year: whoever means never leaves backup-to out.
const LONGEST_BACKUP: f64 = 366.0 * 24.0;
/// One browser opens up to six.
const FEWEST_CONNECTIONS: usize = 8;

/// As much as is read of any image file.
const MOST_IMAGE_MIB: usize = (acft_images::image_io::MAX_FILE_BYTES >> 20) as usize;

impl ProjectSettings {
    /// Settings of a project to come, from the flags of `acft init`.
    ///
    /// # Errors
    /// A flag makes no sense.
    pub(crate) fn new(flags: Flags) -> anyhow::Result<Self> {
        Self::of(flags, Labeling::default(), Server::default())
    }

    /// The settings of the project in a folder.
    ///
    /// # Errors
    /// The file is missing, or a line of it is wrong: named with its number.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let file::Parts {
            mut flags,
            labeling,
            server,
        } = file::read(&root.join(file::NAME))?;
        // In the file paths are relative to it.
        for path in [&mut flags.data, &mut flags.manifest, &mut flags.weights]
            .into_iter()
            .flatten()
        {
            *path = root.join(&*path);
        }
        Self::of(flags, labeling, server)
            .map_err(|error| bad_input!("{}: {error:#}", root.join(file::NAME).display()))
    }

    fn of(flags: Flags, labeling: Labeling, server: Server) -> anyhow::Result<Self> {
        let mut simulation = flags.resolve()?;
        if simulation.learns == Learns::Head {
            return Err(bad_input!(
                "a project fine-tunes its network: learn = \"head\" is for acft simulate so far, where the two can be compared"
            ));
        }
        let plan = &simulation.plan;
        if plan.first_query.is_some() || matches!(plan.query, Query::Baseline { .. }) {
            return Err(bad_input!(
                "a project queries actively or at random: other rules and a first-query are for acft simulate, where they can be compared"
            ));
        }
        // A project goes on until its people stop; the budget is the desk's to keep.
        simulation.flags.steps = None;
        simulation.plan.stop.steps = None;
        simulation.plan.stop.labels = None;
        labeling.check()?;
        server.check()?;
        Ok(Self {
            simulation,
            labeling,
            server,
        })
    }

    /// Settles the classes, once the images have been listed.
    ///
    /// # Errors
    /// The positive class is none of them, or there are more than two.
    pub(crate) fn set_classes(&mut self, classes: &[String]) -> anyhow::Result<()> {
        if let Some(positive) = &self.simulation.flags.positive {
            if !classes.contains(positive) {
                return Err(bad_input!(
                    "--positive {positive:?}: the classes are {}",
                    classes.join(", ")
                ));
            }
            if classes.len() > 2 {
                return Err(bad_input!(
                    "--positive is for two classes, and there are {}: leave it out, every class is then held against the rest",
                    classes.len()
                ));
            }
        }
        self.simulation.flags.classes = Some(classes.to_vec());
        Ok(())
    }

    /// Refuses to rename or merge away the class that the settings name positive.
    ///
    /// # Errors
    /// It is that class.
    pub fn require_not_positive(&self, class: &str, doing: &str) -> anyhow::Result<()> {
        if self.simulation.flags.positive.as_deref() != Some(class) {
            return Ok(());
        }
        Err(bad_input!(
            "{} says positive = {class:?}: change or remove that line first, then {doing} the class",
            file::NAME
        ))
    }

    /// What a simulation with the same settings would be asked to do.
    pub fn simulation(&self) -> &Settings {
        &self.simulation
    }

    /// The rules of serving.
    pub fn rules(&self) -> Rules {
        Rules {
            overlap: self.labeling.overlap,
            holdout_one_in: self.labeling.holdout_one_in,
            holdout_per_class: self.labeling.holdout_per_class,
            lease_ms: (self.labeling.lease_minutes * 60_000.0) as i64,
            ahead: AHEAD.min(self.batch()),
            budget: self.simulation.flags.max_labels,
            max_per_group: self.simulation.plan.max_per_group,
        }
    }

    /// b, the candidates of a batch.
    pub fn batch(&self) -> usize {
        self.simulation.plan.batch
    }

    /// ω, the width of the window in batches.
    pub fn omega(&self) -> f64 {
        match self.simulation.plan.query {
            Query::Active { omega, .. } => omega,
            Query::Random | Query::Baseline { .. } => 1.0,
        }
    }

    /// How many of the best a ranking names: the window, and those beyond it
    /// that are served while the network trains.
    pub fn reserve(&self) -> usize {
        let window = (self.omega() * self.batch() as f64) as usize;
        window + BATCHES_AHEAD * self.batch()
    }

    /// How many new labels the network is fine-tuned on.
    pub(crate) fn every(&self) -> usize {
        self.labeling.every.unwrap_or(self.batch())
    }

    /// How much of what was decoded is kept.
    pub(crate) fn region_caches(&self) -> RegionCaches {
        RegionCaches {
            memory: self.simulation.cache_bytes,
            disk: u64::from(self.server.disk_cache_mib) << 20,
        }
    }

    /// How much worse a model may be on the holdout and still be used.
    pub(crate) fn tolerance(&self) -> f64 {
        self.labeling.tolerance
    }

    /// Where to listen.
    pub fn address(&self) -> IpAddr {
        self.server.address
    }

    /// The port to listen on.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The backups that are made while the project in this folder is served.
    pub fn backups(&self, root: &Path) -> Option<Plan> {
        let to = self.server.backup_to.as_ref()?;
        Some(Plan {
            to: root.join(to),
            every: Duration::from_secs_f64(self.server.backup_every * 3600.0),
            keep: self.server.backup_keep,
        })
    }

    /// The address that a proxy gives to the server, if one does.
    pub fn public_url(&self) -> Option<&str> {
        self.server.public_url.as_deref()
    }

    /// Names by which the server may be asked.
    pub fn allow_hosts(&self) -> &[String] {
        &self.server.allow_hosts
    }

    /// How many connections the server holds at once.
    pub fn max_connections(&self) -> usize {
        self.server.max_connections
    }

    /// What the server is told.
    ///
    /// # Errors
    /// The model in use has patches that are not known.
    pub fn serve(&self, name: &str, ledger: &Ledger) -> anyhow::Result<ServeSettings> {
        let flags = &self.simulation.flags;
        let positive = flags.positive.as_deref();
        Ok(ServeSettings {
            positive: positive.and_then(|name| ledger.classes().named(name)),
            show_guess: match self.labeling.show_guess {
                Guess::After => ShowGuess::After,
                Guess::Before => ShowGuess::Before,
            },
            budget: flags.max_labels,
            patches: flags.patches.map_or(1, |patches| patches.len()),
            image_limit: self.server.max_image_mib << 20,
            ..ServeSettings::new(name, env!("CARGO_PKG_VERSION"))
        })
    }

    /// The file, with a comment above each line.
    ///
    /// # Errors
    /// A path cannot be made absolute.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        let mut flags = self.simulation.flags.clone();
        for path in [&mut flags.data, &mut flags.manifest, &mut flags.weights]
            .into_iter()
            .flatten()
        {
            // The project's folder is another than the one that this was said in.
            *path = path
                .canonicalize()
                .unwrap_or_else(|_| PathBuf::from(&*path));
        }
        file::write(&flags, &self.labeling, &self.server)
    }
}

impl Labeling {
    fn check(&self) -> anyhow::Result<()> {
        let at_least_1 = |name: &str, value: usize| match value {
            0 => Err(bad_input!("{name} = 0: it must be at least 1")),
            _ => Ok(()),
        };
        at_least_1("every", self.every.unwrap_or(1))?;
        at_least_1("overlap", self.overlap)?;
        if self.holdout_one_in == 1 {
            return Err(bad_input!(
                "holdout-one-in = 1 would keep every candidate from being learned from: 10 keeps one in ten, 0 none"
            ));
        }
        if !(0.0..=1.0).contains(&self.tolerance) {
            return Err(bad_input!(
                "tolerance = {}: it is an AUC, a number from 0 to 1",
                self.tolerance
            ));
        }
        if !(self.lease_minutes > 0.0 && self.lease_minutes <= LONGEST_LEASE) {
            return Err(bad_input!(
                "lease-minutes = {}: it must be above 0, and at most {LONGEST_LEASE} (a week)",
                self.lease_minutes
            ));
        }
        Ok(())
    }
}

impl Server {
    fn check(&self) -> anyhow::Result<()> {
        if !(self.backup_every > 0.0 && self.backup_every <= LONGEST_BACKUP) {
            return Err(bad_input!(
                "backup-every = {}: it is in hours, above 0 and at most {LONGEST_BACKUP} (a year)",
                self.backup_every
            ));
        }
        if self.backup_keep == 0 {
            return Err(bad_input!("backup-keep = 0: it must be at least 1"));
        }
        if self.max_connections < FEWEST_CONNECTIONS {
            return Err(bad_input!(
                "max-connections = {}: it must be at least {FEWEST_CONNECTIONS}, for a browser opens several",
                self.max_connections
            ));
        }
        if (1..=MOST_IMAGE_MIB).contains(&self.max_image_mib) {
            return Ok(());
        }
        Err(bad_input!(
            "max-image-mib = {}: it must be from 1 to {MOST_IMAGE_MIB}",
            self.max_image_mib
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn given(text: &str) -> anyhow::Result<ProjectSettings> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file::NAME), text).unwrap();
        ProjectSettings::read(folder.path())
    }

    const BASE: &str = "data = 'images'\nweights = 'w.safetensors'\n";

    #[test]
    fn what_is_written_is_read_again() {
        let flags: Flags =
            toml::from_str("data = 'd'\nweights = 'w'\nbatch = 7\npositive = 'b'").unwrap();
        let mut settings = ProjectSettings::new(flags).unwrap();
        settings.set_classes(&["a".into(), "b".into()]).unwrap();
        let text = settings.to_toml().unwrap();
        let again = given(&text).unwrap();
        assert_eq!(again.labeling, settings.labeling);
        assert_eq!(again.server, settings.server);
        assert_eq!(again.simulation.plan, settings.simulation.plan);
        assert_eq!(again.batch(), 7);
        assert_eq!(again.every(), 7);
        assert!(text.lines().all(|line| line.len() < 200), "{text}");
        insta::assert_snapshot!(text.replace(
            &std::env::current_dir().unwrap().display().to_string(),
            "[here]"
        ));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, says) in [
            (
                "bach = 3",
                "line 3: there is no setting \"bach\"; did you mean \"batch\"?",
            ),
            ("[labeling]\nevry = 3", "every"),
            ("[server]\nport = 99999999", "port"),
            ("[sever]\nport = 80", "did you mean \"server\"?"),
            ("batch = 'many'", "batch"),
            ("[labeling]\noverlap = 0", "overlap = 0"),
            ("[labeling]\ntolerance = nan", "tolerance = NaN"),
            ("[labeling]\nlease-minutes = nan", "above 0"),
            ("[labeling]\nlease-minutes = 1e300", "a week"),
            ("[server]\nmax-image-mib = 0", "from 1 to 1024"),
            ("[server]\nmax-image-mib = 99999999999", "from 1 to 1024"),
            ("[server]\nbackup-every = 0", "above 0"),
            ("[server]\nbackup-every = nan", "above 0"),
            ("[server]\nbackup-keep = 0", "at least 1"),
            ("[server]\nmax-connections = 7", "at least 8"),
            ("[labeling]\nholdout-one-in = 1", "holdout-one-in = 1"),
            ("batch = 0", "--batch 0"),
            ("batch = ", "line 3"),
        ] {
            let error = format!("{:#}", given(&format!("{BASE}{text}")).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
            assert!(error.contains("acft.toml"), "{text}: {error}");
        }
    }

    #[test]
    fn positive_must_be_one_of_two_classes() {
        let with = |classes: &[&str]| {
            let flags = toml::from_str("data = 'd'\nweights = 'w'\npositive = 'b'").unwrap();
            let mut settings = ProjectSettings::new(flags).unwrap();
            let classes: Vec<String> = classes.iter().map(|&name| name.to_owned()).collect();
            settings.set_classes(&classes).map_err(|e| e.to_string())
        };
        assert!(with(&["a", "b"]).is_ok());
        assert!(with(&["a", "c"]).unwrap_err().contains("a, c"));
        assert!(with(&["a", "b", "c"]).unwrap_err().contains("two classes"));
    }
}
