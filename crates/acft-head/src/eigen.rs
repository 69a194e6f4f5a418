//! Eigenvalues and eigenvectors of a symmetric matrix, by `faer`.
//!
//! Why faer: it is maintained, written in Rust alone, and its solver (tridiagonal form in blocks, then divide and
//! conquer) is several times as fast as nalgebra's unblocked QR iteration at the 2,880 × 2,880 that a network's layers
//! give; its kernels (`gemm`, `pulp`) are in the tree already. It is asked for one thread by name (`Par::Seq`), so that
//! the result does not depend on how many there are, even where another crate turns faer's threads on.

use faer::{
    Mat, Par,
    diag::Diag,
    dyn_stack::{MemBuffer, MemStack},
    linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch},
};

use crate::MapError;

/// Eigenvalues, largest first, and the vector of each: of length 1, its largest component positive.
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f64>>,
}

/// The eigenvalues and eigenvectors of a symmetric matrix, of which the lower half is read.
pub(crate) fn symmetric(matrix: &Mat<f64>) -> Result<Eigen, MapError> {
    let size = matrix.nrows();
    let mut values = Diag::<f64>::zeros(size);
    let mut vectors = Mat::<f64>::zeros(size, size);
    let room = self_adjoint_evd_scratch::<f64>(
        size,
        ComputeEigenvectors::Yes,
        Par::Seq,
        Default::default(),
    );
    self_adjoint_evd(
        matrix.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(room)),
        Default::default(),
    )
    .map_err(|_| MapError::Eigen { size })?;
    // faer gives the smallest first.
    let values: Vec<f64> = (0..size).rev().map(|i| values[i]).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(MapError::Eigen { size });
    }
    let vectors = (0..size).rev().map(|column| {
        let vector: Vec<f64> = (0..size).map(|row| vectors[(row, column)]).collect();
        upright(vector)
    });
    Ok(Eigen {
        values,
        vectors: vectors.collect(),
    })
}

/// A vector or its opposite are the same axis: the one whose largest component, the first of equals, is positive.
pub(crate) fn upright(mut vector: Vec<f64>) -> Vec<f64> {
    let mut largest = 0.0_f64;
    for value in &vector {
        if value.abs() > largest.abs() {
            largest = *value;
        }
    }
    if largest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
    vector
}
