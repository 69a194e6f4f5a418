//! The primitives for x86-64: AVX-512, with and without products of bf16 numbers, and AVX2 with FMA.
//!
//! Every function may be called only on a processor that has the features it names; [`super`] sees to that and
//! to the bounds.

#[cfg(target_os = "linux")]
mod amx;
mod avx2;
mod avx512;
mod avx512bf16;
mod transpose;

#[cfg(target_os = "linux")]
pub(super) use amx::{AMX, available as amx_is_available};
pub(super) use avx2::AVX2;
pub(super) use avx512::AVX512;
pub(super) use avx512bf16::AVX512BF16;
