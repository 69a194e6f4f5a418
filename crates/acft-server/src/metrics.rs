//! What Prometheus is told. No names of people, no keys: the labels of a
//! series come from closed sets.

use std::time::Duration;

use acft_project::Ledger;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::work::{Phase, Work};

/// From a label that met an idle disk to one that waited for a training.
const LABEL_SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPhase {
    phase: &'static str,
}

/// All series of the server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    labels: Counter,
    label_seconds: Histogram,
    spent: Gauge,
    pool: Gauge,
    model_step: Gauge,
    phase: Family<InPhase, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("acft");
        let metrics = Self {
            requests: Family::default(),
            labels: Counter::default(),
            label_seconds: Histogram::new(LABEL_SECONDS),
            spent: Gauge::default(),
            pool: Gauge::default(),
            model_step: Gauge::default(),
            phase: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "requests",
            "Requests answered, by route and status",
            metrics.requests.clone(),
        );
        registry.register(
            "labels",
            "Labels acknowledged since the server started",
            metrics.labels.clone(),
        );
        registry.register_with_unit(
            "label_latency",
            "From a label's arrival until it is on disk",
            Unit::Seconds,
            metrics.label_seconds.clone(),
        );
        registry.register(
            "labels_spent",
            "Candidates of the project with a label from anyone",
            metrics.spent.clone(),
        );
        registry.register(
            "pool_candidates",
            "Candidates that were never drawn",
            metrics.pool.clone(),
        );
        registry.register(
            "model_step",
            "Fine-tunings that led to the model in use",
            metrics.model_step.clone(),
        );
        registry.register(
            "work_phase",
            "1 for what the worker is doing",
            metrics.phase.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    /// A request was answered. `route` is the pattern, not what was asked for.
    pub(crate) fn answered(&self, route: &'static str, method: &'static str, status: u16) {
        let labels = Answered {
            route,
            method,
            status,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// A label was acknowledged.
    pub(crate) fn labeled(&self, took: Duration) {
        self.labels.inc();
        self.label_seconds.observe(took.as_secs_f64());
    }

    /// Looks at the project's state.
    pub(crate) fn look(&self, ledger: &Ledger) {
        let step = ledger.models().current().map_or(0, |made| made.model.step);
        self.spent.set(count(ledger.spent()));
        self.pool.set(count(ledger.pool().len()));
        self.model_step.set(i64::from(step));
    }

    /// Everything, as text.
    pub(crate) fn text(&self, work: &Work) -> Result<String, std::fmt::Error> {
        let now = work.report().phase;
        for phase in Phase::ALL {
            let series = InPhase {
                phase: phase.name(),
            };
            self.phase
                .get_or_create(&series)
                .set(i64::from(phase == now));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
