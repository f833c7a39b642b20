//! One problem.

#[cfg(feature = "npz")]
use std::path::Path;

use sprs::CsMatI;

#[cfg(feature = "npz")]
use super::archive::{ArchiveError, NumpyArchive};

/// Minimise `½ xᵀ P x + qᵀ x + r` subject to `l ≤ A x ≤ u`, `lb ≤ x ≤ ub`.
///
/// The arrays of an archive are `P_data P_indices P_indptr` (by columns, both triangles), `q`, `r`, `A_data A_indices A_indptr A_shape` (by columns), `l`, `u`,
/// `lb`, `ub`; infinite bounds are infinities.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QuadraticFile {
    /// P, n × n, by columns.
    pub hessian: CsMatI<f64, usize>,
    /// q, length n.
    pub linear: Vec<f64>,
    /// r.
    pub constant: f64,
    /// A, m × n, by columns.
    pub rows: CsMatI<f64, usize>,
    /// l, length m.
    pub lower: Vec<f64>,
    /// u, length m.
    pub upper: Vec<f64>,
    /// lb, length n.
    pub lower_bounds: Vec<f64>,
    /// ub, length n.
    pub upper_bounds: Vec<f64>,
}

#[cfg(feature = "npz")]
impl QuadraticFile {
    /// Reads an archive.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArchiveError> {
        Self::from_archive(&NumpyArchive::open(path)?)
    }

    /// Takes the arrays out of an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Shape`].
    pub fn from_archive(archive: &NumpyArchive) -> Result<Self, ArchiveError> {
        let n = archive.reals("q")?.len();
        let m = archive.reals("l")?.len();
        let vector = |name, len| Ok(archive.reals_of(name, &[len])?.to_vec());
        let p = ["P_data", "P_indices", "P_indptr"];
        let a = ["A_data", "A_indices", "A_indptr"];
        Ok(Self {
            hessian: matrix(archive, p, (n, n))?,
            linear: vector("q", n)?,
            constant: archive.reals("r")?.first().copied().unwrap_or(0.0),
            rows: matrix(archive, a, (m, n))?,
            lower: vector("l", m)?,
            upper: vector("u", m)?,
            lower_bounds: vector("lb", n)?,
            upper_bounds: vector("ub", n)?,
        })
    }
}

impl QuadraticFile {
    /// P, row-major, n × n.
    #[must_use]
    pub fn dense_hessian(&self) -> Vec<f64> {
        dense(&self.hessian)
    }

    /// A, row-major, m × n.
    #[must_use]
    pub fn dense_rows(&self) -> Vec<f64> {
        dense(&self.rows)
    }

    /// Whether P has entries on its diagonal only, and what they are.
    #[must_use]
    pub fn diagonal_hessian(&self) -> Option<Vec<f64>> {
        let mut diagonal = vec![0.0; self.linear.len()];
        for (&value, (i, j)) in &self.hessian {
            if i != j {
                return None;
            }
            diagonal[i] = value;
        }
        Some(diagonal)
    }
}

fn dense(matrix: &CsMatI<f64, usize>) -> Vec<f64> {
    let mut values = vec![0.0; matrix.rows() * matrix.cols()];
    for (&value, (i, j)) in matrix {
        values[i * matrix.cols() + j] = value;
    }
    values
}

#[cfg(feature = "npz")]
fn matrix(
    archive: &NumpyArchive,
    [data, indices, starts]: [&'static str; 3],
    shape: (usize, usize),
) -> Result<CsMatI<f64, usize>, ArchiveError> {
    let positions = |name| {
        let value = |&x: &i64| usize::try_from(x).ok();
        let values: Option<Vec<usize>> = archive.integers(name)?.iter().map(value).collect();
        values.ok_or_else(|| ArchiveError::Shape {
            name,
            found: "negative positions".into(),
            expected: "positions in a matrix".into(),
        })
    };
    let (indices_, starts_) = (positions(indices)?, positions(starts)?);
    let values = archive.reals(data)?.to_vec();
    CsMatI::try_new_csc(shape, starts_, indices_, values).map_err(|(_, _, _, error)| {
        ArchiveError::Shape {
            name: starts,
            found: error.to_string(),
            expected: format!("columns of a {} x {} matrix", shape.0, shape.1),
        }
    })
}
