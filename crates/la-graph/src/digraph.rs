//! Directed multigraphs with stable arc ids.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::error::{GraphError, id, same, square};
use crate::pattern::Pattern;
use crate::scalar::Real;
use crate::weighted;

/// A digraph that may have loops and several arcs between the same nodes.
///
/// Nodes are `0..num_nodes`, arcs `0..num_arcs` in the order of insertion; no operation renumbers arcs. `T` is the arc
/// weight, `()` for none (and then it takes no memory).
///
/// # Examples
/// ```
/// use la_graph::Digraph;
///
/// let g = Digraph::new(3, [(0, 1, 2.0), (1, 1, -1.0), (0, 1, 5.0)])?;
/// assert_eq!(g.num_arcs(), 3);
/// assert_eq!(g.out_arcs().of(0), [0, 2]);
/// assert_eq!(g.in_arcs().of(1), [0, 1, 2]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Digraph<T = ()> {
    num_nodes: usize,
    tails: Vec<u32>,
    heads: Vec<u32>,
    weights: Vec<T>,
}

impl<T> Digraph<T> {
    /// A digraph from `(tail, head, weight)` arcs.
    ///
    /// # Errors
    /// [`GraphError::OutOfRange`] for an end that is no node; [`GraphError::IndexOverflow`] if a count does not fit 32
    /// bits.
    ///
    /// # Examples
    /// ```
    /// use la_graph::{Digraph, GraphError};
    ///
    /// assert!(Digraph::new(2, [(0, 1, ())]).is_ok());
    /// assert!(matches!(
    ///     Digraph::new(2, [(0, 2, ())]),
    ///     Err(GraphError::OutOfRange { index: 2, len: 2, .. })
    /// ));
    /// ```
    pub fn new(
        num_nodes: usize,
        arcs: impl IntoIterator<Item = (usize, usize, T)>,
    ) -> Result<Self, GraphError> {
        id("the number of nodes", num_nodes)?;
        let arcs = arcs.into_iter();
        let capacity = arcs.size_hint().0;
        let mut graph = Self {
            num_nodes,
            tails: Vec::with_capacity(capacity),
            heads: Vec::with_capacity(capacity),
            weights: Vec::with_capacity(capacity),
        };
        for (tail, head, weight) in arcs {
            for index in [tail, head] {
                if index >= num_nodes {
                    return Err(GraphError::OutOfRange {
                        what: "node",
                        index,
                        len: num_nodes,
                    });
                }
            }
            graph.tails.push(tail as u32);
            graph.heads.push(head as u32);
            graph.weights.push(weight);
        }
        id("the number of arcs", graph.tails.len())?;
        Ok(graph)
    }

    /// The caller guarantees equal lengths and ids in range.
    pub(crate) fn trusted(
        num_nodes: usize,
        tails: Vec<u32>,
        heads: Vec<u32>,
        weights: Vec<T>,
    ) -> Self {
        debug_assert!(tails.len() == heads.len() && tails.len() == weights.len());
        Self {
            num_nodes,
            tails,
            heads,
            weights,
        }
    }

    /// Number of nodes.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.num_nodes
    }

    /// Number of arcs.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.tails.len()
    }

    /// Tail (source) of every arc, by arc id.
    #[must_use]
    pub fn tails(&self) -> &[u32] {
        &self.tails
    }

    /// Head (target) of every arc, by arc id.
    #[must_use]
    pub fn heads(&self) -> &[u32] {
        &self.heads
    }

    /// Weight of every arc, by arc id.
    #[must_use]
    pub fn weights(&self) -> &[T] {
        &self.weights
    }

    /// `(tail, head)` of an arc, or `None` if there is no such arc.
    #[must_use]
    pub fn arc(&self, arc: usize) -> Option<(usize, usize)> {
        let (tail, head) = (self.tails.get(arc)?, self.heads.get(arc)?);
        Some((*tail as usize, *head as usize))
    }

    /// All arcs as `(tail, head, weight)`, by arc id.
    pub fn arcs(&self) -> impl ExactSizeIterator<Item = (usize, usize, &T)> {
        (0..self.num_arcs()).map(|e| {
            (
                self.tails[e] as usize,
                self.heads[e] as usize,
                &self.weights[e],
            )
        })
    }

    /// Arcs grouped by tail.
    #[must_use]
    pub fn out_arcs(&self) -> Incidence {
        Incidence::group(self.num_nodes, &self.tails)
    }

    /// Arcs grouped by head.
    #[must_use]
    pub fn in_arcs(&self) -> Incidence {
        Incidence::group(self.num_nodes, &self.heads)
    }

    /// Every arc turned round; arc ids and weights stay.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Digraph;
    ///
    /// let g = Digraph::new(2, [(0, 1, 7)])?;
    /// assert_eq!(g.clone().reversed().arc(0), Some((1, 0)));
    /// assert_eq!(g.clone().reversed().reversed(), g);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            tails: self.heads,
            heads: self.tails,
            ..self
        }
    }

    /// The same arcs without weights.
    #[must_use]
    pub fn unweighted(&self) -> Digraph {
        Digraph::trusted(
            self.num_nodes,
            self.tails.clone(),
            self.heads.clone(),
            vec![(); self.num_arcs()],
        )
    }

    /// The adjacency matrix with multiplicities: entry `(u, v)` is the number of arcs from `u` to `v`.
    ///
    /// # Errors
    /// [`GraphError::InvalidStructure`] if `sprs` refuses the arrays, which a valid digraph never causes.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Digraph;
    ///
    /// let g = Digraph::new(2, [(0, 1, ()), (0, 1, ()), (1, 1, ())])?;
    /// let a = g.adjacency()?;
    /// assert_eq!(a.get(0, 1), Some(&2));
    /// assert_eq!(a.get(1, 1), Some(&1));
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn adjacency(&self) -> Result<CsMatI<u32, u32>, GraphError> {
        let out = self.out_arcs();
        let mut indptr = Vec::with_capacity(self.num_nodes + 1);
        let mut indices: Vec<u32> = Vec::with_capacity(self.num_arcs());
        let mut counts: Vec<u32> = Vec::with_capacity(self.num_arcs());
        let mut heads = Vec::new();
        indptr.push(0);
        for node in 0..self.num_nodes {
            heads.clear();
            heads.extend(out.of(node).iter().map(|&e| self.heads[e as usize]));
            heads.sort_unstable();
            for run in heads.chunk_by(|a, b| a == b) {
                indices.push(run[0]);
                counts.push(run.len() as u32);
            }
            indptr.push(indices.len() as u32);
        }
        Pattern::trusted(self.num_nodes, self.num_nodes, indptr, indices).with_values(counts)
    }
}

/// The Coates digraph of a square matrix: one arc `i → j` with weight `a_ij` for every stored entry.
///
/// Arcs are numbered row by row, so that arc ids are positions in the CSR arrays. A stored zero gives an arc of weight 0:
/// networks that predict values on a pattern need it. Coates' signal-flow convention has the arcs the other way round, which is
/// [`Digraph::reversed`].
///
/// # Errors
/// [`GraphError::NotSquare`]; [`GraphError::NotFinite`]; [`GraphError::IndexOverflow`].
///
/// # Examples
/// ```
/// use la_graph::coates_digraph;
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![3.0, 4.0, 5.0]);
/// let g = coates_digraph(a.view())?;
/// assert_eq!(g.arcs().collect::<Vec<_>>(), [(0, 1, &3.0), (1, 0, &4.0), (1, 1, &5.0)]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// C. L. Coates, *IRE Trans. Circuit Theory* 6, 170–187, 1959; R. A. Brualdi, D. Cvetković, *A Combinatorial Approach to
/// Matrix Theory and Its Applications*, 2008, chapter 4.
pub fn coates_digraph<T: Real, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<Digraph<T>, GraphError> {
    square("the Coates digraph", a.rows(), a.cols())?;
    let (pattern, weights) = weighted::stored(a)?;
    let tails = row_of_each_entry(&pattern);
    let n = pattern.rows();
    let (_, heads) = pattern.into_raw();
    Ok(Digraph::trusted(n, tails, heads, weights))
}

impl<T: Real> Digraph<T> {
    /// The matrix whose Coates digraph this is; weights of parallel arcs are added.
    ///
    /// # Errors
    /// As [`Digraph::adjacency`].
    ///
    /// # Examples
    /// ```
    /// use la_graph::Digraph;
    ///
    /// let g = Digraph::new(2, [(0, 1, 1.5), (0, 1, 2.0)])?;
    /// assert_eq!(g.to_matrix()?.get(0, 1), Some(&3.5));
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn to_matrix(&self) -> Result<CsMatI<T, u32>, GraphError> {
        let adjacency = self.adjacency()?;
        let pattern = Pattern::from_sprs(adjacency.view())?;
        let mut values = vec![T::ZERO; pattern.nnz()];
        for (tail, head, &weight) in self.arcs() {
            let start = pattern.indptr()[tail] as usize;
            if let Ok(k) = pattern.row(tail).binary_search(&(head as u32)) {
                values[start + k] += weight;
            }
        }
        pattern.with_values(values)
    }
}

/// Arcs grouped by one of their ends, ids increasing inside a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incidence {
    starts: Vec<u32>,
    arcs: Vec<u32>,
}

impl Incidence {
    fn group(num_nodes: usize, ends: &[u32]) -> Self {
        let mut starts = vec![0u32; num_nodes + 1];
        for &node in ends {
            starts[node as usize + 1] += 1;
        }
        for node in 0..num_nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut arcs = vec![0u32; ends.len()];
        for (arc, &node) in ends.iter().enumerate() {
            let slot = &mut next[node as usize];
            arcs[*slot as usize] = arc as u32;
            *slot += 1;
        }
        Self { starts, arcs }
    }

    /// Ids of the arcs at `node`, increasing; empty if there is no such node.
    #[must_use]
    pub fn of(&self, node: usize) -> &[u32] {
        match (self.starts.get(node), self.starts.get(node + 1)) {
            (Some(&start), Some(&end)) => &self.arcs[start as usize..end as usize],
            _ => &[],
        }
    }

    /// Number of arcs at `node`.
    #[must_use]
    pub fn degree(&self, node: usize) -> usize {
        self.of(node).len()
    }
}

/// Row index of every entry, in entry order.
pub(crate) fn row_of_each_entry(pattern: &Pattern<'_>) -> Vec<u32> {
    let mut rows = Vec::with_capacity(pattern.nnz());
    for i in 0..pattern.rows() {
        rows.resize(rows.len() + pattern.degree(i), i as u32);
    }
    rows
}

impl Digraph {
    /// The digraph of a square pattern: arc `k` is entry `k`.
    ///
    /// # Errors
    /// [`GraphError::NotSquare`].
    pub fn from_pattern(pattern: &Pattern<'_>) -> Result<Self, GraphError> {
        square("the digraph of a pattern", pattern.rows(), pattern.cols())?;
        Ok(Self::trusted(
            pattern.rows(),
            row_of_each_entry(pattern),
            pattern.indices().to_vec(),
            vec![(); pattern.nnz()],
        ))
    }
}

impl<T> Digraph<T> {
    /// The same arcs with other weights, one per arc.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if there is not one weight per arc.
    pub fn with_weights<U>(&self, weights: Vec<U>) -> Result<Digraph<U>, GraphError> {
        same("the number of weights", self.num_arcs(), weights.len())?;
        Ok(Digraph::trusted(
            self.num_nodes,
            self.tails.clone(),
            self.heads.clone(),
            weights,
        ))
    }
}
