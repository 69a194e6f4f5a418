//! One pool, whatever its format, gives the same bytes.

use crate::{Folder, fixture};

#[test]
fn every_format_and_layout_gives_the_same_table() {
    let of = |name: &str| {
        let folder = Folder::with_fixture(name);
        folder.table(&format!(
            "{name} --criterion acft --alpha 0.5 --batch 4 --seed 7"
        ))
    };
    let expected = of("pool.csv");
    assert_eq!(expected.lines().count(), 13);
    for name in [
        "columns.npz",
        "matrix_f32.npz",
        "cube_big_endian.npz",
        "strings_f32.parquet",
        "dictionary.parquet",
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
}

#[test]
fn a_cube_without_names_numbers_its_candidates() {
    let folder = Folder::with_fixture("cube_without_names.npz");
    let table = folder.table("cube_without_names.npz");
    let mut names: Vec<u32> = crate::cells(&table)[1..]
        .iter()
        .map(|row| row[1].parse().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, (0..12).collect::<Vec<u32>>());
}

#[test]
fn tabs_spaces_byte_order_marks_and_other_columns_do_no_harm() {
    let csv = "\u{feff}label, patch ,p_1,candidate,p_0\ncat, 0 , 0.25 ,a,0.75\ndog,1,1e-1,a,9e-1\n";
    let folder = Folder::with_file("x.csv", csv);
    let plain = Folder::with_file(
        "x.csv",
        "candidate,patch,p_0,p_1\na,0,0.75,0.25\na,1,0.9,0.1\n",
    );
    assert_eq!(folder.table("x.csv"), plain.table("x.csv"));
    let tabs = Folder::with_file("x.tsv", csv.replace(',', "\t"));
    assert_eq!(tabs.table("x.tsv"), plain.table("x.csv"));
}

/// Reading is by the ending alone, so a name in capitals is no obstacle.
#[test]
fn the_ending_may_be_in_capitals() {
    let folder = Folder::new();
    std::fs::copy(fixture("columns.npz"), folder.path("POOL.NPZ")).unwrap();
    assert_eq!(folder.table("POOL.NPZ").lines().count(), 13);
}

#[test]
fn semicolons_utf16_and_json_lines_are_read_too() {
    let plain = "candidate,patch,p_0,p_1\na,0,0.75,0.25\na,1,0.9,0.1\n";
    let expected = Folder::with_file("x.csv", plain).table("x.csv");
    let semicolons = Folder::with_file("x.csv", plain.replace(',', ";"));
    assert_eq!(semicolons.table("x.csv"), expected);
    let units = plain.encode_utf16().flat_map(u16::to_be_bytes);
    let utf16: Vec<u8> = b"\xfe\xff".iter().copied().chain(units).collect();
    assert_eq!(Folder::with_file("x.csv", utf16).table("x.csv"), expected);
    let lines = "{\"candidate\":\"a\",\"patch\":0,\"p_0\":0.75,\"p_1\":0.25}\n\
                 {\"candidate\":\"a\",\"patch\":1,\"p_0\":0.9,\"p_1\":0.1}\n";
    assert_eq!(
        Folder::with_file("x.jsonl", lines).table("x.jsonl"),
        expected
    );
}
