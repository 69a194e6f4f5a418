//! Patches: the augmented views x_i^j of a candidate (Sec. 4.1).
//!
//! A patch is a pure function of (candidate, policy, [`PatchPolicy::VERSION`],
//! j): no random number is drawn, so that the same patch has the same bytes on
//! every run. All patches of a candidate are resampled from one canonical
//! [`Region`], whether it is cached or cut anew.
//!
//! A window of the region, square or not, is resized to the square input as a
//! whole: its aspect is not kept. The filter is the antialiased triangle
//! ("bilinear") of PIL.

mod cache;
mod file;
mod policy;
mod region;
mod resample;
mod view;

pub use cache::{RegionCache, load_region, region_of};
pub use file::RegionFile;
pub use policy::{PatchKind, PatchPolicy, PolicyError};
pub use region::{Region, canonical_region};

use view::{View, Window, dihedral};

/// Bytes of one patch of `input` × `input` RGB pixels.
pub const fn patch_bytes(input: usize) -> usize {
    input * input * 3
}

/// Writes patch `j` as RGB u8, height × width × channel.
///
/// `out` holds `input * input * 3` bytes.
///
/// # Panics
/// `j` is not below `policy.len()`, or `out` has another length.
pub fn patch(region: &Region, policy: &PatchPolicy, input: usize, j: usize, out: &mut [u8]) {
    let View {
        window,
        dihedral: k,
    } = policy.view(j);
    let mut upright = vec![0; patch_bytes(input)];
    region.resample(window, input, &mut upright);
    dihedral(&upright, input, k, out);
}

/// Writes all patches, one after the other, with the bytes that [`patch`] gives.
///
/// A window is resampled once for all its dihedral views, which makes this
/// several times faster than as many calls of [`patch`]. `out` holds
/// `policy.len() * input * input * 3` bytes.
///
/// # Panics
/// `out` has another length.
pub fn patches(region: &Region, policy: &PatchPolicy, input: usize, out: &mut [u8]) {
    let each = patch_bytes(input);
    assert_eq!(out.len(), policy.len() * each, "room for every patch");
    let mut upright = vec![0; each];
    let mut resampled: Option<Window> = None;
    for (j, out) in out.chunks_exact_mut(each).enumerate() {
        let View {
            window,
            dihedral: k,
        } = policy.view(j);
        if resampled != Some(window) {
            region.resample(window, input, &mut upright);
            resampled = Some(window);
        }
        dihedral(&upright, input, k, out);
    }
}
