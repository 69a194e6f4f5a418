//! What a simulation is asked to do: flags over a configuration file over
//! defaults, checked once.
//!
//! A flag and a line of the file have the same name, so whatever can be said
//! on the command line can be kept, and the `config.toml` of a finished run
//! can be given to `--config` as it is.

use std::path::{Path, PathBuf};

use acft::baselines::Baseline;
use acft::stopping::{Agreement, Plateau};
use acft::{Criterion, LearningStrategy, Plan, Query, Stop};
use acft_images::image_io::Window;
use acft_images::patches::PatchPolicy;
use acft_vision::learner::Precision;
use acft_vision::models::Architecture;
use serde::{Deserialize, Serialize};

use crate::strategy::{self, Learns};
use crate::{bad_input, toml_text};

/// Every setting, as given: absent where the default is meant.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Flags {
    /// The folder (a subfolder a class, or with a labels.csv) or manifest (CSV, JSONL, Parquet) of the images.
    #[arg(long, value_name = "DIR|FILE", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// The manifest, if it is not labels.csv in --data.
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// The manifest's column of image paths [default: file, path or image].
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_column: Option<String>,
    /// Its column of labels [default: label or class].
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// Its column of groups (patient, video, slide), which are never split [default: group or patient].
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_column: Option<String>,
    /// Its column of splits: train, val, test [default: split].
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_column: Option<String>,
    /// Its four columns of a box [default: by their usual names, as xmin,ymin,xmax,ymax].
    #[arg(
        long,
        value_name = "A,B,C,D",
        value_delimiter = ',',
        num_args = 1,
        help_heading = "Data"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub box_columns: Option<Vec<String>>,
    /// The closed set of classes [default: the labels found].
    #[arg(
        long,
        value_name = "A,B,…",
        value_delimiter = ',',
        num_args = 1,
        help_heading = "Data"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// The positive class of a two-class task; needed for AUPRC and sensitivity.
    #[arg(long, value_name = "CLASS", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// Candidates in the pool, drawn by the seed from the part for training [default: all].
    #[arg(long, value_name = "N", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<usize>,

    /// squeezenet1_0, squeezenet1_1, either with _linear for a last layer that cannot die, alexnet, resnet18 [default: told from the weights].
    #[arg(long, value_name = "NETWORK", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Architecture>,
    /// Pre-trained weights: safetensors with torchvision's names.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Start from random weights instead (needs --model).
    #[arg(
        long,
        num_args = 0,
        default_missing_value = "true",
        help_heading = "Network"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_scratch: Option<bool>,
    /// The side of the network's input in pixels [default: 64].
    #[arg(long, value_name = "PIXELS", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<usize>,
    /// How exactly it scores: f32, or bf16, which is faster on CPUs that multiply it well [default: f32].
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// How exactly it trains: f32, or bf16 between layers, with weights in f32 [default: f32].
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_precision: Option<Precision>,
    /// The patches of a candidate: none, crop, box or frame, and how many (crop:12) [default: crop:12, box:24 with boxes].
    #[arg(long, value_name = "POLICY", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<PatchPolicy>,
    /// Of images with more than 8 bits a sample: the samples that are black and white, as 0..4095 [default: told from the images].
    #[arg(
        long,
        value_name = "LOW..HIGH",
        allow_hyphen_values = true,
        help_heading = "Network"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,

    /// rft, aft-lq, acft-q, acft-lq, acft-hq, acft-hq-balanced, rcft-hq, head or head-random [default: acft-lq].
    #[arg(long, value_name = "CODE", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// How to query: active, random, least-confidence, margin, predictive-entropy, bald (over the patches), dropout-bald, variation-ratio, core-set, badge, typiclust or cluster-margin; with --learn, instead of --strategy.
    #[arg(long, value_name = "HOW", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How to query while there are no labels, where that differs; as --query [default with --learn head: typiclust].
    #[arg(long, value_name = "HOW", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_query: Option<String>,
    /// How many steps --first-query lasts at least [default: 1, and 2 with --learn head].
    #[arg(long, value_name = "N", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_steps: Option<u32>,
    /// What to learn from: reset-lq, q, lq, hq or hq-balanced; or head, which leaves the network as it is and fits a head on its features to all labels.
    #[arg(long, value_name = "RULE", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn: Option<String>,
    /// entropy, diversity, or acft, the sum of both (see --lambda1, --lambda2) [default: diversity, and entropy with --learn head].
    #[arg(long, value_name = "NAME", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criterion: Option<String>,
    /// The weight of entropy under --criterion acft [default: 1].
    #[arg(long, value_name = "X", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda1: Option<f64>,
    /// The weight of diversity under --criterion acft [default: 1].
    #[arg(long, value_name = "X", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda2: Option<f64>,
    /// The share of a candidate's patches that majority selection keeps; 1 turns it off [default: 0.25].
    #[arg(long, value_name = "SHARE", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The batch is drawn from the best omega × batch; 1 takes the top [default: 5].
    #[arg(long, value_name = "X", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omega: Option<f64>,
    /// How many of one group (patient, video) a batch may hold [default: any number].
    #[arg(long, value_name = "N", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_group: Option<usize>,
    /// Labels asked for in a step [default: 20].
    #[arg(long, value_name = "N", help_heading = "Strategy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,

    /// Stop after this many steps [default: 10, where no other rule is given].
    #[arg(long, value_name = "N", help_heading = "Stopping")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Stop when this many labels are spent.
    #[arg(long, value_name = "N", help_heading = "Stopping")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_labels: Option<usize>,
    /// Stop when the validation AUC has not risen for this many steps.
    #[arg(long, value_name = "STEPS", help_heading = "Stopping")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plateau: Option<usize>,
    /// Stop when successive models agree (Cohen's kappa ≥ 0.99, three times) on this many unlabeled candidates.
    #[arg(long, value_name = "N", help_heading = "Stopping")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_set: Option<usize>,

    /// adam or sgd (momentum 0.9) [default: adam].
    #[arg(long, value_name = "NAME", help_heading = "Fine-tuning")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<String>,
    /// The learning rate from M_0; the last layer's is 10 times it [default: 3e-4].
    #[arg(long, value_name = "RATE", help_heading = "Fine-tuning")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Continual steps after the first use lr divided by this [default: 10].
    #[arg(long, value_name = "X", help_heading = "Fine-tuning")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr_ratio: Option<f64>,
    /// Epochs a step [default: 8].
    #[arg(long, value_name = "N", help_heading = "Fine-tuning")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Patches a mini-batch [default: 128].
    #[arg(long, value_name = "N", help_heading = "Fine-tuning")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minibatch: Option<usize>,

    /// How much directions count less in which the patches of a candidate disagree; 0 for not at all [default: 10].
    #[arg(long, value_name = "X", help_heading = "Head (--learn head)")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// Principal axes of the features; more help from 800 labels on [default: 256].
    #[arg(long, value_name = "N", help_heading = "Head (--learn head)")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<usize>,
    /// Neighbors of a candidate in the graph of the pool [default: 10].
    #[arg(long, value_name = "N", help_heading = "Head (--learn head)")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbors: Option<usize>,
    /// Where the network's features of all images are kept, for all runs that need the same ones [default: features/ beside the run's folder].
    #[arg(long, value_name = "DIR", help_heading = "Head (--learn head)")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<PathBuf>,

    /// The share of labels that the simulated expert gets wrong [default: 0].
    #[arg(long, value_name = "SHARE", help_heading = "Run")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Every random choice follows from it [default: 0].
    #[arg(long, value_name = "N", help_heading = "Run")]
    #[serde(with = "super::seed", default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Do not measure on the validation set: faster, but no model is then the best.
    #[arg(
        long,
        num_args = 0,
        default_missing_value = "true",
        help_heading = "Run"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_validation: Option<bool>,
    /// Do not measure on the test set: for choosing settings by the validation set.
    #[arg(
        long,
        num_args = 0,
        default_missing_value = "true",
        help_heading = "Run"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_test: Option<bool>,
    /// How many of a candidate's patches models are judged by, on the validation and test sets [default: all].
    #[arg(long, value_name = "N", help_heading = "Run")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_patches: Option<usize>,
    /// Decoded image regions kept in memory, in MiB [default: 512].
    #[arg(long, value_name = "MIB", help_heading = "Run")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<usize>,
    /// The run's folder [default: runs/DATA-STRATEGY-SEED].
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    #[serde(skip_serializing)]
    pub out: Option<PathBuf>,
}

/// Every setting, with its value.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As resolved: what `config.toml` holds. Every setting that has a value
    /// has it here.
    pub flags: Flags,
    /// Query, learning strategy, batch size and stopping.
    pub plan: Plan,
    /// What learns: the network, or a head on it.
    pub learns: Learns,
    /// Where the network's features are kept, if a head learns on them.
    pub features: PathBuf,
    /// The name of the strategy.
    pub preset: String,
    /// The side of the network's input, in pixels.
    pub input: usize,
    /// The share of labels that the simulated expert gets wrong.
    pub noise: f64,
    /// Every random choice follows from it.
    pub seed: u64,
    /// How much memory decoded regions may take.
    pub cache_bytes: usize,
    /// The run's folder.
    pub out: PathBuf,
}

/// A setting as people read of it.
pub struct Described {
    /// As in a file and, behind two dashes, on the command line.
    pub name: String,
    /// What it belongs to.
    pub heading: String,
    /// What it does, with its default.
    pub help: String,
}

impl Flags {
    /// Every setting, in the order in which help lists them.
    pub fn described() -> Vec<Described> {
        let command = <Self as clap::Args>::augment_args(clap::Command::new(""));
        let describe = |flag: &clap::Arg| Described {
            name: flag.get_id().as_str().replace('_', "-"),
            heading: flag.get_help_heading().unwrap_or("Other").to_owned(),
            help: flag.get_help().map(ToString::to_string).unwrap_or_default(),
        };
        command.get_arguments().map(describe).collect()
    }

    /// Reads a configuration file; paths in it are relative to the working
    /// directory, as on the command line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            bad_input!("cannot read the configuration {}: {error}", path.display())
        })?;
        toml::from_str(&text).map_err(|error| bad_input!("{}: {error}", path.display()))
    }

    /// These settings, and `below` where these are silent.
    pub fn over(self, below: Self) -> anyhow::Result<Self> {
        let out = self.out.clone().or_else(|| below.out.clone());
        let mut merged = below.table()?;
        // `strategy` and `query` with `learn` say the same thing in two ways:
        // the upper layer wins, in the way in which it says it.
        if self.strategy.is_some() {
            merged.remove("query");
            merged.remove("learn");
        }
        if (self.query.is_some() || self.learn.is_some())
            && let Some(preset) = merged.remove("strategy")
        {
            if below.query.is_some() || below.learn.is_some() {
                return Err(contradiction());
            }
            // The half that is not said anew stays as the strategy has it.
            let code = preset.as_str().unwrap_or_default();
            let preset = named(code)?;
            let (query, learn) = preset;
            merged.insert("query".into(), query.into());
            merged.insert("learn".into(), learn.into());
        }
        // And random weights take the place of pre-trained ones.
        if self.from_scratch == Some(true) {
            merged.remove("weights");
        }
        merged.extend(self.table()?);
        let mut merged: Self = merged.try_into()?;
        merged.out = out;
        Ok(merged)
    }

    /// As a table of the settings that are given.
    pub fn table(&self) -> anyhow::Result<toml::Table> {
        Ok(toml::Table::try_from(self)?)
    }

    /// Checks everything that can be checked without looking at the data, and
    /// fills in the defaults. `--model`, `--patches` and `--window` may stay
    /// open: they are told from the weights and from the data.
    pub fn resolve(mut self) -> anyhow::Result<Settings> {
        let data = self.data.clone().ok_or_else(|| {
            bad_input!("which images? Give --data a folder or a manifest (acft simulate --help has an example)")
        })?;
        let from_scratch = *self.from_scratch.get_or_insert(false);
        match (&self.weights, from_scratch) {
            (None, false) => {
                return Err(bad_input!(
                    "which pre-trained network? Give --weights a safetensors file with torchvision's names, \
                 or ask for random weights with --from-scratch --model squeezenet1_1"
                ));
            }
            (Some(_), true) => {
                return Err(bad_input!(
                    "--weights and --from-scratch contradict each other: give one"
                ));
            }
            (None, true) if self.model.is_none() => {
                return Err(bad_input!(
                    "--from-scratch needs to know the network: give --model"
                ));
            }
            _ => {}
        }

        self.precision.get_or_insert_default();
        let (how, learn) = self.resolve_strategy()?;
        let learns = Learns::named(&learn);
        let learning = learning(&learn)?;
        if learns == Learns::Head {
            self.resolve_head(&how)?;
        }
        let query = self.resolve_query(&how, "query")?;
        let first_query = match self.first_query.clone() {
            Some(how) => Some(self.resolve_query(&how, "first-query")?),
            None => None,
        };
        let queries = [Some(query), first_query];
        if self.first_steps.is_some() && first_query.is_none() {
            return Err(bad_input!(
                "--first-steps says how long --first-query lasts: give that too"
            ));
        }
        let by_dropout = Query::Baseline {
            rule: Baseline::DropoutBald,
        };
        if learns == Learns::Head && queries.contains(&Some(by_dropout)) {
            return Err(bad_input!(
                "a head has no dropout to sample by: query by bald, which compares patches, or by margin"
            ));
        }
        let whole = queries.into_iter().flatten().find_map(|query| match query {
            Query::Baseline { rule } if rule.wants_features() => Some(rule),
            _ => None,
        });
        if self.max_per_group.is_some()
            && let Some(rule) = whole
        {
            return Err(bad_input!(
                "--max-per-group limits a ranking, and {rule} chooses a batch as a whole: leave one of the two out"
            ));
        }
        // Where no query looks at it, a name that is none is still a mistake.
        if let Some(name) = &self.criterion
            && !CRITERIA.contains(&name.as_str())
        {
            return Err(unknown("criterion", name, CRITERIA.into_iter()));
        }

        let positive_count = |name: &str, value: usize| {
            if value == 0 {
                Err(bad_input!("--{name} 0: it must be at least 1"))
            } else {
                Ok(value)
            }
        };
        let batch = positive_count("batch", *self.batch.get_or_insert(20))?;
        positive_count("epochs", *self.epochs.get_or_insert(8))?;
        positive_count("minibatch", *self.minibatch.get_or_insert(128))?;
        let input = positive_count("input", *self.input.get_or_insert(64))?;
        // A rule of stopping that is asked for is not cut short by one that is not.
        if self.max_labels.is_none() && self.plateau.is_none() && self.stop_set.is_none() {
            self.steps.get_or_insert(10);
        }
        for (name, value) in [
            ("steps", self.steps.map(|steps| steps as usize)),
            ("max-labels", self.max_labels),
            ("plateau", self.plateau),
            ("stop-set", self.stop_set),
            ("max-per-group", self.max_per_group),
            ("pool", self.pool),
            ("test-patches", self.test_patches),
            ("first-steps", self.first_steps.map(|steps| steps as usize)),
            ("axes", self.axes),
            ("neighbors", self.neighbors),
        ] {
            value.map(|value| positive_count(name, value)).transpose()?;
        }
        let positive_rate = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(value)
            } else {
                Err(bad_input!("--{name} {value}: it must be above 0"))
            }
        };
        positive_rate("lr", *self.lr.get_or_insert(3e-4))?;
        positive_rate("lr-ratio", *self.lr_ratio.get_or_insert(10.0))?;
        let optimizer = self.optimizer.get_or_insert_with(|| "adam".into());
        let optimizers = ["adam", "sgd"];
        if !optimizers.contains(&optimizer.as_str()) {
            return Err(unknown("optimizer", optimizer, optimizers.into_iter()));
        }
        let noise = *self.noise.get_or_insert(0.0);
        if !(0.0..=1.0).contains(&noise) {
            return Err(bad_input!(
                "--noise {noise}: a share is a number from 0 to 1"
            ));
        }
        if self
            .box_columns
            .as_ref()
            .is_some_and(|columns| columns.len() != 4)
        {
            return Err(bad_input!(
                "--box-columns takes four names: the columns of xmin, ymin, xmax and ymax"
            ));
        }

        if *self.no_test.get_or_insert(false) && self.no_validation == Some(true) {
            return Err(bad_input!(
                "--no-test and --no-validation leave nothing to judge a model by: give one"
            ));
        }
        if *self.no_validation.get_or_insert(false) && self.plateau.is_some() {
            return Err(bad_input!(
                "--plateau looks at the validation AUC, which --no-validation turns off: give one"
            ));
        }
        let seed = *self.seed.get_or_insert(0);
        let cache_bytes = *self.cache.get_or_insert(512) << 20;
        let preset = match query {
            Query::Baseline { .. } => None,
            _ => strategy::code(&how, &learn),
        };
        let preset = preset.map_or_else(|| format!("{how}-{learn}"), str::to_owned);
        let out = self.out.clone().unwrap_or_else(|| {
            let name = data.canonicalize().unwrap_or(data);
            let name = name
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            PathBuf::from("runs").join(format!("{name}-{preset}-{seed}"))
        });
        let mut stop = Stop::default();
        stop.steps = self.steps;
        stop.labels = self.max_labels;
        stop.plateau = self.plateau.map(|patience| Plateau {
            patience,
            tolerance: 0.002,
        });
        stop.agreement = self.stop_set.map(|stop_set| Agreement {
            stop_set,
            ..Agreement::DEFAULT
        });
        Ok(Settings {
            plan: Plan::new(query, learning, batch, seed)
                .with_first_query(first_query)
                .with_first_steps(self.first_steps.unwrap_or_default())
                .with_max_per_group(self.max_per_group)
                .with_stop(stop),
            learns,
            features: self.features.clone().unwrap_or_else(|| {
                // Of "." or ".." the name says nothing of what it lies in.
                let named = out.file_name().map(|_| out.clone());
                let whole = named.or_else(|| out.canonicalize().ok());
                let beside = whole.as_deref().and_then(Path::parent);
                beside.unwrap_or(Path::new("")).join("features")
            }),
            preset,
            input,
            noise,
            seed,
            cache_bytes,
            out,
            flags: self,
        })
    }

    /// The window that is asked for, by itself or with the patches.
    ///
    /// # Errors
    /// The two differ.
    pub fn asked_window(&self) -> anyhow::Result<Option<Window>> {
        let with_patches = self.patches.and_then(|patches| patches.window());
        match (self.window, with_patches) {
            (Some(alone), Some(with)) if alone != with => Err(bad_input!(
                "--window {alone} and the window of --patches, {with}, differ: give one"
            )),
            (alone, with) => Ok(alone.or(with)),
        }
    }

    /// Takes over the window of a run that was made, where none is asked for:
    /// it was told from the same images.
    pub(crate) fn keep_window(&mut self, kept: &Self) {
        let same_shape = |patches: PatchPolicy| {
            kept.patches
                .is_some_and(|kept| kept == patches || kept.with_window(None) == patches)
        };
        if self.window.is_none() && self.patches.is_none_or(same_shape) {
            self.window = kept.window;
            self.patches = self.patches.and(kept.patches).or(self.patches);
        }
    }

    /// How to query, and the name of the learning strategy.
    fn resolve_strategy(&mut self) -> anyhow::Result<(String, String)> {
        if self.strategy.is_some() && (self.query.is_some() || self.learn.is_some()) {
            return Err(contradiction());
        }
        let (how, learn) = if self.query.is_some() || self.learn.is_some() {
            let how = self.query.clone().unwrap_or_else(|| "active".into());
            (how, self.learn.clone().unwrap_or_else(|| "lq".into()))
        } else {
            let (how, learn) = named(self.strategy.as_deref().unwrap_or("acft-lq"))?;
            (how.to_owned(), learn.to_owned())
        };
        // The run's own record says it in the independent way.
        self.strategy = None;
        self.query = Some(how.clone());
        self.learn = Some(learn.clone());
        Ok((how, learn))
    }

    /// Fills in what `--learn head` has of its own, and checks it.
    fn resolve_head(&mut self, how: &str) -> anyhow::Result<()> {
        let one_patch = self.patches.is_some_and(|patches| patches.len() == 1);
        let gamma = match (self.gamma, one_patch) {
            (Some(gamma), true) if gamma > 0.0 => {
                return Err(bad_input!(
                    "--gamma {gamma} looks at where the patches of a candidate disagree, and --patches makes one of each: \
                     leave --gamma out, or give --patches that make more, such as crop:12"
                ));
            }
            (Some(gamma), _) => gamma,
            (None, true) => 0.0,
            (None, false) => 10.0,
        };
        if !(gamma.is_finite() && gamma >= 0.0) {
            return Err(bad_input!("--gamma {gamma}: it must be 0 or more"));
        }
        self.gamma = Some(gamma);
        self.axes.get_or_insert(256);
        self.neighbors.get_or_insert(10);
        if how == "active" {
            self.criterion.get_or_insert_with(|| "entropy".into());
        }
        // While there is no label, and no head, nothing is more uncertain than the rest.
        if how != "random" && self.first_query.is_none() {
            let typical = self.max_per_group.is_none();
            let first = if typical { "typiclust" } else { "random" };
            self.first_query = Some(first.to_owned());
        }
        if self.first_query.is_some() {
            self.first_steps.get_or_insert(2);
        }
        Ok(())
    }

    /// The query of that name, as `flag` gives it.
    fn resolve_query(&mut self, how: &str, flag: &str) -> anyhow::Result<Query> {
        match how {
            "active" => self.resolve_criterion(),
            "random" => Ok(Query::Random),
            other => other
                .parse()
                .map(|rule| Query::Baseline { rule })
                .map_err(|_| {
                    let known = ["active", "random"].into_iter().chain(Baseline::names());
                    unknown(flag, other, known)
                }),
        }
    }

    fn resolve_criterion(&mut self) -> anyhow::Result<Query> {
        let name = self
            .criterion
            .get_or_insert_with(|| "diversity".into())
            .clone();
        let alpha = *self.alpha.get_or_insert(0.25);
        let omega = *self.omega.get_or_insert(5.0);
        let criterion = match name.as_str() {
            "entropy" => Criterion::entropy(alpha),
            "diversity" => Criterion::diversity(alpha),
            "acft" => Criterion {
                lambda1: *self.lambda1.get_or_insert(1.0),
                lambda2: *self.lambda2.get_or_insert(1.0),
                alpha,
                per_pair: false,
            },
            other => return Err(unknown("criterion", other, CRITERIA.into_iter())),
        };
        if name != "acft" && (self.lambda1.is_some() || self.lambda2.is_some()) {
            return Err(bad_input!(
                "--lambda1 and --lambda2 weigh the two terms of --criterion acft, not of {name}"
            ));
        }
        criterion.check().map_err(|error| bad_input!("{error}"))?;
        if !(omega.is_finite() && omega >= 1.0) {
            return Err(bad_input!(
                "--omega {omega}: the window is at least one batch wide, so it must be 1 or more"
            ));
        }
        Ok(Query::Active { criterion, omega })
    }
}

/// What `--criterion` takes.
const CRITERIA: [&str; 3] = ["entropy", "diversity", "acft"];

/// How the strategy of that name queries, and what it learns from.
fn named(code: &str) -> anyhow::Result<(&'static str, &'static str)> {
    strategy::named(code).ok_or_else(|| unknown("strategy", code, strategy::codes()))
}

/// What a step learns from, by the name of a rule.
fn learning(learn: &str) -> anyhow::Result<LearningStrategy> {
    // A head goes on from the last one, and learns from all labels.
    let rule = match Learns::named(learn) {
        Learns::Head => "lq",
        Learns::Network => learn,
    };
    rule.parse().map_err(|_: String| {
        let known = LearningStrategy::names().chain([strategy::HEAD]);
        unknown("learn", learn, known)
    })
}

fn contradiction() -> anyhow::Error {
    bad_input!("--strategy stands for a --query and a --learn: give it, or those two")
}

/// What a flag was given is none of what it takes.
fn unknown<'a>(flag: &str, given: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let known: Vec<&str> = known.collect();
    bad_input!(
        "--{flag} {given:?}: did you mean {:?}? Known are {}",
        toml_text::nearest(given, known.iter().copied()),
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn given(text: &str) -> Flags {
        toml::from_str(text).unwrap()
    }

    fn base() -> Flags {
        given("data = 'd'\nweights = 'w.safetensors'")
    }

    #[test]
    fn the_half_of_a_strategy_that_is_not_said_anew_stays() {
        let over = |flags: &str, file: &str| {
            let merged = given(flags).over(given(file)).unwrap();
            let settings = merged.over(base()).unwrap().resolve().unwrap();
            let [query, learn] = [settings.flags.query, settings.flags.learn];
            (query.unwrap(), learn.unwrap())
        };
        let pair = |query: &str, learn: &str| (query.to_owned(), learn.to_owned());
        assert_eq!(
            over("query = 'margin'", "strategy = 'acft-hq'"),
            pair("margin", "hq")
        );
        assert_eq!(
            over("learn = 'hq'", "strategy = 'rft'"),
            pair("random", "hq")
        );
        assert_eq!(
            over("strategy = 'rft'", "query = 'margin'"),
            pair("random", "reset-lq")
        );
        let both = given("strategy = 'rft'\nquery = 'margin'");
        let told = given("learn = 'hq'").over(both).unwrap_err().to_string();
        assert!(told.contains("give it, or those two"), "{told}");
        let unknown = given("learn = 'hq'")
            .over(given("strategy = 'rtf'"))
            .unwrap_err();
        assert!(
            unknown.to_string().contains("did you mean \"rft\""),
            "{unknown}"
        );
    }

    #[test]
    fn a_window_is_given_alone_or_with_the_patches() {
        let window = |text: &str| {
            given(text)
                .asked_window()
                .map_err(|error| error.to_string())
        };
        let twelve = Some("0..4095".parse().unwrap());
        assert_eq!(window(""), Ok(None));
        assert_eq!(window("window = '0..4095'"), Ok(twelve));
        assert_eq!(window("patches = 'crop:12@0..4095'"), Ok(twelve));
        assert_eq!(
            window("patches = 'crop@0..4095'\nwindow = '0..4095'"),
            Ok(twelve)
        );
        let told = window("patches = 'crop@0..255'\nwindow = '0..4095'").unwrap_err();
        assert!(told.contains("differ: give one"), "{told}");
        let told = toml::from_str::<Flags>("window = '0-4095'").unwrap_err();
        assert!(
            told.to_string().contains("write it as in 0..4095"),
            "{told}"
        );
    }

    #[test]
    fn a_window_that_was_told_from_the_images_is_no_other_setting() {
        let kept = given("patches = 'crop:12@0..4095'\nwindow = '0..4095'");
        for text in ["", "patches = 'crop:12'", "patches = 'crop:12@0..4095'"] {
            let mut asked = given(text);
            asked.keep_window(&kept);
            assert_eq!(asked.window, kept.window, "{text}");
            assert!(asked.patches.is_none() || asked.patches == kept.patches);
        }
        for text in ["patches = 'crop:4'", "window = '0..1023'"] {
            let mut asked = given(text);
            asked.keep_window(&kept);
            assert_ne!(asked.window, kept.window, "{text}");
        }
    }

    #[test]
    fn a_setting_that_is_in_the_way_is_named() {
        let of = |text: &str| {
            given(text)
                .over(base())
                .unwrap()
                .resolve()
                .unwrap_err()
                .to_string()
        };
        let told = of("max-per-group = 2\nfirst-query = 'badge'");
        assert!(told.contains("and badge chooses a batch"), "{told}");
        let told = of("query = 'random'\ncriterion = 'entrpy'");
        assert!(told.contains("did you mean \"entropy\""), "{told}");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = given("data = 'd'\nweights = 'w'\nbatch = 7\nsteps = 3\nstrategy = 'rft'");
        let flags = given("steps = 5\nlearn = 'lq'\nquery = 'random'");
        let settings = flags.over(file).unwrap().resolve().unwrap();
        assert_eq!(settings.plan.batch, 7);
        assert_eq!(settings.flags.steps, Some(5));
        assert_eq!(settings.preset, "random-lq");
        assert_eq!(settings.flags.epochs, Some(8));
    }

    #[test]
    fn what_is_resolved_resolves_to_itself() {
        for text in [
            "",
            "query = 'core-set'\nlearn = 'hq'\nfirst-query = 'typiclust'",
        ] {
            let flags = given(text).over(base()).unwrap();
            let settings = flags.resolve().unwrap();
            let again = settings.flags.clone().resolve().unwrap();
            assert_eq!(settings.flags, again.flags);
            assert_eq!(settings.plan, again.plan);
        }
    }

    #[test]
    fn random_weights_take_the_place_of_those_of_the_file() {
        let flags = given("from-scratch = true\nmodel = 'squeezenet1_1'");
        let settings = flags.over(base()).unwrap().resolve().unwrap();
        assert_eq!(settings.flags.weights, None);
    }

    #[test]
    fn baselines_are_named_as_what_they_are() {
        let of = |text: &str| given(text).over(base()).unwrap().resolve().unwrap();
        assert_eq!(of("query = 'margin'\nlearn = 'hq'").preset, "margin-hq");
        assert_eq!(of("query = 'active'\nlearn = 'hq'").preset, "acft-hq");
        let first = of("first-query = 'random'").plan.first_query;
        assert_eq!(first, Some(Query::Random));
    }

    #[test]
    fn contradictions_and_typing_errors_are_named() {
        let check = |text: &str, expected: &str| {
            let error = given(text)
                .over(base())
                .unwrap()
                .resolve()
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("strategy = 'acft'", "Known are rft, aft-lq");
        check("strategy = 'rft'\nlearn = 'hq'", "--strategy stands for");
        check(
            "learn = 'hq-balance'",
            "--learn \"hq-balance\": did you mean \"hq-balanced\"? Known are reset-lq, q, lq, hq, hq-balanced",
        );
        check(
            "criterion = 'divergence'",
            "--criterion \"divergence\": did you mean \"diversity\"? Known are entropy, diversity, acft",
        );
        check(
            "optimizer = 'adamw'",
            "--optimizer \"adamw\": did you mean \"adam\"? Known are adam, sgd",
        );
        check(
            "query = 'margn'",
            "did you mean \"margin\"? Known are active",
        );
        check("first-query = 'cold'", "--first-query \"cold\"");
        check(
            "query = 'badge'\nmax-per-group = 2",
            "chooses a batch as a whole",
        );
        check("lambda1 = 2.0", "--criterion acft");
        check("alpha = 0.0", "alpha = 0");
        check("omega = 0.5", "--omega 0.5");
        check("batch = 0", "--batch 0");
        check("lr = -1.0", "--lr -1");
        check("noise = 2.0", "--noise 2");
        check("from-scratch = true\nweights = 'w'", "contradict");
        check("from-scratch = true", "give --model");
        check("no-validation = true\nplateau = 3", "--plateau");
        let unknown = toml::from_str::<Flags>("bach = 3").unwrap_err().to_string();
        assert!(
            unknown.contains("bach") && unknown.contains("batch"),
            "{unknown}"
        );
    }
}
