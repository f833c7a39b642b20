//! A general square matrix as the graph a network runs on.

use la_graph::{structural_features, structural_features_csr};
use sprs::{CsMatViewI, SpIndex};

mod values;

use super::Element;
use crate::GnnError;
use crate::learned_lu::{AddedLoops, FirstFeature, LearnedLuConfig, MatrixScale, NODE_WIDTH};

/// The Coates graph of an n × n matrix with a loop on every node, in CSR, and its node features.
///
/// Entry (i, j) is the arc that node i receives from node j. Diagonal entries that are not stored are added with the value 0, so that
/// the pattern is that of A and of factors L, U on it.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::LearnedLuConfig;
/// use la_gnn::native::CoatesGraph;
/// use la_gnn::sprs::CsMatI;
///
/// // [ 0 2 ; 1 3 ], the zero not stored.
/// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![2.0, 1.0, 3.0]);
/// let graph = CoatesGraph::<f32>::prepare(a.view(), &LearnedLuConfig::default())?;
/// assert_eq!((graph.columns(), graph.entries()), (&[0, 1, 0, 1][..], &[0.0, 2.0, 1.0, 3.0][..]));
/// assert_eq!((graph.added_loops(), graph.diagonal()), (1, &[0, 3][..]));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CoatesGraph<T> {
    pub(crate) row_ptr: Vec<u32>,
    pub(crate) col: Vec<u32>,
    /// Position of the loop of each node among all arcs.
    pub(crate) diagonal: Vec<u32>,
    /// The entries of A.
    pub(crate) entries: Vec<f64>,
    /// What the network sees of them.
    pub(crate) value: Vec<T>,
    pub(crate) features: Vec<T>,
    /// The network's row i times this is row i of L; empty for ones.
    pub(crate) scale: Vec<f64>,
    /// Entries of ILU(0) in the order of the arcs, L⁰ with its diagonal and the strict triangle of U⁰; empty without.
    pub(crate) base: Vec<f64>,
    /// The same as the network sees them.
    pub(crate) base_value: Vec<T>,
    pub(crate) added: usize,
}

pub(crate) fn wrong<T>(reason: String) -> Result<T, GnnError> {
    Err(GnnError::Matrix { reason })
}

impl<T: Element> CoatesGraph<T> {
    /// The graph of a matrix as it is, with structural node features that count added loops.
    ///
    /// # Errors
    /// As [`CoatesGraph::prepare`], except for the configuration.
    pub fn from_matrix<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
    ) -> Result<Self, GnnError> {
        Self::structural(a, AddedLoops::Counted, MatrixScale::None)
    }

    /// The graph that a learned LU network of this configuration runs on, with structural node features.
    ///
    /// Costs one pass over the matrix and one for its features; 16 bytes an arc beside the network's own memory.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the matrix is not square, naming the first row with columns that do not ascend;
    /// [`GnnError::Graph`] naming an entry that is NaN or infinite, [`GnnError::NonFinite`] for one that is so after rounding to `T`;
    /// [`GnnError::Config`] naming `first_feature` if the network takes the right-hand side.
    pub fn prepare<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        config: &LearnedLuConfig,
    ) -> Result<Self, GnnError> {
        if config.first_feature == FirstFeature::RightHandSide {
            return Err(GnnError::Config {
                field: "first_feature",
                reason: "is the right-hand side, and there is none".into(),
            });
        }
        Self::structural(a, config.added_loops, config.scale)
    }

    /// The same for a system A x = b, with the entry of b as the first node feature if the network takes it.
    ///
    /// # Errors
    /// As [`CoatesGraph::prepare`]; [`GnnError::Matrix`] for a wrong length of b; [`GnnError::NonFinite`] for its entries.
    pub fn prepare_system<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        b: &[f64],
        config: &LearnedLuConfig,
    ) -> Result<Self, GnnError> {
        if b.len() != a.rows() {
            return wrong(format!(
                "has {} rows, but the right-hand side has length {}",
                a.rows(),
                b.len()
            ));
        }
        let mut graph = Self::structural(a, config.added_loops, config.scale)?;
        if config.first_feature == FirstFeature::RightHandSide {
            for (x, b) in graph.features.chunks_exact_mut(NODE_WIDTH).zip(b) {
                x[0] = T::from_f64(*b);
            }
            finite("right-hand side", b)?;
            finite("node features", &graph.features)?;
        }
        Ok(graph)
    }

    /// The graph with node features that are structural throughout.
    pub(crate) fn structural<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        loops: AddedLoops,
        scale: MatrixScale,
    ) -> Result<Self, GnnError> {
        if !a.is_csr() {
            return Self::structural(a.to_csr().view(), loops, scale);
        }
        let n = a.rows();
        if a.cols() != n {
            return wrong(format!("is {n} x {}, must be square", a.cols()));
        }
        // Row pointers are differences of 32 bits; n more entries may have to be added.
        if u32::try_from(a.nnz() + n).is_err() {
            return wrong(format!(
                "has {} entries, more than 32 bits can count",
                a.nnz()
            ));
        }
        let mut graph = Self {
            row_ptr: Vec::with_capacity(n + 1),
            col: Vec::with_capacity(a.nnz() + n),
            diagonal: Vec::with_capacity(n),
            entries: Vec::with_capacity(a.nnz() + n),
            value: Vec::new(),
            features: Vec::new(),
            scale: Vec::new(),
            base: Vec::new(),
            base_value: Vec::new(),
            added: 0,
        };
        graph.row_ptr.push(0);
        for (i, row) in a.outer_iterator().enumerate() {
            let (columns, data) = (row.indices(), row.data());
            if columns.windows(2).any(|w| w[0] >= w[1]) {
                return wrong(format!("row {i} has columns that do not ascend"));
            }
            let left = columns.partition_point(|j| j.index() < i);
            let stored = columns.get(left).is_some_and(|j| j.index() == i);
            let right = left + usize::from(stored);
            let index = |j: &I| j.index() as u32;
            graph.col.extend(columns[..left].iter().map(index));
            graph.entries.extend_from_slice(&data[..left]);
            graph.diagonal.push(graph.col.len() as u32);
            graph.col.push(i as u32);
            graph.entries.push(if stored { data[left] } else { 0.0 });
            graph.col.extend(columns[right..].iter().map(index));
            graph.entries.extend_from_slice(&data[right..]);
            graph.row_ptr.push(graph.col.len() as u32);
            graph.added += usize::from(!stored);
        }
        graph.features = match loops {
            AddedLoops::Ignored if graph.added > 0 => structural_features(a)?,
            _ => graph.own_features()?,
        };
        graph.scale = graph.row_scale(scale);
        graph.see()?;
        Ok(graph)
    }

    /// Structural features with added loops counted.
    fn own_features(&self) -> Result<Vec<T>, GnnError> {
        let mut features = vec![T::ZERO; self.num_nodes() * NODE_WIDTH];
        structural_features_csr(&self.row_ptr, &self.col, &self.entries, &mut features)?;
        Ok(features)
    }

    /// By what each row is divided; empty for ones.
    fn row_scale(&self, scale: MatrixScale) -> Vec<f64> {
        let largest = |row: &[u32]| -> f64 {
            let row = &self.entries[row[0] as usize..row[1] as usize];
            row.iter().fold(0.0, |m, v| m.max(v.abs()))
        };
        let or_one = |s: f64| if s > 0.0 { s } else { 1.0 };
        let n = self.num_nodes();
        match scale {
            MatrixScale::None => Vec::new(),
            MatrixScale::Rows => self
                .row_ptr
                .windows(2)
                .map(|r| or_one(largest(r)))
                .collect(),
            MatrixScale::Matrix => {
                let parts = self.row_ptr.windows(2).map(|r| largest(r) / n as f64);
                vec![or_one(parts.sum()); n]
            }
        }
    }

    /// Fills in what the network sees of the entries.
    fn see(&mut self) -> Result<(), GnnError> {
        let Self {
            row_ptr,
            entries,
            value,
            scale,
            ..
        } = self;
        seen(row_ptr, entries, scale, value);
        finite("matrix", value)?;
        finite("node features", &self.features)
    }

    /// Number of rows.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.diagonal.len()
    }

    /// Number of arcs: stored entries and added loops.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.col.len()
    }

    /// Loops that were added because no diagonal entry is stored.
    #[must_use]
    pub fn added_loops(&self) -> usize {
        self.added
    }

    /// Row pointers, n + 1.
    #[must_use]
    pub fn row_ptr(&self) -> &[u32] {
        &self.row_ptr
    }

    /// Columns, ascending in each row.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.col
    }

    /// Position of each row's diagonal entry among all arcs.
    #[must_use]
    pub fn diagonal(&self) -> &[u32] {
        &self.diagonal
    }

    /// The entries of A, 0 for added loops.
    #[must_use]
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    /// Node features, n × 8, row-major.
    #[must_use]
    pub fn features(&self) -> &[T] {
        &self.features
    }

    /// By what each row of A was divided before the network sees it, if it was.
    #[must_use]
    pub fn scale(&self) -> Option<&[f64]> {
        (!self.scale.is_empty()).then_some(&self.scale)
    }

    /// Whether entries of ILU(0) were given.
    #[must_use]
    pub fn has_base(&self) -> bool {
        !self.base.is_empty() || self.num_arcs() == 0
    }

    /// Arcs of one row.
    pub(crate) fn row(&self, i: usize) -> std::ops::Range<usize> {
        self.row_ptr[i] as usize..self.row_ptr[i + 1] as usize
    }
}

/// Entries divided by the scale of their row.
fn seen<T: Element>(row_ptr: &[u32], entries: &[f64], scale: &[f64], value: &mut Vec<T>) {
    value.clear();
    if scale.is_empty() {
        value.extend(entries.iter().map(|v| T::from_f64(*v)));
        return;
    }
    for (row, s) in row_ptr.windows(2).zip(scale) {
        let row = &entries[row[0] as usize..row[1] as usize];
        value.extend(row.iter().map(|v| T::from_f64(v / s)));
    }
}

pub(crate) fn finite<T: Element>(what: &str, list: &[T]) -> Result<(), GnnError> {
    match list.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(GnnError::NonFinite {
            what: what.into(),
            position,
        }),
    }
}
