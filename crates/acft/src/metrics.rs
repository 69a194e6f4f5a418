//! What predictions on a test set are worth.
//!
//! Probabilities are row-major, one row a candidate and one column a class;
//! labels are class indices. The areas agree with scikit-learn's
//! (`roc_auc_score` with `multi_class="ovr"`, `average_precision_score`), apart
//! from classes absent from the test set, which scikit-learn refuses and we
//! leave out of the average, by name.

mod agreement;
mod calibration;
mod precision;
mod ranking;
mod roc;

pub use agreement::cohen_kappa;
pub use calibration::expected_calibration_error;
pub use precision::average_precision_binary;
pub(crate) use ranking::Ranking;
pub use roc::{OperatingPoint, roc_auc, roc_auc_binary, sensitivity_at_specificity};

/// An area under the ROC curve, and the classes that it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Auc {
    /// The area in `[0, 1]`; `None` where no class has one, or where a score is NaN.
    pub value: Option<f64>,
    /// The classes left out of the average, ascending: those absent from the
    /// test set, and one that makes up all of it.
    pub absent: Vec<usize>,
}

impl Auc {
    /// Averages `area(class)` over the classes judged: the named positive
    /// class alone, or else every class against the rest.
    fn over(classes: usize, positive: Option<usize>, area: impl Fn(usize) -> Area) -> Self {
        let (mut sum, mut count, mut absent) = (0.0, 0_u32, Vec::new());
        for class in judged(classes, positive) {
            match area(class) {
                Area::Of(value) => {
                    sum += value;
                    count += 1;
                }
                Area::Absent => absent.push(class),
                Area::NotANumber => {
                    return Self {
                        value: None,
                        absent: Vec::new(),
                    };
                }
            }
        }
        Self {
            value: (count > 0).then(|| sum / f64::from(count)),
            absent,
        }
    }
}

/// One class's share in an [`Auc`].
enum Area {
    Of(f64),
    Absent,
    NotANumber,
}

impl Area {
    fn of(ranking: Option<&Ranking>, area: impl Fn(&Ranking) -> Option<f64>) -> Self {
        match ranking {
            None => Self::NotANumber,
            Some(ranking) => area(ranking).map_or(Self::Absent, Self::Of),
        }
    }
}

/// The classes whose area enters the average.
pub(crate) fn judged(classes: usize, positive: Option<usize>) -> std::ops::Range<usize> {
    match positive {
        Some(class) => {
            assert!(
                class < classes,
                "positive class {class} of only {classes} classes"
            );
            class..class + 1
        }
        None => 0..classes,
    }
}

/// One class's column of row-major `probabilities`.
pub(crate) fn column(
    probabilities: &[f64],
    classes: usize,
    class: usize,
) -> impl Iterator<Item = f64> {
    probabilities.iter().skip(class).step_by(classes).copied()
}

/// Panics where the lengths contradict each other: that is the caller's mistake, not the data's.
fn assert_shape(probabilities: &[f64], classes: usize, labels: &[usize]) {
    assert!(classes > 0, "a prediction needs at least one class");
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "one row of {classes} for each label"
    );
    if let Some(label) = labels.iter().find(|&&label| label >= classes) {
        panic!("label {label} of only {classes} classes");
    }
}
