//! A model made ready to score: its weights packed and its memory laid out, once for all who score with it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::TooSmall;
use crate::engine::{Engine, Precision};

/// What a model is scored by at one precision. The preparation lives as long as somebody holds a handle to it, and all
/// handles that a model gives at a time are to the same one.
#[derive(Clone, Debug)]
pub struct Ready(Option<Arc<Engine>>);

impl Ready {
    /// The engine; none where Burn's own operations run, on any device but the CPU.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.0.as_deref()
    }

    /// Whether both are handles to the same preparation.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// How many hold the preparation.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        self.0.as_ref().map_or(0, Arc::strong_count)
    }
}

/// The engines of a model that somebody holds. The model holds none itself: an engine takes as much memory as the weights
/// and more, and models that only wait to be trained from are not scored with.
#[derive(Debug, Default)]
pub(super) struct Engines {
    f32: Mutex<Weak<Engine>>,
    bf16: Mutex<Weak<Engine>>,
}

impl Engines {
    /// The engine of a precision, made where nobody holds one. Who asks meanwhile waits for it.
    pub(super) fn ready(
        &self,
        precision: Precision,
        make: impl FnOnce() -> Result<Option<Engine>, TooSmall>,
    ) -> Result<Ready, TooSmall> {
        let kept = match precision {
            Precision::F32 => &self.f32,
            Precision::Bf16 => &self.bf16,
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = kept.upgrade() {
            return Ok(Ready(Some(engine)));
        }
        let engine = make()?.map(Arc::new);
        *kept = engine.as_ref().map_or_else(Weak::new, Arc::downgrade);
        Ok(Ready(engine))
    }
}
