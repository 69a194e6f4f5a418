//! Every random choice is a function of (seed, step, purpose) alone.
//!
//! No generator's state is carried from step to step, so that a resumed run
//! draws what an unbroken one would have drawn, and so that adding a draw for
//! one purpose does not shift those for another.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::state::CandidateKey;

/// What a random stream is for. The numbers are part of every run's identity:
/// they are never reused or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Drawing the batch from the ranked window (Eq. 4).
    Draw = 0,
    /// Drawing the batch uniformly (RFT, RCFT).
    RandomQuery = 1,
    /// Ordering candidates whose scores are equal.
    TieBreak = 2,
    /// Shuffling and dropout of a fine-tuning.
    FineTune = 3,
    /// Picking the well-classified members of L that balance a replay.
    Replay = 4,
    /// Which labels a noisy oracle flips.
    LabelNoise = 5,
    /// Drawing the fixed stop set (Bloodgood & Vijay-Shanker 2009).
    StopSet = 6,
    /// Initialising the fresh last layer.
    Head = 7,
    /// Drawing the candidates that are kept for judging models.
    Holdout = 8,
    /// Drawing what is served to experts before there is a ranking.
    Ahead = 9,
    /// Drawing the pool of a simulation from all candidates.
    Pool = 10,
    /// Dropout while the pool is scored.
    Dropout = 11,
}

/// The 32-byte key of a stream. The context string is versioned: changing how
/// streams are derived changes every run, and must change it.
fn stream_key(seed: u64, step: u32, purpose: Purpose) -> [u8; 32] {
    let mut hasher =
        blake3::Hasher::new_derive_key("acft 2026-11 random stream (seed, step, purpose)");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&step.to_le_bytes());
    hasher.update(&[purpose as u8]);
    *hasher.finalize().as_bytes()
}

/// A stream of random numbers. The same key gives the same numbers on every machine.
///
/// ```
/// use acft::random::{Purpose, stream};
///
/// let mut draws = stream(7, 1, Purpose::Draw);
/// let again = stream(7, 1, Purpose::Draw).next_u64();
/// assert_eq!(draws.next_u64(), again);
/// assert!((0.0..1.0).contains(&draws.uniform()));
/// ```
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from [0, 1), uniformly.
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// A whole number below `bound`, uniformly.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    /// Puts a slice in random order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        values.shuffle(&mut self.0);
    }

    /// Another stream of the same key, by its number. The stream that
    /// [`stream`] returns is number 0.
    #[must_use]
    pub fn numbered(mut self, number: u64) -> Self {
        self.0.set_stream(number);
        self
    }
}

/// The stream for one purpose in one step.
pub fn stream(seed: u64, step: u32, purpose: Purpose) -> Stream {
    Stream(ChaCha8Rng::from_seed(stream_key(seed, step, purpose)))
}

/// A seed for a plugged-in part that keeps its own generator.
pub fn seed_of(seed: u64, step: u32, purpose: Purpose) -> u64 {
    let key = stream_key(seed, step, purpose);
    let mut low = [0; 8];
    low.copy_from_slice(&key[..8]);
    u64::from_le_bytes(low)
}

/// A hash of a candidate, keyed by (seed, step, purpose). It gives an order that
/// nobody chose; the order of a folder is often the order of classes.
pub fn keyed_hash(seed: u64, step: u32, purpose: Purpose, candidate: &CandidateKey) -> u64 {
    KeyedHash::new(seed, step, purpose).of(candidate)
}

/// [`keyed_hash`] of many candidates. Deriving the key takes longer than
/// hashing one candidate, so it is done once.
#[derive(Clone, Copy)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// A hash with the key of (seed, step, purpose).
    pub fn new(seed: u64, step: u32, purpose: Purpose) -> Self {
        Self(stream_key(seed, step, purpose))
    }

    /// The hash of a candidate.
    pub fn of(&self, candidate: &CandidateKey) -> u64 {
        let hash = blake3::keyed_hash(&self.0, &candidate.0);
        let mut low = [0; 8];
        low.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_step_and_purpose() {
        let base = stream_key(1, 2, Purpose::Draw);
        assert_eq!(base, stream_key(1, 2, Purpose::Draw));
        assert_ne!(base, stream_key(2, 2, Purpose::Draw));
        assert_ne!(base, stream_key(1, 3, Purpose::Draw));
        assert_ne!(base, stream_key(1, 2, Purpose::RandomQuery));
    }
}
