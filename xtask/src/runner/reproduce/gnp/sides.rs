//! Right-hand sides: `b = A x*` for solutions x* of different kinds.

use std::f64::consts::TAU;

use la_krylov::{Host, LinearOperator, VectorSpace};
use la_problems::CsrMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// What the solution looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// 1 everywhere: the paper's.
    Ones,
    /// Independent entries from N(0, 1).
    Gaussian,
    /// Independent signs.
    Signs,
    /// `sin(2 π i / n) + i / n`.
    Smooth,
}

impl Side {
    /// Name in tables and files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ones => "ones",
            Self::Gaussian => "gaussian",
            Self::Signs => "signs",
            Self::Smooth => "smooth",
        }
    }

    /// The solution; `seed` counts for the random ones.
    pub(super) fn solution(self, n: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        match self {
            Self::Ones => vec![1.0; n],
            Self::Gaussian => StandardNormal.sample_iter(rng).take(n).collect(),
            Self::Signs => (0..n)
                .map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 })
                .collect(),
            Self::Smooth => (1..=n)
                .map(|i| i as f64 / n as f64)
                .map(|t| (TAU * t).sin() + t)
                .collect(),
        }
    }
}

/// A system to be solved.
pub(crate) struct System {
    pub(super) side: Side,
    pub(crate) b: Vec<f64>,
    pub(super) exact: Vec<f64>,
}

impl System {
    pub(crate) fn new(a: &CsrMatrix, side: Side, seed: u64) -> Self {
        let exact = side.solution(a.rows(), seed);
        let mut b = vec![0.0; a.rows()];
        a.apply(&Host::sequential(a.rows()), &exact, &mut b);
        Self { side, b, exact }
    }

    /// Whether b = 0, so that there is no relative residual.
    pub(super) fn is_degenerate(&self) -> bool {
        self.b.iter().all(|b| *b == 0.0)
    }

    /// `‖x − x*‖ / ‖x*‖`.
    pub(super) fn error(&self, x: &[f64]) -> f64 {
        let space = Host::sequential(x.len());
        let mut difference = self.exact.clone();
        space.xpby(x, -1.0, &mut difference);
        space.norm(&difference) / space.norm(&self.exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_laplacian_is_degenerate_for_ones_only() {
        let a = CsrMatrix::new(
            (2, 2),
            vec![0, 2, 4],
            vec![0, 1, 0, 1],
            vec![1.0, -1.0, -1.0, 1.0],
        );
        assert!(System::new(&a, Side::Ones, 0).is_degenerate());
        let smooth = System::new(&a, Side::Smooth, 0);
        assert!(!smooth.is_degenerate());
        assert!((smooth.error(&[0.0, 0.0]) - 1.0).abs() < 1e-15);
        assert_eq!(smooth.error(&smooth.exact), 0.0);
    }

    #[test]
    fn signs_are_signs_and_repeat() {
        let signs = Side::Signs.solution(500, 3);
        assert!(signs.iter().all(|s| s.abs() == 1.0));
        let sum: f64 = signs.iter().sum();
        assert!(sum.abs() < 100.0, "{sum}");
        assert_eq!(signs, Side::Signs.solution(500, 3));
        assert_ne!(signs, Side::Signs.solution(500, 4));
    }
}
