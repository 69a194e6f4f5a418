//! The ranking as CSV, and the summary as JSON.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use acft::Ranked;
use acft_run::files::{Existing, write_with};
use rayon::prelude::*;
use serde::Serialize;

use super::pool::{Ranking, Rules};

/// Writes the ranking as CSV, best first.
pub(super) fn write_csv(ranking: &Ranking, to: impl Write) -> io::Result<()> {
    let draw_order: HashMap<usize, usize> = ranking
        .drawn
        .iter()
        .enumerate()
        .map(|(order, &place)| (place, order + 1))
        .collect();
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record([
        "rank",
        "candidate",
        "dominant",
        "entropy",
        "diversity",
        "score",
        "drawn",
    ])?;
    let mut to = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
    // Numbers are written by all threads, some parts of the table at a time.
    let parts: Vec<_> = ranking.ranked.chunks(PART).enumerate().collect();
    for parts in parts.chunks(4 * rayon::current_num_threads()) {
        let texts: Vec<io::Result<Vec<u8>>> = parts
            .par_iter()
            .map(|(part, ranked)| rows(ranking, part * PART, ranked, &draw_order))
            .collect();
        for text in texts {
            to.write_all(&text?)?;
        }
    }
    to.flush()
}

/// Rows of the table that are written together.
const PART: usize = 1 << 12;

/// Some rows of the table, of which the first has place `first`.
fn rows(
    ranking: &Ranking,
    first: usize,
    ranked: &[Ranked],
    draw_order: &HashMap<usize, usize>,
) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(ranked.len() * 96);
    // By rank they lie anywhere in memory: where each begins is asked for all of them at once, so that one need not wait
    // for the other.
    let names: Vec<&str> = ranked.iter().map(|ranked| ranking.name(ranked)).collect();
    for ((place, ranked), candidate) in (first..).zip(ranked).zip(names) {
        let score = &ranked.score;
        write!(text, "{},", place + 1)?;
        name(&mut text, candidate)?;
        write!(text, ",{},", score.dominant)?;
        for value in [score.entropy, score.diversity, score.value] {
            number(&mut text, value)?;
            text.push(b',');
        }
        match draw_order.get(&place) {
            Some(order) => writeln!(text, "{order}")?,
            None => text.push(b'\n'),
        }
    }
    Ok(text)
}

/// The fewest digits that read back as the value, without an exponent: what `{value}` gives in a third of the time, but
/// for the last digit where two are as near.
fn number(text: &mut Vec<u8>, value: f64) -> io::Result<()> {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format(value);
    if shortest.contains('e') {
        return write!(text, "{value}");
    }
    let shortest = shortest.strip_suffix(".0").unwrap_or(shortest);
    text.extend_from_slice(shortest.as_bytes());
    Ok(())
}

/// Numbers never need quotes, and few names do: only these go through the writer of CSV, which is slower than all else
/// in a row of a million.
fn name(text: &mut Vec<u8>, name: &str) -> io::Result<()> {
    if !name.is_empty() && !name.bytes().any(|byte| b",\"\r\n".contains(&byte)) {
        text.extend_from_slice(name.as_bytes());
        return Ok(());
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([name])?;
    let record = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
    // What ends a record is the row's to write.
    text.extend_from_slice(record.strip_suffix(b"\n").unwrap_or(&record));
    Ok(())
}

/// Writes the CSV to `out` as a whole or not at all.
///
/// # Errors
/// The folder cannot be written, the disk is full, or `out` has come to be
/// meanwhile and `force` is off.
pub(super) fn write_file(ranking: &Ranking, out: &Path, force: bool) -> anyhow::Result<()> {
    let existing = match force {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    write_with(out, existing, |file| {
        write_csv(ranking, BufWriter::new(file))
    })
}

/// What `--json` prints: nothing that differs between two equal calls.
#[derive(Serialize)]
struct Summary<'a> {
    candidates: usize,
    patches: u64,
    classes: usize,
    lambda1: f64,
    lambda2: f64,
    alpha: f64,
    per_pair: bool,
    omega: f64,
    batch: usize,
    seed: u64,
    step: u32,
    /// In draw order.
    drawn: Vec<Drawn<'a>>,
}

/// One candidate of the batch.
#[derive(Serialize)]
struct Drawn<'a> {
    candidate: &'a str,
    rank: usize,
    dominant: usize,
    entropy: f64,
    diversity: f64,
    score: f64,
}

/// Writes the summary as JSON.
pub(super) fn write_json(
    ranking: &Ranking,
    rules: &Rules,
    batch: usize,
    omega: f64,
    mut to: impl Write,
) -> io::Result<()> {
    let drawn = |&place: &usize| {
        let ranked = &ranking.ranked[place];
        Drawn {
            candidate: ranking.name(ranked),
            rank: place + 1,
            dominant: ranked.score.dominant,
            entropy: ranked.score.entropy,
            diversity: ranked.score.diversity,
            score: ranked.score.value,
        }
    };
    let summary = Summary {
        candidates: ranking.ranked.len(),
        patches: ranking.patches,
        classes: ranking.classes,
        lambda1: rules.criterion.lambda1,
        lambda2: rules.criterion.lambda2,
        alpha: rules.criterion.alpha,
        per_pair: rules.criterion.per_pair,
        omega,
        batch,
        seed: rules.seed,
        step: rules.step,
        drawn: ranking.drawn.iter().map(drawn).collect(),
    };
    serde_json::to_writer_pretty(&mut to, &summary)?;
    writeln!(to)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_two_numbers_that_are_as_near_either_may_be_written() {
        let value: f64 = 65_537.0 / 131_072.0;
        let mut text = Vec::new();
        number(&mut text, value).unwrap();
        assert_eq!(text, b"0.5000076293945312");
        assert_eq!(value.to_string(), "0.5000076293945313");
        assert_eq!("0.5000076293945312".parse(), Ok(value));
    }

    proptest! {
        #[test]
        fn a_number_reads_back_and_is_written_as_display_writes_it(bits in any::<u64>(), share in 0.0..2.0f64) {
            let written = |value: f64| {
                let mut text = Vec::new();
                number(&mut text, value).unwrap();
                String::from_utf8(text).unwrap()
            };
            for value in [share, share * 1e-6, share * 1e-12, share * 1e4, (share * 1e3).round()] {
                prop_assert_eq!(written(value), value.to_string());
            }
            let any = f64::from_bits(bits);
            let text = written(any);
            prop_assert!(any.is_nan() || text.parse::<f64>().unwrap().to_bits() == bits, "{any} as {text}");
            prop_assert!(!text.contains('e'), "{text}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_was() {
        for expected in [
            "7",
            "a b",
            "a,b",
            "say \"b\"",
            "ünder",
            "two\nlines",
            "\r",
            " ",
            "",
        ] {
            let mut text = b"1,".to_vec();
            name(&mut text, expected).unwrap();
            text.extend_from_slice(b",2\n");
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(&text[..]);
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(records, [vec!["1", expected, "2"]], "{expected:?}");
        }
    }
}
