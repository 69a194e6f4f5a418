//! A run that is killed, starved of disk, or taken up by someone else.

use std::fs;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use crate::images::{Images, refused, stderr, succeeds};

const RUN: [&str; 6] = [
    "--steps",
    "6",
    "--strategy",
    "acft-hq-balanced",
    "--seed",
    "5",
];

/// Killed over and over, each time a little later, until it is done.
#[test]
fn kill_minus_nine_changes_nothing_but_the_clock() {
    let images = Images::new();
    succeeds(&mut images.simulate("whole", &RUN));

    let mut kills = 0;
    for round in 0u64.. {
        let command = images.simulate("killed", &RUN);
        let mut process = Process::new(command.get_program());
        process.args(command.get_args()).current_dir(images.home());
        if images.home().join("killed/config.toml").exists() {
            process.arg("--resume");
        }
        let mut child = process
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + 25 * round));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0, "the run was over before it could be killed");
    assert_eq!(images.steps("killed"), images.steps("whole"));
    assert_eq!(
        images.read("killed/queries.csv"),
        images.read("whole/queries.csv")
    );
    for step in 1..=images.steps("whole").len() {
        for name in [
            format!("step-{step:04}.json"),
            format!("test-{step:04}.npy"),
        ] {
            let kept = |run: &str| {
                let path = images.home().join(run).join("predictions").join(&name);
                std::fs::read(path).unwrap()
            };
            assert_eq!(kept("killed"), kept("whole"), "{name}");
        }
    }
    assert_eq!(
        images.read("killed/finished.json"),
        images.read("whole/finished.json")
    );
    for model in ["last", "best"] {
        let bytes = |run: &str| {
            fs::read(
                images
                    .home()
                    .join(run)
                    .join("models")
                    .join(format!("{model}.safetensors")),
            )
        };
        assert_eq!(bytes("killed").unwrap(), bytes("whole").unwrap());
    }
}

/// A limit on file sizes stands for a full disk: the write fails, with an
/// error that names the file, and what was kept before is whole.
#[cfg(unix)]
#[test]
fn a_write_that_fails_ends_the_run_and_loses_nothing() {
    let images = Images::new();
    succeeds(&mut images.simulate("whole", &RUN));
    let command = images.simulate("starved", &RUN);
    // In blocks of 512 bytes (1024 in some shells): above what the settings
    // take, below a model of 190 kB.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let output = Process::new("sh")
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(images.home())
        .output()
        .unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("step-0001.safetensors") && message.contains("--resume"),
        "{message}"
    );

    succeeds(&mut images.simulate("starved", &[RUN.as_slice(), &["--resume"]].concat()));
    assert_eq!(images.steps("starved"), images.steps("whole"));
}

/// The images are gone for a while, and with them what the rest of the pool could teach: that is not the end of the pool.
#[test]
fn a_disk_that_goes_away_stops_a_run_and_ends_none() {
    let images = Images::new();
    // Without the cache, each look at an image is one at the disk.
    let all = ["--steps", "10", "--cache", "0"];
    succeeds(&mut images.simulate("whole", &all));
    let command = images.simulate("cut", &all);
    let child = Process::new(command.get_program())
        .args(command.get_args())
        .current_dir(images.home())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let steps = images.home().join("cut/steps.jsonl");
    while fs::read_to_string(&steps).map_or(0, |text| text.lines().count()) == 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let (there, away) = (images.data().join("images"), images.home().join("away"));
    fs::rename(&there, &away).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("no such file: it could be read when the run began")
            && message.contains("go on with --resume. Without one that is gone for good"),
        "{message}"
    );
    // None of the images is at fault.
    assert!(!message.contains("left out"), "{message}");
    assert!(!images.home().join("cut/finished.json").exists());
    fs::rename(&away, &there).unwrap();
    succeeds(&mut images.simulate("cut", &[all.as_slice(), &["--resume"]].concat()));
    assert_eq!(images.steps("cut"), images.steps("whole"));
}

#[test]
fn a_run_goes_on_only_as_the_same_run() {
    let images = Images::new();
    succeeds(&mut images.simulate("run", &[]));

    let again = refused(&mut images.simulate("run", &[]));
    assert!(
        again.contains("already has a run") && again.contains("--resume"),
        "{again}"
    );

    let changed = refused(&mut images.simulate("run", &["--resume", "--lr", "0.1"]));
    assert!(
        changed.contains("--lr 0.1 (the run has 0.0003)"),
        "{changed}"
    );

    // The memory that it may take changes no result.
    succeeds(&mut images.simulate("run", &["--resume", "--cache", "0"]));

    let nowhere = refused(&mut images.simulate("elsewhere", &["--resume"]));
    assert!(nowhere.contains("elsewhere is no run"), "{nowhere}");

    // A finished run that is resumed is still finished.
    let before = images.steps("run");
    succeeds(&mut images.simulate("run", &["--resume"]));
    assert_eq!(images.steps("run"), before);

    fs::remove_file(images.image("train-001.png")).unwrap();
    let other = refused(&mut images.simulate("run", &["--resume"]));
    assert!(other.contains("the data has changed"), "{other}");
}

#[test]
fn a_damaged_run_is_not_gone_on_with() {
    let images = Images::new();
    succeeds(&mut images.simulate("run", &[]));
    let model = images.home().join("run/models/step-0003.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&model, bytes).unwrap();
    let output = images.simulate("run", &["--resume"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("step-0003.safetensors is not the model"),
        "{}",
        stderr(&output)
    );
}
