//! The flags of `acft score`.

use std::path::PathBuf;

use acft::Criterion;
use acft_run::BadInput;

use super::pool::Rules;

const EXAMPLE: &str = "\
Example:
  acft score probabilities.csv --criterion entropy --batch 20 --seed 0 --out scores.csv

  where probabilities.csv holds a row for each patch, those of a candidate together:
    candidate,patch,p_0,p_1
    frame-001.png,0,0.91,0.09
    frame-001.png,1,0.55,0.45
    frame-002.png,0,0.20,0.80

An NPZ file holds the same as arrays: candidate (n), patch (n), and p_0, p_1, … (n) or p (n × k);
or p (candidates × patches × k), with candidate for their names if they have any.

The table that comes out, best first:
  rank       from 1; equal scores in an order that the seed decides
  candidate  its name
  dominant   the class of its mean prediction
  entropy    of the patches kept, nats (Eq. 1)
  diversity  of the patches kept, nats (Eq. 1)
  score      what the ranking goes by (Eq. 2)
  drawn      1 to b in draw order for the batch to label; empty for the rest";

/// Rank unlabeled candidates by probabilities from any framework, and draw
/// the next batch to label
///
/// The probabilities stream: a million candidates need no more memory than
/// their names and scores.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Softmax outputs, a row for each patch: a .csv, .tsv, .parquet or .npz
    /// with the columns candidate, patch, p_0, p_1, and so on
    ///
    /// A candidate's rows stand together; their order does not matter, as
    /// patches are ordered by number. Other columns are ignored.
    pub(super) probabilities: PathBuf,

    /// What makes a candidate worth a label
    #[arg(long, value_enum, default_value_t = Kind::Entropy)]
    criterion: Kind,

    /// The weight of entropy in --criterion acft [default: 1]
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    lambda1: Option<f64>,

    /// The weight of diversity in --criterion acft [default: 1]
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    lambda2: Option<f64>,

    /// The share of patches that majority selection keeps, those most
    /// confident of the dominant class; 1 keeps all
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.25,
        allow_negative_numbers = true
    )]
    alpha: f64,

    /// The batch is drawn from the best omega × batch; 1 takes the top
    #[arg(long, value_name = "FACTOR", default_value_t = 5.0, value_parser = at_least_one)]
    pub(super) omega: f64,

    /// How many candidates to draw
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = not_zero)]
    pub(super) batch: usize,

    /// Every random choice follows from the seed and the step
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Which query of a series this is, so that each has draws of its own
    #[arg(long, default_value_t = 1)]
    step: u32,

    /// Divide diversity by its number of pairs of patches, so that candidates
    /// with different numbers of patches can be compared
    #[arg(long)]
    per_pair: bool,

    /// Divide each row by its sum, instead of refusing rows that do not sum to
    /// 1 within 0.001
    #[arg(long)]
    pub(super) normalize: bool,

    /// Where to write the table; `-`, or nothing, is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,

    /// Replace the file that --out names
    #[arg(long)]
    pub(super) force: bool,

    /// Print a summary with the drawn batch as JSON to stdout; the table goes
    /// to --out, or nowhere
    #[arg(long)]
    pub(super) json: bool,
}

/// Eq. 2, by the weights of its two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// How undecided the patches are
    Entropy,
    /// How much they disagree with each other
    Diversity,
    /// Both: lambda1 × entropy + lambda2 × diversity
    Acft,
}

impl Args {
    /// The settings of the ranking.
    ///
    /// # Errors
    /// Settings that the criterion refuses, or weights that it ignores.
    pub(super) fn rules(&self) -> Result<Rules, BadInput> {
        let weights = (self.lambda1, self.lambda2);
        if self.criterion != Kind::Acft && weights != (None, None) {
            let problem = "--lambda1 and --lambda2 weigh the two terms of --criterion acft; \
                           add it, or leave them out";
            return Err(BadInput::usage(problem));
        }
        let (lambda1, lambda2) = match self.criterion {
            Kind::Entropy => (1.0, 0.0),
            Kind::Diversity => (0.0, 1.0),
            Kind::Acft => (weights.0.unwrap_or(1.0), weights.1.unwrap_or(1.0)),
        };
        let criterion = Criterion {
            lambda1,
            lambda2,
            alpha: self.alpha,
            per_pair: self.per_pair,
        };
        criterion
            .check()
            .map_err(|error| BadInput::usage(error.to_string()))?;
        Ok(Rules {
            criterion,
            seed: self.seed,
            step: self.step,
        })
    }
}

fn at_least_one(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(omega) if omega.is_finite() && omega >= 1.0 => Ok(omega),
        _ => Err("give a number, 1 or more".to_owned()),
    }
}

fn not_zero(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(batch) if batch > 0 => Ok(batch),
        _ => Err("give a whole number, 1 or more".to_owned()),
    }
}
