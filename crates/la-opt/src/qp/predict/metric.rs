//! Distances between problems that differ in q and the bounds.

use super::neighbours::SolvedExample;
use crate::Real;

/// Coordinates at most.
const MOST: usize = 32;
/// Differences below this part of the largest are rounding.
const SMALL: f64 = 1e-9;

/// Coordinates in which the examples have mean zero and unit covariance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    variables: usize,
    /// Positions of the bounds that are finite in all examples, in `l` followed by `u`.
    finite: Vec<usize>,
    mean: Vec<f64>,
    /// rank × features, row-major.
    map: Vec<f64>,
    rank: usize,
}

impl Metric {
    /// From examples of equal lengths, of which there is at least one.
    pub(super) fn fit<T: Real>(examples: &[SolvedExample<'_, T>]) -> Self {
        let first = &examples[0];
        let bounds = |e: &SolvedExample<'_, T>, i: usize| {
            let m = e.lower.len();
            if i < m { e.lower[i] } else { e.upper[i - m] }
        };
        let finite: Vec<usize> = (0..2 * first.lower.len())
            .filter(|&i| examples.iter().all(|e| bounds(e, i).is_finite()))
            .collect();
        let variables = first.linear.len();
        let features = variables + finite.len();
        let mut rows = Vec::with_capacity(examples.len() * features);
        for e in examples {
            rows.extend(e.linear.iter().map(|x| x.to_f64()));
            rows.extend(finite.iter().map(|&i| bounds(e, i).to_f64()));
        }
        let count = examples.len() as f64;
        let mut mean = vec![0.0; features];
        for row in rows.chunks_exact(features.max(1)) {
            for (mean, &x) in mean.iter_mut().zip(row) {
                *mean += x / count;
            }
        }
        for row in rows.chunks_exact_mut(features.max(1)) {
            for (x, &mean) in row.iter_mut().zip(&mean) {
                *x -= mean;
            }
        }
        let basis = basis(rows.clone(), features);
        let rank = basis.len() / features.max(1);
        let map = whiten(&rows, &basis, features, rank);
        Self {
            variables,
            finite,
            mean,
            map,
            rank,
        }
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn variables(&self) -> usize {
        self.variables
    }

    /// Where a problem is. Of its bounds those count that are finite in the examples and here.
    pub(super) fn place<T: Real>(&self, linear: &[T], lower: &[T], upper: &[T], out: &mut [f64]) {
        out.fill(0.0);
        let (n, m, features) = (self.variables, lower.len(), self.mean.len());
        let bound = |i: usize| if i < m { lower[i] } else { upper[i - m] };
        for (out, row) in out.iter_mut().zip(self.map.chunks_exact(features.max(1))) {
            let (of_linear, of_bounds) = row.split_at(n);
            let (mean_linear, mean_bounds) = self.mean.split_at(n);
            let mut sum = 0.0;
            for ((&w, x), &mean) in of_linear.iter().zip(linear).zip(mean_linear) {
                sum += w * (x.to_f64() - mean);
            }
            for ((&w, &i), &mean) in of_bounds.iter().zip(&self.finite).zip(mean_bounds) {
                let x = bound(i);
                if x.is_finite() {
                    sum += w * (x.to_f64() - mean);
                }
            }
            *out = sum;
        }
    }
}

/// An orthonormal basis of the rows, by rows: Gram–Schmidt, the longest remainder next.
fn basis(mut rows: Vec<f64>, features: usize) -> Vec<f64> {
    let mut basis = Vec::new();
    let mut largest = None;
    while basis.len() < MOST.min(features) * features {
        let norm = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let longest = rows
            .chunks_exact(features)
            .map(|row| (norm(row), row))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((length, row)) = longest else { break };
        if length.is_nan() || length <= SMALL * *largest.get_or_insert(length) {
            break;
        }
        let direction: Vec<f64> = row.iter().map(|x| x / length).collect();
        for row in rows.chunks_exact_mut(features) {
            let along: f64 = row.iter().zip(&direction).map(|(x, d)| x * d).sum();
            for (x, d) in row.iter_mut().zip(&direction) {
                *x -= along * d;
            }
        }
        basis.extend(direction);
    }
    basis
}

/// `L⁻¹ Q` with the rows Q of the basis and `L Lᵀ` the covariance of the examples in it.
fn whiten(rows: &[f64], basis: &[f64], features: usize, rank: usize) -> Vec<f64> {
    let count = (rows.len() / features.max(1)) as f64;
    let mut covariance = vec![0.0; rank * rank];
    let mut along = vec![0.0; rank];
    for row in rows.chunks_exact(features.max(1)) {
        for (along, direction) in along.iter_mut().zip(basis.chunks_exact(features)) {
            *along = row.iter().zip(direction).map(|(x, d)| x * d).sum();
        }
        for i in 0..rank {
            for j in 0..rank {
                covariance[i * rank + j] += along[i] * along[j] / count;
            }
        }
    }
    let mut map = basis.to_vec();
    for j in 0..rank {
        let pivot = covariance[j * rank + j].max(f64::MIN_POSITIVE).sqrt();
        for x in &mut map[j * features..(j + 1) * features] {
            *x /= pivot;
        }
        for i in j + 1..rank {
            let factor = covariance[i * rank + j] / pivot;
            covariance[i * rank + j] = factor;
            let (above, row) = map.split_at_mut(i * features);
            let above = &above[j * features..(j + 1) * features];
            for (x, a) in row[..features].iter_mut().zip(above) {
                *x -= factor * a;
            }
        }
        for i in j + 1..rank {
            for k in j + 1..=i {
                covariance[i * rank + k] -= covariance[i * rank + j] * covariance[k * rank + j];
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_parameters() {
        // q = (3 s, 1e-3 t, s + t), bounds 100 t: s and t are uncorrelated with unit variance.
        let thetas = [
            (1.0, 1.0),
            (1.0, -1.0),
            (-1.0, 1.0),
            (-1.0, -1.0),
            (0.0, 0.0),
        ];
        let linear: Vec<[f64; 3]> = thetas
            .iter()
            .map(|&(s, t)| [3.0 * s, 1e-3 * t, s + t])
            .collect();
        let upper: Vec<[f64; 1]> = thetas.iter().map(|&(_, t)| [100.0 * t]).collect();
        let lower = [f64::NEG_INFINITY];
        let examples: Vec<_> = linear
            .iter()
            .zip(&upper)
            .map(|(linear, upper)| SolvedExample {
                linear,
                lower: &lower,
                upper,
                active: &[],
            })
            .collect();
        let metric = Metric::fit(&examples);
        assert_eq!((metric.rank(), metric.variables()), (2, 3));
        let mut places = vec![[0.0; 2]; 5];
        for (place, e) in places.iter_mut().zip(&examples) {
            metric.place(e.linear, e.lower, e.upper, place);
        }
        for (a, place) in thetas.iter().zip(&places) {
            for (b, other) in thetas.iter().zip(&places) {
                let expected = ((a.0 - b.0).powi(2) + (a.1 - b.1).powi(2)) / 0.8;
                let found: f64 = place.iter().zip(other).map(|(x, y)| (x - y).powi(2)).sum();
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
    }
}
