//! König digraphs and their concatenations.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::digraph::{Digraph, row_of_each_entry};
use crate::error::{GraphError, id, same};
use crate::pattern::Pattern;
use crate::product::accumulate;
use crate::scalar::Real;
use crate::weighted;

/// A chain of König digraphs: layers of nodes, with arcs only from each layer to the next.
///
/// One stage is the König digraph of a matrix ([`koenig_digraph`]); [`concatenate`](Self::concatenate) identifies the last
/// layer of one with the first layer of the other. Nodes are numbered layer by layer, arcs stage by stage and row by row, so that
/// concatenation is associative to the letter.
///
/// # Examples
/// ```
/// use la_graph::koenig_digraph;
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![13.0, 7.0, 2.0]);
/// let b = CsMat::new((2, 1), vec![0, 1, 2], vec![0, 0], vec![6.0, 12.0]);
/// let g = koenig_digraph(a.view())?.concatenate(&koenig_digraph(b.view())?)?;
/// assert_eq!(g.layers(), [2, 2, 1]);
/// assert_eq!(g.path_weights()?.get(0, 0), Some(&162.0)); // 13·6 + 7·12
/// # Ok::<(), la_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LayeredDigraph<T> {
    first: Stage<T>,
    rest: Vec<Stage<T>>,
}

/// The arcs between two layers: a matrix without zeros.
#[derive(Debug, Clone, PartialEq)]
struct Stage<T> {
    pattern: Pattern<'static>,
    weights: Vec<T>,
}

/// The König digraph of a matrix: row nodes, column nodes, and one arc row `i` → column `j` with weight `a_ij` for every
/// nonzero entry.
///
/// Zeros, stored or not, give no arc. Out-degrees are the nonzeros per row, in-degrees those per column.
///
/// # Errors
/// [`GraphError::NotFinite`] for a NaN or infinite entry; [`GraphError::IndexOverflow`] if a count does not fit 32 bits.
///
/// # Examples
/// ```
/// use la_graph::koenig_digraph;
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 3), vec![0, 2, 3], vec![0, 2, 1], vec![5.0, 0.0, 7.0]);
/// let k = koenig_digraph(a.view())?;
/// assert_eq!((k.num_nodes(), k.num_arcs()), (5, 2));
/// assert_eq!(k.to_digraph().arcs().collect::<Vec<_>>(), [(0, 2, &5.0), (1, 3, &7.0)]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// M. Doob, *Discrete Appl. Math.*, 1984; R. A. Brualdi, D. Cvetković, *A Combinatorial Approach to Matrix Theory and Its
/// Applications*, 2008, chapter 2. The matrix reading follows J. Sjölund, M. Bånkestad, arXiv 2202.00264.
pub fn koenig_digraph<T: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<LayeredDigraph<T>, GraphError> {
    id("the number of nodes", a.rows().saturating_add(a.cols()))?;
    let (pattern, weights) = weighted::nonzeros(a)?;
    Ok(LayeredDigraph {
        first: Stage { pattern, weights },
        rest: Vec::new(),
    })
}

impl<T: Real> LayeredDigraph<T> {
    fn stages(&self) -> impl DoubleEndedIterator<Item = &Stage<T>> + Clone {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Number of stages: 1 for a König digraph, plus 1 for every concatenation.
    #[must_use]
    pub fn num_stages(&self) -> usize {
        1 + self.rest.len()
    }

    /// Sizes of the layers, one more than there are stages.
    #[must_use]
    pub fn layers(&self) -> Vec<usize> {
        let mut layers = Vec::with_capacity(self.num_stages() + 1);
        layers.push(self.first.pattern.rows());
        layers.extend(self.stages().map(|s| s.pattern.cols()));
        layers
    }

    /// Number of nodes in all layers.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.layers().iter().sum()
    }

    /// Number of arcs in all stages.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.stages().map(|s| s.pattern.nnz()).sum()
    }

    /// Pattern and weights of one stage, counted from 0.
    #[must_use]
    pub fn stage(&self, stage: usize) -> Option<(&Pattern<'static>, &[T])> {
        self.stages()
            .nth(stage)
            .map(|s| (&s.pattern, s.weights.as_slice()))
    }

    /// Concatenation: column node `c` of the last stage becomes row node `c` of `next`.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if the two layers differ in size; [`GraphError::IndexOverflow`] if a count does not
    /// fit 32 bits.
    pub fn concatenate(&self, next: &Self) -> Result<Self, GraphError> {
        let last = self.stages().next_back().unwrap_or(&self.first);
        same(
            "the first layer of the right graph",
            last.pattern.cols(),
            next.first.pattern.rows(),
        )?;
        let nodes = self.num_nodes() + next.num_nodes() - next.first.pattern.rows();
        id("the number of nodes", nodes)?;
        id("the number of arcs", self.num_arcs() + next.num_arcs())?;
        let mut graph = self.clone();
        graph.rest.extend(next.stages().cloned());
        Ok(graph)
    }

    /// All arcs turned round: the graph of the transposed factors in the opposite order.
    ///
    /// # Examples
    /// ```
    /// use la_graph::koenig_digraph;
    /// use sprs::CsMat;
    ///
    /// let a = CsMat::new((1, 2), vec![0, 2], vec![0, 1], vec![3.0, 4.0]);
    /// let k = koenig_digraph(a.view())?;
    /// assert_eq!(k.reversed(), koenig_digraph(a.transpose_view())?);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn reversed(&self) -> Self {
        let transpose = |s: &Stage<T>| {
            let (pattern, positions) = s.pattern.transpose_with_positions();
            let weights = positions.iter().map(|&p| s.weights[p as usize]).collect();
            Stage { pattern, weights }
        };
        let mut stages = self.stages().rev().map(transpose);
        // There is always a first stage.
        let first = stages.next().unwrap_or_else(|| self.first.clone());
        Self {
            first,
            rest: stages.collect(),
        }
    }

    /// Sums of path weights: entry `(i, j)` is the sum, over all paths from node `i` of the first layer to node `j` of the
    /// last, of the product of their arc weights.
    ///
    /// This is the product of the matrices. An entry is stored where at least one path exists, even if the sum cancels.
    ///
    /// # Errors
    /// [`GraphError::IndexOverflow`] if the result has more than 2³² − 1 entries.
    ///
    /// # References
    /// R. A. Brualdi, D. Cvetković, 2008, chapter 2.
    pub fn path_weights(&self) -> Result<CsMatI<T, u32>, GraphError> {
        let (pattern, values) = self.fold(|w| w, |sum, a, w| sum + a * w)?;
        pattern.with_values(values)
    }

    /// Number of paths from each node of the first layer to each node of the last (saturating at `u64::MAX`).
    ///
    /// # Errors
    /// As [`LayeredDigraph::path_weights`].
    pub fn path_counts(&self) -> Result<CsMatI<u64, u32>, GraphError> {
        let (pattern, values) = self.fold(|_| 1u64, |sum, a, _| sum.saturating_add(a))?;
        pattern.with_values(values)
    }

    /// Multiplies the stages from left to right.
    fn fold<C: Copy + Default>(
        &self,
        start: impl Fn(T) -> C,
        add_product: impl Fn(C, C, T) -> C,
    ) -> Result<(Pattern<'static>, Vec<C>), GraphError> {
        let mut pattern = self.first.pattern.clone();
        let mut values: Vec<C> = self.first.weights.iter().map(|&w| start(w)).collect();
        for stage in &self.rest {
            let product = pattern.product(&stage.pattern)?;
            values = accumulate(
                (&pattern, &values),
                (&stage.pattern, &stage.weights),
                &product,
                &add_product,
            );
            pattern = product;
        }
        Ok((pattern, values))
    }

    /// The same nodes and arcs as a plain digraph: node ids layer by layer, arc ids stage by stage.
    #[must_use]
    pub fn to_digraph(&self) -> Digraph<T> {
        let arcs = self.num_arcs();
        let (mut tails, mut heads, mut weights) = (
            Vec::with_capacity(arcs),
            Vec::with_capacity(arcs),
            Vec::with_capacity(arcs),
        );
        let mut offset = 0;
        for stage in self.stages() {
            let next = offset + stage.pattern.rows() as u32;
            tails.extend(row_of_each_entry(&stage.pattern).iter().map(|i| offset + i));
            heads.extend(stage.pattern.indices().iter().map(|j| next + j));
            weights.extend_from_slice(&stage.weights);
            offset = next;
        }
        Digraph::trusted(self.num_nodes(), tails, heads, weights)
    }

    /// Overlays graphs that share their first and last layers; inner layers stay apart, one after the other.
    ///
    /// Path weights add up. Overlaying the [`outer_products`] of W and H gives back K(W) ∗ K(Hᵀ).
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if the list is empty, a graph has one stage only (its arcs would become parallel), or
    /// numbers of stages or outer layers differ; [`GraphError::IndexOverflow`] if a count does not fit 32 bits.
    pub fn overlay(graphs: &[Self]) -> Result<Self, GraphError> {
        let Some(model) = graphs.first() else {
            return Err(GraphError::DimensionMismatch {
                what: "the number of graphs",
                expected: 1,
                found: 0,
            });
        };
        let stages = model.num_stages();
        if stages < 2 {
            same("the number of stages", 2, stages)?;
        }
        let (rows, cols) = (model.first.pattern.rows(), model.layers()[stages]);
        for graph in graphs {
            same("the number of stages", stages, graph.num_stages())?;
            same("the first layer", rows, graph.first.pattern.rows())?;
            same("the last layer", cols, graph.layers()[stages])?;
        }
        let mut merged = (0..stages).map(|k| {
            let parts = graphs.iter().filter_map(|g| g.stages().nth(k));
            Stage::overlay(parts, k == 0, k + 1 == stages)
        });
        let first = merged.next().unwrap_or_else(|| Ok(model.first.clone()))?;
        let rest = merged.collect::<Result<_, _>>()?;
        let graph = Self { first, rest };
        id("the number of nodes", graph.num_nodes())?;
        Ok(graph)
    }
}

impl<T: Real> Stage<T> {
    /// Block row (`shared_rows`), block column (`shared_cols`) or block diagonal of the parts.
    fn overlay<'a>(
        parts: impl Iterator<Item = &'a Self> + Clone,
        shared_rows: bool,
        shared_cols: bool,
    ) -> Result<Self, GraphError> {
        let nnz = parts.clone().map(|s| s.pattern.nnz()).sum();
        id("the number of arcs", nnz)?;
        let sizes = |size: fn(&Self) -> usize, shared: bool| -> usize {
            let mut sizes = parts.clone().map(size);
            if shared {
                sizes.next().unwrap_or(0)
            } else {
                sizes.sum()
            }
        };
        let rows = sizes(|s| s.pattern.rows(), shared_rows);
        let cols = sizes(|s| s.pattern.cols(), shared_cols);
        id("the number of nodes", rows.saturating_add(cols))?;
        let mut indptr = Vec::with_capacity(rows + 1);
        let mut indices = Vec::with_capacity(nnz);
        let mut weights = Vec::with_capacity(nnz);
        indptr.push(0);
        let mut copy_row = |part: &Self, i: usize, offset: usize| {
            let range = part.pattern.indptr()[i] as usize..part.pattern.indptr()[i + 1] as usize;
            indices.extend(part.pattern.row(i).iter().map(|j| offset as u32 + j));
            weights.extend_from_slice(&part.weights[range]);
            indices.len() as u32
        };
        let step = |part: &Self| if shared_cols { 0 } else { part.pattern.cols() };
        if shared_rows {
            for i in 0..rows {
                let (mut offset, mut end) = (0, 0);
                for part in parts.clone() {
                    end = copy_row(part, i, offset);
                    offset += step(part);
                }
                indptr.push(end);
            }
        } else {
            let mut offset = 0;
            for part in parts {
                for i in 0..part.pattern.rows() {
                    indptr.push(copy_row(part, i, offset));
                }
                offset += step(part);
            }
        }
        Ok(Self {
            pattern: Pattern::trusted(rows, cols, indptr, indices),
            weights,
        })
    }
}

/// The outer-product decomposition of W Hᵀ: the graphs K(w_c) ∗ K(h_cᵀ), one for each column c.
///
/// Each has layers m, 1, n and exactly one path from `i` to `j` whenever w_ic and h_jc are both nonzero. The sum of their path
/// weights is W Hᵀ ([`LayeredDigraph::overlay`]).
///
/// # Shapes
/// - `w`: m × r; `h`: n × r; result: r graphs.
///
/// # Errors
/// [`GraphError::DimensionMismatch`] if the numbers of columns differ; [`GraphError::NotFinite`];
/// [`GraphError::IndexOverflow`].
///
/// # Examples
/// ```
/// use la_graph::outer_products;
/// use sprs::CsMat;
///
/// let w = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![13.0, 7.0, 2.0]);
/// let h = CsMat::new((1, 2), vec![0, 2], vec![0, 1], vec![6.0, 12.0]);
/// let terms = outer_products(w.view(), h.view())?;
/// assert_eq!(terms[0].path_weights()?.get(0, 0), Some(&78.0));
/// assert_eq!(terms[1].path_weights()?.get(0, 0), Some(&84.0));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// J. Sjölund, M. Bånkestad, arXiv 2202.00264, section 2.
pub fn outer_products<T: Real, I: SpIndex, P: SpIndex, J: SpIndex, Q: SpIndex>(
    w: CsMatViewI<'_, T, I, P>,
    h: CsMatViewI<'_, T, J, Q>,
) -> Result<Vec<LayeredDigraph<T>>, GraphError> {
    same(
        "the number of columns of the right factor",
        w.cols(),
        h.cols(),
    )?;
    let columns_of_w = koenig_digraph(w)?.reversed();
    let columns_of_h = koenig_digraph(h)?.reversed();
    let row = |stage: &Stage<T>, c: usize| {
        let range = stage.pattern.indptr()[c] as usize..stage.pattern.indptr()[c + 1] as usize;
        let columns = stage.pattern.row(c).to_vec();
        Stage {
            pattern: Pattern::trusted(
                1,
                stage.pattern.cols(),
                vec![0, columns.len() as u32],
                columns,
            ),
            weights: stage.weights[range].to_vec(),
        }
    };
    Ok((0..columns_of_w.first.pattern.rows())
        .map(|c| {
            let column = LayeredDigraph {
                first: row(&columns_of_w.first, c),
                rest: Vec::new(),
            };
            LayeredDigraph {
                first: column.reversed().first,
                rest: vec![row(&columns_of_h.first, c)],
            }
        })
        .collect())
}
