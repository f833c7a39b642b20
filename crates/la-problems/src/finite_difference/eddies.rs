//! Closed flows without divergence.

use std::f64::consts::PI;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A sum of flows `curl (c φ) = ∇φ × c` with `φ = Π_d sin(k_d π x_d)` on the unit square or cube.
#[derive(Debug, Clone, Default)]
pub(super) struct Eddies {
    flows: Vec<Flow>,
}

#[derive(Debug, Clone, Copy)]
struct Flow {
    /// k π; 0 in a direction that is not there.
    waves: [f64; 3],
    axis: [f64; 3],
}

/// Flows of a sum.
const FLOWS: usize = 4;

impl Eddies {
    pub(super) fn draw(seed: u64, dimension: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut flows: Vec<Flow> = (0..FLOWS)
            .map(|_| {
                let waves = [(); 3].map(|()| f64::from(rng.random_range(1..=3)) * PI);
                let axis = [(); 3].map(|()| rng.random_range(-1.0..1.0));
                if dimension == 3 {
                    return Flow { waves, axis };
                }
                Flow {
                    waves: [waves[0], waves[1], 0.0],
                    axis: [0.0, 0.0, axis[2]],
                }
            })
            .collect();
        // |∇φ × c| ≤ |k π| |c|
        let size = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let bound: f64 = flows.iter().map(|f| size(f.waves) * size(f.axis)).sum();
        for flow in &mut flows {
            flow.axis = flow.axis.map(|c| c / bound);
        }
        Self { flows }
    }

    /// The velocity at coordinates from 0 to 1; at most 1 in size.
    pub(super) fn velocity(&self, at: [f64; 3]) -> [f64; 3] {
        let mut w = [0.0; 3];
        for Flow { waves, axis } in &self.flows {
            let phase = [0, 1, 2].map(|d| waves[d] * at[d]);
            // A direction that is not there has the factor 1.
            let sine = [0, 1, 2].map(|d| if waves[d] == 0.0 { 1.0 } else { phase[d].sin() });
            let slope = [0, 1, 2].map(|d| waves[d] * phase[d].cos());
            let gradient = [
                slope[0] * sine[1] * sine[2],
                sine[0] * slope[1] * sine[2],
                sine[0] * sine[1] * slope[2],
            ];
            for (d, w) in w.iter_mut().enumerate() {
                let (next, after) = ((d + 1) % 3, (d + 2) % 3);
                *w += gradient[next] * axis[after] - gradient[after] * axis[next];
            }
        }
        w
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_divergence_and_at_most_one() {
        for (seed, dimension) in [(1, 2), (2, 2), (3, 3), (4, 3)] {
            let eddies = Eddies::draw(seed, dimension);
            let h = 1e-5;
            let mut fastest = 0.0_f64;
            for i in 0..50 {
                let at = [0.31, 0.17, 0.73].map(|p: f64| (p * f64::from(i)).fract());
                let divergence: f64 = (0..dimension)
                    .map(|d| {
                        let shifted = |step: f64| {
                            let mut at = at;
                            at[d] += step;
                            eddies.velocity(at)[d]
                        };
                        (shifted(h) - shifted(-h)) / (2.0 * h)
                    })
                    .sum();
                assert!(divergence.abs() < 1e-8, "{divergence}");
                let w = eddies.velocity(at);
                assert!(dimension == 3 || w[2] == 0.0);
                fastest = fastest.max(w.iter().map(|w| w * w).sum::<f64>().sqrt());
            }
            assert!(fastest > 0.05 && fastest <= 1.0, "{fastest}");
        }
    }
}
