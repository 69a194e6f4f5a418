//! JSON lines.

use acft_tables::Kind;

use crate::{kinds, refusal, rows, table};

#[test]
fn cells_have_their_kinds_and_rows_their_lines() {
    let text = "\u{feff}{\"file\":\" a.png \",\"label\":1}\n\n\
                {\"label\":1.0,\"file\":\"b.png\",\"tags\":[\"x\"],\"ok\":true}\r\n\
                {\"file\":\"c.png\",\"label\":null,\"tags\":{\"x\":1}}\n{}\n";
    let table = table("x.jsonl", text).unwrap();
    assert_eq!(table.header().names(), ["file", "label", "tags", "ok"]);
    let numbers: Vec<u64> = table.rows().map(|row| row.number()).collect();
    assert_eq!(numbers, [1, 3, 4, 5]);
    assert_eq!(rows(&table)[0].1, ["a.png", "1", "", ""]);
    assert_eq!(rows(&table)[1].1, ["b.png", "1.0", "[\"x\"]", "true"]);
    assert_eq!(
        kinds(&table, 1),
        [Kind::Number, Kind::Number, Kind::Empty, Kind::Empty]
    );
    assert_eq!(
        kinds(&table, 2),
        [Kind::Empty, Kind::List, Kind::Object, Kind::Empty]
    );
    assert_eq!(
        kinds(&table, 3),
        [Kind::Empty, Kind::Bool, Kind::Empty, Kind::Empty]
    );
    let list = table
        .rows()
        .nth(1)
        .unwrap()
        .cell(2)
        .value()
        .unwrap_err()
        .to_string();
    assert!(
        list.contains("row 3, column tags: holds a list (\"[\\\"x\\\"]\")"),
        "{list}"
    );
}

#[test]
fn utf16_is_read() {
    let text = "{\"file\":\"ä\"}\n";
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = b"\xff\xfe".iter().copied().chain(units).collect();
    assert_eq!(rows(&table("x.ndjson", bytes).unwrap())[0].1, ["ä"]);
}

#[test]
fn what_is_no_row_is_refused_by_its_line() {
    for (text, want) in [
        ("{}\n[1]\n", "row 2: not a JSON object"),
        ("{\"a\":1}\n{\"a\":NaN}\n", "row 2: not a JSON object"),
        ("{\"a\":NaN}\n", "JSON has no NaN: write null"),
        (
            "{\"a\":1,\"a\":2}\n",
            "row 1, column a: is there twice in one object",
        ),
        (
            "{\"a\":1}\n{\"A\":2}\n",
            "row 2, column A: is there twice, also as \"a\"",
        ),
        ("{\"\":1}\n", "row 1: has a member without a name"),
    ] {
        let error = refusal("x.jsonl", text);
        assert!(error.contains(want), "{text:?}: {error}");
    }
    let error = refusal("x.jsonl", b"{\"a\":\"\xff\"}\n");
    assert!(error.contains("row 1: is not UTF-8"), "{error}");
}
