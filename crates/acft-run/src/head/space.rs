//! What all models of a run share: projected features, the graph of the pool, and who is near whom.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use acft::{CandidateError, CandidateId, CandidateKey, Example, Label};
use acft_head::{
    EdgeWeight, Examples, Fit, FitError, Graph, GraphSettings, Head, HeadSettings, MapHash,
    MapSettings, Neighbours, SpreadSettings, Target,
};
use acft_images::ImagePatches;
use acft_images::source::{Dataset, Split};
use anyhow::{Context, bail};

use super::file::{self, About};
use super::model::{Guess, HeadModel};
use super::projected::Projected;
use super::{features, map};
use crate::data;
use crate::network::Setup;
use crate::settings::Settings;
use crate::teller::Teller;

/// Whom a space is for.
pub(crate) struct Plan {
    /// The candidates of the graph.
    pub(crate) pool: Vec<CandidateId>,
    /// Others that are predicted.
    pub(crate) others: Vec<CandidateId>,
    /// How many of a candidate's patches models are judged by; all where none.
    pub(crate) judged_by: Option<usize>,
}

/// Features, graph, neighbours.
pub(crate) struct Space {
    projected: Projected,
    keys: Vec<CandidateKey>,
    map: MapHash,
    graph: Graph,
    /// Of each candidate of the graph, and of each other: its row.
    in_graph: BTreeMap<CandidateId, usize>,
    outside: BTreeMap<CandidateId, usize>,
    neighbours: Neighbours,
    judged_by: usize,
    about: About,
}

impl Space {
    /// Opens or makes the features, fits the map, projects, and joins the pool's candidates.
    ///
    /// # Errors
    /// Features cannot be made or kept, or nothing can be told from them.
    pub(crate) fn open(
        settings: &Settings,
        data: &Dataset,
        setup: &Setup,
        patches: &Arc<ImagePatches>,
        plan: Plan,
        teller: &dyn Teller,
        go_on: &str,
    ) -> anyhow::Result<Self> {
        let folder = &settings.features;
        let store = features::open(folder, data, setup, patches, teller, go_on)?;
        let default = MapSettings::default();
        let flags = &settings.flags;
        let map_settings = MapSettings {
            axes: flags.axes.unwrap_or(default.axes),
            gamma: flags.gamma.unwrap_or(default.gamma),
            ..default
        };
        let train = data::ids(data, Split::Train);
        let map = map::fitted(&store, &map_settings, &train, teller)?;
        let wanted = plan.pool.iter().chain(&plan.others).copied();
        let projected = Projected::new(&store, &map, wanted)?;

        let (mut means, mut in_graph) = (Vec::new(), BTreeMap::new());
        for &id in &plan.pool {
            if let Ok(at) = projected.place(id) {
                means.extend_from_slice(projected.pool().mean(at));
                in_graph.insert(id, in_graph.len());
            }
        }
        let default = GraphSettings::default();
        let graph_settings = GraphSettings {
            neighbours: flags.neighbors.unwrap_or(default.neighbours),
            ..default
        };
        let width = projected.pool().width();
        let graph = Graph::new(&means, width, graph_settings)?;
        let judged_by = plan.judged_by.unwrap_or(projected.pool().patches());
        let (mut means, mut outside) = (Vec::new(), BTreeMap::new());
        for &id in &plan.others {
            if let Ok(at) = projected.place(id)
                && !in_graph.contains_key(&id)
                && !outside.contains_key(&id)
            {
                means.extend(projected.mean_of_first(at, judged_by));
                outside.insert(id, outside.len());
            }
        }
        let neighbours = graph.nearest(&means)?;
        teller.line(&format!(
            "a head on {} axes of {} features, {} patches of each of {} candidates; features in {}",
            width,
            store.width(),
            projected.pool().patches(),
            projected.pool().len(),
            store.path().display(),
        ));
        Ok(Self {
            about: About {
                classes: data.classes.clone(),
                features: store.parameters().hash().to_string(),
                map: map.hash().to_string(),
                neighbors: graph_settings.neighbours,
                labels: Vec::new(),
            },
            keys: data::keys(data),
            map: map.hash(),
            projected,
            graph,
            in_graph,
            outside,
            neighbours,
            judged_by,
        })
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.about.classes.len()
    }

    /// The features of candidates.
    pub(super) fn projected(&self) -> &Projected {
        &self.projected
    }

    /// How many of a candidate's patches models are judged by.
    pub(super) fn judged_by(&self) -> usize {
        self.judged_by
    }

    /// M_0: no label, no head.
    pub(crate) fn blank(&self) -> HeadModel {
        HeadModel::new(&self.about, None, Vec::new(), None)
    }

    /// M_t from M_{t−1} and all labels. `left_out` hears of candidates that cannot be read. There is no head, and nothing
    /// of how it was fitted, while fewer than two classes have a label.
    pub(super) fn fit(
        &self,
        from: &HeadModel,
        examples: &[Example],
        mut left_out: impl FnMut(CandidateId, &CandidateError),
    ) -> anyhow::Result<(HeadModel, Option<Fit>)> {
        let pool = self.projected.pool();
        let mut fitted_on = Examples::new(self.map, pool.width(), self.classes())?;
        let mut known = Vec::with_capacity(examples.len());
        for example in examples {
            match self.projected.place(example.candidate) {
                Err(error) => left_out(example.candidate, &error),
                Ok(at) => {
                    let target = Target::Class(example.label.index());
                    fitted_on.push(pool.candidate(at), target, 1.0)?;
                    known.push(*example);
                }
            }
        }
        let fit = match Head::fit(&HeadSettings::default(), &fitted_on, from.head()) {
            Ok(fit) => Some(fit),
            Err(FitError::NoLabel | FitError::OneClass { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let head = fit.as_ref().map(|fit| fit.head.clone());
        Ok((self.with(head, known)?, fit))
    }

    /// The model in these bytes, which `origin` names.
    ///
    /// # Errors
    /// They are damaged, or of other classes, features, settings or candidates.
    pub(crate) fn model(&self, origin: &str, bytes: &[u8]) -> anyhow::Result<HeadModel> {
        let (about, head) =
            file::read(bytes).map_err(|what| anyhow::anyhow!("{origin}: {what}"))?;
        let (ours, theirs) = (&self.about, &about);
        for (what, same) in [
            ("classes", ours.classes == theirs.classes),
            ("features", ours.features == theirs.features),
            ("map of features", ours.map == theirs.map),
            ("number of neighbors", ours.neighbors == theirs.neighbors),
        ] {
            if !same {
                bail!(
                    "{origin} was learned with another {what} than there is now: a head goes on only where it was made"
                );
            }
        }
        let ids: BTreeMap<String, CandidateId> = (0..)
            .zip(&self.keys)
            .map(|(id, key)| (key.to_string(), CandidateId(id)))
            .collect();
        let examples = about.labels.iter().map(|(key, class)| {
            let candidate = *ids.get(key).with_context(|| {
                format!("{origin} has a label of a candidate {key} that the data lacks")
            })?;
            let label = Label(*class);
            anyhow::Ok(Example { candidate, label })
        });
        let examples = examples.collect::<anyhow::Result<Vec<Example>>>()?;
        self.with(head, examples)
    }

    /// The model of a file that has this hash.
    ///
    /// # Errors
    /// The file cannot be read, or is another.
    pub(crate) fn load(&self, path: &Path, hash: &str) -> anyhow::Result<HeadModel> {
        let at = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {at}"))?;
        if blake3::hash(&bytes).to_hex().as_str() != hash {
            bail!("{at} is not the head that was kept there: it is damaged");
        }
        self.model(&at.to_string(), &bytes)
    }

    fn with(&self, head: Option<Head>, examples: Vec<Example>) -> anyhow::Result<HeadModel> {
        let guess = match head {
            Some(_) => Some(self.guess(&examples)?),
            None => None,
        };
        let label = |example: &Example| {
            let key = self.keys[example.candidate.index()].to_string();
            (key, example.label.0)
        };
        let about = About {
            labels: examples.iter().map(label).collect(),
            ..self.about.clone()
        };
        Ok(HeadModel::new(&about, head, examples, guess))
    }

    /// Spreads labels over the graph, and from there to the others.
    fn guess(&self, examples: &[Example]) -> anyhow::Result<Guess> {
        let labels = examples.iter().filter_map(|example| {
            let at = self.in_graph.get(&example.candidate)?;
            Some((*at, Target::Class(example.label.index())))
        });
        let labels: Vec<(usize, Target<'_>)> = labels.collect();
        let pool = self
            .graph
            .spread(&labels, self.classes(), &SpreadSettings::default())?;
        let others = pool.outside(&self.neighbours, EdgeWeight::default());
        Ok(Guess { pool, others })
    }

    /// What the graph says of a candidate.
    pub(super) fn row<'g>(&self, guess: &'g Guess, id: CandidateId) -> Option<&'g [f64]> {
        let classes = self.classes();
        match self.in_graph.get(&id) {
            Some(at) => Some(guess.pool.row(*at)),
            None => guess
                .others
                .chunks_exact(classes)
                .nth(*self.outside.get(&id)?),
        }
    }
}
