//! Random graphs in which every node has the same degree.

use std::collections::HashSet;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Edge, laplacian, validate_common};
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// Laplacian of a random regular graph plus a shift: a well conditioned problem without geometry (an expander).
///
/// Built from a random pairing of half edges whose loops and repeated edges are removed by random exchanges. The
/// right-hand side has entries from U(-1, 1). Expected cost O(n · degree).
///
/// # Known facts
/// - Symmetric (bitwise) M-matrix with exactly `n (degree + 1)` nonzeros, unit weights and diagonal `degree + shift`.
/// - Every row sums to the shift, which is the smallest eigenvalue, with eigenvector (1, ..., 1).
/// - The other eigenvalues lie near `[d - 2 √(d-1), d + 2 √(d-1)] + shift` with high probability for degree d ≥ 3.
///
/// # Examples
/// ```
/// use la_problems::RandomRegularGraph;
/// let system = RandomRegularGraph::default().with_n(100).with_degree(3).generate(1)?;
/// assert_eq!(system.matrix.nnz(), 400);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// B. Bollobás, *Random Graphs*, 2001, section 2.4 (pairing); J. Friedman, "A proof of Alon's second eigenvalue
/// conjecture", 2008 (spectrum). Deviates: exchanges in place of rejection, so only asymptotically uniform.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RandomRegularGraph {
    /// Number of nodes, at least 1. Default `1000`.
    pub n: usize,
    /// Neighbours of each node, below n; `n · degree` must be even. Default `4`.
    pub degree: usize,
    /// Added to the diagonal, at least 0 (0: singular). Default `1e-2`.
    pub shift: f64,
}

impl Default for RandomRegularGraph {
    fn default() -> Self {
        Self {
            n: 1000,
            degree: 4,
            shift: 1e-2,
        }
    }
}

/// Pairings tried before giving up.
const ATTEMPTS: usize = 100;

impl RandomRegularGraph {
    /// Sets the number of nodes.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the number of neighbours.
    #[must_use]
    pub fn with_degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Sets what is added to the diagonal.
    #[must_use]
    pub fn with_shift(mut self, shift: f64) -> Self {
        self.shift = shift;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        validate_common(self.n, self.shift)?;
        let degree = self.degree;
        require(degree < self.n, "degree", degree as f64, "below `n`")?;
        require_u32("nonzeros", self.n.saturating_mul(degree + 1))?;
        let even = (self.n * degree).is_multiple_of(2);
        require(even, "degree", degree as f64, "even when `n` is odd")
    }

    /// Generates one sample.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`ProblemError::NoAcceptableSample`] when repeated exchanges leave loops or
    /// repeated edges (not seen in practice).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::RandomRegularGraph::default().with_shift(1.0).generate(2)?;
    /// assert_eq!(system.matrix.get(0, 0), Some(&5.0));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Dense graphs are drawn as the complement of sparse ones.
        let sparse_degree = self.degree.min(self.n - 1 - self.degree);
        let edges = (0..ATTEMPTS)
            .find_map(|_| draw(self.n, sparse_degree, &mut rng))
            .ok_or_else(|| ProblemError::NoAcceptableSample {
                what: "regular graph",
                attempts: ATTEMPTS,
                reason: "it has loops or repeated edges; choose a smaller degree".to_owned(),
            })?;
        let edges = if sparse_degree < self.degree {
            complement(self.n, &edges)
        } else {
            edges
        };
        let matrix = laplacian(self.n, &edges, self.shift)?;
        let rhs = (0..self.n).map(|_| rng.random_range(-1.0..1.0)).collect();
        Ok(LinearSystem::new(matrix, rhs))
    }
}

/// One random pairing, repaired; `None` if that fails.
fn draw(n: usize, degree: usize, rng: &mut ChaCha8Rng) -> Option<Vec<Edge>> {
    let mut ends: Vec<u32> = (0..n as u32)
        .flat_map(|node| std::iter::repeat_n(node, degree))
        .collect();
    ends.shuffle(rng);
    let mut pairs: Vec<[u32; 2]> = ends
        .chunks_exact(2)
        .map(|pair| [pair[0], pair[1]])
        .collect();
    let key = |[a, b]: [u32; 2]| (a.min(b), a.max(b));
    let mut present = HashSet::with_capacity(pairs.len());
    let is_bad = |pair: [u32; 2], present: &mut HashSet<(u32, u32)>| {
        pair[0] == pair[1] || !present.insert(key(pair))
    };
    let mut bad: Vec<usize> = (0..pairs.len())
        .filter(|&k| is_bad(pairs[k], &mut present))
        .collect();
    let mut tries = 100 * (bad.len() + 10);
    while let Some(&k) = bad.last() {
        tries = tries.checked_sub(1)?;
        let other = rng.random_range(0..pairs.len() as u32) as usize;
        if bad.contains(&other) {
            continue;
        }
        // Exchange second ends: (a, b), (c, d) become (a, d), (c, b).
        let ([a, b], [c, d]) = (pairs[k], pairs[other]);
        let (first, second) = ([a, d], [c, b]);
        let fresh = |pair: [u32; 2]| pair[0] != pair[1] && !present.contains(&key(pair));
        if fresh(first) && fresh(second) && key(first) != key(second) {
            present.remove(&key(pairs[other]));
            present.extend([key(first), key(second)]);
            (pairs[k], pairs[other]) = (first, second);
            bad.pop();
        }
    }
    Some(pairs.into_iter().map(|[a, b]| (a, b, 1.0)).collect())
}
/// The edges that are missing.
fn complement(n: usize, edges: &[Edge]) -> Vec<Edge> {
    let present: HashSet<(u32, u32)> = edges
        .iter()
        .map(|&(a, b, _)| (a.min(b), a.max(b)))
        .collect();
    let all = (0..n as u32).flat_map(|b| (0..b).map(move |a| (a, b)));
    all.filter(|pair| !present.contains(pair))
        .map(|(a, b)| (a, b, 1.0))
        .collect()
}
