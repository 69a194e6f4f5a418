//! The images of a project against what joined it.

use std::collections::{BTreeMap, BTreeSet};

use acft::CandidateId;
use acft_images::source::candidate_key;
use acft_project::{Candidate, Finding, Project};
use acft_worker::vision::{NOT_THE_IMAGE, stamp_of};
use acft_worker::words::count;

use crate::progress;
use crate::project::commands::scoring::pixel_box;

/// What was found.
#[derive(Default)]
pub(super) struct Images {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

/// Looks at the size and time of every file, and reads those that have others
/// than when they joined; `deep` reads all of them. Says what was set aside.
pub(super) fn check(project: &Project, deep: bool) -> Images {
    let ledger = project.ledger();
    let mut images = Images::default();
    // The boxes of one image share its file.
    let mut hashes: BTreeMap<&str, Option<[u8; 32]>> = BTreeMap::new();
    let mut unknown = 0;
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let progress = progress::counter("looking at images");
    let all = ledger.candidates().len();
    for (id, candidate) in (0..).map(CandidateId).zip(ledger.candidates()) {
        progress(id.index() + 1, all);
        let path = project.image_path(candidate);
        let stamp = match stamp_of(&path) {
            Ok(stamp) => stamp,
            Err(error) => {
                // One that is missing is named with the files.
                if path.is_file() && named.insert(&candidate.path) {
                    images.cannot_open(candidate, &error);
                }
                continue;
            }
        };
        let is_aside = ledger.is_unreadable(id);
        match ledger.stamp(id) {
            _ if deep || is_aside => {}
            None => {
                unknown += 1;
                continue;
            }
            Some(then) if then == stamp => continue,
            Some(_) => {}
        }
        let hash = hashes.entry(&candidate.path).or_insert_with(|| {
            let bytes = std::fs::read(&path).ok()?;
            Some(*blake3::hash(&bytes).as_bytes())
        });
        let Some(hash) = *hash else { continue };
        let key = candidate_key(hash, candidate.region.map(pixel_box));
        if key != candidate.key {
            let is_settled = ledger.changed().contains(&id) && ledger.find(&key).is_some();
            images.changed(candidate, &path.display().to_string(), is_settled);
        } else if ledger.changed().contains(&id) {
            images.notes.push(format!(
                "{} was set aside, for its file had changed, and is as it was: `acft add --again` returns it",
                candidate.name
            ));
        }
    }
    let broken = ledger.unreadable();
    let broken = broken.filter(|(id, _)| !ledger.changed().contains(id));
    images.notes.extend(broken.map(|(id, reason)| {
        format!(
            "{} was left out when it was to be read: {reason}; `acft add --again` looks at it again",
            ledger.candidates()[id.index()].name
        )
    }));
    if unknown > 0 {
        images.notes.push(format!(
            "{} joined by an earlier version, which kept neither size nor time of the files: --deep reads them",
            count(unknown, "candidate")
        ));
    }
    images
}

impl Images {
    fn cannot_open(&mut self, candidate: &Candidate, error: &std::io::Error) {
        self.findings.push(Finding {
            about: candidate.name.clone(),
            wrong: format!("its image cannot be opened: {error}"),
            mend: "let it be read; it is not asked about meanwhile, and its labels are kept"
                .to_owned(),
        });
    }

    fn changed(&mut self, candidate: &Candidate, path: &str, is_settled: bool) {
        if is_settled {
            self.notes.push(format!(
                "{} was set aside, for {NOT_THE_IMAGE}; what is there now is a candidate of its own",
                candidate.name
            ));
            return;
        }
        self.findings.push(Finding {
            about: candidate.name.clone(),
            wrong: format!("{path} is not the image that joined the project"),
            mend: "put the image of then back; or let `acft add --again` set this candidate aside and bring in what \
                   is there now as one of its own"
                .to_owned(),
        });
    }
}
