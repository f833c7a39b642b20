//! P and A as networks read them.

use super::super::problem::{Hessian, QuadraticProgram};
use super::super::solution::Side;
use super::slots::Slots;
use crate::Real;

/// Whether the matrices of the problems of a predictor are those it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrices {
    /// They are: what can be computed of them once is.
    #[default]
    Fixed,
    /// They are read anew for every guess.
    Varying,
}

/// P written out, by rows.
pub(super) fn hessian<T: Real>(problem: &QuadraticProgram<T>) -> Vec<f64> {
    let n = problem.num_variables();
    let mut out = vec![0.0; n * n];
    for (i, row) in out.chunks_exact_mut(n.max(1)).enumerate() {
        match &problem.hessian {
            Hessian::Dense(p) => {
                for (j, to) in row.iter_mut().enumerate() {
                    *to = 0.5 * (p[i * n + j].to_f64() + p[j * n + i].to_f64());
                }
            }
            Hessian::Sparse(p) => {
                for (j, value) in p.row(i) {
                    row[j] += 0.5 * value.to_f64();
                }
            }
            Hessian::Diagonal(p) => row[i] = p[i].to_f64(),
            Hessian::Identity => row[i] = 1.0,
            Hessian::Zero => {}
        }
    }
    if let Hessian::Sparse(p) = &problem.hessian {
        // The other half: the transpose.
        for j in 0..p.num_rows() {
            for (i, value) in p.row(j) {
                out[i * n + j] += 0.5 * value.to_f64();
            }
        }
    }
    out
}

/// The rows of all slots.
pub(super) fn rows<T: Real>(problem: &QuadraticProgram<T>, slots: &Slots) -> Vec<f64> {
    let (n, bounds) = (problem.num_variables(), problem.num_bounds());
    let mut out = vec![0.0; slots.len() * n];
    for (row, &(j, side)) in out.chunks_exact_mut(n.max(1)).zip(slots.list()) {
        let sign = if side == Side::Lower { -1.0 } else { 1.0 };
        if j < bounds {
            row[j] = sign;
        } else if let Some(rows) = problem.sparse_rows() {
            for (column, value) in rows.row(j - bounds) {
                row[column] = sign * value.to_f64();
            }
        } else {
            let from = &problem.rows()[(j - bounds) * n..(j - bounds + 1) * n];
            for (to, from) in row.iter_mut().zip(from) {
                *to = sign * from.to_f64();
            }
        }
    }
    out
}

pub(super) fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}
