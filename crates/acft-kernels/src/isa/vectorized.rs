//! Plain loops, compiled for the vectors of an instruction set.

use super::Isa;

/// Loops that a compiler turns into vectors.
pub(crate) trait Loops {
    /// What they find.
    type Output;

    /// Runs them. Has to be `#[inline(always)]`: only what is inlined is compiled for the instruction set.
    fn run(self) -> Self::Output;
}

/// Features that loops are compiled for.
#[derive(Clone, Copy)]
pub(super) enum Vectors {
    /// AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// None.
    Portable,
}

impl Isa {
    /// Runs loops in the vectors of the instruction set.
    pub(crate) fn vectorized<L: Loops>(self, loops: L) -> L::Output {
        match self.0.vectors {
            // SAFETY: the features are there: see [`Primitives::vectors`](super::Primitives).
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => unsafe { avx512(loops) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2 => unsafe { avx2(loops) },
            Vectors::Portable => loops.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<L: Loops>(loops: L) -> L::Output {
    loops.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<L: Loops>(loops: L) -> L::Output {
    loops.run()
}
