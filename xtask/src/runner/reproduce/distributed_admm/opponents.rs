//! Decentralised methods that are not ADMM with a dual per node.
//!
//! They are compared at equal communication: what counts as an iteration here is as many of theirs as send the 2 n numbers along each directed edge that
//! an iteration of ADMM sends.

use anyhow::Result;
use la_opt::admm::{ChebyshevAveraging, FirstOrder, FirstOrderMethod};
use serde::Deserialize;

use super::problems::Instance;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Opponent {
    /// EXTRA, two rounds of n numbers.
    Extra,
    /// Gradient tracking, one round of 2 n numbers.
    Diging,
    /// ADMM with a copy on each edge, two rounds of n numbers.
    EdgeAdmm,
    /// Averaging by Chebyshev polynomials of the Metropolis weights, whose eigenvalues it is told; two rounds of n numbers. Nothing but averages.
    Chebyshev,
}

impl Opponent {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Extra => "extra",
            Self::Diging => "diging",
            Self::EdgeAdmm => "edge-admm",
            Self::Chebyshev => "chebyshev",
        }
    }

    /// Whether there is a step or a penalty.
    pub(super) fn is_tuned(self) -> bool {
        self != Self::Chebyshev
    }

    fn method(self, step: f64) -> Option<FirstOrderMethod> {
        match self {
            Self::Extra => Some(FirstOrderMethod::Extra { step }),
            Self::Diging => Some(FirstOrderMethod::Diging { step }),
            Self::EdgeAdmm => Some(FirstOrderMethod::EdgeAdmm { penalty: step }),
            Self::Chebyshev => None,
        }
    }

    /// Squared distances after the communication of 1, 2, … iterations of ADMM.
    pub(super) fn run(self, step: f64, instance: &Instance, horizon: usize) -> Result<Vec<f64>> {
        let (network, agents) = (&instance.network, instance.network.agents());
        let mut distances = Vec::with_capacity(horizon);
        let Some(method) = self.method(step) else {
            let n = instance.dimension();
            let mut averaging = ChebyshevAveraging::new(network, n, instance.right_hand_sides())?;
            for _ in 0..horizon {
                averaging.iterate(2);
                let x: Vec<f64> = (0..agents).flat_map(|i| averaging.x(i).to_vec()).collect();
                distances.push(instance.distance(&x));
            }
            return Ok(distances);
        };
        let mut solver = FirstOrder::new(network, instance.agents()?, method)?;
        for _ in 0..horizon {
            solver.iterate(if self == Self::Diging { 1 } else { 2 })?;
            let x: Vec<f64> = (0..agents).flat_map(|i| solver.x(i).to_vec()).collect();
            let distance = instance.distance(&x);
            // A step that is too large: so far away that it need not be known how far.
            distances.push(if distance < 1e30 { distance } else { 1e30 });
        }
        Ok(distances)
    }
}

#[cfg(test)]
mod tests {
    use super::super::problems::{Law, Purpose};
    use super::super::settings::Class;
    use super::*;

    #[test]
    fn all_of_them_find_the_solution() {
        let law = Law::published(Class::Consensus, Purpose::Report, 0);
        let instance = law.instance(0).unwrap();
        for (opponent, step) in [
            (Opponent::Extra, 0.2),
            (Opponent::Diging, 0.05),
            (Opponent::EdgeAdmm, 0.5),
            (Opponent::Chebyshev, 1.0),
        ] {
            let distances = opponent.run(step, &instance, 300).unwrap();
            assert!(distances[0] > 1e-3, "{opponent:?}");
            assert!(distances[299] < 1e-6, "{opponent:?}: {}", distances[299]);
        }
        let wild = Opponent::Extra.run(100.0, &instance, 300).unwrap();
        assert_eq!(wild[299], 1e30);
    }
}
