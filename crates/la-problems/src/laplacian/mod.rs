//! Laplacians of random graphs.

mod geometric;
mod regular;
mod triangular;

pub use geometric::{EdgeWeights, RandomGeometricGraph};
pub use regular::RandomRegularGraph;
pub use triangular::TriangularGrid;

use crate::error::{ProblemError, require, require_u32};
use crate::system::{CsrMatrix, counts_to_pointers, csr};

/// An undirected edge with its weight.
type Edge = (u32, u32, f64);

/// L + shift I, with `L_ij = -w_ij` and zero row sums. Edges must be unique and without loops.
fn laplacian(n: usize, edges: &[Edge], shift: f64) -> Result<CsrMatrix, ProblemError> {
    require_u32("nonzeros", edges.len().saturating_mul(2).saturating_add(n))?;
    let mut next = vec![0_u32; n + 1];
    next[1..].fill(1);
    for &(a, b, _) in edges {
        next[a as usize + 1] += 1;
        next[b as usize + 1] += 1;
    }
    counts_to_pointers(&mut next);
    let pointers = next.clone();
    let mut entries = vec![(0_u32, 0.0_f64); n + 2 * edges.len()];
    let mut diagonal = vec![shift; n];
    let mut put = |row: u32, col: u32, value: f64| {
        entries[next[row as usize] as usize] = (col, value);
        next[row as usize] += 1;
    };
    for &(a, b, weight) in edges {
        put(a, b, -weight);
        put(b, a, -weight);
        diagonal[a as usize] += weight;
        diagonal[b as usize] += weight;
    }
    for (row, &value) in diagonal.iter().enumerate() {
        put(row as u32, row as u32, value);
    }
    for bounds in pointers.windows(2) {
        entries[bounds[0] as usize..bounds[1] as usize].sort_unstable_by_key(|entry| entry.0);
    }
    let (indices, data) = entries.into_iter().unzip();
    Ok(csr(n, n, pointers, indices, data))
}

/// Checks the options that both families share.
fn validate_common(n: usize, shift: f64) -> Result<(), ProblemError> {
    require(n >= 1, "n", n as f64, "at least 1")?;
    require_u32("rows", n)?;
    require(
        (0.0..=1e100).contains(&shift),
        "shift",
        shift,
        "in 0..=1e100",
    )
}
