//! One system to learn from.

use std::sync::Arc;

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::GnnError;
use crate::native::equilibrate;
use crate::native::neuralif::InversePair;
use crate::neuralif::NODE_WIDTH;
use crate::neuralpcg::NeuralPcgConfig;
use crate::training::lu::LuSystem;

/// A matrix, its node features and, for losses that look at its inverse, solutions with their right-hand sides.
///
/// Cloning it copies the node features only.
///
/// # Examples
/// ```
/// use la_gnn::sprs::CsMat;
/// use la_gnn::torch::Sample;
/// let a = CsMat::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![4.0, 9.0]);
/// let sample = Sample::new(a.view(), vec![0.0; 16])?;
/// assert_eq!((sample.num_nodes(), sample.feature_width()), (2, 8));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sample {
    matrix: Arc<CsMatI<f64, u32>>,
    features: Vec<f64>,
    pairs: Arc<[InversePair]>,
    base: Option<Arc<[f64]>>,
}

fn finite(what: &str, values: &[f64]) -> Result<(), GnnError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(GnnError::NonFinite {
            what: what.into(),
            position,
        }),
    }
}

fn refuse(reason: String) -> GnnError {
    GnnError::Matrix { reason }
}

impl Sample {
    /// A sample from a matrix in CSR form and its node features. For learned LU factors see [`Sample::for_learned_lu`].
    ///
    /// # Shapes
    /// - `matrix`: n × n, n ≥ 1, every diagonal entry stored; for NeuralIF and NeuralPCG symmetric in value (not checked: only
    ///   its lower triangle enters the NeuralIF graph, the whole matrix enters the losses);
    /// - `features`: n rows of equal width, row-major; width 8 for NeuralIF.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if it is empty, not square, not CSR, if a row has no stored diagonal entry, or if the
    /// features are not a whole number of columns; [`GnnError::NonFinite`] for a value that is not finite.
    pub fn new<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        features: Vec<f64>,
    ) -> Result<Self, GnnError> {
        let n = matrix.rows();
        if u32::try_from(matrix.nnz().max(n)).is_err() {
            return Err(refuse(format!(
                "has {n} rows and {} entries, more than 32 bits can count",
                matrix.nnz()
            )));
        }
        if n == 0 || matrix.cols() != n {
            return Err(refuse(format!(
                "is {} x {}, must be square and not empty",
                n,
                matrix.cols()
            )));
        }
        if !matrix.is_csr() {
            return Err(refuse("is stored by columns, must be CSR".into()));
        }
        let matrix: CsMatI<f64, u32> = matrix.to_other_types();
        for (i, row) in matrix.outer_iterator().enumerate() {
            if row.nnz_index(i).is_none() {
                return Err(refuse(format!("row {i} has no stored diagonal entry")));
            }
        }
        finite("the matrix", matrix.data())?;
        if features.is_empty() || !features.len().is_multiple_of(n) {
            return Err(refuse(format!(
                "has {n} rows, but there are {} feature values",
                features.len()
            )));
        }
        finite("the node features", &features)?;
        Ok(Self {
            matrix: Arc::new(matrix),
            features,
            pairs: Arc::new([]),
            base: None,
        })
    }

    /// A sample with the eight structural node features of [`la_graph::structural_features`].
    ///
    /// # Errors
    /// As [`Sample::new`].
    pub fn from_matrix<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
    ) -> Result<Self, GnnError> {
        let features = la_graph::structural_features(matrix).map_err(|e| refuse(e.to_string()))?;
        Self::new(matrix, features)
    }

    /// The sample that a NeuralPCG network of this configuration trains on: `matrix`, equilibrated if the configuration says so,
    /// with the structural features or, for a network with one node feature, with the right-hand side (equilibrated too).
    ///
    /// # Errors
    /// As [`Sample::new`]; [`GnnError::Config`] naming `node_features` if the network takes neither eight nor one, or one and
    /// there is no right-hand side; [`GnnError::Matrix`] for a diagonal entry that is not positive where it has to be.
    pub fn for_neuralpcg<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        rhs: Option<&[f64]>,
        config: &NeuralPcgConfig,
    ) -> Result<Self, GnnError> {
        let scaled;
        let (matrix, scale) = if config.equilibrate {
            let (owned, scale) = equilibrate(matrix)?;
            scaled = owned;
            (scaled.view(), scale)
        } else {
            (matrix, Vec::new())
        };
        match (config.node_features, rhs) {
            (NODE_WIDTH, _) => Self::from_matrix(matrix),
            (1, Some(b)) => {
                let reciprocal = |i: usize| scale.get(i).map_or(1.0, |s| 1.0 / s);
                let features = b.iter().enumerate().map(|(i, b)| b * reciprocal(i));
                Self::new(matrix, features.collect())
            }
            (width, _) => Err(GnnError::Config {
                field: "node_features",
                reason: format!(
                    "is {width}; there are {NODE_WIDTH} structural features, or 1 with a right-hand side"
                ),
            }),
        }
    }

    /// Makes a solution `x` and its right-hand side `b = A x` the only pair, for supervised losses.
    ///
    /// # Errors
    /// As [`Sample::with_pairs`].
    pub fn with_pair(self, x: Vec<f64>, b: Vec<f64>) -> Result<Self, GnnError> {
        self.with_pairs(vec![InversePair { x, y: b }])
    }

    /// Replaces the pairs of solutions `x` and right-hand sides `y = A x`. Losses of LU factors draw one at every update; they want
    /// standard normal right-hand sides.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a length is not n; [`GnnError::NonFinite`] for a value that is not finite.
    pub fn with_pairs(mut self, pairs: Vec<InversePair>) -> Result<Self, GnnError> {
        for (what, v) in pairs.iter().flat_map(|p| [("x", &p.x), ("b", &p.y)]) {
            if v.len() != self.num_nodes() {
                return Err(refuse(format!(
                    "has {} rows, but {what} has length {}",
                    self.num_nodes(),
                    v.len()
                )));
            }
            finite(what, v)?;
        }
        self.pairs = pairs.into();
        Ok(self)
    }

    /// Gives the entries of ILU(0) of [`Sample::matrix`] for networks that correct them
    /// ([`Base::Ilu0`](crate::learned_lu::Base::Ilu0)).
    ///
    /// # Shapes
    /// `base`: one value per entry of the matrix, in storage order: L⁰ with its diagonal, which is not zero, and the strict triangle
    /// of the unit upper triangular U⁰.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] for a wrong length or a zero on the diagonal; [`GnnError::NonFinite`].
    pub fn with_base(mut self, base: Vec<f64>) -> Result<Self, GnnError> {
        if base.len() != self.matrix.nnz() {
            return Err(refuse(format!(
                "has {} entries, but there are {} of ILU(0)",
                self.matrix.nnz(),
                base.len()
            )));
        }
        finite("ILU(0)", &base)?;
        let diagonal = |i: usize| self.matrix.nnz_index(i, i).map_or(0.0, |k| base[k.0]);
        if let Some(i) = (0..self.num_nodes()).find(|i| diagonal(*i) == 0.0) {
            return Err(refuse(format!(
                "row {i} of ILU(0) has a zero on the diagonal"
            )));
        }
        self.base = Some(base.into());
        Ok(self)
    }

    /// Entries of ILU(0), where given.
    pub(crate) fn base(&self) -> Option<&[f64]> {
        self.base.as_deref()
    }

    /// The matrix with its pairs, as losses of LU factors want it.
    pub(crate) fn lu_system(&self) -> Result<LuSystem, GnnError> {
        LuSystem::new(Arc::clone(&self.matrix), Arc::clone(&self.pairs))
    }

    /// The matrix.
    #[must_use]
    pub fn matrix(&self) -> &CsMatI<f64, u32> {
        &self.matrix
    }

    /// Rows of the matrix.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.matrix.rows()
    }

    /// Node features, row-major.
    #[must_use]
    pub fn features(&self) -> &[f64] {
        &self.features
    }

    /// Columns of the node features.
    #[must_use]
    pub fn feature_width(&self) -> usize {
        self.features.len() / self.num_nodes()
    }

    /// The first solution and its right-hand side, where given.
    #[must_use]
    pub fn pair(&self) -> Option<(&[f64], &[f64])> {
        self.pairs.first().map(|p| (p.x.as_slice(), p.y.as_slice()))
    }

    /// Solutions x and right-hand sides y.
    #[must_use]
    pub fn pairs(&self) -> &[InversePair] {
        &self.pairs
    }
}
