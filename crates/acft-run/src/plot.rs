//! The learning curve of a run, as a picture in its folder.

use acft_figure::curve::{CurvePlot, Series};
use acft_figure::png;

use super::folder::RunFolder;
use super::record::StepRecord;

/// Writes `curve.svg` and `curve.png`.
pub(crate) fn write(folder: &RunFolder, steps: &[StepRecord], title: &str) -> anyhow::Result<()> {
    let points = |auc: fn(&StepRecord) -> Option<f64>| -> Vec<(f64, f64)> {
        steps
            .iter()
            // Before the first label there is only M_0, which is no point of the curve.
            .filter(|step| step.labels > 0)
            .filter_map(|step| Some((step.labels as f64, auc(step)?)))
            .collect()
    };
    let series: Vec<Series> = [
        ("test", points(|step| step.test_auc)),
        ("validation", points(|step| step.val_auc)),
    ]
    .into_iter()
    .filter(|(_, points)| !points.is_empty())
    .map(|(name, points)| Series {
        name: name.to_owned(),
        points,
        ..Series::default()
    })
    .collect();
    if series.is_empty() {
        return Ok(());
    }
    let plot = CurvePlot {
        title: title.to_owned(),
        subtitle: String::new(),
        x_label: "labels queried".to_owned(),
        y_label: "AUC".to_owned(),
        series,
        ..CurvePlot::default()
    };
    let svg = plot.svg();
    folder.write("curve.svg", svg.as_bytes())?;
    folder.write("curve.png", &png(&svg, 2.0)?)
}
