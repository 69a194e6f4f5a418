//! What a listing of images could not use, for people.

use acft_worker::create::Listing;

use crate::output::list;

/// Prints on stderr what could not be used.
pub(super) fn print_left_out(listing: &Listing) {
    list("left out", listing.left_out());
    list("duplicates dropped", &listing.repeated());
    let data = &listing.data;
    for note in data.notes.iter().chain(&data.held_out) {
        eprintln!("{note}");
    }
}
