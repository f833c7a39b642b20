//! Who talks to whom, and how much it counts.

use la_graph::{Pattern, connected_components};

use super::AdmmError;

/// Weights of the edges of a [`Network`].
///
/// Multiplying all weights by s is the same as multiplying every step size by s².
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum EdgeWeights {
    /// All 1.
    #[default]
    Unit,
    /// `1 / (1 + max(dᵢ, dⱼ))` with the degrees of the two ends.
    Metropolis,
    /// One for each entry of the pattern, row by row: positive and symmetric.
    Given(Vec<f64>),
}

/// An undirected, connected graph of agents with the weights of its edges: the weighted Laplacian A (agents × agents) whose null space is agreement.
///
/// `A_ij = −w_ij` on edges, `A_ii = w_i = Σ_j w_ij`. Unweighted degrees are `d_i`, and `M_i = w_i² + Σ_j w_ij²` is the squared norm of column i.
///
/// # Examples
/// ```
/// use la_opt::admm::{EdgeWeights, Network};
///
/// // A path of four agents.
/// let path = Network::from_edges(4, [(0, 1), (1, 2), (2, 3)])?;
/// assert_eq!((path.agents(), path.edges()), (4, 3));
/// assert_eq!(path.neighbours(1), [0, 2]);
/// assert_eq!(path.column_norm(1), 2.0 * 2.0 + 1.0 + 1.0);
/// let metropolis = path.with_weights(EdgeWeights::Metropolis)?;
/// assert_eq!(metropolis.weights_of(0), [1.0 / 3.0]);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pattern: Pattern<'static>,
    weights: Vec<f64>,
}

impl Network {
    /// From the neighbours of each agent, with unit weights.
    ///
    /// # Errors
    /// [`AdmmError::NotUndirected`], [`AdmmError::Disconnected`], [`AdmmError::Length`] where the pattern is not square.
    pub fn new(pattern: Pattern<'_>) -> Result<Self, AdmmError> {
        let (agents, columns) = (pattern.rows(), pattern.cols());
        if agents != columns {
            return Err(AdmmError::Length {
                what: "row of the pattern",
                len: columns,
                expected: agents,
            });
        }
        let transposed = pattern.transpose();
        for agent in 0..agents {
            let (row, column) = (pattern.row(agent), transposed.row(agent));
            let only_there = |list: &[u32], other: &[u32]| {
                list.iter()
                    .copied()
                    .find(|&j| j as usize == agent || other.binary_search(&j).is_err())
            };
            if let Some(j) = only_there(row, column) {
                let neighbour = j as usize;
                return Err(AdmmError::NotUndirected { agent, neighbour });
            }
            if let Some(j) = only_there(column, row) {
                return Err(AdmmError::NotUndirected {
                    agent: j as usize,
                    neighbour: agent,
                });
            }
        }
        let network = Self {
            weights: vec![1.0; pattern.nnz()],
            pattern: pattern.into_owned(),
        };
        network.require_connected()?;
        Ok(network)
    }

    /// From a list of edges, each named once, with unit weights.
    ///
    /// # Errors
    /// As [`Network::new`]; [`AdmmError::Length`] for an agent that does not exist.
    pub fn from_edges(
        agents: usize,
        edges: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, AdmmError> {
        let entries: Vec<_> = edges
            .into_iter()
            .flat_map(|(i, j)| [(i, j), (j, i)])
            .collect();
        if let Some(&(i, j)) = entries.iter().find(|&&(i, j)| i >= agents || j >= agents) {
            return Err(AdmmError::Length {
                what: "list of agents named by an edge",
                len: i.max(j) + 1,
                expected: agents,
            });
        }
        let pattern =
            Pattern::from_coordinates(agents, agents, entries).map_err(|_| AdmmError::Length {
                what: "list of agents",
                len: agents,
                expected: u32::MAX as usize,
            })?;
        Self::new(pattern)
    }

    /// From parts that fit, connected or not.
    pub(super) fn of_parts(pattern: Pattern<'static>, weights: Vec<f64>) -> Self {
        Self { pattern, weights }
    }

    fn require_connected(&self) -> Result<(), AdmmError> {
        let components =
            connected_components(&self.pattern).map_err(|_| AdmmError::NotUndirected {
                agent: 0,
                neighbour: 0,
            })?;
        let labels = &components.labels;
        match labels.iter().position(|&label| label != labels[0]) {
            None => Ok(()),
            Some(agent) => Err(AdmmError::Disconnected {
                agent,
                components: components.count,
            }),
        }
    }

    /// The same graph with other weights.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::Weight`].
    pub fn with_weights(mut self, weights: EdgeWeights) -> Result<Self, AdmmError> {
        self.weights = match weights {
            EdgeWeights::Unit => vec![1.0; self.pattern.nnz()],
            EdgeWeights::Metropolis => self
                .pattern
                .entries()
                .map(|(i, j)| 1.0 / (1 + self.degree(i).max(self.degree(j))) as f64)
                .collect(),
            EdgeWeights::Given(weights) => self.checked(weights)?,
        };
        Ok(self)
    }

    fn checked(&self, weights: Vec<f64>) -> Result<Vec<f64>, AdmmError> {
        if weights.len() != self.pattern.nnz() {
            return Err(AdmmError::Length {
                what: "edge weights",
                len: weights.len(),
                expected: self.pattern.nnz(),
            });
        }
        for (at, (from, to)) in self.pattern.entries().enumerate() {
            let weight = weights[at];
            let back = self.pattern.indptr()[to] as usize
                + self
                    .pattern
                    .row(to)
                    .partition_point(|&j| (j as usize) < from);
            if !(weight > 0.0 && weight.is_finite() && weight == weights[back]) {
                return Err(AdmmError::Weight { from, to, weight });
            }
        }
        Ok(weights)
    }

    /// Number of agents.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.pattern.rows()
    }

    /// Number of edges, each counted once.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.pattern.nnz() / 2
    }

    /// The neighbours of each agent, ascending.
    #[must_use]
    pub fn pattern(&self) -> &Pattern<'static> {
        &self.pattern
    }

    /// The weights of the entries of [`Network::pattern`].
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Neighbours of agent i, ascending.
    #[must_use]
    pub fn neighbours(&self, i: usize) -> &[u32] {
        self.pattern.row(i)
    }

    /// Weights of the edges to [`Network::neighbours`].
    #[must_use]
    pub fn weights_of(&self, i: usize) -> &[f64] {
        let indptr = self.pattern.indptr();
        &self.weights[indptr[i] as usize..indptr[i + 1] as usize]
    }

    /// d_i, the number of neighbours.
    #[must_use]
    pub fn degree(&self, i: usize) -> usize {
        self.pattern.degree(i)
    }

    /// w_i, the sum of the weights of the edges of agent i.
    #[must_use]
    pub fn weighted_degree(&self, i: usize) -> f64 {
        self.weights_of(i).iter().sum()
    }

    /// `M_i = w_i² + Σ_j w_ij²`.
    #[must_use]
    pub fn column_norm(&self, i: usize) -> f64 {
        self.weighted_degree(i).powi(2) + self.weights_of(i).iter().map(|w| w * w).sum::<f64>()
    }

    /// A number that tells this graph, its weights and these owners from others (64 bits, after FNV).
    #[cfg(feature = "mpi")]
    pub(super) fn fingerprint(&self, owner: &[u32]) -> u64 {
        let pattern = self.pattern.indptr().iter().chain(self.pattern.indices());
        let numbers = pattern.chain(owner).map(|&k| u64::from(k));
        let weights = self.weights.iter().map(|w| w.to_bits());
        numbers
            .chain(weights)
            .fold(0xcbf2_9ce4_8422_2325, |hash, k| {
                (hash ^ k).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
            })
    }
}
