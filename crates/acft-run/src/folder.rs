//! The run's folder, and how it survives being killed at any moment.
//!
//! A step is kept in this order: its model, its predictions, its rows of
//! `queries.csv`, its line of `steps.jsonl`; each is on disk before the next is begun. The line
//! is what makes the step count. A run that is resumed drops whatever lies
//! beyond the last whole line, and goes on from there.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::favoured::QueryPredictions;
use super::record::{DataRecord, Finished, QueryRow, StepRecord};
use crate::bad_input;
use crate::files::{self, write_atomically};

/// The extension of a network's file.
pub const NETWORK: &str = "safetensors";
/// The extension of a head's file.
pub const HEAD: &str = "head";

/// An open run folder. One process owns it: the lock is released with it.
pub(crate) struct RunFolder {
    root: PathBuf,
    steps: File,
    queries: File,
    _lock: File,
    /// Of the files of its models.
    extension: &'static str,
    /// What makes the run go on once it stopped.
    go_on: &'static str,
}

/// What an interrupted run had done.
pub(crate) struct Done {
    pub steps: Vec<StepRecord>,
    pub queries: Vec<QueryRow>,
}

impl RunFolder {
    /// Makes the folder and writes `config.toml` and `data.json`.
    ///
    /// # Errors
    /// The folder has a run in it already, or cannot be written.
    pub(crate) fn create(
        root: &Path,
        config: &str,
        data: &DataRecord,
        extension: &'static str,
        go_on: &'static str,
    ) -> anyhow::Result<Self> {
        refuse_existing(root)?;
        for part in ["models", "predictions"] {
            fs::create_dir_all(root.join(part)).with_context(|| {
                format!(
                    "cannot make the run folder {}; choose another with --out",
                    root.display()
                )
            })?;
        }
        let lock = lock(root)?;
        write_atomically(&root.join("data.json"), &json(data)?)?;
        // Last: a folder without a configuration is not a run, and can be
        // created again after a kill in between.
        write_atomically(&root.join("config.toml"), config.as_bytes())?;
        Self::with_files(root, lock, extension, go_on)
    }

    /// Opens the folder of a run that was begun, with what it had done.
    ///
    /// # Errors
    /// It is no run, another process has it, or its files contradict each other.
    pub(crate) fn resume(
        root: &Path,
        extension: &'static str,
        go_on: &'static str,
    ) -> anyhow::Result<(Self, Done)> {
        require_run(root)?;
        let lock = lock(root)?;
        // An earlier version made no such folder.
        fs::create_dir_all(root.join("predictions"))
            .with_context(|| format!("cannot write to {}", root.display()))?;
        let mut folder = Self::with_files(root, lock, extension, go_on)?;
        let steps = folder.whole_lines()?;
        let queries = folder.queries_of(&steps)?;
        folder.sweep(steps.last().map(|step| step.step))?;
        Ok((folder, Done { steps, queries }))
    }

    fn with_files(
        root: &Path,
        lock: File,
        extension: &'static str,
        go_on: &'static str,
    ) -> anyhow::Result<Self> {
        let open = |name: &str| {
            let path = root.join(name);
            OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))
        };
        Ok(Self {
            root: root.to_owned(),
            steps: open("steps.jsonl")?,
            queries: open("queries.csv")?,
            _lock: lock,
            extension,
            go_on,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the model of a step is kept.
    pub(crate) fn model_path(&self, step: u32) -> PathBuf {
        self.root
            .join("models")
            .join(format!("step-{step:04}.{}", self.extension))
    }

    /// Keeps a step. When this returns, the step survives a kill.
    pub(crate) fn keep_step(
        &mut self,
        record: &StepRecord,
        rows: &[QueryRow],
        predictions: &QueryPredictions,
        model: &[u8],
    ) -> anyhow::Result<()> {
        let intact = || {
            format!(
                "step {} could not be kept in {}; the steps before it are whole: \
                 mend what is wrong (a full disk?) and go on with {}",
                record.step,
                self.root.display(),
                self.go_on
            )
        };
        write_atomically(&self.model_path(record.step), model).with_context(intact)?;
        let path = predictions_path(&self.root, record.step);
        write_atomically(&path, &serde_json::to_vec(predictions)?).with_context(intact)?;

        let is_first = self.queries.metadata()?.len() == 0;
        let mut csv = csv::WriterBuilder::new()
            .has_headers(is_first)
            .from_writer(Vec::new());
        for row in rows {
            csv.serialize(row)?;
        }
        append(&mut self.queries, &csv.into_inner()?).with_context(intact)?;

        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        append(&mut self.steps, &line).with_context(intact)
    }

    /// Points `models/last` and `models/best` at the models of those steps
    /// and drops all others.
    pub(crate) fn keep_models(&self, last: u32, best: u32) -> anyhow::Result<()> {
        for (name, step) in [("last", last), ("best", best)] {
            link(
                &self.model_path(step),
                &self
                    .root
                    .join("models")
                    .join(format!("{name}.{}", self.extension)),
            )?;
        }
        for (path, step) in self.step_models()? {
            if step != last && step != best {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Writes the end of the run.
    pub(crate) fn finish(&self, finished: &Finished) -> anyhow::Result<()> {
        self.write("finished.json", &json(finished)?)
    }

    /// Writes a file of the run, whole or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.root.join(name), bytes)
    }

    /// The records of the steps that count. A torn last line, which a kill
    /// while appending leaves, is cut off.
    fn whole_lines(&mut self) -> anyhow::Result<Vec<StepRecord>> {
        let path = self.root.join("steps.jsonl");
        let mut text = Vec::new();
        self.steps.seek(SeekFrom::Start(0))?;
        self.steps.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        if whole < text.len() {
            self.steps.set_len(whole as u64)?;
            self.steps.sync_data()?;
        }
        parse_steps(&text[..whole], &path)
    }

    /// The rows of the steps that count; what lies beyond them is cut off.
    fn queries_of(&mut self, steps: &[StepRecord]) -> anyhow::Result<Vec<QueryRow>> {
        let last = steps.last().map_or(0, |step| step.step);
        let path = self.root.join("queries.csv");
        let mut text = Vec::new();
        self.queries.seek(SeekFrom::Start(0))?;
        self.queries.read_to_end(&mut text)?;
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let mut rows = Vec::new();
        let mut end = 0;
        if last > 0 {
            reader.headers()?;
            end = reader.position().byte();
        }
        let mut records = reader.into_deserialize::<QueryRow>();
        let mut fault = String::new();
        while let Some(row) = records.next() {
            match row {
                Ok(row) if row.step <= last => rows.push(row),
                Ok(_) => break,
                // A kill tears the last row alone, of a step that does not count.
                Err(error) => {
                    fault = format!(" ({error})");
                    break;
                }
            }
            end = records.reader().position().byte();
        }
        for step in steps {
            let of_step = rows.iter().filter(|row| row.step == step.step);
            let labeled = of_step.filter(|row| !row.label.is_empty()).count();
            if labeled != step.q {
                // The first row has the names of the columns.
                let up_to = rows.iter().take_while(|row| row.step <= step.step).count() + 1;
                bail!(
                    "{} has {labeled} labels of step {}, and steps.jsonl counts {}: after row {up_to} the run is damaged{fault}",
                    path.display(),
                    step.step,
                    step.q
                );
            }
        }
        if end < text.len() as u64 {
            self.queries.set_len(end)?;
            self.queries.sync_data()?;
        }
        Ok(rows)
    }

    /// Removes models of steps that do not count, and half-written files.
    fn sweep(&self, last: Option<u32>) -> anyhow::Result<()> {
        for (path, step) in self.step_models()? {
            if last.is_none_or(|last| step > last) {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        for folder in ["", "models", "predictions"] {
            files::sweep(&self.root.join(folder));
        }
        Ok(())
    }

    fn step_models(&self) -> anyhow::Result<Vec<(PathBuf, u32)>> {
        let folder = self.root.join("models");
        let mut found = Vec::new();
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
        {
            let path = entry?.path();
            let step = path.file_name().and_then(|name| {
                name.to_str()?
                    .strip_prefix("step-")?
                    .strip_suffix(self.extension)?
                    .strip_suffix('.')?
                    .parse()
                    .ok()
            });
            if let Some(step) = step {
                found.push((path, step));
            }
        }
        found.sort();
        Ok(found)
    }
}

fn predictions_path(root: &Path, step: u32) -> PathBuf {
    root.join("predictions")
        .join(format!("step-{step:04}.json"))
}

/// What the network made of the candidates when the batch of a step was chosen; none where an earlier version made the
/// run, which kept nothing of it.
pub fn read_predictions(root: &Path, step: u32) -> anyhow::Result<Option<QueryPredictions>> {
    let path = predictions_path(root, step);
    path.is_file().then(|| read_json(&path)).transpose()
}

/// The steps of a run, read without owning it.
pub fn read_steps(root: &Path) -> anyhow::Result<Vec<StepRecord>> {
    let path = root.join("steps.jsonl");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let whole = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    parse_steps(&text[..whole], &path)
}

/// Reads a JSON file of a run.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// Refuses a folder that is no run.
pub fn require_run(root: &Path) -> anyhow::Result<()> {
    if root.join("config.toml").is_file() {
        return Ok(());
    }
    Err(bad_input!(
        "{} is no run: it has no config.toml (a run's folder is what `acft simulate --out` made)",
        root.display()
    ))
}

fn parse_steps(text: &[u8], path: &Path) -> anyhow::Result<Vec<StepRecord>> {
    let mut steps: Vec<StepRecord> = Vec::new();
    for (at, line) in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        let row = at + 1;
        let step: StepRecord = serde_json::from_slice(line)
            .with_context(|| format!("{}, line {row} is damaged", path.display()))?;
        if step.step as usize != row {
            bail!(
                "{}, line {row} is of step {}: the run is damaged",
                path.display(),
                step.step
            );
        }
        steps.push(step);
    }
    Ok(steps)
}

fn refuse_existing(root: &Path) -> anyhow::Result<()> {
    if root.join("config.toml").exists() {
        return Err(bad_input!(
            "{} already has a run: go on with it by --resume, or choose another folder with --out",
            root.display()
        ));
    }
    // What a creation leaves that was killed: empty folders, and beside the lock,
    // which no one else makes, what is written before config.toml.
    let begun = root.join("run.lock").is_file();
    let is_ours = |name: &str| match name {
        "models" | "predictions" => {
            fs::read_dir(root.join(name)).is_ok_and(|mut files| files.next().is_none())
        }
        other => {
            begun && (other == "run.lock" || other == "data.json" || files::is_temporary(other))
        }
    };
    match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(bad_input!(
            "cannot use {} as the run folder: {error}",
            root.display()
        )),
        Ok(entries) => {
            for entry in entries {
                let name = entry?.file_name();
                if !is_ours(&name.to_string_lossy()) {
                    return Err(bad_input!(
                        "{} is not empty (it has {}): choose another folder with --out",
                        root.display(),
                        name.to_string_lossy()
                    ));
                }
            }
            Ok(())
        }
    }
}

/// Makes this process the owner of a folder, for as long as it holds the file.
pub fn lock(root: &Path) -> anyhow::Result<File> {
    let path = root.join("run.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write to {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            bail!(
                "another process is working on {}: wait for it, or end it",
                root.display()
            )
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn append(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    let before = file.metadata()?.len();
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    if written.is_err() {
        // A full disk may have taken half of it; what does not count must not
        // stand before what later does.
        let _ = file.set_len(before);
    }
    written
}

/// Makes `to` the same file as `from`, or a copy where the file system has no
/// hard links.
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    let beside = to.with_extension("tmp");
    let _ = fs::remove_file(&beside);
    fs::hard_link(from, &beside)
        .or_else(|_| fs::copy(from, &beside).map(drop))
        .and_then(|()| fs::rename(&beside, to))
        // Renaming a link onto another link of the same file does nothing.
        .map(|()| drop(fs::remove_file(&beside)))
        .with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;

    fn data() -> DataRecord {
        DataRecord {
            classes: vec!["a".into(), "b".into()],
            pool: 1,
            validation: 0,
            test: 1,
            digest: String::new(),
            candidates: None,
            pretrained: String::new(),
            weights: None,
            features: None,
            held_out: vec![],
            left_out: vec![],
            duplicates: vec![],
        }
    }

    fn record(step: u32) -> StepRecord {
        StepRecord {
            step,
            labels: step as usize,
            test_auc: Some(0.5),
            val_auc: None,
            test_auprc: None,
            test_sensitivity: None,
            test_ece: Some(0.0),
            h: None,
            q: 1,
            trained_on: 1,
            batch_classes: BTreeMap::new(),
            h_classes: None,
            loss: vec![0.7],
            scored: 1,
            seconds: Default::default(),
            patches_per_second: Default::default(),
            model: String::new(),
            unreadable: vec![],
            stop_set: None,
            warnings: vec![],
        }
    }

    fn predictions(step: u32) -> QueryPredictions {
        QueryPredictions {
            step,
            drawn: vec![],
            favoured: vec![],
        }
    }

    fn row(step: u32) -> QueryRow {
        QueryRow {
            step,
            draw: 1,
            candidate: "a, \"b\"\nc.png".into(),
            key: "00".into(),
            label: "a".into(),
            rank: Some(1),
            score: 0.1,
            entropy: 0.1,
            diversity: 0.0,
            dominant: "a".into(),
        }
    }

    /// A run of two steps, whose files then end wherever a kill left them.
    fn two_steps(root: &Path) {
        let mut folder =
            RunFolder::create(root, "seed = 0\n", &data(), NETWORK, "--resume").unwrap();
        for step in 1..=2 {
            folder
                .keep_step(&record(step), &[row(step)], &predictions(step), b"model")
                .unwrap();
        }
    }

    #[test]
    fn a_kill_at_any_byte_leaves_whole_steps() {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("source");
        two_steps(&source);
        let steps = fs::read(source.join("steps.jsonl")).unwrap();
        let queries = fs::read(source.join("queries.csv")).unwrap();
        let first_line = steps.iter().position(|&b| b == b'\n').unwrap() + 1;
        let mut reader = csv::Reader::from_reader(queries.as_slice());
        let mut one = csv::StringRecord::new();
        reader.read_record(&mut one).unwrap();
        let first_row = reader.position().byte() as usize;

        // Every state that the order of writing allows: the queries of step 2
        // torn while its line is missing, then the line torn.
        let mut states: Vec<(usize, usize)> = (first_row..=queries.len())
            .map(|q| (q, first_line))
            .collect();
        states.extend((first_line..steps.len()).map(|s| (queries.len(), s)));
        for (at, (q, s)) in states.into_iter().enumerate() {
            let root = home.path().join(format!("killed-{at}"));
            two_steps(&root);
            fs::write(root.join("queries.csv"), &queries[..q]).unwrap();
            fs::write(root.join("steps.jsonl"), &steps[..s]).unwrap();
            let (mut folder, done) = RunFolder::resume(&root, NETWORK, "--resume").unwrap();
            assert_eq!(done.steps.len(), 1, "queries to {q}, steps to {s}");
            assert_eq!(done.queries, [row(1)]);
            assert!(!folder.model_path(2).exists());
            folder
                .keep_step(&record(2), &[row(2)], &predictions(2), b"model")
                .unwrap();
            assert_eq!(fs::read(root.join("steps.jsonl")).unwrap(), steps);
            assert_eq!(fs::read(root.join("queries.csv")).unwrap(), queries);
        }
    }

    #[test]
    fn rows_that_a_step_counts_and_that_are_not_there_are_told() {
        let home = tempfile::tempdir().unwrap();
        let of_three_labels = |name: &str| {
            let root = home.path().join(name);
            let mut folder =
                RunFolder::create(&root, "seed = 0\n", &data(), NETWORK, "--resume").unwrap();
            for (step, q) in [(1, 1), (2, 2)] {
                let record = StepRecord { q, ..record(step) };
                let rows = vec![row(step); q];
                folder
                    .keep_step(&record, &rows, &predictions(step), b"model")
                    .unwrap();
            }
            root.join("queries.csv")
        };
        let whole = fs::read_to_string(of_three_labels("whole")).unwrap();
        let check = |name: &str, text: &str, expected: &str| {
            let queries = of_three_labels(name);
            fs::write(&queries, text).unwrap();
            let error = RunFolder::resume(queries.parent().unwrap(), NETWORK, "--resume")
                .err()
                .unwrap();
            let error = error.to_string();
            for part in ["queries.csv", "the run is damaged", expected] {
                assert!(error.contains(part), "{error}");
            }
            // Nothing was cut off, so that it can be mended.
            assert_eq!(fs::read_to_string(&queries).unwrap(), text);
        };
        let bad = whole.replacen("\n1,1,", "\n1,one,", 1);
        let counts = "labels of step 1, and steps.jsonl counts 1";
        check("bad", &bad, &format!("0 {counts}: after row 1"));
        let last = whole.rfind("\n2,").unwrap() + 1;
        let counts = "labels of step 2, and steps.jsonl counts 2";
        check("short", &whole[..last], &format!("1 {counts}: after row 3"));
        let bad = format!(
            "{}{}",
            &whole[..last],
            whole[last..].replace("2,1,", "2,one,")
        );
        check("last", &bad, &format!("1 {counts}: after row 3"));
        let long = format!("{whole}{}", &whole[last..]);
        check("long", &long, &format!("3 {counts}: after row 5"));
    }

    #[test]
    fn a_folder_has_one_run_and_one_owner() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("run");
        let folder = RunFolder::create(&root, "", &data(), NETWORK, "--resume").unwrap();
        let error = RunFolder::resume(&root, NETWORK, "--resume")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("another process"), "{error}");
        drop(folder);
        let error = RunFolder::create(&root, "", &data(), NETWORK, "--resume")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("--resume"), "{error}");
        let other = home.path().join("thesis");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("chapter.tex"), "").unwrap();
        let error = RunFolder::create(&other, "", &data(), NETWORK, "--resume")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("chapter.tex"), "{error}");
        assert!(RunFolder::resume(&other, NETWORK, "--resume").is_err());
    }

    #[test]
    fn a_run_that_stops_says_what_makes_it_go_on() {
        let home = tempfile::tempdir().unwrap();
        let retry = "acft experiment run --retry";
        let mut folder = RunFolder::create(home.path(), "", &data(), NETWORK, retry).unwrap();
        fs::remove_dir(home.path().join("models")).unwrap();
        let kept = folder.keep_step(&record(1), &[row(1)], &predictions(1), b"model");
        let error = format!("{:#}", kept.unwrap_err());
        assert!(error.contains(retry), "{error}");
        assert!(!error.contains("--resume"), "{error}");
    }

    #[test]
    fn only_the_last_and_the_best_model_stay() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("run");
        let mut folder = RunFolder::create(&root, "", &data(), NETWORK, "--resume").unwrap();
        for step in 1..=3 {
            folder
                .keep_step(
                    &record(step),
                    &[row(step)],
                    &predictions(step),
                    &[step as u8],
                )
                .unwrap();
        }
        folder.keep_models(3, 1).unwrap();
        let mut names: Vec<_> = fs::read_dir(root.join("models"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "best.safetensors",
                "last.safetensors",
                "step-0001.safetensors",
                "step-0003.safetensors"
            ]
        );
        assert_eq!(fs::read(root.join("models/best.safetensors")).unwrap(), [1]);
    }
}
