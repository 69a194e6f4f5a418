#![allow(clippy::unwrap_used)]
use super::*;
use crate::png;

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series {
        name: name.to_owned(),
        points: points.to_vec(),
        ..Series::default()
    }
}

fn plot(series: Vec<Series>) -> CurvePlot {
    CurvePlot {
        title: "Learning curves".to_owned(),
        subtitle: "mean of 3 seeds".to_owned(),
        x_label: "labels".to_owned(),
        y_label: "test AUC".to_owned(),
        series,
        ..CurvePlot::default()
    }
}

#[test]
fn a_small_curve_is_written_as_ever() {
    let mut small = plot(vec![series(
        "acft-hq",
        &[(25.0, 0.7), (50.0, 0.81), (75.0, 0.88)],
    )]);
    small.series[0].band = Some(vec![(0.66, 0.74), (0.79, 0.83), (0.87, 0.89)]);
    small
        .reference_lines
        .push(("full training".to_owned(), 0.9));
    insta::assert_snapshot!(small.svg());
}

#[test]
fn every_plot_can_be_drawn() {
    let many = |count: usize| -> Vec<Series> {
        (0..count)
            .map(|i| series(&format!("strategy {i}"), &[(25.0, 0.6), (400.0, 0.9)]))
            .collect()
    };
    let long = "a_name_without_a_space_".repeat(12);
    for (what, series) in [
        ("no series", vec![]),
        ("a series without points", vec![series("rft", &[])]),
        ("one point", vec![series("rft", &[(25.0, 0.7)])]),
        (
            "points that are no numbers",
            vec![series("rft", &[(f64::NAN, 0.7), (50.0, f64::INFINITY)])],
        ),
        (
            "equal scores",
            vec![series("rft", &[(25.0, 1.0), (50.0, 1.0)])],
        ),
        ("twelve series", many(12)),
        ("sixty series", many(60)),
        ("a long name", vec![series(&long, &[(25.0, 0.7)])]),
    ] {
        let svg = plot(series).svg();
        assert!(png(&svg, 1.0).is_ok(), "{what}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{what}");
    }
}

#[test]
fn a_band_has_gaps_where_it_is_not_known() {
    let mut gap = plot(vec![series(
        "rft",
        &[(25.0, 0.7), (50.0, 0.8), (75.0, 0.8), (100.0, 0.8)],
    )]);
    let unknown = (f64::NAN, f64::NAN);
    gap.series[0].band = Some(vec![(0.6, 0.8), (0.7, 0.9), unknown, (0.7, 0.9)]);
    let svg = gap.svg();
    // Two points make an area, one a bar.
    assert_eq!(svg.matches("fill-opacity").count(), 1);
    assert_eq!(svg.matches("stroke-opacity").count(), 1);
}

#[test]
fn rings_and_chance_are_drawn_where_they_are_asked_for_and_seen() {
    let mut low = plot(vec![series("rft", &[(25.0, 0.45), (50.0, 0.8)])]);
    low.chance = Some(0.5);
    low.series[0].ringed = vec![50.0, 60.0];
    let svg = low.svg();
    assert_eq!(svg.matches("r=\"6.5\"").count(), 1);
    assert!(svg.contains(">chance<"));
    let mut high = plot(vec![series("rft", &[(25.0, 0.8), (50.0, 0.9)])]);
    high.chance = Some(0.5);
    assert!(!high.svg().contains(">chance<"));
}

#[test]
fn a_name_looks_the_same_in_all_plots_that_share_names() {
    let names = ["one", "two", "three"].map(str::to_owned).to_vec();
    let colours = |shown: &[&str]| {
        let plot = CurvePlot {
            names: names.clone(),
            ..plot(
                shown
                    .iter()
                    .map(|name| series(name, &[(25.0, 0.7)]))
                    .collect(),
            )
        };
        plot.styles()
    };
    assert_eq!(colours(&["three"])[0], colours(&["one", "three"])[1]);
}

#[test]
fn names_are_escaped() {
    let mut marked = plot(vec![series("<b>\"R\" & 'D'</b>", &[(25.0, 0.7)])]);
    marked.title = "a < b && c".to_owned();
    let svg = marked.svg();
    assert!(
        svg.contains("&lt;b&gt;&quot;R&quot; &amp; &apos;D&apos;&lt;/b&gt;")
            && svg.contains("a &lt; b &amp;&amp; c")
    );
    assert!(png(&svg, 1.0).is_ok());
}

#[test]
fn equal_plots_give_equal_bytes_and_the_order_of_points_does_not_matter() {
    let ascending = plot(vec![
        series("rft", &[(25.0, 0.7), (50.0, 0.8)]),
        series("other", &[(25.0, 0.6)]),
    ]);
    let mut descending = ascending.clone();
    descending.series[0].points.reverse();
    assert_eq!(ascending.svg(), descending.svg());
    assert_eq!(
        png(&ascending.svg(), 2.0).unwrap(),
        png(&descending.svg(), 2.0).unwrap()
    );
}

#[test]
fn labels_read_out_the_last_score_and_do_not_overlap() {
    let curves = (0..12).map(|i| {
        series(
            &format!("s{i}"),
            &[(25.0, 0.6), (400.0, 0.9 + 0.0001 * f64::from(i))],
        )
    });
    let svg = plot(curves.collect()).svg();
    let labels: Vec<f64> = svg
        .lines()
        .filter(|line| line.contains("font-size=\"12.5\"") && line.contains(">s"))
        .map(|line| {
            line.split("y=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert_eq!(labels.len(), 12);
    assert!(
        labels
            .windows(2)
            .all(|pair| (pair[0] - pair[1]).abs() >= 15.0),
        "{labels:?}"
    );
    assert!(
        svg.contains(">0.9011<") || svg.contains(">0.901<"),
        "the last score is printed"
    );
}
