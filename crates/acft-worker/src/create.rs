//! Makes a project of images.

mod listing;
pub mod stage;

use std::path::Path;

use acft_images::source::Labels;
use acft_project::{ClassId, Created, Event, ModelMade, Origin, Project};
use acft_run::bad_input;
use acft_run::files::write_atomically;
use acft_run::network::Setup;
use acft_run::settings::Flags;
use acft_server::now;
use anyhow::Context;

use crate::open::into_bad_input;
use crate::settings::{ProjectSettings, SETTINGS};
use stage::Stage;

pub use listing::{Counts, Listing, MANIFEST, open as list};

/// What to do with labels that the images have already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownLabels {
    /// They become the project's first labels.
    Take,
    /// The project starts without any.
    Ignore,
}

/// A project that can be made. Everything is read and checked, and nothing is written yet.
pub struct Draft {
    /// The candidates.
    pub listing: Listing,
    /// All settings, with those that follow from the weights and the images.
    pub settings: ProjectSettings,
    /// M_0, and how images become patches.
    pub setup: Setup,
}

impl Draft {
    /// Reads the images and the weights for a project in `dir`. `reading` is called
    /// with the number of files that have been read, and of all files.
    ///
    /// # Errors
    /// There is a project in `dir`, or a setting, the images or the weights
    /// cannot be used.
    pub fn new(
        dir: &Path,
        flags: &Flags,
        labels: KnownLabels,
        reading: &dyn Fn(usize, usize),
    ) -> anyhow::Result<Self> {
        // Before the images are read: that may take long.
        stage::refuse_existing(dir)?;
        let mut settings = ProjectSettings::new(flags.clone())?;
        let listing = listed(dir, flags, labels, reading)?;
        settings.set_classes(&listing.data.classes)?;
        let setup = Setup::new(settings.simulation(), &listing.data)?;
        let settings = ProjectSettings::new(setup.flags.clone())?;
        Ok(Self {
            listing,
            settings,
            setup,
        })
    }

    /// Makes the project in `dir`, whole or not at all; returns the hash of M_0.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn make(&self, dir: &Path) -> anyhow::Result<String> {
        let stage = Stage::begin(dir)?;
        let model = self.fill(stage.path(), dir)?;
        stage.finish()?;
        Ok(model)
    }

    /// Makes the project in a folder that is moved to `place` later; returns the
    /// hash of M_0.
    fn fill(&self, stage: &Path, place: &Path) -> anyhow::Result<String> {
        for folder in ["models", "cache", "reports"] {
            std::fs::create_dir(stage.join(folder))
                .with_context(|| format!("cannot make {}", place.join(folder).display()))?;
        }
        let bytes = self.setup.pretrained.to_bytes();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let file = stage.join("models").join(format!("{hash}.safetensors"));
        write_atomically(&file, &bytes)?;
        write_atomically(&stage.join(SETTINGS), self.settings.to_toml()?.as_bytes())?;

        let created = Created {
            seed: self.settings.simulation().seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            classes: self.listing.data.classes.clone(),
        };
        let mut project = Project::create(stage, created, self.settings.rules(), now())
            .map_err(into_bad_input)?;
        project
            .add_stamped(
                now(),
                Origin::Listed,
                self.listing.rows.clone(),
                self.listing.stamps(place),
            )
            .map_err(into_bad_input)?;
        let mut events = self.listing.labels(0, |class| class);
        events.push(Event::ModelMade(ModelMade {
            hash: hash.clone(),
            classes: (0..self.listing.data.classes.len())
                .filter_map(|class| u16::try_from(class).ok())
                .map(ClassId)
                .collect(),
            adopted: true,
            why: "the pre-trained network with a fresh last layer".to_owned(),
            ..ModelMade::default()
        }));
        project.append(now(), events).map_err(into_bad_input)?;
        // What lies in a log beside the database would not be moved with it.
        project.close().map_err(into_bad_input)?;
        Ok(hash)
    }
}

/// The candidates, of which at least two classes are known.
fn listed(
    dir: &Path,
    flags: &Flags,
    labels: KnownLabels,
    reading: &dyn Fn(usize, usize),
) -> anyhow::Result<Listing> {
    let read = |labels| listing::open(flags, labels, dir, reading);
    let mut listing = match (labels, &flags.classes) {
        (KnownLabels::Take, _) => read(Labels::Read)?,
        (KnownLabels::Ignore, Some(_)) => read(Labels::Ignore)?,
        // The classes are those of the labels; the labels are not taken.
        (KnownLabels::Ignore, None) => {
            let mut listing = read(Labels::Read)?;
            listing.forget_labels();
            listing
        }
    };
    listing.pool_unlabeled(&[]);
    listing.refuse_straddling(&[])?;
    if listing.data.classes.len() < 2 {
        return Err(bad_input!(
            "what are the classes? The images have no labels; give --classes a,b,…"
        ));
    }
    Ok(listing)
}
