//! Samples for networks on matrices that need not be symmetric.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::sample::Sample;
use crate::GnnError;
use crate::learned_lu::{AddedLoops, FirstFeature, LearnedLuConfig, MatrixScale, NODE_WIDTH};
use crate::neuralpcg::{FactorForm, NeuralPcgConfig};

type Matrix = CsMatI<f64, u32>;

fn refuse<T>(reason: String) -> Result<T, GnnError> {
    Err(GnnError::Matrix { reason })
}

/// The matrix in CSR with 32-bit indices; the checks that come before a look at its rows.
fn checked<I: SpIndex, P: SpIndex>(a: CsMatViewI<'_, f64, I, P>) -> Result<Matrix, GnnError> {
    if a.rows() == 0 || a.cols() != a.rows() {
        return refuse(format!(
            "is {} x {}, must be square and not empty",
            a.rows(),
            a.cols()
        ));
    }
    // Every row may need a loop.
    if u32::try_from(a.nnz() + a.rows()).is_err() {
        return refuse(format!(
            "has {} rows and {} entries, more than 32 bits can count",
            a.rows(),
            a.nnz()
        ));
    }
    if let Some(position) = a.data().iter().position(|v| !v.is_finite()) {
        return Err(GnnError::NonFinite {
            what: "the matrix".into(),
            position,
        });
    }
    Ok(match a.is_csr() {
        true => a.to_other_types(),
        false => a.to_csr().to_other_types(),
    })
}

/// The same matrix with a zero where a diagonal entry is not stored.
fn with_loops(a: &Matrix) -> Matrix {
    let n = a.rows();
    let mut indptr = vec![0u32];
    let mut columns = Vec::with_capacity(a.nnz() + n);
    let mut values = Vec::with_capacity(a.nnz() + n);
    for (i, row) in a.outer_iterator().enumerate() {
        let place = row.indices().partition_point(|j| (*j as usize) < i);
        let stored = row.indices().get(place) == Some(&(i as u32));
        columns.extend_from_slice(&row.indices()[..place]);
        values.extend_from_slice(&row.data()[..place]);
        if !stored {
            columns.push(i as u32);
            values.push(0.0);
        }
        columns.extend_from_slice(&row.indices()[place..]);
        values.extend_from_slice(&row.data()[place..]);
        indptr.push(columns.len() as u32);
    }
    CsMatI::new((n, n), indptr, columns, values)
}

/// Divides the matrix as the configuration says.
fn rescale(a: &mut Matrix, scale: MatrixScale) {
    let largest = |row: &[f64]| row.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let nonzero = |s: f64| if s > 0.0 { s } else { 1.0 };
    match scale {
        MatrixScale::None => {}
        MatrixScale::Matrix => {
            let sum: f64 = a.outer_iterator().map(|row| largest(row.data())).sum();
            let divisor = nonzero(sum / a.rows() as f64);
            a.data_mut().iter_mut().for_each(|v| *v /= divisor);
        }
        MatrixScale::Rows => {
            let divisors: Vec<f64> = a
                .outer_iterator()
                .map(|row| nonzero(largest(row.data())))
                .collect();
            for (mut row, divisor) in a.outer_iterator_mut().zip(divisors) {
                row.iter_mut().for_each(|(_, v)| *v /= divisor);
            }
        }
    }
}

fn features(a: &Matrix) -> Result<Vec<f64>, GnnError> {
    la_graph::structural_features(a.view()).map_err(GnnError::from)
}

impl Sample {
    /// The sample that a learned LU network of this configuration trains on: any square matrix, divided as the configuration says,
    /// with a zero where a diagonal entry is not stored, and its node features.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the matrix is empty or not square, or the right-hand side has another length;
    /// [`GnnError::NonFinite`] for values that are NaN or infinite; [`GnnError::Config`] naming `first_feature` if the network
    /// looks at the right-hand side and there is none.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::learned_lu::LearnedLuConfig;
    /// use la_gnn::sprs::CsMat;
    /// use la_gnn::torch::Sample;
    /// // [0 2; 1 .]: one zero and one missing entry on the diagonal.
    /// let a = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 0], vec![0.0, 2.0, 1.0]);
    /// let sample = Sample::for_learned_lu(a.view(), None, &LearnedLuConfig::default())?;
    /// assert_eq!(sample.matrix().data(), [0.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn for_learned_lu<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        rhs: Option<&[f64]>,
        config: &LearnedLuConfig,
    ) -> Result<Self, GnnError> {
        let mut stored = checked(matrix)?;
        rescale(&mut stored, config.scale);
        let completed = with_loops(&stored);
        let mut features = match config.added_loops {
            AddedLoops::Counted => features(&completed)?,
            AddedLoops::Ignored => features(&stored)?,
        };
        if config.first_feature == FirstFeature::RightHandSide {
            let Some(b) = rhs else {
                return Err(GnnError::Config {
                    field: "first_feature",
                    reason: "is the right-hand side, but there is none".into(),
                });
            };
            if b.len() != stored.rows() {
                return refuse(format!(
                    "has {} rows, the right-hand side {}",
                    stored.rows(),
                    b.len()
                ));
            }
            for (row, b) in features.chunks_exact_mut(NODE_WIDTH).zip(b) {
                row[0] = *b;
            }
        }
        Self::new(completed.view(), features)
    }

    /// The sample that a NeuralPCG network of the form [`FactorForm::Triangle`] trains on.
    ///
    /// # Errors
    /// As [`Sample::for_learned_lu`]; [`GnnError::Config`] naming `form` for another one.
    pub fn for_general_neuralpcg<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        config: &NeuralPcgConfig,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        if config.form != FactorForm::Triangle {
            return Err(GnnError::Config {
                field: "form",
                reason: "must be `triangle` for a matrix that is not symmetric".into(),
            });
        }
        let completed = with_loops(&checked(matrix)?);
        let features = features(&completed)?;
        Self::new(completed.view(), features)
    }
}
