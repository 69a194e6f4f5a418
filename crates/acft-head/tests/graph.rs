//! Graphs of odd pools, and properties of spreading and purity.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use acft_head::{
    EdgeWeight, Graph, GraphError, GraphSettings, SpreadSettings, Target, combine_means,
    combine_patches, nearest, purity,
};

use common::noise;

fn few(neighbours: usize) -> GraphSettings {
    GraphSettings {
        neighbours,
        ..GraphSettings::default()
    }
}

fn spread(graph: &Graph, labels: &[(usize, usize)], classes: usize) -> Vec<f64> {
    let labels: Vec<(usize, Target)> = labels
        .iter()
        .map(|(i, c)| (*i, Target::Class(*c)))
        .collect();
    let spread = graph.spread(&labels, classes, &SpreadSettings::default());
    spread.unwrap().rows().to_vec()
}

#[test]
fn edges_go_both_ways_and_equal_candidates_are_taken_by_number() {
    // All alike but the last: each takes the first ones.
    let means = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.6, 0.8]].concat();
    let found = nearest(&means, &means, 2, 2);
    for i in 0..4 {
        assert_eq!(found.of(i).map(|(j, _)| j).collect::<Vec<_>>(), [0, 1]);
    }
    let graph = Graph::new(&means, 2, few(2)).unwrap();
    for i in 0..5 {
        for (j, value) in graph.edges(i) {
            assert_ne!(i, j);
            let back = graph.edges(j).find(|(other, _)| *other == i).unwrap();
            assert_eq!(back.1.to_bits(), value.to_bits());
        }
    }
    let of = |i| graph.edges(i).map(|(j, _)| j).collect::<Vec<_>>();
    assert_eq!(
        (of(4), of(3), of(0)),
        (vec![0, 1], vec![0, 1], vec![1, 2, 3, 4])
    );
}

#[test]
fn blocks_of_the_search_do_not_show() {
    // More candidates than a block of either side.
    let (n, width) = (4300, 3);
    let means: Vec<f32> = (0..n * width).map(noise).collect();
    let found = nearest(&means, &means[..70 * width], width, 5);
    let unit = |i: usize| {
        let row = &means[i * width..][..width];
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter().map(|v| v / length).collect::<Vec<_>>()
    };
    for i in [0, 63, 64, 69] {
        let one = unit(i);
        let cosine = |j: usize| one.iter().zip(unit(j)).map(|(a, b)| a * b).sum::<f32>();
        let mut all: Vec<f32> = (0..n).map(cosine).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        for ((j, ours), plain) in found.of(i).zip(&all) {
            assert!((ours - plain).abs() < 1e-6 && (cosine(j) - plain).abs() < 1e-6);
        }
        assert_eq!(found.of(i).next().unwrap().0, i);
    }
}

#[test]
fn the_order_of_candidates_does_not_matter() {
    let (n, width) = (60, 4);
    let means: Vec<f32> = (0..n * width).map(noise).collect();
    let back: Vec<f32> = means.chunks(width).rev().flatten().copied().collect();
    let one = spread(
        &Graph::new(&means, width, few(6)).unwrap(),
        &[(0, 0), (9, 1), (20, 1)],
        2,
    );
    let labels = [(n - 1, 0), (n - 10, 1), (n - 21, 1)];
    let other = spread(&Graph::new(&back, width, few(6)).unwrap(), &labels, 2);
    for (a, b) in one.chunks(2).zip(other.chunks(2).rev()) {
        assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9);
    }
}

#[test]
fn classes_count_alike_however_many_labels_they_have() {
    // A candidate right between the groups of two classes, of which one has two labels at the same place.
    let means = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]].concat();
    let graph = Graph::new(&means, 2, few(3)).unwrap();
    let one = spread(&graph, &[(0, 0), (2, 1)], 2);
    assert!(one[6] > 0.0 && one[7] > 0.0);
    let mut doubled = vec![(0, Target::Class(0)), (0, Target::Class(0))];
    doubled.push((2, Target::Class(1)));
    let doubled = graph
        .spread(&doubled, 2, &SpreadSettings::default())
        .unwrap();
    for (a, b) in one.iter().zip(doubled.rows()) {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn who_no_label_reaches_has_equal_shares() {
    // Opposite groups: cosines below 0 are no edges. And a candidate without any feature.
    let means = [[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [-1.0, 0.1], [0.0, 0.0]].concat();
    let graph = Graph::new(&means, 2, few(1)).unwrap();
    let rows = spread(&graph, &[(0, 1)], 3);
    assert!(rows[3 + 1] > 0.99);
    for i in [2, 3, 4] {
        for share in &rows[i * 3..][..3] {
            assert!((share - 1.0 / 3.0).abs() < 1e-9);
        }
    }
    assert!(spread(&graph, &[], 2).iter().all(|share| *share == 0.5));
    // Neighbours without weight count alike.
    let found = graph.nearest(&[0.0, 0.0]).unwrap();
    let labels = [(0, Target::Class(1))];
    let all = graph
        .spread(&labels, 3, &SpreadSettings::default())
        .unwrap();
    let row = all.outside(&found, EdgeWeight::CubedCosine);
    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn pools_of_none_and_one_have_no_edges() {
    let none = Graph::new(&[], 3, GraphSettings::default()).unwrap();
    assert!(none.is_empty() && spread(&none, &[], 2).is_empty());
    let one = Graph::new(&[1.0, 2.0, 3.0], 3, GraphSettings::default()).unwrap();
    assert_eq!(one.edges(0).count(), 0);
    assert!(spread(&one, &[(0, 1)], 2)[1] > 0.999);
    assert_eq!(one.nearest(&[1.0, 0.0, 0.0]).unwrap().each(), 1);
}

#[test]
fn what_cannot_be_spread_says_why() {
    let means = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]].concat();
    let graph = Graph::new(&means, 2, few(2)).unwrap();
    let spread =
        |label, settings: SpreadSettings| graph.spread(&[label], 2, &settings).unwrap_err();
    let usual = SpreadSettings::default();
    let error = spread((3, Target::Class(0)), usual);
    assert_eq!(
        error,
        GraphError::Candidate {
            candidate: 3,
            candidates: 3
        }
    );
    let error = spread((1, Target::Class(2)), usual);
    assert_eq!(
        error,
        GraphError::Target {
            candidate: 1,
            classes: 2
        }
    );
    let error = spread(
        (1, Target::Class(0)),
        SpreadSettings {
            alpha: 1.0,
            ..usual
        },
    );
    assert!(error.to_string().starts_with("alpha is 1"));
    let error = Graph::new(&[1.0, f32::NAN], 2, few(2))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("feature 1 of patch 0 of candidate 0"),
        "{error}"
    );
    assert!(Graph::new(&means, 2, few(0)).is_err());
    assert!(graph.nearest(&[f32::INFINITY, 0.0]).is_err());
}

#[test]
fn purity_is_zero_on_average_over_labels_dealt_at_random() {
    let (n, width) = (30, 4);
    let means: Vec<f32> = (0..n * width).map(noise).collect();
    let mut sum = 0.0;
    let deals = 400;
    for deal in 0..deals {
        // Seven of 30 are of class 1: dealt by sorting random numbers.
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| noise(deal * 1000 + a).total_cmp(&noise(deal * 1000 + b)));
        let classes: Vec<usize> = order.iter().map(|i| usize::from(*i < 7)).collect();
        sum += purity(&means, width, &classes, 5)
            .unwrap()
            .unwrap()
            .corrected;
    }
    let mean = sum / deals as f64;
    assert!(mean.abs() < 0.02, "{mean}");
}

#[test]
fn purity_cannot_be_told_of_one_class_or_one_label() {
    let means = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(purity(&means, 2, &[1, 1], 3).unwrap(), None);
    assert_eq!(purity(&means[..2], 2, &[1], 3).unwrap(), None);
    assert_eq!(purity(&[], 2, &[], 3).unwrap(), None);
    assert!(purity(&means, 2, &[1], 3).is_err());
    let found = purity(&means, 2, &[0, 1], 3).unwrap().unwrap();
    assert_eq!((found.plain, found.neighbours), (0.0, 1));
}

#[test]
fn patches_are_combined_with_their_candidates_row() {
    let head = [0.9, 0.1, 0.5, 0.5, 0.2, 0.8, 0.3, 0.7];
    let graph = [0.5, 0.5, 0.9, 0.1];
    let both = combine_patches(&head, &graph, 2, 2);
    // 0.3 : 0.7 with 0.9 : 0.1 is √0.27 : √0.07.
    let (a, b) = (0.27_f64.sqrt(), 0.07_f64.sqrt());
    assert!((both[6] - a / (a + b)).abs() < 1e-5);
    for row in both.chunks(2) {
        assert!((row[0] + row[1] - 1.0).abs() < 1e-12);
    }
    let means = combine_means(&head[..4], &graph, 2);
    assert_eq!(means[..2], both[..2]);
    // What the graph rules out stays possible.
    let both = combine_means(&[0.5, 0.5], &[1.0, 0.0], 2);
    assert!(both[1] > 5e-4 && both[1] < 2e-3);
}
