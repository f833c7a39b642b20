//! The augmented line digraph of a factorisation.

use std::borrow::Cow;

use sprs::{CsMatViewI, SpIndex};

use crate::digraph::row_of_each_entry;
use crate::error::{GraphError, id, same};
use crate::pattern::Pattern;
use crate::scalar::Real;
use crate::weighted;

/// The augmented line digraph of W, H and V: where a network that improves V ≈ W Hᵀ lives.
///
/// It overlays the line digraphs of the r outer products w_c h_cᵀ. Source node `i` carries row `i` of W, target node `j` row `j`
/// of H, arc `i → j` carries `v_ij`. [`new`](Self::new) makes it complete bipartite, zeros included, since a zero of V
/// constrains the product as much as any other entry; [`from_sparse`](Self::from_sparse) keeps only the stored arcs.
///
/// # Examples
/// ```
/// use la_graph::AugmentedLineDigraph;
///
/// let (w, h) = ([4.0, 9.0], [8.0, 10.0, 3.0, 1.0]);
/// let g = AugmentedLineDigraph::new(&w, &h, &[122.0, 21.0], 2)?;
/// assert_eq!((g.num_sources(), g.num_targets(), g.num_arcs()), (1, 2, 2));
/// assert_eq!(g.edge_features()[..3], [32.0, 90.0, 122.0]);
/// assert_eq!(g.residuals(), [0.0, 0.0]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// J. Sjölund, M. Bånkestad, *Graph-based neural acceleration for nonnegative matrix factorization*, arXiv 2202.00264, 2022.
/// Deviates: zeros of W and H delete no node and zeros of V no arc.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentedLineDigraph<'a, T: Clone> {
    rank: usize,
    sources: Cow<'a, [T]>,
    targets: Cow<'a, [T]>,
    weights: Cow<'a, [T]>,
    arcs: Arcs,
}

#[derive(Debug, Clone, PartialEq)]
enum Arcs {
    /// Arc `i n + j` goes from `i` to `j`.
    Complete { sources: usize, targets: usize },
    /// One arc per entry, sorted by tail and then head.
    Listed(Pattern<'static>),
}

impl<'a, T: Real> AugmentedLineDigraph<'a, T> {
    /// The complete bipartite graph: m n arcs, also for zeros.
    ///
    /// # Shapes
    /// - `w`: m × r, `h`: n × r, `v`: m × n, all row-major; `rank` is r and must not be 0.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if a length is no multiple of `rank` or `v` does not have m n entries;
    /// [`GraphError::NotFinite`] for a NaN or infinite entry; [`GraphError::IndexOverflow`] if m or n does not fit 32 bits.
    pub fn new(w: &'a [T], h: &'a [T], v: &'a [T], rank: usize) -> Result<Self, GraphError> {
        let (m, n) = (node_count("W", w, rank)?, node_count("H", h, rank)?);
        same("the number of entries of V", m.saturating_mul(n), v.len())?;
        finite(v, n)?;
        Ok(Self {
            rank,
            sources: w.into(),
            targets: h.into(),
            weights: v.into(),
            arcs: Arcs::Complete {
                sources: m,
                targets: n,
            },
        })
    }

    /// Only the arcs of the stored entries of a sparse V (explicit zeros included); all m + n nodes.
    ///
    /// Not the graph of the paper: the pairs left out do not constrain the product.
    ///
    /// # Errors
    /// As [`AugmentedLineDigraph::new`].
    ///
    /// # Examples
    /// ```
    /// use la_graph::AugmentedLineDigraph;
    /// use sprs::CsMat;
    ///
    /// let v = CsMat::new((2, 2), vec![0, 1, 1], vec![1], vec![6.0]);
    /// let g = AugmentedLineDigraph::from_sparse(&[2.0, 0.0], &[1.0, 3.0], v.view(), 1)?;
    /// assert_eq!(g.arcs().collect::<Vec<_>>(), [(0, 1, 6.0)]);
    /// assert_eq!(g.num_sources(), 2);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn from_sparse<I: SpIndex, P: SpIndex>(
        w: &'a [T],
        h: &'a [T],
        v: CsMatViewI<'_, T, I, P>,
        rank: usize,
    ) -> Result<Self, GraphError> {
        let (rows, cols) = v.shape();
        Self::from_sparse_with_zeros(w, h, v, &Pattern::from_coordinates(rows, cols, [])?, rank)
    }

    /// [`from_sparse`](Self::from_sparse) plus arcs of weight 0 for the given pairs, a sample of the zeros of V for example.
    ///
    /// # Errors
    /// As [`AugmentedLineDigraph::new`].
    pub fn from_sparse_with_zeros<I: SpIndex, P: SpIndex>(
        w: &'a [T],
        h: &'a [T],
        v: CsMatViewI<'_, T, I, P>,
        zeros: &Pattern<'_>,
        rank: usize,
    ) -> Result<Self, GraphError> {
        let (m, n) = (node_count("W", w, rank)?, node_count("H", h, rank)?);
        same("the number of rows of V", m, v.rows())?;
        same("the number of columns of V", n, v.cols())?;
        let (stored, values) = weighted::stored(v)?;
        let pattern = stored.union(zeros)?;
        let mut old = values.into_iter();
        let weights = pattern.entries().map(|(i, j)| {
            let known = stored.contains(i, j);
            known.then(|| old.next()).flatten().unwrap_or(T::ZERO)
        });
        Ok(Self {
            rank,
            sources: w.into(),
            targets: h.into(),
            weights: weights.collect::<Vec<_>>().into(),
            arcs: Arcs::Listed(pattern),
        })
    }

    /// m, the number of source nodes (rows of W).
    #[must_use]
    pub fn num_sources(&self) -> usize {
        match &self.arcs {
            Arcs::Complete { sources, .. } => *sources,
            Arcs::Listed(pattern) => pattern.rows(),
        }
    }

    /// n, the number of target nodes (rows of H).
    #[must_use]
    pub fn num_targets(&self) -> usize {
        match &self.arcs {
            Arcs::Complete { targets, .. } => *targets,
            Arcs::Listed(pattern) => pattern.cols(),
        }
    }

    /// Number of arcs.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.weights.len()
    }

    /// r, the number of features of a node.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Features of all source nodes, row-major m × r.
    #[must_use]
    pub fn source_features(&self) -> &[T] {
        &self.sources
    }

    /// Features of all target nodes, row-major n × r.
    #[must_use]
    pub fn target_features(&self) -> &[T] {
        &self.targets
    }

    /// Entry of V on every arc.
    #[must_use]
    pub fn arc_features(&self) -> &[T] {
        &self.weights
    }

    /// Arcs as (source, target, entry of V), by arc id: sorted by source and then target.
    pub fn arcs(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        let n = self.num_targets();
        let (tails, heads) = match &self.arcs {
            Arcs::Complete { .. } => (Vec::new(), &[][..]),
            Arcs::Listed(pattern) => (row_of_each_entry(pattern), pattern.indices()),
        };
        self.weights
            .iter()
            .enumerate()
            .map(move |(e, &v)| match tails.get(e) {
                Some(&i) => (i as usize, heads[e] as usize, v),
                None => (e / n, e % n, v),
            })
    }

    /// `(row 0, row 1)` = (sources, targets) of the arcs, the 2 × E index of graph networks.
    ///
    /// # Errors
    /// [`GraphError::IndexOverflow`] if there are more than 2³² − 1 arcs.
    pub fn edge_index(&self) -> Result<(Vec<u32>, Vec<u32>), GraphError> {
        id("the number of arcs", self.num_arcs())?;
        Ok(self.arcs().map(|(i, j, _)| (i as u32, j as u32)).unzip())
    }

    /// The implicit features \[x_i ⊙ x_j, v_ij\] of all arcs, row-major E × (r + 1).
    #[must_use]
    pub fn edge_features(&self) -> Vec<T> {
        let mut features = Vec::with_capacity(self.num_arcs() * (self.rank + 1));
        for (i, j, v) in self.arcs() {
            let (x, y) = self.ends(i, j);
            features.extend(x.iter().zip(y).map(|(&a, &b)| a * b));
            features.push(v);
        }
        features
    }

    /// Residual Σ_l x_il x_jl − v_ij on every arc, an entry of W Hᵀ − V.
    #[must_use]
    pub fn residuals(&self) -> Vec<T> {
        self.arcs()
            .map(|(i, j, v)| {
                let (x, y) = self.ends(i, j);
                x.iter().zip(y).fold(T::ZERO, |sum, (&a, &b)| sum + a * b) - v
            })
            .collect()
    }

    /// All arcs turned round: the graph of (H, W, Vᵀ), used to update W. Arcs are renumbered by their new source.
    #[must_use]
    pub fn reversed(&self) -> AugmentedLineDigraph<'_, T> {
        let (m, n) = (self.num_sources(), self.num_targets());
        let (arcs, weights) = match &self.arcs {
            Arcs::Complete { .. } => {
                let entry = |k: usize| self.weights[(k % m) * n + k / m];
                let arcs = Arcs::Complete {
                    sources: n,
                    targets: m,
                };
                (arcs, (0..m * n).map(entry).collect::<Vec<_>>())
            }
            Arcs::Listed(pattern) => {
                let (pattern, positions) = pattern.transpose_with_positions();
                let weights = positions.iter().map(|&p| self.weights[p as usize]);
                let weights = weights.collect();
                (Arcs::Listed(pattern), weights)
            }
        };
        AugmentedLineDigraph {
            rank: self.rank,
            sources: Cow::Borrowed(&self.targets),
            targets: Cow::Borrowed(&self.sources),
            weights: weights.into(),
            arcs,
        }
    }

    fn ends(&self, i: usize, j: usize) -> (&[T], &[T]) {
        let r = self.rank;
        (
            &self.sources[i * r..(i + 1) * r],
            &self.targets[j * r..(j + 1) * r],
        )
    }
}

/// Rows of a tall factor.
fn node_count<T: Real>(what: &'static str, factor: &[T], rank: usize) -> Result<usize, GraphError> {
    let nodes = factor.len().checked_div(rank).unwrap_or(0);
    if rank == 0 || nodes * rank != factor.len() {
        let expected = (nodes + 1) * rank.max(1);
        return Err(GraphError::DimensionMismatch {
            what,
            expected,
            found: factor.len(),
        });
    }
    finite(factor, rank)?;
    id("the number of nodes", nodes)?;
    Ok(nodes)
}

fn finite<T: Real>(values: &[T], cols: usize) -> Result<(), GraphError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(k) => Err(GraphError::NotFinite {
            row: k / cols,
            col: k % cols,
            value: values[k].to_f64(),
        }),
    }
}
