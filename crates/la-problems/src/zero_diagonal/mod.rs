//! Matrices with zeros on the diagonal, and matrices that are singular by their pattern.

mod circuit;
mod deficient;
mod permuted;
mod stokes;

pub use circuit::Circuit;
pub use deficient::StructurallySingular;
pub use permuted::PermutedDominant;
pub use stokes::{Pressure, StokesCavity};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sprs::TriMatI;

use crate::system::{CsrMatrix, LinearSystem};

/// A square matrix from triplets; those of one place are added.
fn assemble(n: usize, triplets: Vec<(usize, usize, f64)>) -> CsrMatrix {
    let mut matrix = TriMatI::<f64, u32>::with_capacity((n, n), triplets.len());
    for (i, j, value) in triplets {
        matrix.add_triplet(i, j, value);
    }
    matrix.to_csr()
}

/// Up to `count` different columns below `columns`, sorted, without `except`, with values from U(-1, 1).
fn random_row(
    rng: &mut ChaCha8Rng,
    columns: usize,
    count: usize,
    except: &[usize],
) -> Vec<(usize, f64)> {
    if columns == 0 {
        return Vec::new();
    }
    let mut places: Vec<usize> = (0..count)
        .map(|_| rng.random_range(0..columns as u32) as usize)
        .filter(|j| !except.contains(j))
        .collect();
    places.sort_unstable();
    places.dedup();
    let mut value = || rng.random_range(-1.0..1.0);
    places.into_iter().map(|j| (j, value())).collect()
}

/// `A x` with x = (1, ..., 1) as right-hand side.
fn with_ones(matrix: CsrMatrix) -> LinearSystem {
    let sum = |row: sprs::CsVecViewI<'_, f64, u32>| row.data().iter().sum();
    let rhs = matrix.outer_iterator().map(sum).collect();
    LinearSystem::new(matrix, rhs)
}
