//! Resistor networks with voltage sources.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::assemble;
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// The modified nodal equations of a random network of resistors and voltage sources.
///
/// Unknowns are the potentials of the nodes (earth left out), then the currents of the sources: `[G B; Cᵀ 0]` with the
/// weighted graph Laplacian `G` of the resistors. The current of a source has no diagonal entry. Resistors form a random
/// tree that is rooted in the earth, and as many more between random nodes. Sources form a forest: each has a node
/// of its own and leads to the earth or to a node that no earlier source owns. Source 0 leads to the earth. The
/// last [`controlled`](Self::controlled) sources hold their voltage at a multiple of the potential that source 0 sets, the
/// others at one from U(1, 5): the right-hand side.
///
/// # Known facts
/// - Nonsingular for every seed; structural rank `nodes + sources`; as many zeros on the diagonal as sources.
/// - Without controlled sources `C = B`: symmetric with `nodes` positive and `sources` negative eigenvalues. With
///   them neither values nor pattern are symmetric.
/// - The solution holds the voltages: `x_p - x_q = rhs` of the row of an independent source.
///
/// # Examples
/// ```
/// use la_problems::Circuit;
///
/// let system = Circuit::default().with_nodes(60).with_sources(10).generate(0)?;
/// assert_eq!(system.n(), 70);
/// assert!((60..70).all(|i| system.matrix.get(i, i).is_none()));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// C.-W. Ho, A. E. Ruehli, P. A. Brennan, *IEEE Trans. Circuits Syst.* 22(6), 504–509, 1975.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Circuit {
    /// Nodes beside the earth, at least 1. Default `200`.
    pub nodes: usize,
    /// Resistors for each node, at least 1. Default `2`.
    pub resistors_per_node: usize,
    /// Conductances are `10^(-decades U)`, U from U(0, 1); in `0..=15`. Default `3`.
    pub decades: f64,
    /// Voltage sources, at most `nodes`. Default `40`.
    pub sources: usize,
    /// How many of them are controlled, less than `sources` (or 0). Default `10`.
    pub controlled: usize,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            nodes: 200,
            resistors_per_node: 2,
            decades: 3.0,
            sources: 40,
            controlled: 10,
        }
    }
}

/// The factor between the controlling potential and a controlled voltage.
const GAIN: f64 = 4.0;

impl Circuit {
    /// Sets the number of nodes.
    #[must_use]
    pub fn with_nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Sets the number of resistors for each node.
    #[must_use]
    pub fn with_resistors_per_node(mut self, resistors: usize) -> Self {
        self.resistors_per_node = resistors;
        self
    }

    /// Sets over how many powers of ten the conductances spread.
    #[must_use]
    pub fn with_decades(mut self, decades: f64) -> Self {
        self.decades = decades;
        self
    }

    /// Sets the number of voltage sources; at most that many less one stay controlled.
    #[must_use]
    pub fn with_sources(mut self, sources: usize) -> Self {
        self.sources = sources;
        self.controlled = self.controlled.min(sources.saturating_sub(1));
        self
    }

    /// Sets how many of the sources are controlled.
    #[must_use]
    pub fn with_controlled(mut self, controlled: usize) -> Self {
        self.controlled = controlled;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let count = |ok, name, value: usize, range| require(ok, name, value as f64, range);
        count(self.nodes >= 1, "nodes", self.nodes, "at least 1")?;
        let resistors = self.resistors_per_node;
        count(
            resistors >= 1,
            "resistors_per_node",
            resistors,
            "at least 1",
        )?;
        let decades = (0.0..=15.0).contains(&self.decades);
        require(decades, "decades", self.decades, "in 0..=15")?;
        let (sources, controlled) = (self.sources, self.controlled);
        count(sources <= self.nodes, "sources", sources, "at most `nodes`")?;
        let ok = controlled == 0 || controlled < sources;
        count(ok, "controlled", controlled, "less than `sources`")?;
        // Four entries a resistor, five a source.
        let entries = resistors.saturating_mul(4).saturating_add(5);
        require_u32("nonzeros", self.nodes.saturating_mul(entries))
    }

    /// Draws a network. O(nnz log).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// // One node, one resistor, one source.
    /// let one = la_problems::Circuit::default().with_nodes(1).with_sources(1).with_resistors_per_node(1);
    /// let matrix = one.with_decades(0.0).generate(0)?.matrix;
    /// assert_eq!(matrix.data(), &[1.0, 1.0, 1.0]);
    /// assert_eq!(matrix.indices(), &[0, 1, 0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let nodes = self.nodes;
        let n = nodes + self.sources;
        let mut triplets = Vec::new();
        for k in 0..nodes * self.resistors_per_node {
            // Node k of the tree hangs on an earlier one, node 0 on the earth.
            let (p, below) = match k < nodes {
                true => (k, k),
                false => (rng.random_range(0..nodes as u32) as usize, nodes),
            };
            let q = (below > 0).then(|| rng.random_range(0..below as u32) as usize);
            let conductance = 10.0_f64.powf(-self.decades * rng.random::<f64>());
            match q {
                Some(q) if q != p => triplets.extend([
                    (p, p, conductance),
                    (q, q, conductance),
                    (p, q, -conductance),
                    (q, p, -conductance),
                ]),
                _ => triplets.push((p, p, conductance)),
            }
        }
        let mut owners: Vec<usize> = (0..nodes).collect();
        owners.shuffle(&mut rng);
        let mut rhs = vec![0.0; n];
        for k in 0..self.sources {
            let (p, current) = (owners[k], nodes + k);
            triplets.extend([(p, current, 1.0), (current, p, 1.0)]);
            let to_node = k > 0 && k + 1 < nodes && rng.random::<bool>();
            if to_node {
                let q = owners[rng.random_range(k as u32 + 1..nodes as u32) as usize];
                triplets.extend([(q, current, -1.0), (current, q, -1.0)]);
            }
            if k + self.controlled < self.sources {
                rhs[current] = rng.random_range(1.0..5.0);
            } else {
                triplets.push((current, owners[0], -GAIN));
            }
        }
        Ok(LinearSystem::new(assemble(n, triplets), rhs))
    }
}
