//! Sparse matrices with K-optimal and IC(0) factors, and which of them needs fewer iterations.

use anyhow::{Context, Result};
use la_precond::classical::{Ic0, KOptimal, ShiftStrategy};
use la_precond::quality::{FactorDistance, log_k};
use la_precond::{IncompleteCholesky, PrecondError};
use la_problems::io::{Symmetry, write_matrix_market_file};
use la_problems::{
    CsrMatrix, Grid, NeuralIfSynthetic, PlaneElasticity, RightHandSide, TriangularGrid, permuted,
    random_order,
};
use rayon::prelude::*;

use super::folder::Folder;
use crate::experiment::measure::iterations;

/// Iterations at which a solve has failed.
const LIMIT: usize = 10_000;

/// Sets by name.
pub(super) const SETS: [&str; 6] = [
    "grid-16x16-s1-natural",
    "grid-16x16-s1-random",
    "grid-16x16-s2-natural",
    "grid-16x16-s2-random",
    "gram-n250",
    "elasticity-120-points",
];

fn generate(set: &str, seed: u64) -> Result<CsrMatrix> {
    let grid = |sigma, random: bool| -> Result<CsrMatrix> {
        let grid = TriangularGrid::default()
            .with_points(16, 16)
            .with_sigma(sigma)
            .with_shift(1e-3);
        let a = grid.generate(seed)?;
        Ok(match random {
            true => permuted(&a, &random_order(a.rows(), seed))?,
            false => a,
        })
    };
    match set {
        "grid-16x16-s1-natural" => grid(1.0, false),
        "grid-16x16-s1-random" => grid(1.0, true),
        "grid-16x16-s2-natural" => grid(2.0, false),
        "grid-16x16-s2-random" => grid(2.0, true),
        "gram-n250" => {
            let gram = NeuralIfSynthetic::default()
                .with_n(250)
                .with_nonzeros_per_row(2.5);
            Ok(gram.generate(seed)?.matrix)
        }
        _ => {
            // Symmetric to the last bit, as the file format wants it.
            let plate = PlaneElasticity::default().with_points(120);
            let a = plate.generate(seed)?.matrix;
            let mirrored: CsrMatrix = a.transpose_view().to_csr();
            Ok((&a + &mirrored).map(|x| 0.5 * x))
        }
    }
}

/// One matrix with its factors.
struct Entry {
    a: CsrMatrix,
    optimal: Option<IncompleteCholesky>,
    ic0: Option<IncompleteCholesky>,
    row: String,
}

/// Writes one set. Of every five matrices the last is for tests.
pub(super) fn write(folder: &mut Folder, set: &str, count: u64) -> Result<()> {
    let entries = (0..count)
        .into_par_iter()
        .map(|index| entry(set, index))
        .collect::<Result<Vec<Entry>>>()?;
    let mut table = String::from(
        "index,split,seed,n,nnz,ic0_iterations,k_optimal_iterations,log_k_ic0,log_k_k_optimal,cosine,class\n",
    );
    for (index, entry) in entries.iter().enumerate() {
        let place = |part: &str| format!("sparse/{set}/{index:03}-{part}.mtx");
        let path = folder.file(&place("a"))?;
        write_matrix_market_file(&path, entry.a.view(), Symmetry::Symmetric)?;
        for (part, factor) in [("k-optimal", &entry.optimal), ("ic0", &entry.ic0)] {
            if let Some(factor) = factor {
                let path = folder.file(&place(part))?;
                write_matrix_market_file(&path, factor.to_lower().view(), Symmetry::General)?;
            }
        }
        table += &entry.row;
    }
    folder.text(&format!("sparse/{set}/index.csv"), &table)
}

fn entry(set: &str, index: u64) -> Result<Entry> {
    let split = if index % 5 == 4 { "test" } else { "train" };
    let a = generate(set, index).with_context(|| format!("{set}, matrix {index}"))?;
    let found = |factor: Result<IncompleteCholesky, PrecondError>| match factor {
        Ok(factor) => Ok(Some(factor)),
        Err(PrecondError::Breakdown { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let optimal = found(KOptimal::default().factor(a.view()))?;
    let plain = Ic0::default().with_shift(ShiftStrategy::None);
    let ic0 = found(plain.factor(a.view()))?;
    // Two right-hand sides: A·1, and a random one; the mean counts.
    let n = a.rows();
    let sides = [
        a.outer_iterator()
            .map(|row| row.data().iter().sum())
            .collect(),
        RightHandSide::Gaussian.vector(&Grid::line(n), index),
    ];
    let solve = |factor: &Option<IncompleteCholesky>| -> Result<Option<f64>> {
        let Some(factor) = factor else {
            return Ok(None);
        };
        let mut sum = 0.0;
        for b in &sides {
            let k = iterations(&a, b, factor, 1e-8, LIMIT)?;
            if k >= LIMIT {
                return Ok(None);
            }
            sum += k as f64;
        }
        Ok(Some(sum / sides.len() as f64))
    };
    let (with_ic0, with_optimal) = (solve(&ic0)?, solve(&optimal)?);
    let k = |factor: &Option<IncompleteCholesky>| -> Result<Option<f64>> {
        Ok(match factor {
            Some(factor) => Some(log_k(a.view(), factor)?),
            None => None,
        })
    };
    let cosine = match (&ic0, &optimal) {
        (Some(x), Some(y)) => Some(FactorDistance::new(a.view(), x, y)?.cosine),
        _ => None,
    };
    let text = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    let row = format!(
        "{index},{split},{index},{n},{},{},{},{},{},{},{}\n",
        a.nnz(),
        text(with_ic0),
        text(with_optimal),
        text(k(&ic0)?),
        text(k(&optimal)?),
        text(cosine),
        class(with_ic0, with_optimal)
    );
    Ok(Entry {
        a,
        optimal,
        ic0,
        row,
    })
}

/// Who needs fewer iterations; within 1 % it is a tie.
fn class(ic0: Option<f64>, optimal: Option<f64>) -> &'static str {
    match (ic0, optimal) {
        (None, None) => "both_failed",
        (None, Some(_)) => "k_optimal_only",
        (Some(_), None) => "ic0_only",
        (Some(x), Some(y)) if (x - y).abs() < 0.01 * x.max(y) => "tie",
        (Some(x), Some(y)) if y < x => "k_optimal_fewer",
        _ => "ic0_fewer",
    }
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn classes() {
        assert_eq!(class(None, None), "both_failed");
        assert_eq!(class(None, Some(3.0)), "k_optimal_only");
        assert_eq!(class(Some(3.0), None), "ic0_only");
        assert_eq!(class(Some(1000.0), Some(1001.0)), "tie");
        assert_eq!(class(Some(10.0), Some(10.0)), "tie");
        assert_eq!(class(Some(10.0), Some(9.0)), "k_optimal_fewer");
        assert_eq!(class(Some(9.0), Some(10.0)), "ic0_fewer");
    }
}
