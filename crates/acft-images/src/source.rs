//! Candidate sources: a folder of images, or a manifest that lists them.
//!
//! [`open`] turns what the user has into a [`Dataset`] whose candidates are
//! sound as far as their headers tell, distinct, sorted by key, and split such
//! that no group, and no image without one, straddles two splits. What is wrong with a single candidate
//! is listed in [`Dataset::left_out`] and the rest goes on; what makes the
//! whole listing doubtful is a [`SourceError`].
//!
//! In order: list (`folder` or `manifest`) → settle the classes → read and hash
//! (`inspect`) → drop duplicates → split.

mod boxes;
mod classes;
mod columns;
mod dataset;
mod duplicates;
mod error;
mod folder;
mod inspect;
pub mod labels;
mod links;
mod listing;
mod manifest;
mod ours;
mod region;
mod split;

pub use dataset::{Candidate, Dataset, Duplicate, Labels, LeftOut, SourceOptions, Splits};
pub use error::{RowRef, SourceError};
pub use region::{PixelBox, candidate_key};
pub use split::{Split, UnknownSplit};

/// Lists, reads and checks every candidate.
///
/// `progress` is called on this thread with the number of files that have been
/// read and their total. All files are read and hashed, in parallel; their
/// pixels are not decoded, so a damaged image may show only when it is used.
///
/// # Errors
/// The listing cannot be read or contradicts itself; see [`SourceError`].
pub fn open(
    options: &SourceOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Dataset, SourceError> {
    let named = options.classes.as_deref().map(classes::named).transpose()?;
    let options = &SourceOptions {
        classes: named,
        ..options.clone()
    };
    let mut listing = listing::list(options)?;
    if options.labels == Labels::Ignore {
        listing
            .entries
            .iter_mut()
            .for_each(|entry| entry.label = None);
    }
    let classes = classes::classes(options.classes.as_deref(), &listing.entries)?;
    let listed = listing.entries.len();

    let mut left_out = listing.left_out;
    let found = inspect::inspect(
        &listing.roots,
        &listing.files,
        listing.entries,
        &classes,
        &mut left_out,
        progress,
    );
    let mut duplicates = listing.duplicates;
    let mut found = duplicates::drop_duplicates(found, &classes, &mut duplicates);
    if found.is_empty() {
        return Err(SourceError::NoCandidates {
            path: options.data.clone(),
            listed,
            first: left_out.into_iter().next(),
        });
    }

    if !listing.units_are_told {
        inspect::refuse_percent(&found)?;
    }
    let mut held_out = Vec::new();
    split::refuse_straddling(&found)?;
    if options.splits == Splits::Complete {
        split::hold_out(&mut found, options.seed, &mut held_out);
        classes::require_candidates(&classes, &found)?;
    }

    let mut candidates: Vec<Candidate> = found.into_iter().map(|found| found.candidate).collect();
    candidates.sort_unstable_by_key(|candidate| candidate.key);
    Ok(Dataset {
        classes,
        candidates,
        left_out,
        duplicates,
        held_out,
        notes: listing.notes,
    })
}
