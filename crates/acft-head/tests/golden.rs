//! Ours beside scikit-learn's; `scripts/reference/sklearn_head.py` made the fixtures.
#![allow(clippy::unwrap_used, missing_docs)]

use acft_head::{
    Axes, EdgeWeight, Ended, Examples, FeatureMap, Graph, GraphSettings, Head, HeadSettings,
    MapHash, MapSettings, Moments, Patches, SecondMoment, SpreadSettings, Standardize, Target,
    purity,
};
use serde::Deserialize;

fn close(ours: &[f64], theirs: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what} {i}: {a}, not {b}"
        );
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

#[derive(Deserialize)]
struct Map {
    patches: usize,
    width: usize,
    axes: usize,
    epsilon: f64,
    gamma: f64,
    values: Vec<f32>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    eigenvalues: Vec<f64>,
    vectors: Vec<Vec<f64>>,
    projected: Vec<Vec<f64>>,
    agreed: Vec<Vec<f64>>,
}

#[test]
fn a_map_is_that_of_standard_scaler_and_pca() {
    let theirs: Map = serde_json::from_str(include_str!("fixtures/map.json")).unwrap();
    let mut patches = Patches::new(&theirs.values, theirs.patches, theirs.width, 0).unwrap();
    let mut moments = Moments::new(theirs.width);
    moments.add(&patches).unwrap();
    close(&moments.mean(), &theirs.mean, 1e-12, "mean");
    let standardize = Standardize::of(&moments);
    close(
        standardize.deviation(),
        &theirs.deviation,
        1e-12,
        "deviation",
    );

    let mut moment = SecondMoment::new(theirs.width);
    moment.add(&standardize.apply(&patches).unwrap());
    let axes = Axes::of(moment, theirs.axes).unwrap();
    close(axes.values(), &theirs.eigenvalues, 1e-7, "eigenvalue");
    close(
        &axes.vectors().concat(),
        &theirs.vectors.concat(),
        1e-6,
        "axis",
    );

    for (gamma, theirs_rows) in [(0.0, &theirs.projected), (theirs.gamma, &theirs.agreed)] {
        let settings = MapSettings {
            axes: theirs.axes,
            epsilon: theirs.epsilon,
            gamma,
        };
        let map = FeatureMap::fit(&settings, &mut patches).unwrap();
        let ours = wide(&map.apply(&patches).unwrap());
        // Rows are projected in f32.
        close(&ours, &theirs_rows.concat(), 1e-6, &format!("γ = {gamma}"));
    }
}

#[derive(Deserialize)]
struct Logistic {
    name: String,
    patches: usize,
    width: usize,
    classes: usize,
    rows: Vec<f32>,
    targets: Vec<Vec<f64>>,
    weights: Vec<f64>,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    others: Vec<f32>,
    probabilities: Vec<Vec<f64>>,
}

#[test]
fn a_head_is_that_of_logistic_regression() {
    let cases: Vec<Logistic> =
        serde_json::from_str(include_str!("fixtures/logistic.json")).unwrap();
    for case in cases {
        let name = &case.name;
        let mut examples = Examples::new(MapHash([0; 32]), case.width, case.classes).unwrap();
        let rows = case.rows.chunks(case.patches * case.width);
        for ((rows, target), weight) in rows.zip(&case.targets).zip(&case.weights) {
            examples.push(rows, Target::Soft(target), *weight).unwrap();
        }
        let exact = HeadSettings {
            steps: 5_000,
            gradient: 1e-10,
            ..HeadSettings::default()
        };
        let fit = Head::fit(&exact, &examples, None).unwrap();
        assert_eq!(fit.ended, Ended::Converged, "{name}");
        let head = &fit.head;
        for class in 0..case.classes {
            let what = format!("{name}, weights of class {class}");
            close(
                head.weights(class).unwrap(),
                &case.coefficients[class],
                1e-5,
                &what,
            );
        }
        let biases: Vec<f64> = (0..case.classes).map(|c| head.bias(c).unwrap()).collect();
        close(&biases, &case.intercepts, 1e-5, name);
        let ours = head.predict_patches(&case.others);
        close(&ours, &case.probabilities.concat(), 1e-6, name);

        // The steps that the method takes are enough for three digits.
        let short = Head::fit(&HeadSettings::default(), &examples, None).unwrap();
        assert!(short.steps <= 40);
        let ours = short.head.predict_patches(&case.others);
        close(&ours, &case.probabilities.concat(), 5e-3, name);
        assert!(
            short.loss >= fit.loss && short.loss < fit.loss + 1e-4,
            "{name}"
        );
    }
}

#[derive(Deserialize)]
struct Spreading {
    width: usize,
    neighbours: usize,
    classes: usize,
    group: Vec<usize>,
    means: Vec<f32>,
    nearest: Vec<Vec<usize>>,
    even: Vec<usize>,
    even_rows: Vec<Vec<f64>>,
    uneven: Vec<usize>,
    uneven_rows: Vec<Vec<f64>>,
    others: Vec<f32>,
    others_rows: Vec<Vec<f64>>,
    noisy: Vec<usize>,
    plain: f64,
    chance: f64,
}

#[test]
fn a_graph_is_that_of_label_spreading() {
    let theirs: Spreading = serde_json::from_str(include_str!("fixtures/spreading.json")).unwrap();
    let settings = GraphSettings {
        neighbours: theirs.neighbours,
        weight: EdgeWeight::CubedCosine,
    };
    let graph = Graph::new(&theirs.means, theirs.width, settings).unwrap();
    let spread = |labels: &[usize]| {
        let labels: Vec<(usize, Target)> = labels
            .iter()
            .map(|i| (*i, Target::Class(theirs.group[*i])))
            .collect();
        graph
            .spread(&labels, theirs.classes, &SpreadSettings::default())
            .unwrap()
    };
    close(
        spread(&theirs.even).rows(),
        &theirs.even_rows.concat(),
        1e-5,
        "even",
    );
    let uneven = spread(&theirs.uneven);
    close(uneven.rows(), &theirs.uneven_rows.concat(), 1e-6, "uneven");
    let nearest = graph.nearest(&theirs.others).unwrap();
    let outside = uneven.outside(&nearest, settings.weight);
    close(&outside, &theirs.others_rows.concat(), 1e-6, "others");
}

#[test]
fn neighbours_and_purity_are_those_of_numpy() {
    let theirs: Spreading = serde_json::from_str(include_str!("fixtures/spreading.json")).unwrap();
    // Oneself is the nearest of all.
    let wanted = theirs.neighbours + 1;
    let ours = acft_head::nearest(&theirs.means, &theirs.means, theirs.width, wanted);
    for (i, nearest) in theirs.nearest.iter().enumerate() {
        let ours: Vec<usize> = ours.of(i).map(|(j, _)| j).collect();
        assert_eq!(ours[0], i);
        assert_eq!(&ours[1..], &nearest[..], "{i}");
    }
    let found = purity(
        &theirs.means,
        theirs.width,
        &theirs.noisy,
        theirs.neighbours,
    )
    .unwrap()
    .unwrap();
    close(
        &[found.plain, found.chance],
        &[theirs.plain, theirs.chance],
        1e-12,
        "purity",
    );
    let corrected = (theirs.plain - theirs.chance) / (1.0 - theirs.chance);
    close(&[found.corrected], &[corrected], 1e-12, "corrected");
}
