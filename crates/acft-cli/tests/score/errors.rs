//! What is refused: the message, the exit code, and that nothing is written.

use std::fmt::Write as _;

use crate::{Folder, text};

/// Runs `acft score x.csv FLAGS --out scores.csv` on some text, which must
/// fail with exit code 2 and leave the folder as it was; the message.
fn refusal(csv: impl AsRef<[u8]>, flags: &str) -> String {
    refused(&Folder::with_file("x.csv", csv), &format!("x.csv {flags}"))
}

fn refused(folder: &Folder, arguments: &str) -> String {
    let before = folder.files();
    let run = folder
        .score(&format!("{arguments} --out scores.csv"))
        .code(2);
    assert_eq!(folder.files(), before, "{arguments}");
    assert!(run.get_output().stdout.is_empty(), "{arguments}");
    text(&run.get_output().stderr)
}

/// The messages for some cases, one under the other.
fn report<'a>(cases: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut report = String::new();
    for (what, message) in cases {
        writeln!(report, "# {what}\n{message}").unwrap();
    }
    report
}

#[test]
fn rows_that_are_no_probabilities() {
    let rows = |rows: &str| {
        refusal(
            format!("candidate,patch,p_0,p_1\na,0,0.5,0.5\n{rows}\n"),
            "",
        )
    };
    let found = report([
        ("NaN", rows("a,1,0.5,NaN")),
        ("infinite", rows("a,1,inf,0")),
        ("negative", rows("a,1,-0.1,1.1")),
        ("a logit", rows("a,1,2.5,-1.5")),
        ("a sum below 1", rows("a,1,0.5,0.4")),
        ("a word", rows("a,1,high,0.5")),
        ("a decimal comma", rows("a,1,\"0,5\",\"0,5\"")),
        ("an empty cell", rows("a,1,,1")),
        ("no candidate", rows(",1,0.5,0.5")),
        ("no patch number", rows("a,left,0.5,0.5")),
        ("a negative patch", rows("a,-1,0.5,0.5")),
        ("too few cells", rows("a,1,0.5")),
        ("too many cells", rows("a,1,0.5,0.5,0.5")),
        (
            "a line break within a name",
            rows("\"a\nb\",1,0.5,0.5\nc,1,0.5,0.6"),
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn what_would_lose_rows_is_refused() {
    for (csv, expected) in [
        (
            "candidate,patch,note,p_0,p_1\na,0,\"x,1,0\nb,0,y,1,0\nc,0,z\",1,0\n",
            "x.csv: row 2, column note: a quote is not closed",
        ),
        (
            "candidate,patch,p_0,P_0,p_1\na,0,1,1,0\n",
            "x.csv: column P_0: is there twice, also as p_0",
        ),
        (
            "candidate,patch,p_0,p_1\n\0a,0,1,0\n",
            "x.csv: row 2, column candidate: has a zero byte",
        ),
    ] {
        let message = refusal(csv, "");
        assert!(message.contains(expected), "{message}");
    }
}

/// A zip archive of one stored array.
fn npz(name: &str, descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push('\n');
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend(data);
    let name = format!("{name}.npy");
    let checksum = npy.iter().fold(!0_u32, |crc, byte| {
        let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        (0..8).fold(crc ^ u32::from(*byte), step)
    });
    let mut facts = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for number in [!checksum, npy.len() as u32, npy.len() as u32] {
        facts.extend(number.to_le_bytes());
    }
    facts.extend((name.len() as u16).to_le_bytes());
    facts.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&facts);
    zip.extend(name.as_bytes());
    zip.extend(&npy);
    let at = zip.len() as u32;
    let mut directory = b"PK\x01\x02\x14\x00".to_vec();
    directory.extend(&facts);
    directory.extend([0; 14]);
    directory.extend(name.as_bytes());
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend((directory.len() as u32).to_le_bytes());
    zip.extend(at.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

#[test]
fn an_array_is_believed_only_as_far_as_its_bytes_are_there() {
    let refuse = |descr: &str, shape: &str| {
        let bytes = npz("p", descr, shape, &[0; 100]);
        refused(&Folder::with_file("x.npz", bytes), "x.npz")
    };
    for (descr, shape, expected) in [
        ("<f8", "(1, 1024, 262144)", "array p has"),
        ("<f8", "(4611686018427387904, 8, 2)", "array p"),
        ("|S4611686018427387904", "(1, 1, 2)", "array p"),
        ("|S9223372036854775808", "(1, 1, 2)", "array p"),
    ] {
        let message = refuse(descr, shape);
        assert!(
            message.contains(expected) && message.len() < 500,
            "{message}"
        );
    }
    let sound = npz(
        "p",
        "<f8",
        "(1, 1, 2)",
        &[0.5_f64.to_le_bytes(); 2].concat(),
    );
    let table = Folder::with_file("x.npz", sound).table("x.npz");
    assert_eq!(table.lines().count(), 2);
}

#[test]
fn candidates_that_do_not_hold_together() {
    let header = "candidate,patch,p_0,p_1\n";
    let csv = |rows: &str| refusal(format!("{header}{rows}"), "");
    let found = report([
        ("a candidate comes back", csv("a,0,1,0\nb,0,1,0\na,1,1,0\n")),
        ("a patch twice", csv("a,0,1,0\na,1,1,0\na,0,1,0\n")),
        ("a row twice", csv("a,0,1,0\na,0,1,0\n")),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn tables_that_are_none() {
    let found = report([
        ("an empty file", refusal("", "")),
        ("a header alone", refusal("candidate,patch,p_0,p_1\n", "")),
        (
            "no candidate",
            refusal("image,patch,p_0,p_1\na,0,1,0\n", ""),
        ),
        ("no patch", refusal("candidate,p_0,p_1\na,1,0\n", "")),
        (
            "no probabilities",
            refusal("candidate,patch,cat,dog\na,0,1,0\n", ""),
        ),
        ("one class", refusal("candidate,patch,p_0\na,0,1\n", "")),
        ("a gap", refusal("candidate,patch,p_0,p_2\na,0,1,0\n", "")),
        (
            "a column twice",
            refusal("candidate,patch,p_0,p_1,p_1\na,0,1,0,0\n", ""),
        ),
        (
            "Latin 1",
            refusal(b"candidate,patch,p_0,p_1\nh\xf6hle,0,1,0\n", ""),
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn pools_that_diversity_cannot_rank() {
    let one = "candidate,patch,p_0,p_1\na,0,1,0\nb,0,1,0\n";
    let uneven = "candidate,patch,p_0,p_1\n\
        a,0,1,0\na,1,0.5,0.5\nb,0,1,0\nb,1,0.5,0.5\nb,2,0.1,0.9\n";
    let as_many_kept = "candidate,patch,p_0,p_1\n\
        a,0,1,0\na,1,0.5,0.5\na,2,0.1,0.9\n\
        b,0,1,0\nb,1,0.5,0.5\nb,2,0.1,0.9\nb,3,0.4,0.6\n";
    let found = report([
        ("one patch", refusal(one, "--criterion diversity --alpha 1")),
        (
            "one kept patch",
            refusal(uneven, "--criterion acft --alpha 0.25"),
        ),
        (
            "unequal numbers",
            refusal(uneven, "--criterion diversity --alpha 1"),
        ),
        (
            "unequal numbers of which as many are kept",
            refusal(as_many_kept, "--criterion diversity --alpha 0.5"),
        ),
    ]);
    insta::assert_snapshot!(found);
    for flags in [
        "--criterion diversity --alpha 1 --per-pair",
        "--criterion entropy --alpha 1",
    ] {
        let folder = Folder::with_file("x.csv", uneven);
        assert_eq!(
            folder.table(&format!("x.csv {flags}")).lines().count(),
            3,
            "{flags}"
        );
    }
}

#[test]
fn files_of_another_kind() {
    let fixture = |name: &str| refused(&Folder::with_fixture(name), name);
    let file = |name: &str, bytes: &[u8]| refused(&Folder::with_file(name, bytes), name);
    let cut = |name: &str| {
        let whole = std::fs::read(crate::fixture(name)).unwrap();
        file(name, &whole[..whole.len() / 2])
    };
    let found = report([
        ("no such file", refused(&Folder::new(), "nowhere.csv")),
        ("an unknown ending", file("x.pkl", b"")),
        (
            "text named .parquet",
            file("x.parquet", b"candidate,patch,p_0,p_1\n"),
        ),
        (
            "text named .npz",
            file("x.npz", b"candidate,patch,p_0,p_1\n"),
        ),
        ("half a Parquet file", cut("strings_f32.parquet")),
        ("half an NPZ file", cut("columns.npz")),
        ("a null", fixture("bad_null.parquet")),
        ("text for numbers", fixture("bad_type.parquet")),
        ("Fortran order", fixture("bad_fortran.npz")),
        ("16-bit floats", fixture("bad_half.npz")),
        ("Python objects", fixture("bad_objects.npz")),
        ("arrays of unequal length", fixture("bad_lengths.npz")),
        ("NaN in an array", fixture("bad_nan.npz")),
    ]);
    insta::assert_snapshot!(found);
}

/// A byte within the data of an array, where only the checksum can tell.
#[test]
fn a_flipped_bit_in_an_npz_file_is_noticed() {
    let mut bytes = std::fs::read(crate::fixture("columns.npz")).unwrap();
    let last = bytes
        .windows(7)
        .rposition(|window| window == b"p_2.npy")
        .unwrap();
    let data = bytes[..last]
        .windows(7)
        .rposition(|window| window == b"p_2.npy")
        .unwrap();
    bytes[data + 7 + 20 + 128 + 96 * 8 - 1] ^= 1;
    let message = refused(&Folder::with_file("x.npz", bytes), "x.npz");
    assert!(
        message.starts_with("error: x.npz: damaged or cut short"),
        "{message}"
    );
}

#[test]
fn flags_that_make_no_sense() {
    let flags = |flags: &str| {
        let message = refusal("candidate,patch,p_0,p_1\na,0,1,0\n", flags);
        // clap's own messages end in a hint that depends on the width.
        message.lines().next().unwrap().to_owned() + "\n"
    };
    let found = report([
        ("alpha 0", flags("--alpha 0")),
        ("alpha above 1", flags("--alpha 25")),
        ("omega below 1", flags("--omega 0.5")),
        ("no batch", flags("--batch 0")),
        (
            "weights that are ignored",
            flags("--criterion entropy --lambda2 3"),
        ),
        (
            "no weight",
            flags("--criterion acft --lambda1 0 --lambda2 0"),
        ),
        ("a negative weight", flags("--criterion acft --lambda1 -1")),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn outputs_that_would_destroy_something() {
    let folder = Folder::with_fixture("table_1.csv");
    let message = |arguments: &str| {
        let run = folder.score(arguments).code(2);
        text(&run.get_output().stderr)
    };
    std::fs::write(folder.path("scores.csv"), "precious\n").unwrap();
    std::fs::create_dir(folder.path("folder")).unwrap();
    let found = report([
        ("an existing file", message("table_1.csv --out scores.csv")),
        (
            "the input",
            message("table_1.csv --out table_1.csv --force"),
        ),
        ("a folder", message("table_1.csv --out folder --force")),
        (
            "a missing folder",
            message("table_1.csv --out nowhere/scores.csv"),
        ),
        (
            "two results on stdout",
            message("table_1.csv --json --out -"),
        ),
    ]);
    insta::assert_snapshot!(found);
    assert_eq!(folder.read("scores.csv"), "precious\n");

    folder
        .score("table_1.csv --out scores.csv --force")
        .success();
    assert_eq!(
        folder.read("scores.csv"),
        folder.table("table_1.csv --out -")
    );
    assert_eq!(folder.files(), ["folder", "scores.csv", "table_1.csv"]);
}

#[test]
fn a_bad_row_after_good_ones_leaves_the_old_table_alone() {
    let folder = Folder::with_file("x.csv", "candidate,patch,p_0,p_1\na,0,1,0\nb,0,1,1\n");
    std::fs::write(folder.path("scores.csv"), "precious\n").unwrap();
    folder.score("x.csv --out scores.csv --force").code(2);
    assert_eq!(folder.read("scores.csv"), "precious\n");
    assert_eq!(folder.files(), ["scores.csv", "x.csv"]);
}

#[test]
fn normalizing_takes_rows_that_sum_to_anything_but_zero() {
    let counts = Folder::with_file("x.csv", "candidate,patch,p_0,p_1\na,0,3,1\na,1,1,1\n");
    let shares = Folder::with_file(
        "x.csv",
        "candidate,patch,p_0,p_1\na,0,0.75,0.25\na,1,0.5,0.5\n",
    );
    let table = counts.table("x.csv --normalize --alpha 1");
    assert_eq!(table, shares.table("x.csv --alpha 1"));
    let bad = |row: &str| {
        refusal(
            format!("candidate,patch,p_0,p_1\na,0,{row}\n"),
            "--normalize",
        )
    };
    let found = report([
        ("zeros", bad("0,0")),
        ("negative", bad("-1,2")),
        ("NaN", bad("NaN,1")),
    ]);
    insta::assert_snapshot!(found);
}

/// A failing disk is no fault of the input: exit code 1.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    for flags in ["", " --json"] {
        let folder = Folder::with_fixture("table_1.csv");
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let run = std::process::Command::new(assert_cmd::cargo::cargo_bin!("acft"))
            .arg("score")
            .args(format!("table_1.csv{flags}").split(' '))
            .current_dir(folder.path("."))
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(1));
        let message = text(&run.stderr);
        assert!(
            message.starts_with("error: failed to write to stdout"),
            "{message}"
        );
    }
}
