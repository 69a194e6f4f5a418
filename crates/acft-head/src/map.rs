//! The map from a network's features to those of the head: standardise, principal axes, agreement.

use std::fmt;

use crate::{
    Axes, BytesError, Disagreement, FeatureError, MapError, Moments, Patches, SecondMoment,
    Standardize,
    bytes::{Format, Reader, Writer},
    product::project,
};

/// The settings of a map; the defaults are those that the method was measured with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapSettings {
    /// k, the number of principal axes. More help from 800 labels on.
    pub axes: usize,
    /// ε, the share of the largest variance that is added to each before dividing by its root.
    pub epsilon: f64,
    /// γ, how much directions are shrunk in which patches of one candidate disagree; 0 for not at all.
    pub gamma: f64,
}

impl Default for MapSettings {
    fn default() -> Self {
        Self {
            axes: 256,
            epsilon: 0.01,
            gamma: 10.0,
        }
    }
}

impl MapSettings {
    fn check(&self) -> Result<(), MapError> {
        let setting = |name, value: f64, must| Err(MapError::Setting { name, value, must });
        if self.axes == 0 {
            return setting("axes", 0.0, "at least 1");
        }
        if !self.epsilon.is_finite() || self.epsilon < 0.0 {
            return setting("epsilon", self.epsilon, "a finite number of at least 0");
        }
        if !self.gamma.is_finite() || self.gamma < 0.0 {
            return setting("gamma", self.gamma, "a finite number of at least 0");
        }
        Ok(())
    }
}

/// The pool's features, which are read several times: they need not fit into memory.
pub trait Passes {
    /// What can go wrong with reading or with a map.
    type Error: From<MapError>;

    /// Features of a patch.
    fn width(&self) -> usize;

    /// Gives all candidates to `take`, some at a time, in the same order each time. How many at a time changes nothing.
    ///
    /// # Errors
    /// What `take` says, and what reading says.
    fn pass(
        &mut self,
        take: &mut dyn FnMut(&Patches<'_>) -> Result<(), MapError>,
    ) -> Result<(), Self::Error>;
}

/// What is in memory is a pool as well.
impl Passes for Patches<'_> {
    type Error = MapError;

    fn width(&self) -> usize {
        Patches::width(self)
    }

    fn pass(
        &mut self,
        take: &mut dyn FnMut(&Patches<'_>) -> Result<(), MapError>,
    ) -> Result<(), MapError> {
        take(self)
    }
}

/// The hash of a map's content: features of different maps must not be mixed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapHash(pub [u8; 32]);

impl fmt::Display for MapHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MapHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapHash({self})")
    }
}

/// A fitted map. It is made once a pool, without labels; candidates that come later are projected by the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    standardize: Standardize,
    /// `[out][in]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    hash: MapHash,
}

const FORMAT: Format = Format {
    what: "map of features",
    magic: *b"acft-map",
    version: 1,
};

impl FeatureMap {
    /// Fits a map in three passes over the pool: moments, axes, agreement.
    ///
    /// # Errors
    /// Fewer than two patches, patches that are all alike, settings out of range, and what reading says.
    pub fn fit<P: Passes>(settings: &MapSettings, pool: &mut P) -> Result<Self, P::Error> {
        settings.check()?;
        let width = pool.width();
        let mut moments = Moments::new(width);
        pool.pass(&mut |patches| Ok(moments.add(patches)?))?;
        let patches = moments.count();
        if patches < 2 {
            return Err(MapError::TooFew { patches }.into());
        }
        let standardize = Standardize::of(&moments);

        let mut second = SecondMoment::new(width);
        pool.pass(&mut |patches| {
            second.add(&standardize.apply(patches)?);
            Ok(())
        })?;
        expect_count(second.count(), patches)?;
        let axes = Axes::of(second, settings.axes)?;
        let scaled = axes.scaled(settings.epsilon);
        let whole = Self::new(standardize, &scaled, axes.mean());
        if settings.gamma == 0.0 {
            return Ok(whole);
        }

        let mut disagreement = Disagreement::new(whole.outputs());
        let mut seen = 0;
        pool.pass(&mut |patches| {
            let projected = whole.apply(patches)?;
            seen += patches.rows() as u64;
            let projected = Patches::new(&projected, patches.patches(), whole.outputs(), 0)?;
            Ok(disagreement.add(&projected)?)
        })?;
        expect_count(seen, patches)?;
        let agreement = disagreement.agreement(settings.gamma)?;
        let shrunk = agreement.times(&scaled);
        Ok(Self::new(whole.standardize, &shrunk, axes.mean()))
    }

    /// `y = W (z − mean)`, as `W z + bias`.
    fn new(standardize: Standardize, rows: &[Vec<f64>], mean: &[f64]) -> Self {
        let bias = rows.iter().map(|row| {
            let shift: f64 = row.iter().zip(mean).map(|(w, m)| w * m).sum();
            -shift as f32
        });
        let mut map = Self {
            bias: bias.collect(),
            weights: rows.iter().flatten().map(|w| *w as f32).collect(),
            standardize,
            hash: MapHash([0; 32]),
        };
        map.hash = MapHash(*blake3::hash(&map.to_bytes()).as_bytes());
        map
    }

    /// Features of a patch before.
    pub fn inputs(&self) -> usize {
        self.standardize.mean.len()
    }

    /// Features of a patch behind: k, or fewer where the pool has less.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The hash of its content.
    pub fn hash(&self) -> MapHash {
        self.hash
    }

    /// Projected rows. A row does not depend on the others.
    ///
    /// # Errors
    /// Patches of another width.
    pub fn apply(&self, patches: &Patches<'_>) -> Result<Vec<f32>, FeatureError> {
        let rows = self.standardize.apply(patches)?;
        Ok(project(
            &rows,
            &self.weights,
            Some(&self.bias),
            self.inputs(),
        ))
    }

    /// The map as bytes: the same map gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(&FORMAT);
        out.size(self.inputs());
        out.size(self.outputs());
        out.f64s(&self.standardize.mean);
        out.f64s(&self.standardize.deviation);
        out.f32s(&self.weights);
        out.f32s(&self.bias);
        out.finish()
    }

    /// The map that [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Bytes that are something else, of a newer format, cut, or changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MapError> {
        let mut reader = Reader::new(&FORMAT, bytes)?;
        let (inputs, outputs) = (reader.size()?, reader.size()?);
        if inputs == 0 || outputs == 0 {
            return Err(reader.value("a size of 0").into());
        }
        let mean = reader.f64s(inputs)?;
        let deviation = reader.f64s(inputs)?;
        let weights = reader.f32s(inputs.saturating_mul(outputs))?;
        let bias = reader.f32s(outputs)?;
        let wrong = |field| {
            Err(MapError::Bytes(BytesError::Value {
                what: FORMAT.what,
                field,
            }))
        };
        reader.finish()?;
        let finite = mean.iter().all(|v| v.is_finite())
            && weights.iter().chain(&bias).all(|v| v.is_finite());
        if !finite {
            return wrong("a number that is not finite");
        }
        if !deviation.iter().all(|d| d.is_finite() && *d >= 0.0) {
            return wrong("a deviation");
        }
        Ok(Self {
            standardize: Standardize { mean, deviation },
            weights,
            bias,
            hash: MapHash(*blake3::hash(bytes).as_bytes()),
        })
    }
}

fn expect_count(found: u64, wanted: u64) -> Result<(), MapError> {
    if found == wanted {
        Ok(())
    } else {
        Err(MapError::Passes { found, wanted })
    }
}
