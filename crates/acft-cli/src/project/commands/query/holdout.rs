//! Draws holdouts beside a batch, to judge models by: as many as the page would have served.

use acft::CandidateId;
use acft_project::{Draw, Event, Ledger, Part, Rules, holdouts};

/// The draw that is due once a batch was drawn, if one is.
pub(super) fn due(ledger: &Ledger, rules: &Rules) -> Option<Event> {
    let count = match count_due(ledger, rules) {
        0 => return None,
        count => count.min(ledger.holdable().len()),
    };
    let members = holdouts(ledger, rules, count);
    (!members.is_empty()).then(|| Event::BatchDrawn {
        batch: ledger.batches().len() as u32 + 1,
        draw: Draw::Holdout,
        ranking: None,
        members,
    })
}

/// How many holdouts are missing for the share that the settings ask for; none if the data brought
/// labels for judging.
fn count_due(ledger: &Ledger, rules: &Rules) -> usize {
    let given = ledger
        .candidates()
        .iter()
        .any(|candidate| candidate.part == Part::Validation);
    // The settings refuse 1, with which everything would be held out.
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
