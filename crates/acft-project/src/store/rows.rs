//! Rows of the tables, and the chain of hashes over them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::event::{EventId, Moment, Origin};
use crate::ledger::{Candidate, Part};

/// The hash that the first event follows.
pub(super) const START: [u8; 32] = [0; 32];

/// The hash of an event: over the one before it, the event and its rows.
pub(super) fn chain(
    before: &[u8; 32],
    id: EventId,
    at: Moment,
    body: &str,
    candidates: &[Candidate],
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("acft 2026-11 project event");
    hasher.update(before);
    hasher.update(&id.0.to_le_bytes());
    hasher.update(&at.0.to_le_bytes());
    update_text(&mut hasher, Some(body));
    for candidate in candidates {
        hasher.update(&candidate.key.0);
        update_text(&mut hasher, Some(&candidate.name));
        update_text(&mut hasher, Some(&candidate.path));
        match candidate.region {
            None => hasher.update(&[0]),
            Some(region) => {
                hasher.update(&[1]);
                for edge in region {
                    hasher.update(&edge.to_le_bytes());
                }
                &mut hasher
            }
        };
        update_text(&mut hasher, candidate.group.as_deref());
        update_text(&mut hasher, Some(part_name(candidate.part)));
        update_text(&mut hasher, Some(origin_name(candidate.origin)));
    }
    *hasher.finalize().as_bytes()
}

/// Texts are preceded by their lengths, so that no two rows hash alike because
/// a letter moved from one column to the next.
fn update_text(hasher: &mut blake3::Hasher, text: Option<&str>) {
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    hasher.update(&length.to_le_bytes());
    hasher.update(text.unwrap_or_default().as_bytes());
}

/// The hash of the last event.
pub(super) fn last_hash(connection: &Connection) -> rusqlite::Result<[u8; 32]> {
    let hash = connection
        .prepare_cached("SELECT hash FROM events ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(hash.unwrap_or(START))
}

/// Adds the rows of an event; `first` is the number of the first.
pub(super) fn insert_candidates(
    connection: &Connection,
    event: EventId,
    candidates: &[Candidate],
    first: usize,
) -> rusqlite::Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO candidates
             (id, event, key, name, path, x0, y0, x1, y1, grp, part, origin)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (place, candidate) in candidates.iter().enumerate() {
        let edge = |at: usize| candidate.region.map(|region| region[at]);
        insert.execute(params![
            (first + place) as i64,
            event.0,
            candidate.key.0,
            candidate.name,
            candidate.path,
            edge(0),
            edge(1),
            edge(2),
            edge(3),
            candidate.group,
            part_name(candidate.part),
            origin_name(candidate.origin),
        ])?;
    }
    Ok(())
}

/// The columns that [`candidate`] reads.
pub(super) const COLUMNS: &str = "key, name, path, x0, y0, x1, y1, grp, part, origin, id";

/// Where among them a candidate's number is.
pub(super) const NUMBER: usize = 10;

/// A text, also one that a disk has spoiled: then it is another, and the hash
/// says so.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes()?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// A candidate of its row.
pub(super) fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let edges: [Option<u32>; 4] = [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?];
    let region = match edges {
        [Some(x0), Some(y0), Some(x1), Some(y1)] => Some([x0, y0, x1, y1]),
        _ => None,
    };
    Ok(Candidate {
        key: acft::CandidateKey(row.get(0)?),
        name: text(row, 1)?,
        path: text(row, 2)?,
        region,
        group: match row.get_ref(7)? {
            ValueRef::Null => None,
            _ => Some(text(row, 7)?),
        },
        part: named(
            row,
            8,
            &[Part::Pool, Part::Validation, Part::Test],
            part_name,
        )?,
        origin: named(row, 9, &[Origin::Listed, Origin::Feedback], origin_name)?,
    })
}

fn named<T: Copy>(
    row: &Row<'_>,
    column: usize,
    all: &[T],
    name: fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    all.iter()
        .copied()
        .find(|value| name(*value) == text)
        .ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                column,
                rusqlite::types::Type::Text,
                format!("{text:?} is not known").into(),
            )
        })
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Pool => "pool",
        Part::Validation => "validation",
        Part::Test => "test",
    }
}

fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Listed => "listed",
        Origin::Feedback => "feedback",
    }
}
