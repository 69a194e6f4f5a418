//! `acft experiment` as a process: a grid, interrupted, extended and in part failing.

use std::fs;
use std::process::Output;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::images::{Images, acft, succeeds};

const SETTINGS: &str = "\
name = \"small\"
seeds = 1
[settings]
from-scratch = true
model = \"demo\"
input = 16
patches = \"crop:8\"
alpha = 0.5
batch = 4
steps = 2
epochs = 1
minibatch = 16
positive = \"bright\"
[[data]]
name = \"blobs\"
data = \"blobs\"
[[data]]
name = \"gone\"
data = \"nowhere\"
[[arm]]
name = \"RFT\"
strategy = \"rft\"
[[arm]]
name = \"core-set\"
query = \"core-set\"
learn = \"hq\"
on = [\"blobs\"]
";

fn experiment(images: &Images, text: &str, arguments: &[&str]) -> Output {
    fs::write(images.home().join("small.toml"), text).unwrap();
    acft()
        .current_dir(images.home())
        .arg("experiment")
        .args(arguments)
        .arg("small.toml")
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The table of results without the clock.
fn rows(images: &Images) -> Vec<serde_json::Value> {
    let text = images.read("runs/small/results.jsonl");
    let row = |line: &str| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = row.as_object_mut().unwrap();
        fields.remove("seconds");
        fields.remove("patches_per_second");
        row
    };
    text.lines().map(row).collect()
}

/// The same table, as other programs read it.
fn parquet(images: &Images) -> RecordBatch {
    let file = fs::File::open(images.home().join("runs/small/results.parquet")).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    batches.next().unwrap().unwrap()
}

#[test]
fn a_grid_is_made_once_goes_on_and_grows() {
    let images = Images::new();
    let output = experiment(&images, SETTINGS, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let error = said(&output.stderr);
    assert!(error.contains("not there: nowhere. Paths"), "{error}");

    // One of the data has nothing in it: its run fails, and is told.
    fs::create_dir(images.home().join("nowhere")).unwrap();
    let output = experiment(&images, SETTINGS, &["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stderr));
    let text = said(&output.stdout);
    for part in [
        "blobs RFT              1      0       0      0",
        "gone RFT               0      0       1      0",
        "failed: gone RFT, seed 0:",
        "nowhere",
        "--retry",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let first = rows(&images);
    // And the one that failed before its first step.
    assert_eq!(first.len(), 2 * 2 + 1);
    assert_eq!(first[4]["arm"], "RFT");
    assert!(first[4]["step"].is_null() && first[4].get("step").is_some());
    assert!(first[4]["failed"].as_str().unwrap().contains("nowhere"));
    assert_eq!(first[2]["arm"], "core-set");
    assert_eq!(first[2]["learn"], "hq");
    assert_eq!(first[2]["strategy"], "core-set-hq");
    assert_eq!(first[3]["labels"], 8);
    assert_eq!(first[3]["stage"], "finished");
    let table = parquet(&images);
    assert_eq!(table.num_rows(), first.len());
    let texts = |name: &str| {
        let column = table.column_by_name(name).unwrap();
        column.as_string::<i32>().iter().collect::<Vec<_>>()
    };
    let numbers = |name: &str| {
        let column = table.column_by_name(name).unwrap();
        let column = column.as_primitive::<UInt64Type>();
        column.iter().collect::<Vec<_>>()
    };
    assert_eq!(texts("data")[3..], [Some("blobs"), Some("gone")]);
    assert_eq!(texts("query")[1..3], [Some("random"), Some("core-set")]);
    assert_eq!(texts("criterion"), [None; 5]);
    assert_eq!(texts("stage")[3..], [Some("finished"), Some("failed")]);
    let failed = texts("failed");
    assert!(failed[..4].iter().all(Option::is_none));
    assert_eq!(failed[4], first[4]["failed"].as_str());
    assert!(texts("machine")[0].unwrap().contains("threads"));
    assert_eq!(numbers("step"), [Some(1), Some(2), Some(1), Some(2), None]);
    assert_eq!(
        numbers("labels"),
        [Some(4), Some(8), Some(4), Some(8), None]
    );
    let aucs = table.column_by_name("test_auc").unwrap();
    let aucs: Vec<_> = aucs.as_primitive::<Float64Type>().iter().collect();
    let told: Vec<_> = first.iter().map(|row| row["test_auc"].as_f64()).collect();
    assert_eq!(aucs, told);

    // As a kill within the first step leaves a run; and one more seed.
    let run = images.home().join("runs/small/runs/blobs/RFT/seed-0");
    fs::write(run.join("steps.jsonl"), "{\"step\": 1, \"lab").unwrap();
    fs::remove_file(run.join("finished.json")).unwrap();
    let note = run.with_extension("json");
    fs::write(&note, "{\"version\": \"0.1.0\", \"commit\": \"abc\"}").unwrap();
    let half_written = [
        "runs/small/.acft-results.parquet-1.tmp",
        "runs/small/runs/blobs/RFT/.acft-seed-0.json-1.tmp",
    ]
    .map(|path| images.home().join(path));
    for path in &half_written {
        fs::write(path, "half").unwrap();
    }
    let two = SETTINGS.replace("seeds = 1", "seeds = 2");
    let output = experiment(&images, &two, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["arms"][0]["begun"], 1);
    assert_eq!(status["arms"][0]["to_do"], 1);
    let output = experiment(&images, &two, &["run"]);
    assert!(
        said(&output.stderr).contains("6 runs, 4 of them to make"),
        "{}",
        said(&output.stderr)
    );
    assert!(half_written.iter().all(|path| !path.exists()));
    let now = rows(&images);
    assert_eq!(now.len(), 2 * (4 + 1));
    let of_seed_0 = now.iter().filter(|row| row["seed"] == 0).cloned();
    // What it was begun by is not forgotten when another build goes on with it.
    let mut known = first.clone();
    for row in &mut known[..2] {
        let commit = row["commit"].as_str().unwrap_or("unknown");
        row["commit"] = format!("abc; {commit}").into();
        row["machine"] = format!("unknown; {}", row["machine"].as_str().unwrap()).into();
    }
    assert_eq!(of_seed_0.collect::<Vec<_>>(), known);

    // What was made with other settings, or by another version, is not mixed in.
    let changed = two.replace("epochs = 1", "epochs = 2");
    for command in ["run", "status"] {
        let output = experiment(&images, &changed, &[command]);
        assert_eq!(output.status.code(), Some(2));
        let error = said(&output.stderr);
        assert!(error.contains("--epochs 2 (the run has 1)"), "{error}");
    }
    // Nor what was made with a setting that is asked for no more.
    let removed = two.replace("positive = \"bright\"\n", "");
    let output = experiment(&images, &removed, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let error = said(&output.stderr);
    assert!(
        error.contains("--positive not set (the run has \"bright\")"),
        "{error}"
    );
    // The memory that a run may take changes no result.
    let less = two.replace("[settings]", "[settings]\ncache = 0");
    let output = experiment(&images, &less, &["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stderr));
    assert_eq!(rows(&images), now);
    // Without its note it is not known what made it, which is said.
    fs::remove_file(&note).unwrap();
    let output = experiment(&images, &two, &["run"]);
    let told = said(&output.stderr);
    assert!(
        told.contains("of blobs RFT, seed 0 it is not known which version made it"),
        "{told}"
    );
    fs::write(&note, "{\"version\": \"0.0.1\"}").unwrap();
    let output = experiment(&images, &two, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output.stderr).contains("made by acft 0.0.1"));
    // What cannot be read is named, with what to do about it.
    fs::remove_file(&note).unwrap();
    let steps = run.join("steps.jsonl");
    let damaged = "{\"step\": one}\n".to_owned() + &fs::read_to_string(&steps).unwrap();
    fs::write(&steps, damaged).unwrap();
    let output = experiment(&images, &two, &["status"]);
    assert_eq!(output.status.code(), Some(1));
    let error = said(&output.stderr);
    assert!(
        error.contains("RFT/seed-0): steps.jsonl is not as it was then"),
        "{error}"
    );
    assert!(error.contains("makes it again"), "{error}");
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let images = Images::new();
    for (from, to, expected) in [
        (
            "steps = 2",
            "stepps = 2",
            "small.toml: line 10: there is no setting \"stepps\"; did you mean \"steps\"?",
        ),
        (
            "\"rft\"",
            "\"rtf\"",
            "arm \"RFT\" on \"blobs\": --strategy \"rtf\": did you mean \"rft\"? Known are rft",
        ),
        (
            "learn = \"hq\"",
            "learn = \"hp\"",
            "arm \"core-set\" on \"blobs\"",
        ),
    ] {
        let output = experiment(&images, &SETTINGS.replace(from, to), &["run"]);
        assert_eq!(output.status.code(), Some(2));
        let error = said(&output.stderr);
        assert!(error.contains(expected), "{error}");
        assert!(!images.home().join("runs/small").exists());
    }
}

#[test]
fn the_report_has_every_figure_and_table_and_confirms_what_was_declared() {
    let images = Images::new();
    let text = SETTINGS
        .replace("seeds = 1", "seeds = 2")
        .replace("[[data]]\nname = \"gone\"\ndata = \"nowhere\"\n", "")
        .replace(
            "data = \"blobs\"\n",
            "data = \"blobs\"\ncontrast = [\"ACFT(HQ)\", \"RFT\"]\nseconds-per-label = 6.0\n",
        )
        + "[[arm]]\nname = \"ACFT(HQ)\"\nstrategy = \"acft-hq\"\n\
           [[line]]\nname = \"full-training\"\nseeds = 1\n";
    let early = experiment(&images, &text, &["report"]);
    assert_eq!(early.status.code(), Some(2));
    assert!(
        said(&early.stderr)
            .contains("no run in runs/small is finished: make some with acft experiment run")
    );

    // A file alone is one to run.
    let output = experiment(&images, &text, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let line = images.read("runs/small/runs/blobs/full-training/seed-0/steps.jsonl");
    assert!(
        line.contains("\"labels\":40"),
        "all of the pool at once: {line}"
    );

    let output = experiment(&images, &text, &["report", "--step", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let report = images.home().join("runs/small/report");
    for name in [
        "curves",
        "classes",
        "patterns",
        "distributions",
        "gallery",
        "reuse",
    ] {
        for ending in ["svg", "png"] {
            let figure = report.join(format!("figures/blobs-{name}.{ending}"));
            assert!(figure.is_file(), "{}", figure.display());
        }
    }
    let page = images.read("runs/small/report/report.html");
    for part in [
        "blobs: ACFT(HQ) against RFT, declared before the first run. By the ALC of the test AUC ACFT(HQ) ",
        "2 paired seeds. Label saving: ",
        "Fewer than 5 seeds: an anecdote.",
        "Everything else on this page is exploratory.",
        "RFT, core-set, ACFT(HQ) compared on blobs: a pool of 40 candidates, judged on 10 test candidates",
        "2 seeds (0, 1).",
        "acft experiment run small.toml",
        "expert minutes saved",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(part), "{part:?} is not in the page");
    }
    // A folder of other things is none for a report.
    let into = |to: &str| experiment(&images, &text, &["report", "--to", to]);
    let taken = into("blobs");
    assert_eq!(taken.status.code(), Some(2));
    assert!(said(&taken.stderr).contains("blobs is no folder of a report, and not empty"));
    assert!(into("elsewhere-told").status.success());
    assert!(into("elsewhere-told").status.success());
    // Nothing is fetched from elsewhere.
    for outside in ["src=\"http", "href=\"http", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Runs of more than one build are told as such, and so are those that nothing is known of.
    let (one, other) = ("RFT/seed-0.json", "RFT/seed-1.json");
    let notes = images.home().join("runs/small/runs/blobs");
    let kept = [one, other].map(|name| fs::read(notes.join(name)).unwrap());
    fs::write(
        notes.join(one),
        "{\"version\": \"0.1.0\", \"commit\": \"abc\"}",
    )
    .unwrap();
    fs::remove_file(notes.join(other)).unwrap();
    assert!(experiment(&images, &text, &["report"]).status.success());
    let page = images.read("runs/small/report/report.html");
    for part in [
        "These runs are of several builds: commit",
        "abc",
        "of a build that is not known",
        "Of 1 of these runs not even the version is known",
    ] {
        assert!(page.contains(part), "{part:?} is not in the page");
    }
    for (name, note) in [one, other].into_iter().zip(kept) {
        fs::write(notes.join(name), note).unwrap();
    }
    // More seeds than there are runs: no verdict while it could still be waited for.
    let more = text.replace("seeds = 2", "seeds = 3");
    let note = images.home().join("runs/small/runs/blobs/RFT/seed-2.json");
    fs::write(&note, "{\"version\": \"0.1.0\", \"failed\": \"no memory\"}").unwrap();
    assert!(experiment(&images, &more, &["report"]).status.success());
    let page = images.read("runs/small/report/report.html");
    assert!(page.contains("Interim, 2 of 3 paired seeds, and so without a verdict"));
    // And the seeds are a part of what was declared, which keeps its verdict.
    assert!(page.contains(
        "ACFT(HQ) against RFT, declared before the first run, with the seeds 0, 1. By the ALC of the test AUC ACFT(HQ) "
    ));
    assert!(page.contains(
        "ACFT(HQ) against RFT, exploratory: 2 seeds were declared before the first run, 3 are here. Interim"
    ));
    // A run that failed is told, with its reason, and not passed over.
    assert!(page.contains("blobs RFT, seed 2<td class=n>0<td>no memory"));
    let failures = images.read("runs/small/report/tables/blobs-failures.csv");
    assert_eq!(
        failures,
        "run,steps,reason\n\"blobs RFT, seed 2\",0,no memory\n"
    );
    fs::remove_file(&note).unwrap();
    // A contrast that was chosen once results were known is no prediction, and runs of other settings are no part.
    let other = text.replace("contrast = [\"ACFT(HQ)\"", "contrast = [\"core-set\"");
    assert!(experiment(&images, &other, &["report"]).status.success());
    let page = images.read("runs/small/report/report.html");
    // What only an earlier report had is not left beside this one.
    assert!(!report.join("tables/blobs-failures.csv").exists());
    let declared = "ACFT(HQ) against RFT, declared before the first run. The file names it no more. By the ALC";
    assert!(page.contains(
        "core-set against RFT, exploratory: what was declared before the first run is ACFT(HQ) against RFT. By the ALC"
    ));
    assert!(page.contains(declared));
    // Nor does one go away that is taken out of the file.
    let without = text.replace("contrast = [\"ACFT(HQ)\", \"RFT\"]\n", "");
    assert!(experiment(&images, &without, &["report"]).status.success());
    assert!(
        images
            .read("runs/small/report/report.html")
            .contains(declared)
    );
    let changed = text.replace("epochs = 1", "epochs = 2");
    let refused = experiment(&images, &changed, &["report"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused.stderr).contains("--epochs 2 (the run has 1)"));
    // Runs may come from another machine, whose data lay elsewhere, but not from other data.
    fs::create_dir(images.home().join("elsewhere")).unwrap();
    fs::rename(
        images.home().join("blobs"),
        images.home().join("elsewhere/blobs"),
    )
    .unwrap();
    let moved = ["report", "--root", "elsewhere"];
    let output = experiment(&images, &text, &moved);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    // Pictures are read from where they are now.
    assert!(!said(&output.stderr).contains("has no pictures"));
    let record = images
        .home()
        .join("runs/small/runs/blobs/RFT/seed-1/data.json");
    let kept = fs::read_to_string(&record).unwrap();
    let mut of_others: serde_json::Value = serde_json::from_str(&kept).unwrap();
    of_others["digest"] = "0".repeat(64).into();
    fs::write(&record, of_others.to_string()).unwrap();
    let refused = experiment(&images, &text, &moved);
    assert_eq!(refused.status.code(), Some(2));
    let error = said(&refused.stderr);
    assert!(
        error.contains("RFT/seed-1 and ") && error.contains("made from other data"),
        "{error}"
    );
    fs::write(&record, kept).unwrap();
    let alc = images.read("runs/small/report/tables/table-4.csv");
    let row = alc
        .lines()
        .find(|line| line.starts_with("blobs,RFT,2,"))
        .unwrap();
    // The mean over seeds of the mean of both steps, as trapezoids have it.
    let of_seed = |seed: u32| {
        let run = format!("runs/small/runs/blobs/RFT/seed-{seed}");
        let steps = images.steps(&run);
        let auc = |at: usize| steps[at]["test_auc"].as_f64().unwrap();
        f64::midpoint(auc(0), auc(1))
    };
    let mean: f64 = row.split(',').nth(3).unwrap().parse().unwrap();
    assert!(
        (mean - f64::midpoint(of_seed(0), of_seed(1))).abs() < 1e-6,
        "{row}"
    );
}

#[test]
fn runs_of_one_table_are_made_from_the_same_weights_and_data() {
    let images = Images::new();
    for (run, seed) in [("source", "1"), ("another", "2")] {
        succeeds(&mut images.simulate(run, &["--steps", "1", "--seed", seed]));
    }
    let weights = images.home().join("w.safetensors");
    let take = |run: &str| {
        let model = images.home().join(run).join("models/last.safetensors");
        fs::copy(model, &weights).unwrap();
    };
    let text = SETTINGS
        .replace("[[data]]\nname = \"gone\"\ndata = \"nowhere\"\n", "")
        .replace("from-scratch = true", "weights = \"w.safetensors\"")
        .replace("query = \"core-set\"", "query = \"core-set\"\ninput = 24");
    take("source");
    let output = experiment(&images, &text, &["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    // A file of the same name is not the same file.
    take("another");
    let two = text.replace("seeds = 1", "seeds = 2");
    let output = experiment(&images, &two, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let error = said(&output.stderr);
    assert!(
        error.contains("w.safetensors is not the file that"),
        "{error}"
    );
    take("source");
    let output = experiment(&images, &two, &["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    // As runs of another machine may be.
    let path = images
        .home()
        .join("runs/small/runs/blobs/RFT/seed-1/data.json");
    let kept = fs::read_to_string(&path).unwrap();
    for (field, what) in [("weights", "weights"), ("candidates", "data")] {
        let mut record: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(record[field].as_str().unwrap().len(), 64);
        record[field] = "0".repeat(64).into();
        fs::write(&path, record.to_string()).unwrap();
        for command in ["run", "status", "report"] {
            let output = experiment(&images, &two, &[command]);
            assert_eq!(output.status.code(), Some(2));
            let error = said(&output.stderr);
            let expected = format!("RFT/seed-1 were made from other {what}");
            assert!(error.contains(&expected), "{error}");
        }
    }
    fs::write(&path, kept).unwrap();
    // A setting that differs is told as such, though M_0 differs with it.
    let alike = two.replace("\ninput = 24", "");
    for command in ["run", "status", "report"] {
        let output = experiment(&images, &alike, &[command]);
        assert_eq!(output.status.code(), Some(2));
        let error = said(&output.stderr);
        assert!(error.contains("--input 16 (the run has 24)"), "{error}");
    }
    // What an arm now begins with is told, and not asked for.
    let from_scratch = two.replace("\"rft\"", "\"rft\"\nfrom-scratch = true");
    let output = experiment(&images, &from_scratch, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let error = said(&output.stderr);
    assert!(
        error.contains(
            "RFT/seed-0 was made with other settings: --from-scratch true (the run has false)"
        ),
        "{error}"
    );
    let output = experiment(&images, &two, &["report"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let digest = blake3::hash(&fs::read(&weights).unwrap()).to_string();
    let told = format!("pre-trained (w.safetensors, BLAKE3 {})", &digest[..16]);
    assert!(images.read("runs/small/report/report.html").contains(&told));
}

#[test]
fn a_run_of_other_data_than_those_beside_it_is_not_made() {
    let images = Images::new();
    let text = SETTINGS.replace("[[data]]\nname = \"gone\"\ndata = \"nowhere\"\n", "");
    let output = experiment(&images, &text, &["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let two = text.replace("seeds = 1", "seeds = 2");
    let (there, away) = (
        images.image("train-001.png"),
        images.home().join("away.png"),
    );
    fs::rename(&there, &away).unwrap();
    let output = experiment(&images, &two, &["run"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "failed: blobs RFT, seed 1: the data have changed since runs/small/runs/blobs/RFT/seed-0 was begun";
    let told = said(&output.stdout);
    assert!(told.contains(expected), "{told}");
    let runs = images.home().join("runs/small/runs/blobs");
    assert!(!runs.join("RFT/seed-1").exists());
    fs::rename(&away, &there).unwrap();
    let output = experiment(&images, &two, &["run", "--retry"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    assert!(runs.join("RFT/seed-1/finished.json").is_file());
}

#[test]
fn a_finished_run_that_lost_or_changed_rows_is_named() {
    let images = Images::new();
    let text = SETTINGS.replace("[[data]]\nname = \"gone\"\ndata = \"nowhere\"\n", "");
    let run = |what: &str| experiment(&images, &text, &[what]);
    for what in ["run", "status", "report"] {
        let output = run(what);
        assert!(output.status.success(), "{what}: {}", said(&output.stderr));
    }
    let table = images.read("runs/small/results.jsonl");
    let folder = "runs/small/runs/blobs/RFT/seed-0";
    let one_row_less = |text: &[u8]| {
        let end = text[..text.len() - 1]
            .iter()
            .rposition(|&byte| byte == b'\n');
        text[..end.unwrap() + 1].to_vec()
    };
    type Harm<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let harms: [(&str, Harm<'_>); 6] = [
        ("steps.jsonl", &|_| Vec::new()),
        ("steps.jsonl", &one_row_less),
        ("steps.jsonl", &|text| text[..text.len() - 9].to_vec()),
        ("queries.csv", &one_row_less),
        ("test.csv", &one_row_less),
        ("predictions/test-0002.npy", &|bytes| {
            let mut other = bytes.to_vec();
            *other.last_mut().unwrap() ^= 1;
            other
        }),
    ];
    for (name, harm) in harms {
        let path = images.home().join(folder).join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, harm(&before)).unwrap();
        for what in ["status", "run", "report"] {
            let output = run(what);
            let told = said(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{what} of {name}: {told}");
            for part in ["damaged", "RFT, seed 0", folder, name] {
                assert!(told.contains(part), "{what}: {told}");
            }
        }
        for arguments in [
            &["compare", folder][..],
            &["simulate", "--out", folder, "--resume"],
        ] {
            let output = acft()
                .current_dir(images.home())
                .args(arguments)
                .output()
                .unwrap();
            let told = said(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{arguments:?} of {name}: {told}"
            );
            assert!(told.contains("damaged") && told.contains(name), "{told}");
        }
        // Nothing was cut off or written over it.
        assert_eq!(fs::read(&path).unwrap(), harm(&before));
        fs::write(&path, before).unwrap();
    }
    assert!(run("status").status.success());
    assert_eq!(images.read("runs/small/results.jsonl"), table);
    // A run of an earlier version kept no hashes, and is taken as it is.
    let finished = images.home().join(folder).join("finished.json");
    let kept = fs::read_to_string(&finished).unwrap();
    let mut kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        kept.as_object_mut().unwrap().remove("digest").unwrap(),
        "digest.json"
    );
    fs::write(&finished, kept.to_string()).unwrap();
    fs::remove_file(images.home().join(folder).join("digest.json")).unwrap();
    assert!(run("status").status.success());
}

#[test]
fn how_many_runs_go_on_at_a_time_changes_no_result() {
    let of = |jobs: &str| {
        let images = Images::new();
        let text = SETTINGS
            .replace("seeds = 1", "seeds = 2")
            .replace("[[data]]\nname = \"gone\"\ndata = \"nowhere\"\n", "");
        let output = experiment(&images, &text, &["run", "--jobs", jobs]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        let told = format!("4 of them to make, {jobs} at a time");
        assert!(said(&output.stderr).contains(&told));
        rows(&images)
    };
    assert_eq!(of("1"), of("2"));
}

/// As `acft … | head -0` leaves it: someone who has seen enough.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let images = Images::new();
    fs::write(images.home().join("small.toml"), SETTINGS).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_acft"))
        .current_dir(images.home())
        .args(["experiment", "status", "small.toml"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(said(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}
