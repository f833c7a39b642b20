//! Cutting a graph into parts of equal weight with few edges between them.

mod bisect;
mod graph;
#[cfg(feature = "metis")]
mod metis;
mod refine;

use self::graph::Graph;
use crate::error::{GraphError, same, square};
use crate::pattern::Pattern;

/// How a graph is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionMethod {
    /// Recursive bisection: parts grown from several starting nodes, each refined by moving nodes across the
    /// cut, the best kept. Always there; the same on every machine.
    Growing,
    /// METIS: multilevel, recursive bisection up to 8 parts and k-way above. Its random numbers are those of
    /// the C library, so that a seed gives the same parts on machines with the same one. Graphs with fewer
    /// than 8 nodes for each part, with which METIS has trouble, are left to the other method.
    #[cfg(feature = "metis")]
    Metis,
}

impl Default for PartitionMethod {
    /// [`PartitionMethod::Metis`] with feature `metis`, [`PartitionMethod::Growing`] without.
    fn default() -> Self {
        #[cfg(feature = "metis")]
        return Self::Metis;
        #[cfg(not(feature = "metis"))]
        Self::Growing
    }
}

/// Options of [`partition`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartitionOptions {
    /// By how much the heaviest part may exceed the mean, relative to the mean; at least 0. One node more is
    /// always allowed. Default `0.03`.
    pub imbalance: f64,
    /// Chooses starting nodes. Default `0`.
    pub seed: u64,
    /// Default: METIS where it is compiled in.
    pub method: PartitionMethod,
}

impl Default for PartitionOptions {
    fn default() -> Self {
        Self {
            imbalance: 0.03,
            seed: 0,
            method: PartitionMethod::default(),
        }
    }
}

impl PartitionOptions {
    /// Sets [`PartitionOptions::imbalance`].
    #[must_use]
    pub fn with_imbalance(mut self, imbalance: f64) -> Self {
        self.imbalance = imbalance;
        self
    }

    /// Sets [`PartitionOptions::seed`].
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets [`PartitionOptions::method`].
    #[must_use]
    pub fn with_method(mut self, method: PartitionMethod) -> Self {
        self.method = method;
        self
    }
}

/// The nodes of a graph in parts, and how good the parts are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Partition {
    /// Part of each node.
    pub labels: Vec<u32>,
    /// Weight of each part.
    pub weights: Vec<u64>,
    /// Number of edges between different parts.
    pub edge_cut: u64,
    /// Node and foreign part, counted once for each pair with an edge between them: what an exchange sends.
    pub communication_volume: u64,
}

impl Partition {
    /// Measures given parts.
    ///
    /// # Shapes
    /// - `pattern`: n × n, read as an undirected graph; `weights`: n, or none for weight 1; `labels`: n, each
    ///   below `parts`.
    ///
    /// # Errors
    /// [`GraphError::NotSquare`], [`GraphError::DimensionMismatch`], [`GraphError::OutOfRange`].
    ///
    /// # Examples
    /// ```
    /// use la_graph::{Partition, Pattern};
    ///
    /// let path = Pattern::from_coordinates(4, 4, [(0, 1), (1, 2), (2, 3)])?;
    /// let halves = Partition::measure(&path, None, vec![0, 0, 1, 1], 2)?;
    /// assert_eq!((halves.edge_cut, halves.communication_volume), (1, 2));
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn measure(
        pattern: &Pattern<'_>,
        weights: Option<&[u32]>,
        labels: Vec<u32>,
        parts: usize,
    ) -> Result<Self, GraphError> {
        let graph = Graph::new(pattern, weights)?;
        same("the number of labels", graph.len(), labels.len())?;
        if let Some(label) = labels.iter().find(|label| **label as usize >= parts) {
            return Err(GraphError::OutOfRange {
                what: "part",
                index: *label as usize,
                len: parts,
            });
        }
        Ok(Self::of(&graph, labels, parts))
    }

    fn of(graph: &Graph, labels: Vec<u32>, parts: usize) -> Self {
        let mut weights = vec![0; parts];
        let (mut crossing, mut communication_volume) = (0, 0);
        let mut seen = vec![u32::MAX; parts];
        for (node, label) in labels.iter().enumerate() {
            weights[*label as usize] += graph.weight(node);
            for other in graph.neighbours(node) {
                let part = labels[*other as usize];
                if part != *label {
                    crossing += 1;
                    if seen[part as usize] != node as u32 {
                        seen[part as usize] = node as u32;
                        communication_volume += 1;
                    }
                }
            }
        }
        Self {
            labels,
            weights,
            edge_cut: crossing / 2,
            communication_volume,
        }
    }

    /// Number of parts.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.weights.len()
    }

    /// Weight of the heaviest part over the mean, minus 1; 0 for a graph without weight.
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        let total: u64 = self.weights.iter().sum();
        let heaviest = self.weights.iter().copied().max().unwrap_or(0);
        if total == 0 {
            return 0.0;
        }
        heaviest as f64 * self.parts() as f64 / total as f64 - 1.0
    }

    /// The nodes of a part, ascending.
    ///
    /// ```
    /// use la_graph::{PartitionOptions, Pattern, partition};
    ///
    /// let path = Pattern::from_coordinates(4, 4, [(0, 1), (1, 2), (2, 3)])?;
    /// let halves = partition(&path, None, 2, &PartitionOptions::default())?;
    /// let sizes: Vec<usize> = (0..2).map(|part| halves.nodes(part).count()).collect();
    /// assert_eq!(sizes, [2, 2]);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn nodes(&self, part: u32) -> impl Iterator<Item = usize> + '_ {
        let labels = self.labels.iter().enumerate();
        labels.filter_map(move |(node, label)| (*label == part).then_some(node))
    }
}

/// Cuts a graph into `parts` parts of about equal weight with few edges between them.
///
/// Parts may be disconnected, and empty if there are fewer nodes than parts. The same input and seed give the
/// same parts. [`PartitionMethod::Growing`] takes O(nnz log n log parts) time.
///
/// # Shapes
/// - `pattern`: n × n, read as an undirected graph (arc directions and the diagonal are ignored);
///   `weights`: n, what a node costs, or none for weight 1.
///
/// # Errors
/// [`GraphError::NotSquare`]; [`GraphError::DimensionMismatch`] if there are not n weights;
/// [`GraphError::OutOfRange`] for 0 parts; [`GraphError::InvalidOption`] for an imbalance that is negative or
/// not finite; [`GraphError::IndexOverflow`] if the graph with both directions of each edge does not fit 32
/// bits (31 for METIS).
///
/// # Examples
/// ```
/// use la_graph::{PartitionOptions, Pattern, partition};
///
/// // A ladder of 20 rungs: two cuts of two edges give three parts.
/// let rungs = (0..20).map(|i| (2 * i, 2 * i + 1));
/// let rails = (0..38).map(|i| (i, i + 2));
/// let ladder = Pattern::from_coordinates(40, 40, rungs.chain(rails))?;
/// let thirds = partition(&ladder, None, 3, &PartitionOptions::default().with_imbalance(0.1))?;
/// assert!(thirds.edge_cut <= 6 && thirds.imbalance() < 0.1);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// G. Karypis, V. Kumar, *SIAM J. Sci. Comput.* 20(1), 359–392, 1998 (METIS; greedy growing in section 4.2).
/// C. M. Fiduccia, R. M. Mattheyses, *Proc. 19th Design Automation Conference*, 175–181, 1982 (refinement).
pub fn partition(
    pattern: &Pattern<'_>,
    weights: Option<&[u32]>,
    parts: usize,
    options: &PartitionOptions,
) -> Result<Partition, GraphError> {
    if !(options.imbalance >= 0.0 && options.imbalance.is_finite()) {
        return Err(GraphError::InvalidOption {
            option: "imbalance",
            value: options.imbalance,
            requirement: "finite and at least 0",
        });
    }
    crate::error::id("the number of parts", parts)?;
    if parts == 0 {
        return Err(GraphError::OutOfRange {
            what: "part",
            index: 0,
            len: 0,
        });
    }
    let graph = Graph::new(pattern, weights)?;
    let labels = if parts == 1 {
        vec![0; graph.len()]
    } else if graph.len() <= parts {
        (0..graph.len() as u32).collect()
    } else {
        match options.method {
            #[cfg(feature = "metis")]
            PartitionMethod::Metis if graph.len() < 8 * parts => {
                bisect::recursive(&graph, parts, options)
            }
            PartitionMethod::Growing => bisect::recursive(&graph, parts, options),
            #[cfg(feature = "metis")]
            PartitionMethod::Metis => metis::cut(&graph, parts, options)?,
        }
    };
    Ok(Partition::of(&graph, labels, parts))
}

/// What [`Graph::new`] checks for both entry points.
fn check(pattern: &Pattern<'_>, weights: Option<&[u32]>) -> Result<(), GraphError> {
    square("a partition", pattern.rows(), pattern.cols())?;
    match weights {
        Some(weights) => same("the number of weights", pattern.rows(), weights.len()),
        None => Ok(()),
    }
}
