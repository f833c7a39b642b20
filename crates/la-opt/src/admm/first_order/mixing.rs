//! Doubly stochastic matrices on a graph.

use crate::admm::Network;

/// The matrix W of Metropolis and Hastings: `W_ij = 1 / (1 + max(d_i, d_j))` on edges, and diagonal entries that make rows add up to 1.
///
/// # Examples
/// ```
/// use la_opt::admm::{Mixing, Network};
///
/// let path = Network::from_edges(3, [(0, 1), (1, 2)])?;
/// let mixing = Mixing::metropolis(&path);
/// let mut mixed = [0.0; 3];
/// mixing.apply(1, &[3.0, 0.0, 0.0], &mut mixed);
/// assert!((mixed[0] - 2.0).abs() < 1e-15 && (mixed[1] - 1.0).abs() < 1e-15);
/// assert!((mixing.second_eigenvalue() - 2.0 / 3.0).abs() < 1e-9);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mixing {
    network: Network,
    weights: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Mixing {
    /// From the graph of a network; its weights do not matter.
    #[must_use]
    pub fn metropolis(network: &Network) -> Self {
        let weights: Vec<f64> = (network.pattern().entries())
            .map(|(i, j)| 1.0 / (1 + network.degree(i).max(network.degree(j))) as f64)
            .collect();
        let indptr = network.pattern().indptr();
        let diagonal = (0..network.agents())
            .map(|i| {
                1.0 - weights[indptr[i] as usize..indptr[i + 1] as usize]
                    .iter()
                    .sum::<f64>()
            })
            .collect();
        Self {
            network: network.clone(),
            weights,
            diagonal,
        }
    }

    /// The graph.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// `out = W values` for `n` numbers of each agent.
    pub fn apply(&self, n: usize, values: &[f64], out: &mut [f64]) {
        let indptr = self.network.pattern().indptr();
        for (i, out) in out.chunks_exact_mut(n.max(1)).enumerate() {
            for (o, v) in out.iter_mut().zip(&values[i * n..]) {
                *o = self.diagonal[i] * v;
            }
            let edges = indptr[i] as usize..indptr[i + 1] as usize;
            let neighbours = self.network.neighbours(i).iter();
            for (&j, w) in neighbours.zip(&self.weights[edges]) {
                for (o, v) in out.iter_mut().zip(&values[j as usize * n..]) {
                    *o += w * v;
                }
            }
        }
    }

    /// A lower bound of the eigenvalues, by the discs of Gershgorin; greater than −1.
    #[must_use]
    pub fn least_eigenvalue_bound(&self) -> f64 {
        self.diagonal
            .iter()
            .fold(1.0_f64, |a, d| a.min(2.0 * d - 1.0))
    }

    /// The largest eigenvalue but one, by the power method on (W + 1) / 2, from below and to about 1e-10. Costs a product with W for each step, of which there are many where it is close to 1.
    #[must_use]
    pub fn second_eigenvalue(&self) -> f64 {
        let agents = self.network.agents();
        if agents < 2 {
            return 0.0;
        }
        // No symmetry of a graph is likely to hide an eigenvector from these.
        let mut v: Vec<f64> = (1..=agents)
            .map(|i| (i as f64 * 0.618_033_988_75).fract())
            .collect();
        let mut product = vec![0.0; agents];
        let (mut value, mut settled) = (0.0_f64, 0);
        for _ in 0..1_000_000 {
            let mean = v.iter().sum::<f64>() / agents as f64;
            v.iter_mut().for_each(|v| *v -= mean);
            let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.iter_mut().for_each(|v| *v /= norm);
            self.apply(1, &v, &mut product);
            let new = v.iter().zip(&product).map(|(v, p)| v * p).sum::<f64>();
            settled = if (new - value).abs() <= 1e-14 {
                settled + 1
            } else {
                0
            };
            value = new;
            if settled == 20 {
                break;
            }
            v.iter_mut()
                .zip(&product)
                .for_each(|(v, p)| *v = 0.5 * (*v + p));
        }
        value
    }
}
