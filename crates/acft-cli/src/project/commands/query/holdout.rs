//! The candidates that are drawn beside a batch to judge models by: as many as
//! the page would have served on the way.

use acft::CandidateId;
use acft::random::{Purpose, keyed_hash};
use acft_project::{Draw, Event, Ledger, Member, Part, Rules};

/// The draw that is due once a batch was drawn, if one is.
pub(super) fn due(ledger: &Ledger, rules: &Rules) -> Option<Event> {
    let count = count_due(ledger, rules).min(ledger.holdable().len());
    if count == 0 {
        return None;
    }
    let number = ledger.batches().len() as u32 + 1;
    let mut from: Vec<CandidateId> = ledger.holdable().iter().copied().collect();
    from.sort_by_cached_key(|id| {
        let key = &ledger.candidates()[id.index()].key;
        keyed_hash(ledger.seed(), number, Purpose::Holdout, key)
    });
    Some(Event::BatchDrawn {
        batch: number,
        draw: Draw::Holdout,
        ranking: None,
        members: from.into_iter().take(count).map(Member::unscored).collect(),
    })
}

/// How many it takes for one in so many of all that were drawn to be held out,
/// unless the data brought labels to judge models by.
fn count_due(ledger: &Ledger, rules: &Rules) -> usize {
    let given = ledger
        .candidates()
        .iter()
        .any(|candidate| candidate.part == Part::Validation);
    // With 1 everything would be held out; the settings refuse it.
    if rules.holdout_one_in < 2 || given {
        return 0;
    }
    let drawn: Vec<CandidateId> = ledger
        .batches()
        .iter()
        .flat_map(|batch| &batch.members)
        .map(|member| member.candidate)
        .filter(|id| !ledger.is_unreadable(*id))
        .collect();
    let held = drawn.iter().filter(|id| ledger.is_holdout(**id)).count();
    let drawn = drawn.len();
    let mut due = 0;
    while held + due < (drawn + due) / rules.holdout_one_in {
        due += 1;
    }
    due
}
