//! The lower triangle of a symmetric matrix as the graph the network runs on.

use la_graph::{lower_triangle, structural_features, two_hop};
use std::sync::Arc;

use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::Element;
use crate::GnnError;
use crate::neuralif::{NODE_WIDTH, NeuralIfConfig};

/// Lower triangle of an n × n matrix in CSR with the diagonal last in every row, and its node features.
///
/// Entry (i, j) with j ≤ i is the arc that node i receives from node j.
#[derive(Debug, Clone, PartialEq)]
pub struct LowerGraph<T> {
    pub(crate) row_ptr: Vec<u32>,
    pub(crate) col: Vec<u32>,
    pub(crate) value: Vec<T>,
    pub(crate) features: Vec<T>,
    /// `√a_ii` of the matrix before equilibration; empty where there was none.
    pub(crate) scale: Vec<f64>,
    /// The matrix whose thinned graph this is, where a loss has to know it.
    pub(crate) whole: Option<Arc<LowerGraph<T>>>,
}

impl<T: Element> LowerGraph<T> {
    /// A graph from its arrays.
    ///
    /// # Shapes
    /// `row_ptr`: n + 1; `col`, `value`: nnz; `features`: n × 8, row-major.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] naming the row that is not strictly increasing, not lower triangular or
    /// without a diagonal; [`GnnError::NonFinite`] for values or features that are NaN or infinite.
    pub fn new(
        row_ptr: Vec<u32>,
        col: Vec<u32>,
        value: Vec<T>,
        features: Vec<T>,
    ) -> Result<Self, GnnError> {
        let wrong = |reason: String| Err(GnnError::Matrix { reason });
        let Some(n) = row_ptr.len().checked_sub(1) else {
            return wrong("row pointers are empty, expected n + 1 of them".into());
        };
        if row_ptr[0] != 0 || row_ptr[n] as usize != col.len() || col.len() != value.len() {
            return wrong(format!(
                "row pointers run from {} to {}, with {} column indices and {} values",
                row_ptr[0],
                row_ptr[n],
                col.len(),
                value.len()
            ));
        }
        if features.len() != n * NODE_WIDTH {
            return wrong(format!(
                "{} features for {n} rows, expected {NODE_WIDTH} a row",
                features.len()
            ));
        }
        for i in 0..n {
            let (begin, end) = (row_ptr[i] as usize, row_ptr[i + 1] as usize);
            if begin >= end || end > col.len() || col[end - 1] as usize != i {
                return wrong(format!("row {i} does not end with its diagonal entry"));
            }
            if col[begin..end].windows(2).any(|w| w[0] >= w[1]) {
                return wrong(format!("row {i} has columns out of order"));
            }
        }
        for (what, list) in [("matrix", &value), ("node features", &features)] {
            if let Some(position) = list.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: what.into(),
                    position,
                });
            }
        }
        Ok(Self {
            row_ptr,
            col,
            value,
            features,
            scale: Vec::new(),
            whole: None,
        })
    }

    /// The graph of a symmetric matrix (both triangles stored): its lower triangle, and the structural
    /// node features of the whole matrix.
    ///
    /// # Errors
    /// [`GnnError::Graph`] if the matrix is not square or has entries that are not finite;
    /// [`GnnError::Matrix`] naming the first row without a diagonal entry.
    pub fn from_matrix<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
    ) -> Result<Self, GnnError> {
        if !a.is_csr() {
            return Self::build(a, lower_triangle(a)?);
        }
        // Checks the sizes and that every entry is finite.
        let features = structural_features(a)?;
        Self::read(a, features)
    }

    /// The lower triangle of a CSR matrix in one pass; everything else about the matrix has been checked.
    fn read<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        features: Vec<T>,
    ) -> Result<Self, GnnError> {
        let n = a.rows();
        let bound = a.nnz().saturating_sub(n) / 2 + n;
        let mut row_ptr = Vec::with_capacity(n + 1);
        let (mut col, mut value) = (Vec::with_capacity(bound), Vec::with_capacity(bound));
        row_ptr.push(0);
        for (i, row) in a.outer_iterator().enumerate() {
            let columns = row.indices();
            // Columns ascend, so those left of the diagonal are the first ones; counting takes no branches.
            let left = columns.iter().filter(|j| j.index_unchecked() < i).count();
            if columns.get(left).is_none_or(|j| j.index() != i) {
                let reason = format!("row {i} does not end with its diagonal entry");
                return Err(GnnError::Matrix { reason });
            }
            col.extend(columns[..=left].iter().map(|j| j.index_unchecked() as u32));
            value.extend(row.data()[..=left].iter().map(|v| T::from_f64(*v)));
            row_ptr.push(col.len() as u32);
        }
        if let Some(position) = value.iter().position(|v| !v.is_finite()) {
            let what = "matrix".into();
            return Err(GnnError::NonFinite { what, position });
        }
        Ok(Self {
            row_ptr,
            col,
            value,
            features,
            scale: Vec::new(),
            whole: None,
        })
    }

    /// The same on the lower triangle of the pattern of A², where new entries have the value 0. The
    /// node features stay those of A.
    ///
    /// # Errors
    /// As [`LowerGraph::from_matrix`].
    pub fn from_matrix_two_hop<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
    ) -> Result<Self, GnnError> {
        let wider = two_hop(a)?;
        Self::build(a, lower_triangle(wider.view())?)
    }

    /// The graph that a network of this configuration runs on: equilibrated, thinned and widened as it asks for.
    ///
    /// # Errors
    /// As [`LowerGraph::from_matrix`]; with `equilibrate` or `thin` also [`GnnError::Matrix`] naming the first row whose
    /// diagonal entry is not positive.
    pub fn prepare<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        config: &NeuralIfConfig,
    ) -> Result<Self, GnnError> {
        let graph = |a: CsMatViewI<'_, f64, I, P>| {
            if config.two_hop {
                Self::from_matrix_two_hop(a)
            } else {
                Self::from_matrix(a)
            }
        };
        if config.thin > 0.0 {
            let (kept, scale) = thin(a, config.thin, config.equilibrate)?;
            return Ok(Self {
                scale,
                ..Self::from_matrix(kept.view())?
            });
        }
        if !config.equilibrate {
            return graph(a);
        }
        let (scaled, scale) = equilibrate(a)?;
        Ok(Self {
            scale,
            ..graph(scaled.view())?
        })
    }

    /// The same for training: losses compare the factor with the whole matrix, also where the graph leaves entries out.
    ///
    /// # Errors
    /// As [`LowerGraph::prepare`].
    pub fn prepare_for_training<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        config: &NeuralIfConfig,
    ) -> Result<Self, GnnError> {
        let mut graph = Self::prepare(a, config)?;
        if config.thin > 0.0 {
            let config = config.clone().with_thin(0.0);
            graph.whole = Some(Arc::new(Self::prepare(a, &config)?));
        }
        Ok(graph)
    }

    /// The graph with the entries of the matrix: itself, if it was not thinned for training.
    pub(crate) fn whole(&self) -> &Self {
        self.whole.as_deref().unwrap_or(self)
    }

    /// Factor by which row i of the network's output has to be multiplied (`√a_ii`), if the matrix was
    /// equilibrated.
    #[must_use]
    pub fn scale(&self) -> Option<&[f64]> {
        (!self.scale.is_empty()).then_some(&self.scale)
    }

    fn build<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        lower: CsMatI<f64, u32>,
    ) -> Result<Self, GnnError> {
        let features: Vec<T> = structural_features(a)?;
        let (row_ptr, col, value) = lower.into_raw_storage();
        Self::new(
            row_ptr,
            col,
            value.into_iter().map(T::from_f64).collect(),
            features,
        )
    }

    /// Number of rows.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Number of stored entries, diagonal included.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.col.len()
    }

    /// Row pointers, n + 1.
    #[must_use]
    pub fn row_ptr(&self) -> &[u32] {
        &self.row_ptr
    }

    /// Column indices, ascending in each row, the diagonal last.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.col
    }

    /// Entries of the matrix.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.value
    }

    /// Node features, n × 8, row-major.
    #[must_use]
    pub fn features(&self) -> &[T] {
        &self.features
    }

    pub(crate) fn row(&self, i: usize) -> std::ops::Range<usize> {
        self.row_ptr[i] as usize..self.row_ptr[i + 1] as usize
    }
}

/// A symmetrically scaled matrix, and `√a_ii` of every row.
type Equilibrated<I, P> = (CsMatI<f64, I, P>, Vec<f64>);

/// `D^-1/2 A D^-1/2` with D = diag(A), and `√a_ii` of every row.
///
/// # Errors
/// [`GnnError::Matrix`] naming the first row whose diagonal entry is missing or not positive.
pub fn equilibrate<I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, f64, I, P>,
) -> Result<Equilibrated<I, P>, GnnError> {
    let scale = root_diagonal(a)?;
    let mut scaled = a.to_owned();
    if scaled.rows() == scaled.cols() {
        let reciprocal: Vec<f64> = scale.iter().map(|s| 1.0 / s).collect();
        for (i, mut row) in scaled.outer_iterator_mut().enumerate() {
            let of_row = reciprocal[i];
            for (j, value) in row.iter_mut() {
                *value *= of_row * reciprocal[j];
            }
        }
    }
    Ok((scaled, scale))
}

/// `√a_ii` of every row.
fn root_diagonal<I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, f64, I, P>,
) -> Result<Vec<f64>, GnnError> {
    let mut scale = Vec::with_capacity(a.rows());
    for i in 0..a.rows().min(a.cols()) {
        match a.get(i, i) {
            Some(d) if *d > 0.0 && d.is_finite() => scale.push(d.sqrt()),
            other => {
                let reason = match other {
                    Some(d) => {
                        format!("row {i} has the diagonal entry {d}, expected a positive one")
                    }
                    None => format!("row {i} has no diagonal entry"),
                };
                return Err(GnnError::Matrix { reason });
            }
        }
    }
    Ok(scale)
}

/// The entries of a CSR matrix that are larger than `tau √(a_ii a_jj)`, and the diagonal; equilibrated if asked for, and then with
/// `√a_ii` of every row.
fn thin<I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, f64, I, P>,
    tau: f64,
    equilibrate: bool,
) -> Result<Equilibrated<u32, u32>, GnnError> {
    if !a.is_csr() {
        return thin(a.to_csr().view(), tau, equilibrate);
    }
    let scale = root_diagonal(a)?;
    let reciprocal: Vec<f64> = scale.iter().map(|s| 1.0 / s).collect();
    let mut row_ptr = Vec::with_capacity(a.rows() + 1);
    let (mut col, mut value) = (Vec::new(), Vec::new());
    row_ptr.push(0);
    for (i, row) in a.outer_iterator().enumerate() {
        let of_row = reciprocal.get(i).copied().unwrap_or(1.0);
        for (j, &entry) in row.iter() {
            // The same product for both triangles.
            let relative = entry * (of_row * reciprocal.get(j).copied().unwrap_or(1.0));
            // NaN stays, to be found by name later.
            if relative.abs() <= tau && i != j {
                continue;
            }
            col.push(j as u32);
            value.push(if equilibrate { relative } else { entry });
        }
        row_ptr.push(col.len() as u32);
    }
    let kept = CsMatI::new((a.rows(), a.cols()), row_ptr, col, value);
    Ok((kept, if equilibrate { scale } else { Vec::new() }))
}
