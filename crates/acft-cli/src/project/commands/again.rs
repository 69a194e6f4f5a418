//! `acft add --again`: another look at candidates that were set aside, and at
//! files that have changed.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::ExitCode;

use acft::{CandidateId, CandidateKey};
use acft_images::image_io::{self, Window};
use acft_images::source::candidate_key;
use acft_project::{Candidate, Event, Keeper, Ledger, Origin, Stamp};
use acft_server::now;
use acft_worker::Opened;
use acft_worker::open::into_bad_input;
use acft_worker::vision::{Fault, NOT_THE_IMAGE, stamp_of};
use acft_worker::words::count;
use serde::Serialize;

use super::scoring::pixel_box;
use crate::output::{list, print_json};
use crate::progress;

/// What came of it, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    /// Set aside before, and can be read now as what they were.
    returned: usize,
    /// Set aside now, because their file is not what it was.
    changed: usize,
    /// Candidates of what is in those files now.
    added: usize,
    /// Set aside before, and cannot be read now either.
    still: usize,
    /// Cannot be opened now.
    away: usize,
}

/// What a file is now: the hash of its bytes, and the width and height of its
/// image, or why it is none.
type Now = ([u8; 32], Result<(u32, u32), String>);

/// What is to be done, and told.
#[derive(Default)]
struct Looked {
    outcome: Outcome,
    events: Vec<Event>,
    rows: Vec<Candidate>,
    stamps: Vec<Stamp>,
    lines: Vec<String>,
}

/// Runs the command.
pub(super) fn run(opened: Opened, json: bool) -> anyhow::Result<ExitCode> {
    let window = opened.settings.simulation().flags.asked_window()?;
    let Looked {
        outcome,
        events,
        rows,
        stamps,
        lines,
    } = look(&opened.root, opened.project.ledger(), window);
    list("looked at again", &lines);
    if !events.is_empty() || !rows.is_empty() {
        let keeper = Keeper::start(opened.project);
        let kept = keeper.call(move |project| {
            if !rows.is_empty() {
                project.add_stamped(now(), Origin::Listed, rows, stamps)?;
            }
            project.append(now(), events)
        });
        keeper.stop();
        kept.map_err(into_bad_input)?;
    }
    if json {
        print_json(&outcome)?;
    } else {
        println!("{}", outcome.sentence());
    }
    Ok(ExitCode::SUCCESS)
}

impl Outcome {
    fn sentence(&self) -> String {
        let parts: Vec<String> = [
            (self.returned, "can be read again, as what they were"),
            (self.changed, "set aside, for their file has changed"),
            (self.added, "added, of what is in changed files now"),
            (self.still, "still cannot be read"),
            (self.away, "cannot be opened now"),
        ]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(*number, "candidate")))
        .collect();
        if parts.is_empty() {
            return "nothing has changed: no file is back, and none is another than it was"
                .to_owned();
        }
        parts.join("\n")
    }
}

fn look(root: &Path, ledger: &Ledger, window: Option<Window>) -> Looked {
    let mut looked = Looked::default();
    let mut files: HashMap<&str, Result<Now, Fault>> = HashMap::new();
    let mut fresh: BTreeSet<CandidateKey> = BTreeSet::new();
    let progress = progress::counter("looking at files");
    let all = ledger.candidates().len();
    for (id, candidate) in (0..).map(CandidateId).zip(ledger.candidates()) {
        progress(id.index() + 1, all);
        let path = root.join(&candidate.path);
        let stamp = stamp_of(&path).ok();
        // Without a stamp of then, one that is not set aside is left to --deep.
        let then = ledger.stamp(id);
        if !ledger.is_unreadable(id) && (then.is_none() || stamp == then) {
            continue;
        }
        let found = files
            .entry(&candidate.path)
            .or_insert_with(|| read(&path, window))
            .clone();
        let now = match found {
            Ok(now) => now,
            Err(fault) => {
                looked.outcome.away += 1;
                looked.tell(candidate, fault.reason());
                continue;
            }
        };
        let key = candidate_key(now.0, candidate.region.map(pixel_box));
        if key == candidate.key {
            looked.same(ledger, id, candidate, &now);
            continue;
        }
        looked.changed(ledger, id, candidate);
        // A repeat of what the project has is no candidate of its own.
        if ledger.find(&key).is_none() && fresh.insert(key) {
            looked.join(candidate, key, &now, stamp);
        }
    }
    looked
}

fn read(path: &Path, window: Option<Window>) -> Result<Now, Fault> {
    let bytes = match image_io::read_file(path) {
        Ok(bytes) => bytes,
        // Empty, or too long: no image, and no file that is away.
        Err(error) => match Fault::of(&error, false) {
            fault @ Fault::Away(_) => return Err(fault),
            fault => return Ok(([0; 32], Err(fault.reason().to_owned()))),
        },
    };
    let hash = *blake3::hash(&bytes).as_bytes();
    let size = image_io::decode(path, &bytes, window)
        .map(|image| image.dimensions())
        .map_err(|error| error.fault.to_string());
    Ok((hash, size))
}

impl Looked {
    fn tell(&mut self, candidate: &Candidate, what: &str) {
        self.lines.push(format!("{}: {what}", candidate.name));
    }

    /// The file is what joined the project.
    fn same(&mut self, ledger: &Ledger, candidate: CandidateId, one: &Candidate, now: &Now) {
        if !ledger.is_unreadable(candidate) {
            return;
        }
        match &now.1 {
            Ok(_) => {
                self.outcome.returned += 1;
                self.events.push(Event::Returned { candidate });
            }
            Err(reason) => {
                self.outcome.still += 1;
                self.tell(one, reason);
            }
        }
    }

    /// The file is another than what joined the project.
    fn changed(&mut self, ledger: &Ledger, candidate: CandidateId, one: &Candidate) {
        if ledger.changed().contains(&candidate) {
            return;
        }
        self.outcome.changed += 1;
        self.tell(one, NOT_THE_IMAGE);
        self.events.push(Event::Changed {
            candidate,
            reason: NOT_THE_IMAGE.to_owned(),
        });
    }

    /// What is in a changed file now becomes a candidate of its own, of the
    /// same group and part.
    fn join(&mut self, was: &Candidate, key: CandidateKey, now: &Now, stamp: Option<Stamp>) {
        let problem = match (&now.1, was.region, stamp) {
            (Err(reason), ..) => Some(reason.clone()),
            (Ok((width, height)), Some([_, _, x1, y1]), _) if x1 > *width || y1 > *height => Some(
                format!("its box is not in the {width} x {height} pixels that are there now"),
            ),
            (Ok(_), _, None) => Some("it is gone by now".to_owned()),
            _ => None,
        };
        match (problem, stamp) {
            (None, Some(stamp)) => {
                self.outcome.added += 1;
                self.stamps.push(stamp);
                self.rows.push(Candidate {
                    key,
                    origin: Origin::Listed,
                    ..was.clone()
                });
            }
            (problem, _) => {
                self.outcome.still += 1;
                self.tell(was, &problem.unwrap_or_default());
            }
        }
    }
}
