//! Sources: what is listed, what is left out, and what stops them.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::Path};

use acft_images::source::{
    Candidate, Dataset, Labels, PixelBox, SourceError, SourceOptions, Split, Splits, candidate_key,
    open,
};
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

/// A folder that is filled file by file.
struct Data(TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// A small image whose pixels are a function of `seed`.
    fn image(self, name: &str, seed: u8) -> Self {
        self.bytes(name, &png(seed))
    }

    /// `images/0.png` to `images/{count - 1}.png`, all different.
    fn images(mut self, count: u8) -> Self {
        for index in 0..count {
            self = self.image(&format!("images/{index}.png"), index);
        }
        self
    }

    fn options(&self) -> SourceOptions {
        SourceOptions {
            data: self.0.path().to_owned(),
            ..SourceOptions::default()
        }
    }

    fn open(&self) -> Result<Dataset, SourceError> {
        open(&self.options(), &|_, _| ())
    }
}

fn png(seed: u8) -> Vec<u8> {
    let image = RgbImage::from_fn(20, 10, |x, y| Rgb([seed, x as u8, y as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Rows `0.png` to `{count - 1}.png` with alternating labels a and b, and what
/// `extra` adds to each.
fn rows(header: &str, count: u8, extra: impl Fn(u8) -> String) -> String {
    let row = |i: u8| format!("{i}.png,{}{}\n", ["a", "b"][usize::from(i % 2)], extra(i));
    header.to_owned() + "\n" + &(0..count).map(row).collect::<String>()
}

fn by_name(dataset: &Dataset) -> BTreeMap<&str, &Candidate> {
    let candidates = dataset.candidates.iter();
    candidates
        .map(|candidate| (candidate.name.as_str(), candidate))
        .collect()
}

fn count(dataset: &Dataset, split: Split) -> usize {
    let candidates = dataset.candidates.iter();
    candidates
        .filter(|candidate| candidate.split == split)
        .count()
}

fn class_of(dataset: &Dataset, name: &str) -> String {
    dataset.classes[by_name(dataset)[name].label.unwrap().index()].clone()
}

#[test]
fn a_folder_per_class() {
    let mut data = Data::new()
        .image("cat/deep/0.PNG", 0)
        .bytes("dog/notes.txt", b"x")
        .bytes(".DS_Store", b"x");
    for i in 1..10 {
        data = data.image(
            &format!("{}/{i}.png", ["cat", "dog"][usize::from(i % 2)]),
            i,
        );
    }
    let dataset = data.open().unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(dataset.candidates.len(), 10);
    assert_eq!(class_of(&dataset, "cat/deep/0.PNG"), "cat");
    assert_eq!(class_of(&dataset, "dog/1.png"), "dog");
    assert_eq!(dataset.left_out.len(), 1);
    assert_eq!(dataset.left_out[0].name, "dog/notes.txt");
    assert!(
        dataset
            .candidates
            .is_sorted_by_key(|candidate| candidate.key)
    );
}

#[test]
fn a_project_takes_data_as_it_is() {
    let data = Data::new().images(20).bytes(
        "labels.csv",
        rows("file,label", 20, |_| String::new()).as_bytes(),
    );
    let classes = Some(["a", "b", "c"].map(str::to_owned).to_vec());
    let as_given = SourceOptions {
        classes: classes.clone(),
        splits: Splits::AsGiven,
        ..data.options()
    };
    let dataset = open(&as_given, &|_, _| ()).unwrap();
    assert_eq!(count(&dataset, Split::Train), 20);
    assert!(dataset.held_out.is_empty());

    let ignored = SourceOptions {
        classes: Some(["x", "y"].map(str::to_owned).to_vec()),
        labels: Labels::Ignore,
        ..as_given
    };
    let dataset = open(&ignored, &|_, _| ()).unwrap();
    assert_eq!(dataset.classes, ["x", "y"]);
    assert!(dataset.candidates.iter().all(|one| one.label.is_none()));
}

#[test]
fn splits_above_the_class_folders() {
    let mut data = Data::new();
    for (i, split) in ["train", "val", "test"].into_iter().enumerate() {
        for (k, class) in ["a", "b"].into_iter().enumerate() {
            data = data.image(&format!("{split}/{class}/x.png"), (2 * i + k) as u8);
        }
    }
    let dataset = data.open().unwrap();
    assert_eq!(dataset.classes, ["a", "b"]);
    for (name, split) in [
        ("train/a/x.png", Split::Train),
        ("val/b/x.png", Split::Validation),
        ("test/a/x.png", Split::Test),
    ] {
        assert_eq!(by_name(&dataset)[name].split, split);
    }
    assert!(dataset.held_out.is_empty());
}

/// `train` and `test` with both classes, and what an archive brings along.
fn split_folders() -> Data {
    ["train/a", "train/b", "test/a", "test/b"]
        .into_iter()
        .zip(0..)
        .fold(Data::new(), |data, (folder, seed)| {
            data.image(&format!("{folder}/x.png"), seed)
        })
        .bytes("__MACOSX/train/._x.png", b"x")
        .bytes("notes/readme.txt", b"x")
}

#[test]
fn folders_without_images_do_not_turn_splits_into_classes() {
    let dataset = split_folders().open().unwrap();
    assert_eq!(dataset.classes, ["a", "b"]);
    assert_eq!(count(&dataset, Split::Test), 2);
    let names: Vec<_> = dataset
        .left_out
        .iter()
        .map(|out| out.name.as_str())
        .collect();
    assert_eq!(names, ["__MACOSX", "notes"]);
}

#[test]
fn folders_that_may_be_splits_or_classes_are_refused_until_classes_are_named() {
    let data = split_folders().image("masks/x.png", 9);
    let error = data.open().unwrap_err().to_string();
    let want = "`test`, `train` are named after a split, but `masks` is not";
    assert!(error.contains(want), "{error}");

    let mut data = Data::new();
    for i in 0..12 {
        let class = ["benign", "malignant", "test"][usize::from(i % 3)];
        data = data.image(&format!("{class}/{i}.png"), i);
    }
    let error = data.open().unwrap_err().to_string();
    let want = "`test` is named after a split, but `benign`, `malignant` are not";
    assert!(error.contains(want), "{error}");
    let named = SourceOptions {
        classes: Some(["benign", "malignant", "test"].map(str::to_owned).to_vec()),
        splits: Splits::AsGiven,
        ..data.options()
    };
    let dataset = open(&named, &|_, _| ()).unwrap();
    assert_eq!(count(&dataset, Split::Train), 12);
    assert_eq!(class_of(&dataset, "test/2.png"), "test");
}

#[test]
fn images_without_labels() {
    let dataset = Data::new()
        .image("0.png", 0)
        .image("1.png", 1)
        .open()
        .unwrap();
    assert!(dataset.classes.is_empty());
    assert_eq!(count(&dataset, Split::Train), 2);
    assert!(
        dataset
            .candidates
            .iter()
            .all(|candidate| candidate.label.is_none())
    );
    assert!(dataset.held_out[0].contains("too few labeled candidates"));
}

#[test]
fn manifests_of_every_format_say_the_same() {
    let csv = "\u{feff}File, LABEL,patient,split\n".to_owned()
        + &(0..6)
            .map(|i| {
                format!(
                    "{i}.png,{},p{i},{}\n",
                    i % 2,
                    ["train", "dev", "testing"][i / 2]
                )
            })
            .collect::<String>();
    let json = (0..6)
        .map(|i| format!("{{\"file\":\"{i}.png\",\"label\":{},\"patient\":\"p{i}\",\"split\":\"{}\",\"tags\":[1]}}\n\n", i % 2, ["train", "dev", "testing"][i / 2]))
        .collect::<String>();
    let data = Data::new()
        .images(6)
        .bytes("labels.csv", csv.as_bytes())
        .bytes("list.jsonl", json.as_bytes());
    write_parquet(&data.0.path().join("list.parquet"));
    let from_csv = data.open().unwrap();
    assert_eq!(from_csv.classes, ["0", "1"]);
    assert_eq!(from_csv.candidates.len(), 6);
    let last = by_name(&from_csv)["5.png"].clone();
    assert_eq!(
        (last.row, last.split, last.group.as_deref()),
        (Some(7), Split::Test, Some("p5"))
    );

    for (name, last_row) in [("list.jsonl", 11), ("list.parquet", 6)] {
        let path = data.0.path().join(name);
        let beside = open(
            &SourceOptions {
                data: path.clone(),
                ..SourceOptions::default()
            },
            &|_, _| (),
        )
        .unwrap();
        let named = open(
            &SourceOptions {
                manifest: Some(path),
                ..data.options()
            },
            &|_, _| (),
        )
        .unwrap();
        assert_eq!(beside.candidates, named.candidates);
        assert_eq!(by_name(&named)["5.png"].row, Some(last_row));
        let without_rows = |dataset: &Dataset| {
            let each = dataset.candidates.iter().cloned();
            each.map(|candidate| Candidate {
                row: None,
                ..candidate
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(without_rows(&named), without_rows(&from_csv), "{name}");
    }
}

fn write_parquet(path: &Path) {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
    let text = |f: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from((0..6).map(f).collect::<Vec<_>>()))
    };
    let batch = RecordBatch::try_from_iter([
        (
            "thumbnail",
            Arc::new(BinaryArray::from_vec(vec![b"x"; 6])) as ArrayRef,
        ),
        ("file", text(&|i| format!("{i}.png"))),
        (
            "label",
            Arc::new(Int64Array::from_iter_values((0..6).map(|i| i % 2))),
        ),
        ("patient", text(&|i| format!("p{i}"))),
        (
            "split",
            text(&|i| ["train", "dev", "testing"][i / 2].to_owned()),
        ),
    ])
    .unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn faults_of_single_candidates_are_listed_and_the_rest_goes_on() {
    let csv = rows("file,label,xmin,ymin,xmax,ymax", 8, |_| {
        ",0,0,5,5".to_owned()
    }) + "0.png,a,15,5,22,11\n1.png,a,30,0,40,5\n2.png,b,3,3,3,6\n3.png,b,x,0,2,2\n4.png,b,,,,\n"
        + "gone.png,a,0,0,2,2\nempty.png,a,0,0,2,2\ntext.jpg,b,0,0,2,2\nhuge.bmp,b,0,0,2,2\n,a,0,0,2,2\n";
    let mut huge = vec![0; 54];
    huge[..2].copy_from_slice(b"BM");
    huge[10] = 54;
    huge[14] = 40;
    huge[18..22].copy_from_slice(&20_000u32.to_le_bytes());
    huge[22..26].copy_from_slice(&20_000u32.to_le_bytes());
    (huge[26], huge[28]) = (1, 24);
    let data = Data::new()
        .images(8)
        .bytes("labels.csv", csv.as_bytes())
        .bytes("images/empty.png", b"")
        .bytes("images/text.jpg", b"not an image at all")
        .bytes("images/huge.bmp", &huge);
    let dataset = data.open().unwrap();
    let names = by_name(&dataset);
    assert_eq!(dataset.candidates.len(), 10);
    let clipped = names["0.png#15,5,22,11"];
    assert_eq!(clipped.region.unwrap().to_string(), "15,5,20,10");
    assert_eq!(
        (names["4.png"].region, names["4.png"].row),
        (None, Some(14))
    );
    let want = [
        ("1.png#30,0,40,5", 11, "outside the image of 20 x 10"),
        ("2.png#3,3,3,6", 12, "degenerate"),
        ("3.png#x,0,2,2", 13, "`x` is not a number"),
        ("gone.png#0,0,2,2", 15, "no such file in"),
        ("empty.png#0,0,2,2", 16, "empty file"),
        ("text.jpg#0,0,2,2", 17, "not an image"),
        ("huge.bmp#0,0,2,2", 18, "20000 x 20000 pixels"),
        ("#0,0,2,2", 19, "path is empty"),
    ];
    assert_eq!(dataset.left_out.len(), want.len(), "{:?}", dataset.left_out);
    for (name, row, reason) in want {
        let out = dataset
            .left_out
            .iter()
            .find(|out| out.name == name)
            .unwrap();
        assert_eq!(out.row, Some(row), "{name}");
        assert!(out.reason.contains(reason), "{name}: {}", out.reason);
    }
}

#[test]
fn duplicates_are_dropped_before_splitting_and_listed() {
    let csv = rows("file,label,split", 6, |i| {
        format!(",{}", ["train", "val", "test"][usize::from(i / 2)])
    }) + "copy.png,b,test\n0.png,a,train\n";
    let data = Data::new()
        .images(6)
        .image("images/copy.png", 0)
        .bytes("labels.csv", csv.as_bytes());
    let dataset = data.open().unwrap();
    assert_eq!(dataset.candidates.len(), 6);
    let got: Vec<_> = dataset
        .duplicates
        .iter()
        .map(|d| {
            (
                d.name.as_str(),
                d.row,
                d.of.as_str(),
                d.of_row,
                d.conflict.as_deref(),
            )
        })
        .collect();
    let conflict = "label `a` was kept, `b` was dropped; it stays in train, not in test";
    assert_eq!(
        got,
        [
            ("0.png", Some(9), "0.png", Some(2), None),
            ("copy.png", Some(8), "0.png", Some(2), Some(conflict))
        ]
    );
}

#[test]
fn held_out_splits_keep_groups_together_and_depend_on_the_seed_alone() {
    let csv = rows("file,label,video", 100, |i| format!(",v{}", i / 5));
    let data = Data::new().images(100).bytes("labels.csv", csv.as_bytes());
    let dataset = data.open().unwrap();
    assert_eq!(
        (
            count(&dataset, Split::Test),
            count(&dataset, Split::Validation)
        ),
        (20, 10)
    );
    let mut splits: BTreeMap<&str, Split> = BTreeMap::new();
    for candidate in &dataset.candidates {
        let group = candidate.group.as_deref().unwrap();
        assert_eq!(
            *splits.entry(group).or_insert(candidate.split),
            candidate.split
        );
    }
    assert_eq!(
        dataset.held_out,
        [
            "no test split: held out 20 of 100 candidates of train (20 %, by a keyed hash of the group, seed 0)",
            "no validation split: held out 10 of 80 candidates of train (10 %, by a keyed hash of the group, seed 0)",
        ]
    );
    assert_eq!(data.open().unwrap().candidates, dataset.candidates);
    let other = open(
        &SourceOptions {
            seed: 1,
            ..data.options()
        },
        &|_, _| (),
    )
    .unwrap();
    assert_ne!(other.candidates, dataset.candidates);
}

#[test]
fn boxes_of_one_image_are_held_out_together() {
    let csv = rows("file,label,xmin,ymin,xmax,ymax", 40, |_| {
        ",0,0,5,5".to_owned()
    }) + &rows("", 40, |_| ",5,5,9,9".to_owned())[1..];
    let dataset = Data::new()
        .images(40)
        .bytes("labels.csv", csv.as_bytes())
        .open()
        .unwrap();
    assert_eq!(
        (dataset.candidates.len(), count(&dataset, Split::Test)),
        (80, 16)
    );
    let mut splits: BTreeMap<&Path, Split> = BTreeMap::new();
    for candidate in &dataset.candidates {
        assert_eq!(
            *splits.entry(&candidate.path).or_insert(candidate.split),
            candidate.split
        );
    }
}

#[test]
fn keys_survive_renaming_and_classes_sort_by_value() {
    let numbers = |data: Data, prefix: &str| {
        let row = |i: u8| format!("{prefix}{i}.png,{}\n", u32::from(i % 3) * 9 + 1);
        let csv = "path,y\n".to_owned() + &(0..30).map(row).collect::<String>();
        (0..30)
            .fold(data, |data, i| data.image(&format!("{prefix}{i}.png"), i))
            .bytes("labels.csv", csv.as_bytes())
            .open()
            .unwrap()
    };
    let (here, moved) = (numbers(Data::new(), ""), numbers(Data::new(), "sub/moved"));
    assert_eq!(here.classes, ["1", "10", "19"]);
    let facts = |dataset: &Dataset| {
        dataset
            .candidates
            .iter()
            .map(|c| (c.key, c.label, c.split))
            .collect::<Vec<_>>()
    };
    assert_eq!(facts(&here), facts(&moved));
}

/// A case that a reader reports has the key that it would have in a listing, so
/// that no image joins twice.
#[test]
fn a_key_is_that_of_the_file_and_the_box() {
    let hash = |seed| *blake3::hash(&png(seed)).as_bytes();
    let whole = Data::new().images(2).open().unwrap();
    let mut keys: Vec<_> = whole.candidates.iter().map(|one| one.key).collect();
    let mut expected = [0, 1].map(|seed| candidate_key(hash(seed), None));
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(candidate_key(hash(0), None).0, hash(0));

    let listing = "file,xmin,ymin,xmax,ymax\n0.png,1,2,9,8\n0.png,0.5,2,9,8\n0.png,3,2,22,12\n";
    let boxed = Data::new()
        .image("0.png", 0)
        .bytes("labels.csv", listing.as_bytes());
    let boxed = open(
        &SourceOptions {
            labels: Labels::Ignore,
            splits: Splits::AsGiven,
            ..boxed.options()
        },
        &|_, _| (),
    )
    .unwrap();
    assert_eq!(boxed.candidates.len(), 3);
    for (given, kept) in [
        ([1.0, 2.0, 9.0, 8.0], [1, 2, 9, 8]),
        ([0.5, 2.0, 9.0, 8.0], [0, 2, 9, 8]),
        ([3.0, 2.0, 99.0, 99.0], [3, 2, 20, 10]),
    ] {
        let clipped = PixelBox::clip(given, 20, 10).unwrap();
        let [x0, y0, x1, y1] = kept;
        assert_eq!(clipped, PixelBox { x0, y0, x1, y1 });
        let key = candidate_key(hash(0), Some(clipped));
        let found = boxed.candidates.iter().find(|one| one.key == key);
        assert_eq!(found.unwrap().region, Some(clipped));
    }
}

#[test]
fn blank_lines_count_as_rows_and_quotes_may_be_part_of_a_name() {
    for end in ["\n", "\r\n", "\r"] {
        let csv = [
            "file,label",
            "",
            "0.png, a",
            "",
            "",
            "\"1 \"\"left\"\".png\",\"b\"",
            "2\".png,\"\"\"b\"\"\"",
            "",
            "gone.png,a",
        ]
        .join(end);
        let data = Data::new()
            .image("0.png", 0)
            .image("1 \"left\".png", 1)
            .image("2\".png", 2)
            .bytes("labels.csv", csv.as_bytes());
        let as_given = SourceOptions {
            splits: Splits::AsGiven,
            ..data.options()
        };
        let dataset = open(&as_given, &|_, _| ()).unwrap();
        assert_eq!(dataset.classes, ["\"b\"", "a", "b"]);
        let mut rows: Vec<_> = dataset
            .candidates
            .iter()
            .map(|one| (one.row, one.name.as_str()))
            .collect();
        rows.sort_unstable();
        assert_eq!(
            rows,
            [
                (Some(3), "0.png"),
                (Some(6), "1 \"left\".png"),
                (Some(7), "2\".png")
            ],
            "{end:?}"
        );
        assert_eq!(dataset.left_out[0].row, Some(9), "{end:?}");
    }
}

#[test]
fn a_fold_column_that_holds_numbers_is_no_split() {
    let csv = rows("file,label,fold", 20, |i| format!(",{}", i % 5));
    let data = Data::new().images(20).bytes("labels.csv", csv.as_bytes());
    let dataset = data.open().unwrap();
    assert!(dataset.notes[0].contains("column `fold` was not used"));
    let named = SourceOptions {
        split_column: Some("fold".to_owned()),
        ..data.options()
    };
    let error = open(&named, &|_, _| ()).unwrap_err().to_string();
    assert!(error.contains("row 2: split `0` is unknown"), "{error}");
}

#[test]
fn progress_counts_files_to_the_end() {
    let data = Data::new().images(20).bytes(
        "labels.csv",
        rows("file,label", 20, |_| String::new()).as_bytes(),
    );
    let calls = std::cell::RefCell::new(Vec::new());
    open(&data.options(), &|done, total| {
        calls.borrow_mut().push((done, total))
    })
    .unwrap();
    assert_eq!(calls.borrow().first(), Some(&(0, 20)));
    assert_eq!(calls.borrow().last(), Some(&(20, 20)));
}

/// What stops a source: a manifest, and what the error must say.
#[test]
fn contradictory_listings_are_refused() {
    let rows: [(&[u8], &str); 19] = [
        (
            b"file,label,split,xmin,ymin,xmax,ymax\n0.png,a,train,0,0,5,5\n1.png,b,train,,,,\n0.png,a,test,5,5,9,9\n",
            "the image is both in train (row 2 (0.png#0,0,5,5)) and in test (row 4 (0.png#5,5,9,9))",
        ),
        (
            b"file,label\n0.png,a\n1.png,\"b\n2.png,a\n",
            "row 3, column label: a quote is not closed",
        ),
        // Trimming would hide the line break.
        (
            b"file,label\n0.png,a\n1.png,\"\n2.png\n",
            "row 3, column label: a quote is not closed",
        ),
        (
            b"file,label,\"note\n0.png,a,\n1.png,b,\n",
            "row 1, column 3: a quote is not closed",
        ),
        (
            b"file,label\n0.png, \"a\"\n",
            "row 2, column label: a quote after a space",
        ),
        (
            b"name,label\n0.png,a\n",
            "no column of image paths (file, path, image",
        ),
        (
            b"file,label,file\n0.png,a,0.png\n",
            "column file: is there twice",
        ),
        (
            b"file,label\n0.png,a\n1.png\n",
            "row 3: 1 cells where the header has 2",
        ),
        (
            b"file,label\n0.png,a\n1.png,\xff\n",
            "row 3, column label: is not UTF-8",
        ),
        (b"file,label\n0.png,a\n1.png,a\n", "only one class, `a`"),
        (
            b"file,label\n0.png,a\n1.png,b\n0.png,b\n",
            "rows 2 and 4 both list 0.png, but their labels differ: `a` and `b`",
        ),
        (
            b"file,label\n0.png,a\n../../1.png,b\n",
            "row 3: path `../../1.png` leads out of the data folder",
        ),
        (
            b"file,label,split\n0.png,a,train\n1.png,b,holdout\n",
            "row 3: split `holdout` is unknown",
        ),
        (
            b"file,label,split,patient\n0.png,a,train,p\n1.png,b,test,p\n2.png,b,train,q\n",
            "group `p` is both in train (row 2 (0.png)) and in test (row 3 (1.png))",
        ),
        (
            b"file,label,split\n0.png,a,train\n1.png,b,test\n",
            "class `b` has no candidate in train (of its candidates 0 are in validation and 1 in test",
        ),
        (b"file,label\n", "no candidate can be used, of 0 listed"),
        (
            b"file,label\nx.png,a\ny.png,b\n",
            "no candidate can be used, of 2 listed; the first, x.png: no such file in",
        ),
        (
            b"file,label\n0.png,a\n0.png,\n1.png,b\n",
            "rows 2 and 3 both list 0.png, but their labels differ: `a` and ``",
        ),
        (b"", "is empty; it needs a header"),
    ];
    for (csv, want) in rows {
        let data = Data::new().images(3).bytes("labels.csv", csv);
        let error = data.open().unwrap_err().to_string();
        assert!(error.contains(want), "{error}\nlacks {want}");
    }
}

#[test]
fn what_was_named_and_is_not_there_is_refused() {
    let data = Data::new()
        .images(3)
        .bytes("labels.csv", b"file,label\n0.png,a\n1.png,b\n")
        .bytes("list.txt", b"x")
        .bytes("bad.jsonl", b"{\"file\":\"0.png\"}\n[1]\n")
        .bytes("bad.parquet", b"PAR1");
    let root = data.0.path();
    let some = |text: &str| Some(text.to_owned());
    let classes = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let base = data.options();
    let rows: [(SourceOptions, &str); 10] = [
        (
            SourceOptions {
                data: root.join("absent"),
                ..base.clone()
            },
            "no such file or folder",
        ),
        (
            SourceOptions {
                manifest: Some(root.join("absent.csv")),
                ..base.clone()
            },
            "absent.csv: no such file or folder",
        ),
        (
            SourceOptions {
                manifest: Some(root.join("list.txt")),
                ..base.clone()
            },
            "not a manifest by its name",
        ),
        (
            SourceOptions {
                manifest: Some(root.join("bad.jsonl")),
                ..base.clone()
            },
            "row 2: not a JSON object",
        ),
        (
            SourceOptions {
                manifest: Some(root.join("bad.parquet")),
                ..base.clone()
            },
            "bad.parquet: ",
        ),
        (
            SourceOptions {
                label_column: some("lable"),
                ..base.clone()
            },
            "no column `lable`, did you mean `label`?; it has file, label",
        ),
        (
            SourceOptions {
                box_columns: Some(["a", "b", "c", "d"].map(str::to_owned)),
                ..base.clone()
            },
            "no column `a`; it has file, label",
        ),
        (
            SourceOptions {
                classes: classes(&["a", "c"]),
                ..base.clone()
            },
            "row 3 (1.png): label `b` is none of the classes a, c",
        ),
        (
            SourceOptions {
                classes: classes(&["a", "b", "a"]),
                ..base.clone()
            },
            "class `a` is given twice",
        ),
        (
            SourceOptions {
                classes: classes(&["a", "b", "c"]),
                ..base
            },
            "class `c` has no candidate in train",
        ),
    ];
    for (options, want) in rows {
        let error = open(&options, &|_, _| ()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}\nlacks {want}");
    }
}

fn open_as_given(data: &Data) -> Result<Dataset, SourceError> {
    let as_given = SourceOptions {
        splits: Splits::AsGiven,
        ..data.options()
    };
    open(&as_given, &|_, _| ())
}

fn manifest(name: &str, text: &str) -> Result<Dataset, String> {
    let data = Data::new().images(8).bytes(name, text.as_bytes());
    let options = SourceOptions {
        manifest: Some(data.0.path().join(name)),
        splits: Splits::AsGiven,
        ..data.options()
    };
    open(&options, &|_, _| ()).map_err(|error| error.to_string())
}

fn labels(dataset: &Dataset) -> usize {
    let candidates = dataset.candidates.iter();
    candidates
        .filter(|candidate| candidate.label.is_some())
        .count()
}

#[test]
fn a_label_is_settled_by_one_rule_in_every_format() {
    let csv = "file;label\n0.png; a \n1.png;b\n2.png;nan\n3.png;NaN\n4.png;\n5.png;N/A\n";
    let dataset = manifest("m.csv", csv).unwrap();
    assert_eq!(
        (&dataset.classes[..], labels(&dataset)),
        (&["a", "b"].map(str::to_owned)[..], 2)
    );
    let note =
        "rows whose label is a word for no value have none: `N/A` in 1, `NaN` in 1, `nan` in 1";
    assert!(dataset.notes[0].starts_with(note), "{:?}", dataset.notes);

    let lines = |labels: &[&str]| {
        let rows = labels.iter().enumerate();
        rows.map(|(at, label)| format!("{{\"file\":\"{at}.png\",\"label\":{label}}}\n"))
            .collect::<String>()
    };
    let numbers = manifest(
        "m.jsonl",
        &lines(&["0", "1", "0.0", "1.0", "\"1\"", "null"]),
    )
    .unwrap();
    assert_eq!(
        (&numbers.classes[..], labels(&numbers)),
        (&["0", "1"].map(str::to_owned)[..], 5)
    );
    for (label, want) in [
        ("[\"a\"]", "row 3, column label: holds a list"),
        ("{\"a\":1}", "row 3, column label: holds an object"),
        ("true", "row 3, column label: \"true\" is true or false"),
    ] {
        let error = manifest("m.jsonl", &lines(&["\"a\"", "\"b\"", label])).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    let error = manifest("m.csv", "file,label\n0.png,Benign\n1.png,benign\n2.png,x\n").unwrap_err();
    assert!(
        error.contains("classes `Benign` (row 2 (0.png)) and `benign` (row 3 (1.png))"),
        "{error}"
    );
    let twice = "file,label\n0.png,caf\u{e9}\n1.png,cafe\u{301}\n2.png,x\n";
    assert_eq!(
        manifest("m.csv", twice).unwrap().classes,
        ["caf\u{e9}", "x"]
    );
}

#[test]
fn classes_that_are_named_are_trimmed_and_may_differ_in_case() {
    let data = Data::new().images(4).bytes(
        "labels.csv",
        b"file,label\n0.png,Benign\n1.png,benign\n2.png,none\n",
    );
    let named = |names: &[&str]| {
        let options = SourceOptions {
            classes: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            splits: Splits::AsGiven,
            ..data.options()
        };
        open(&options, &|_, _| ()).map_err(|error| error.to_string())
    };
    let dataset = named(&["Benign", " benign", "none "]).unwrap();
    assert_eq!(dataset.classes, ["Benign", "benign", "none"]);
    assert_eq!(labels(&dataset), 3);
    assert_eq!(labels(&named(&["Benign", "benign"]).unwrap()), 2);
    assert!(
        named(&["a", " a"])
            .unwrap_err()
            .contains("class `a` is given twice")
    );
    assert!(
        named(&["a", " "])
            .unwrap_err()
            .contains("a class has no name")
    );
}

#[test]
fn class_folders_that_differ_in_case_alone_are_refused() {
    let data = Data::new()
        .image("train/Benign/0.png", 0)
        .image("train/malignant/1.png", 1)
        .image("test/benign/2.png", 2)
        .image("test/malignant/3.png", 3);
    let error = open_as_given(&data).unwrap_err().to_string();
    assert!(error.contains("`Benign` (train/Benign/0.png)"), "{error}");
}

#[test]
fn boxes_are_understood_by_their_columns_or_left_out_by_row() {
    // The images have 20 x 10 pixels.
    let regions = |header: &str, boxes: &[&str]| {
        let rows = boxes.iter().enumerate();
        let rows = rows
            .map(|(at, sides)| format!("{at}.png,{sides}\n"))
            .collect::<String>();
        let dataset = manifest("m.csv", &format!("file,{header}\n{rows}"))?;
        let mut named: Vec<_> = dataset
            .candidates
            .iter()
            .map(|one| (one.row, one.region))
            .collect();
        named.sort_by_key(|(row, _)| *row);
        let shown = |(_, region): &(_, Option<PixelBox>)| region.map(|region| region.to_string());
        let regions: Vec<String> = named.iter().filter_map(shown).collect();
        let out = dataset
            .left_out
            .iter()
            .map(|out| format!("{:?}: {}", out.row, out.reason));
        Ok::<_, String>((regions, out.collect::<Vec<_>>(), dataset.notes))
    };
    let shares = regions("xmin,ymin,xmax,ymax", &["0.1,0.2,0.4,0.6", "0,0,1,1"]).unwrap();
    assert_eq!(shares.0, ["2,2,8,6", "0,0,20,10"]);
    assert!(
        shares.2[0].ends_with("are two corners, in shares of the image"),
        "{:?}",
        shares.2
    );
    assert_eq!(
        regions("x,y,width,height", &["2,3,4,5"]).unwrap().0,
        ["2,3,6,8"]
    );
    assert_eq!(
        regions("cx,cy,w,h", &["0.5,0.5,0.5,1"]).unwrap().0,
        ["5,0,15,10"]
    );
    assert_eq!(
        regions("x_pct,y_pct,w_pct,h_pct", &["10,20,50,50"])
            .unwrap()
            .0,
        ["2,2,12,7"]
    );
    assert_eq!(
        regions("xmin,ymin,xmax,ymax", &["10%,20%,60%,70%"])
            .unwrap()
            .0,
        ["2,2,12,7"]
    );
    assert!(
        regions("x,y,w,h", &["0.5,0.5,0.2,0.2"])
            .unwrap_err()
            .contains("cx and cy")
    );
    let (kept, out, _) = regions(
        "xmin,ymin,xmax,ymax",
        &[
            "1,1,9,9",
            "9,9,1,1",
            "0.1,0.2,0.4,0.6",
            "10,20,40,60",
            "2,2,40,9",
        ],
    )
    .unwrap();
    assert_eq!(kept, ["1,1,9,9"]);
    for (at, want) in [
        "Some(3): box 9,9,1,1 is degenerate",
        "Some(4): box 0.1,0.2,0.4,0.6 has shares",
        "Some(5): box 10,20,40,60 lies outside",
        "Some(6): box 2,2,40,9 reaches 20 pixels beyond",
    ]
    .iter()
    .enumerate()
    {
        assert!(out[at].starts_with(want), "{out:?}");
    }
}

#[test]
fn boxes_in_percent_that_nothing_tells_are_refused_in_large_images() {
    let large = |seed: u8| {
        let image = RgbImage::from_fn(300, 250, |x, y| Rgb([seed, x as u8, y as u8]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let open = |header: &str| {
        let mut data = Data::new();
        let mut csv = format!("file,{header}\n");
        for at in 0..4 {
            data = data.bytes(&format!("images/{at}.png"), &large(at));
            csv += &format!("{at}.png,{at}0,10,90,80\n");
        }
        open_as_given(&data.bytes("labels.csv", csv.as_bytes())).map_err(|error| error.to_string())
    };
    let error = open("xmin,ymin,xmax,ymax").unwrap_err();
    assert!(
        error.contains("all 4 boxes lie within the first 100 pixels"),
        "{error}"
    );
    let region = |header| {
        by_name(&open(header).unwrap())["1.png#10,10,90,80"]
            .region
            .unwrap()
    };
    assert_eq!(
        region("xmin_px,ymin_px,xmax_px,ymax_px").to_string(),
        "10,10,90,80"
    );
    assert_eq!(
        region("xmin_pct,ymin_pct,xmax_pct,ymax_pct").to_string(),
        "30,25,270,200"
    );
}

#[test]
fn what_acft_wrote_is_no_data() {
    let data = Data::new()
        .image("a/0.png", 0)
        .image("b/1.png", 1)
        .image("runs/x-0/curve.png", 2)
        .bytes("runs/x-0/config.toml", b"")
        .bytes("runs/x-0/steps.jsonl", b"")
        .image("b/run/curve.png", 3)
        .bytes("b/run/config.toml", b"")
        .bytes("b/run/data.json", b"{}")
        .bytes("acft.toml", b"")
        .image("cache/0.png", 4)
        .image("other/models/x.png", 5)
        .bytes("other/acft.db", b"")
        .image("report/figures/x.png", 6)
        .bytes("report/report.html", b"Written by acft 0.1.0.");
    let dataset = open_as_given(&data);
    // Images of a class beside a run may be figures.
    let error = dataset.unwrap_err().to_string();
    assert!(
        error.contains("has runs of acft, and 1 images beside them"),
        "{error}"
    );
    fs::remove_dir_all(data.0.path().join("b/run")).unwrap();
    let dataset = open_as_given(&data).unwrap();
    assert_eq!(dataset.classes, ["a", "b"]);
    assert_eq!(dataset.candidates.len(), 2);
    let out: Vec<_> = dataset
        .left_out
        .iter()
        .map(|out| out.name.as_str())
        .collect();
    assert_eq!(out, ["cache", "other", "report", "acft.toml", "runs"]);
    let run = SourceOptions {
        data: data.0.path().join("runs/x-0"),
        ..data.options()
    };
    let error = open(&run, &|_, _| ()).unwrap_err().to_string();
    assert!(
        error.contains("is a run of acft, which is no data"),
        "{error}"
    );
}

#[test]
fn what_lies_beside_what_is_read_is_named_or_refused() {
    let data = Data::new()
        .image("benign/0.png", 0)
        .image("malignant/1.png", 1)
        .image("images/figure.png", 2);
    let error = open_as_given(&data).unwrap_err().to_string();
    assert!(
        error.contains("`benign`, `malignant` beside the folder images"),
        "{error}"
    );

    let data = Data::new()
        .image("images/a/0.png", 0)
        .image("images/b/1.png", 1)
        .image("images/2.png", 2)
        .bytes("images/c/notes.txt", b"x")
        .image("masks/0.png", 3)
        .image("figure.png", 4);
    let dataset = open_as_given(&data).unwrap();
    assert_eq!(dataset.candidates.len(), 3);
    let out: Vec<_> = dataset
        .left_out
        .iter()
        .map(|out| format!("{}: {}", out.name, out.reason))
        .collect();
    let beside = "1 images beside the folder images, which alone is read";
    assert_eq!(
        out,
        [
            "c: a folder without images".to_owned(),
            format!("masks: {beside}"),
            format!(".: {beside}")
        ]
    );
    assert_eq!(
        dataset.notes,
        ["1 images lie beside the folders, and have no label"]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_data_alone_and_never_in_circles() {
    use std::os::unix::fs::symlink;
    let elsewhere = Data::new().image("x.png", 9);
    let data = Data::new()
        .image("benign/0.png", 0)
        .image("malignant/1.png", 1)
        .image(".store/2.png", 2);
    let at = |name: &str| data.0.path().join(name);
    symlink("..", at("benign/up")).unwrap();
    symlink("../malignant", at("benign/other")).unwrap();
    symlink("../.store", at("benign/store")).unwrap();
    symlink(elsewhere.0.path(), at("benign/away")).unwrap();
    symlink(elsewhere.0.path().join("x.png"), at("benign/away.png")).unwrap();
    let dataset = open_as_given(&data).unwrap();
    let names: Vec<_> = by_name(&dataset).into_keys().collect();
    assert_eq!(
        names,
        ["benign/0.png", "benign/store/2.png", "malignant/1.png"]
    );
    assert_eq!(class_of(&dataset, "malignant/1.png"), "malignant");
    let mut out: Vec<_> = dataset
        .left_out
        .iter()
        .map(|out| out.name.as_str())
        .collect();
    out.sort_unstable();
    assert_eq!(
        out,
        [
            "benign/away",
            "benign/away.png",
            "benign/other",
            "benign/up"
        ]
    );
}
