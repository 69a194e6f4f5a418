//! `acft experiment report` where little is finished, or much went wrong.

use std::fs;

use crate::images::{Images, acft};

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
contrast = [\"ACFT(HQ)\", \"RFT\"]
[[arm]]
name = \"RFT\"
strategy = \"rft\"
on = [\"gone\"]
[[arm]]
name = \"ACFT(HQ)\"
strategy = \"acft-hq\"
on = [\"gone\"]
[[line]]
name = \"full-training\"
";

#[test]
fn data_whose_runs_all_failed_and_lines_alone_are_told() {
    let images = Images::new();
    fs::create_dir(images.home().join("nowhere")).unwrap();
    fs::write(images.home().join("small.toml"), SETTINGS).unwrap();
    let experiment = |command: &str| {
        acft()
            .current_dir(images.home())
            .args(["experiment", command, "small.toml"])
            .output()
            .unwrap()
    };
    assert_eq!(experiment("run").status.code(), Some(1));
    let report = experiment("report");
    let said = String::from_utf8(report.stderr).unwrap();
    assert_eq!(report.status.code(), Some(0), "{said}");
    let page = images.read("runs/small/report/report.html");
    for part in [
        "blobs: no curve is finished yet.",
        "full-training compared on blobs",
        "One seed (0).",
        "gone: ACFT(HQ) against RFT, ",
        "<td>ACFT(HQ)<td class=n>0\u{a0}of\u{a0}1<td class=n>1",
        "gone ACFT(HQ), seed 0<td class=n>0<td>",
    ] {
        assert!(page.contains(part), "{part:?} is not in the page\n{page}");
    }
    let steps = images.read("runs/small/report/tables/blobs-cost-steps.csv");
    assert!(steps.contains("\nfull-training,1,1,"), "{steps}");
}
