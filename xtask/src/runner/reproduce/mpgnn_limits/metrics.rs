//! How good a triangular factor is: as a vector beside the factor that was to be found, and as a preconditioner.

use anyhow::Result;
use la_precond::IncompleteCholesky;
use la_problems::{CsrMatrix, Split};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::experiment::measure::iterations;

/// Iterations at which a solve is given up.
const LIMIT: usize = 2000;

/// A symmetric positive definite matrix and the factor that is to be found, on the pattern of its lower triangle.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) a: CsrMatrix,
    pub(super) target: CsrMatrix,
    /// The complete Cholesky factor of `a`.
    pub(super) complete: IncompleteCholesky,
}

/// One factor beside the one that was to be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Quality {
    /// Cosine of the angle between the two factors as vectors of their entries, diagonal included.
    pub(super) cosine: f64,
    /// The same with row i divided by √a_ii.
    pub(super) scaled_cosine: f64,
    /// Root mean square of the differences of log l_ii²; none if an l_ii is not positive.
    pub(super) log_pivot_rms: Option<f64>,
    /// Logarithm of the K-condition number of `Lᵀ A⁻¹ L`; none if an l_ii is not positive.
    pub(super) log_k: Option<f64>,
    /// Iterations of preconditioned CG to 1e-8, at most [`LIMIT`]; none if it was not asked for or there is no preconditioner.
    pub(super) iterations: Option<usize>,
    /// An entry is not finite or a diagonal entry is not positive: there is no preconditioner.
    pub(super) breakdown: bool,
}

impl Sample {
    /// The quality of the factor with these entries, in the order of the entries of the target. With `solve`, a system with a
    /// Gaussian right-hand side of that index is solved.
    pub(super) fn quality(&self, entries: &[f64], solve: Option<u64>) -> Result<Quality> {
        let n = self.a.rows();
        let rows: Vec<usize> = rows(&self.target);
        let scale: Vec<f64> = (0..n).map(|i| entry(&self.a, i, i).sqrt()).collect();
        let lower = with_entries(&self.target, entries);
        let factor = IncompleteCholesky::from_lower(lower.view()).ok();
        let log_pivot_rms = factor.as_ref().map(|f| {
            let pairs = (0..n).map(|i| (f.diagonal()[i], entry(&self.target, i, i)));
            let squares = pairs.map(|(l, t)| (2.0 * (l / t).ln()).powi(2));
            (squares.sum::<f64>() / n as f64).sqrt()
        });
        let solved = match (&factor, solve) {
            (Some(factor), Some(index)) => {
                let mut rng = ChaCha8Rng::seed_from_u64(Split::Test.seed(index));
                let b: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
                Some(iterations(&self.a, &b, factor, 1e-8, LIMIT)?)
            }
            _ => None,
        };
        Ok(Quality {
            cosine: cosine(entries, self.target.data(), |_| 1.0),
            scaled_cosine: cosine(entries, self.target.data(), |k| 1.0 / scale[rows[k]]),
            log_pivot_rms: log_pivot_rms.filter(|v| v.is_finite()),
            log_k: factor
                .as_ref()
                .map(|_| self.log_k(&lower))
                .filter(|v| v.is_finite()),
            iterations: solved,
            breakdown: factor.is_none(),
        })
    }

    /// `log(tr X / n) − log(det X) / n` of `X = Lᵀ A⁻¹ L`, from the complete factor C: the trace is `‖C⁻¹ L‖²`.
    fn log_k(&self, lower: &CsrMatrix) -> f64 {
        let n = lower.rows();
        let by_columns = lower.to_csc();
        let (mut trace, mut log_det) = (0.0, 0.0);
        let mut column = vec![0.0; n];
        for (j, entries) in by_columns.outer_iterator().enumerate() {
            column.fill(0.0);
            for (i, &v) in entries.iter() {
                column[i] = v;
            }
            log_det += 2.0 * (column[j] / self.complete.diagonal()[j]).ln();
            self.complete.forward_in_place(&mut column);
            trace += column.iter().map(|v| v * v).sum::<f64>();
        }
        (trace / n as f64).ln() - log_det / n as f64
    }
}

/// The lower triangle with other entries.
pub(super) fn with_entries(pattern: &CsrMatrix, entries: &[f64]) -> CsrMatrix {
    let mut lower = pattern.clone();
    lower.data_mut().copy_from_slice(entries);
    lower
}

/// The row of each stored entry.
pub(super) fn rows(a: &CsrMatrix) -> Vec<usize> {
    let counts = a.outer_iterator().enumerate();
    counts.flat_map(|(i, row)| vec![i; row.nnz()]).collect()
}

fn entry(a: &CsrMatrix, i: usize, j: usize) -> f64 {
    a.get(i, j).copied().unwrap_or(0.0)
}

/// Cosine of two vectors whose entries are weighted.
pub(super) fn cosine(x: &[f64], y: &[f64], weight: impl Fn(usize) -> f64) -> f64 {
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (k, (&x, &y)) in x.iter().zip(y).enumerate() {
        let w = weight(k) * weight(k);
        xy += w * x * y;
        xx += w * x * x;
        yy += w * y * y;
    }
    match xx * yy > 0.0 {
        true => xy / (xx * yy).sqrt(),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 4-cycle with 4 on the diagonal and -1 elsewhere.
    fn cycle() -> Sample {
        let pattern = |lower: bool| {
            let mut triplets = la_problems::sprs::TriMatI::<f64, u32>::new((4, 4));
            for i in 0..4 {
                triplets.add_triplet(i, i, 4.0);
                for j in [(i + 1) % 4, (i + 3) % 4] {
                    if !lower || j < i {
                        triplets.add_triplet(i, j, -1.0);
                    }
                }
            }
            triplets.to_csr()
        };
        let complete = |entries: Vec<f64>| {
            let lower: CsrMatrix = CsrMatrix::new(
                (4, 4),
                vec![0, 1, 3, 5, 9],
                vec![0, 0, 1, 1, 2, 0, 1, 2, 3],
                entries,
            );
            IncompleteCholesky::from_lower(lower.view()).unwrap()
        };
        // The complete factor, by hand: fill at (4, 2).
        let d2 = 4.0 - 0.25_f64;
        let (l32, l42) = (-1.0 / d2.sqrt(), -0.25 / d2.sqrt());
        let d3 = 4.0 - l32 * l32;
        let l43 = (-1.0 - l42 * l32) / d3.sqrt();
        let d4 = 4.0 - 0.25 - l42 * l42 - l43 * l43;
        Sample {
            a: pattern(false),
            target: pattern(true),
            complete: complete(vec![
                2.0,
                -0.5,
                d2.sqrt(),
                l32,
                d3.sqrt(),
                -0.5,
                l42,
                l43,
                d4.sqrt(),
            ]),
        }
    }

    #[test]
    fn k_condition_numbers_of_the_4_cycle() {
        let mut sample = cycle();
        // K-optimal: rows (1), (2), (3), (4) of the lower triangle.
        let optimal = [
            2.0,
            -0.5,
            1.93218357,
            -0.55205245,
            1.93218357,
            -0.5,
            -0.55205245,
            1.8516402,
        ];
        let ic0 = [
            2.0,
            -0.5,
            1.93649167,
            -0.51639778,
            1.93218357,
            -0.5,
            -0.51754917,
            1.86605007,
        ];
        sample.target = with_entries(&sample.target, &optimal);
        let best = sample.quality(&optimal, None).unwrap();
        assert!((best.log_k.unwrap() - 1.11359e-3).abs() < 1e-8);
        assert!((best.cosine - 1.0).abs() < 1e-15 && best.log_pivot_rms == Some(0.0));
        let found = sample.quality(&ic0, Some(0)).unwrap();
        assert!((found.log_k.unwrap() - 1.31877e-3).abs() < 1e-8);
        assert!((found.cosine - 0.999916).abs() < 1e-6, "{}", found.cosine);
        assert!(found.iterations.is_some_and(|k| (1..=4).contains(&k)) && !found.breakdown);
        // The scale of a factor does not matter, its sign does.
        let scaled = sample.quality(&ic0.map(|v| 8.0 * v), None).unwrap();
        assert!((scaled.cosine - found.cosine).abs() < 1e-14);
        assert!((scaled.log_k.unwrap() - found.log_k.unwrap()).abs() < 1e-13);
        let turned = sample.quality(&ic0.map(|v| -v), Some(0)).unwrap();
        assert!(turned.breakdown && turned.cosine < -0.99 && turned.iterations.is_none());
    }
}
