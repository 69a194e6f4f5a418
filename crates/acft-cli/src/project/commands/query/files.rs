//! The files of what is drawn: a person looks at them next.

use acft::CandidateId;
use acft_project::ledger::Batch;
use acft_project::{Event, Ledger};
use acft_server::Content;
use acft_worker::Opened;
use acft_worker::vision::{NOT_THE_IMAGE, Seen};
use acft_worker::words::count;

use crate::output::list;

/// Members of batches whose file is not the image that joined the project: a
/// label for what is there now would count for what was there then. Only a file
/// whose size or time is another is read.
pub(super) fn changed(opened: &Opened, batches: &[Batch]) -> Vec<CandidateId> {
    let ledger = opened.project.ledger();
    let seen = Seen::of(ledger);
    batches
        .iter()
        .flat_map(|batch| &batch.members)
        .map(|member| member.candidate)
        .filter(|id| !ledger.is_unreadable(*id))
        .filter(|id| {
            let candidate = &ledger.candidates()[id.index()];
            let content = seen.content(&opened.root, candidate);
            matches!(content, Content::Changed(_))
        })
        .collect()
}

/// That they are set aside.
pub(super) fn set_aside(changed: Vec<CandidateId>) -> Vec<Event> {
    let event = |candidate| Event::Changed {
        candidate,
        reason: NOT_THE_IMAGE.to_owned(),
    };
    changed.into_iter().map(event).collect()
}

/// Batches without those members that cannot be shown.
pub(super) fn without(
    batches: &[Batch],
    cannot_be_shown: impl Fn(CandidateId) -> bool,
) -> Vec<Batch> {
    let mut batches = batches.to_vec();
    for batch in &mut batches {
        batch
            .members
            .retain(|member| !cannot_be_shown(member.candidate));
    }
    batches
}

/// Says on stderr which members of drawn batches are not listed.
pub(super) fn tell_of_changed(ledger: &Ledger, changed: &[CandidateId]) {
    let lines: Vec<String> = changed
        .iter()
        .map(|id| format!("{}: {NOT_THE_IMAGE}", ledger.candidates()[id.index()].name))
        .collect();
    list(
        "left out until `acft add --again` has looked at them",
        &lines,
    );
}

/// Says on stderr what a query could not look at. `before` were set aside
/// before it.
pub(super) fn tell(ledger: &Ledger, before: usize) {
    let aside = ledger.unreadable().len().saturating_sub(before);
    if aside > 0 {
        eprintln!(
            "{} set aside, for the image cannot be read or has changed: `acft check` names them",
            count(aside, "candidate")
        );
    }
    let away = ledger.away().len();
    if away > 0 {
        eprintln!(
            "{} could not be opened and were not asked about: the next query looks at them again",
            count(away, "image")
        );
    }
}
