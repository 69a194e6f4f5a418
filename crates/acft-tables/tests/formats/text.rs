//! CSV.

use acft_tables::Kind;

use crate::{kinds, refusal, rows, table};

#[test]
fn encodings_separators_and_line_ends_do_not_matter() {
    let want = [
        (2, vec!["ä.png".to_owned(), "a".to_owned()]),
        (4, vec!["b c.png".to_owned(), String::new()]),
    ];
    for separator in [",", ";", "\t"] {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!(
                "file{separator}Label{end}ä.png{separator} a {end}{end}\"b c.png\"{separator}{end}"
            );
            let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &[u8]| {
                let units = text.encode_utf16().flat_map(bytes);
                mark.iter().copied().chain(units).collect::<Vec<u8>>()
            };
            for bytes in [
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                utf16(u16::to_le_bytes, b"\xff\xfe"),
                utf16(u16::to_be_bytes, b"\xfe\xff"),
            ] {
                let table = table("x.csv", bytes).unwrap();
                assert_eq!(table.header().names(), ["file", "Label"]);
                assert_eq!(rows(&table), want, "{separator:?} {end:?}");
                assert_eq!(kinds(&table, 1), [Kind::Text, Kind::Empty]);
            }
        }
    }
}

#[test]
fn what_would_lose_or_change_cells_is_refused_with_its_place() {
    for (text, want) in [
        (
            "a,b\nx,\"y\nz,w\n",
            "row 2, column b: a quote is not closed",
        ),
        // The row behind it is short: no row of whole length was swallowed.
        ("a,b\nx,\"\nz\n", "row 2, column b: a quote is not closed"),
        // Two quotes, each left open.
        (
            "a,b,c\nx,y,\"5 mm\nz,w,\"6 mm\nq,r,s\n",
            "row 2, column c: a quote is not closed",
        ),
        (
            "a,b,c\nx,\"y,1\nz,w\",v\nq,r,s\n",
            "row 2, column b: a quote is not closed",
        ),
        ("a,b,\"c\nx,y,\n", "row 1, column 3: a quote is not closed"),
        ("a\nx\n\"y\nz\"\n", "row 3, column a: a quote is not closed"),
        ("a,b\nx, \"y\"\n", "row 2, column b: a quote after a space"),
        (
            "a,b\n\nx\n",
            "row 3: 1 cells where the header has 2; is a comma missing",
        ),
        (
            "a;b\nx;y;z\n",
            "row 2: 3 cells where the header has 2; is a semicolon missing",
        ),
        ("a,B,b\nx,y,z\n", "column b: is there twice, also as B"),
        ("a,b\nx,y\0\n", "row 2, column b: has a zero byte"),
        ("a\0,b\0\nx,y\n", "row 1, column 1: has a zero byte"),
        ("", "is empty; it needs a header"),
        (",,\nx,y,z\n", "has no header"),
    ] {
        let error = refusal("x.csv", text);
        assert!(
            error.starts_with(&format!("x.csv: {want}")),
            "{text:?}: {error}"
        );
    }
    let error = refusal("x.csv", b"a,b\nx,y\nx,\xff\n");
    assert!(
        error.starts_with("x.csv: row 3, column b: is not UTF-8"),
        "{error}"
    );
}

#[test]
fn a_quoted_line_break_within_a_text_is_no_open_quote() {
    let table = table("x.csv", "a,b,c\nx,\"y\nz, w\",v\nq,r,\"\"\"s\"\"\"\n").unwrap();
    let want = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    assert_eq!(
        rows(&table),
        [
            (2, want(["x", "y\nz, w", "v"])),
            (4, want(["q", "r", "\"s\""]))
        ]
    );
}

#[test]
fn a_row_without_end_does_not_fill_the_memory() {
    let mut text = b"a,b\nx,\"".to_vec();
    text.resize(40 << 20, b'y');
    let error = refusal("x.csv", text);
    assert!(error.contains("row 2: a row of more than"), "{error}");
}

#[test]
fn a_long_file_is_counted_to_its_end() {
    let mut text = String::from("a,b\r\n");
    for row in 0..100_000 {
        text += if row % 7 == 0 { "\r\n" } else { "" };
        text += &format!("{row},\"q\"\"{row}\"\r\n");
    }
    let table = table("x.csv", text).unwrap();
    let last = table.rows().last().unwrap();
    assert_eq!(last.number(), 1 + 100_000 + 100_000_u64.div_ceil(7));
    assert_eq!(last.cell(1).text(), "q\"99999");
}
