//! Sums of squares that agents minimise together.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::AgentGraphLaw;
use crate::ProblemError;
use crate::error::require;

/// What the agents know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ConsensusClass {
    /// `f_i(x) = ‖x − b_i‖²`: the solution is the mean.
    #[default]
    Average,
    /// `f_i(x) = ‖B x − b_i‖²` with one B for all.
    SharedLeastSquares,
    /// `f_i(x) = ‖B_i x − b_i‖²`.
    LeastSquares,
}

/// Random problems of agents on random graphs, as in the training data of learned distributed ADMM.
///
/// Entries of b are `10 N(0, 1)`, those of B uniform in [0, 1); each B is drawn again until its eigenvalues are larger than 0.1 in magnitude (for n > 2: until `|det B| > 0.1ⁿ`).
///
/// # References
/// H. Doerks, P. Häusner, D. Hernández Escobar, J. Sjölund, arXiv 2509.05288, and the authors' code: n = 2, 8 agents on G(8, 0.4).
///
/// # Examples
/// ```
/// use la_problems::consensus::{ConsensusClass, ConsensusProblem};
///
/// let sample = ConsensusProblem::default().with_class(ConsensusClass::LeastSquares).generate(3)?;
/// assert_eq!((sample.agents, sample.matrices.len(), sample.rhs.len()), (8, 32, 16));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsensusProblem {
    /// Number of agents, at least 2. Default `8`.
    pub agents: usize,
    /// n, at least 1. Default `2`.
    pub dimension: usize,
    /// Default `ErdosRenyi { probability: 0.4 }`.
    pub graph: AgentGraphLaw,
    /// Default [`ConsensusClass::Average`].
    pub class: ConsensusClass,
}

impl Default for ConsensusProblem {
    fn default() -> Self {
        Self {
            agents: 8,
            dimension: 2,
            graph: AgentGraphLaw::ErdosRenyi { probability: 0.4 },
            class: ConsensusClass::default(),
        }
    }
}

/// One problem. Arrays are row-major.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsensusSample {
    /// Number of agents m.
    pub agents: usize,
    /// n.
    pub dimension: usize,
    /// Edges of the graph, i < j, ascending.
    pub edges: Vec<(usize, usize)>,
    /// B_i (m × n × n), the unit matrix for averages.
    pub matrices: Vec<f64>,
    /// b_i (m × n).
    pub rhs: Vec<f64>,
    /// x* (n).
    pub solution: Vec<f64>,
}

impl ConsensusProblem {
    /// Sets the number of agents.
    #[must_use]
    pub fn with_agents(mut self, agents: usize) -> Self {
        self.agents = agents;
        self
    }

    /// Sets n.
    #[must_use]
    pub fn with_dimension(mut self, dimension: usize) -> Self {
        self.dimension = dimension;
        self
    }

    /// Sets the law of the graph.
    #[must_use]
    pub fn with_graph(mut self, graph: AgentGraphLaw) -> Self {
        self.graph = graph;
        self
    }

    /// Sets what the agents know.
    #[must_use]
    pub fn with_class(mut self, class: ConsensusClass) -> Self {
        self.class = class;
        self
    }

    /// Draws a problem.
    ///
    /// # Errors
    /// As [`AgentGraphLaw::draw`].
    pub fn generate(&self, seed: u64) -> Result<ConsensusSample, ProblemError> {
        let (m, n) = (self.agents, self.dimension);
        require(n >= 1, "dimension", n as f64, "at least 1")?;
        let edges = self.graph.draw(m, seed)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1);
        let mut matrices = Vec::with_capacity(m * n * n);
        for i in 0..m {
            match self.class {
                ConsensusClass::Average => {
                    matrices.extend((0..n * n).map(|k| f64::from(u8::from(k % (n + 1) == 0))));
                }
                ConsensusClass::SharedLeastSquares if i > 0 => {
                    matrices.extend_from_within(..n * n);
                }
                _ => matrices.append(&mut regular(n, &mut rng)),
            }
        }
        let rhs: Vec<f64> = (0..m * n)
            .map(|_| {
                let b: f64 = StandardNormal.sample(&mut rng);
                10.0 * b
            })
            .collect();
        let solution = solve(n, &matrices, &rhs);
        Ok(ConsensusSample {
            agents: m,
            dimension: n,
            edges,
            matrices,
            rhs,
            solution,
        })
    }
}

/// Uniform entries, drawn until no eigenvalue is near 0.
fn regular(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    loop {
        let matrix: Vec<f64> = (0..n * n).map(|_| rng.random()).collect();
        if is_regular(n, &matrix) {
            return matrix;
        }
    }
}

fn is_regular(n: usize, b: &[f64]) -> bool {
    match *b {
        [a] => a > 0.1,
        [a, b, c, d] => {
            // Entries are nonnegative, so that the eigenvalues are real.
            let (half, product) = (0.5 * (a + d), a * d - b * c);
            let root = (half * half - product).max(0.0).sqrt();
            (half - root).abs() > 0.1 && (half + root).abs() > 0.1
        }
        _ => {
            let mut matrix = b.to_vec();
            eliminate(n, &mut matrix, &mut vec![0.0; n]).abs() > 0.1f64.powi(n as i32)
        }
    }
}

/// `(Σ B_iᵀ B_i)⁻¹ Σ B_iᵀ b_i`.
fn solve(n: usize, matrices: &[f64], rhs: &[f64]) -> Vec<f64> {
    let mut normal = vec![0.0; n * n];
    let mut x = vec![0.0; n];
    for (row, b) in matrices.chunks_exact(n).zip(rhs) {
        for i in 0..n {
            x[i] += row[i] * b;
            for j in 0..n {
                normal[i * n + j] += row[i] * row[j];
            }
        }
    }
    eliminate(n, &mut normal, &mut x);
    x
}

/// Gaussian elimination with row pivots for the few unknowns of an agent; x becomes the solution. Returns the determinant.
fn eliminate(n: usize, a: &mut [f64], x: &mut [f64]) -> f64 {
    let mut determinant = 1.0;
    for k in 0..n {
        let pivot = (k..n).fold(k, |best, i| {
            if a[i * n + k].abs() > a[best * n + k].abs() {
                i
            } else {
                best
            }
        });
        if pivot != k {
            (0..n).for_each(|j| a.swap(k * n + j, pivot * n + j));
            x.swap(k, pivot);
            determinant = -determinant;
        }
        determinant *= a[k * n + k];
        for i in k + 1..n {
            let factor = a[i * n + k] / a[k * n + k];
            for j in k..n {
                a[i * n + j] -= factor * a[k * n + j];
            }
            x[i] -= factor * x[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k * n + j] * x[j]).sum();
        x[k] = (x[k] - known) / a[k * n + k];
    }
    determinant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_have_their_mean_as_solution() {
        let sample = ConsensusProblem::default().generate(5).unwrap();
        for c in 0..2 {
            let mean: f64 = sample.rhs.iter().skip(c).step_by(2).sum::<f64>() / 8.0;
            assert!((mean - sample.solution[c]).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_of_least_squares_vanish_at_the_solution() {
        for (class, n) in [
            (ConsensusClass::LeastSquares, 2),
            (ConsensusClass::SharedLeastSquares, 2),
            (ConsensusClass::LeastSquares, 5),
        ] {
            let problem = ConsensusProblem::default()
                .with_class(class)
                .with_dimension(n);
            let sample = problem.generate(9).unwrap();
            let mut gradient = vec![0.0; n];
            for (row, b) in sample.matrices.chunks_exact(n).zip(&sample.rhs) {
                let product: f64 = row.iter().zip(&sample.solution).map(|(a, x)| a * x).sum();
                for (g, a) in gradient.iter_mut().zip(row) {
                    *g += a * (product - b);
                }
            }
            assert!(gradient.iter().all(|g| g.abs() < 1e-9), "{gradient:?}");
            if class == ConsensusClass::SharedLeastSquares {
                assert_eq!(sample.matrices[..4], sample.matrices[4..8]);
            }
        }
    }

    /// Norms of the training data: E‖b_i − mean‖² = 2 · 100 · 7/8.
    #[test]
    fn distances_at_zero_are_those_of_the_law() {
        let spread: f64 = (0..400)
            .map(|seed| {
                let s = ConsensusProblem::default().generate(seed).unwrap();
                let far = s
                    .rhs
                    .chunks_exact(2)
                    .map(|b| (b[0] - s.solution[0]).powi(2) + (b[1] - s.solution[1]).powi(2));
                far.sum::<f64>() / 8.0
            })
            .sum::<f64>()
            / 400.0;
        assert!((spread / 175.0 - 1.0).abs() < 0.05, "{spread}");
    }
}
