//! From the network's output to the entries of the factors.

use super::super::{CoatesGraph, Element};
use crate::GnnError;
use crate::learned_lu::{Base, DiagonalActivation, LearnedLuConfig};

/// What is known of the diagonal of L.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pivots {
    /// Smallest absolute value of the diagonal activation.
    pub smallest: f64,
    /// How many of its arguments were at most ε.
    pub replaced: usize,
}

impl Pivots {
    pub(super) const NONE: Self = Self {
        smallest: f64::INFINITY,
        replaced: 0,
    };

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            smallest: self.smallest.min(other.smallest),
            replaced: self.replaced + other.replaced,
        }
    }

    /// The activation of `x`, recorded.
    fn activate(&mut self, diagonal: DiagonalActivation, eps: f64, x: f64) -> f64 {
        let pivot = diagonal.apply(x, eps);
        self.smallest = self.smallest.min(pivot.abs());
        self.replaced += usize::from(x.abs() <= eps);
        pivot
    }
}

/// Entries of L and U of some rows of the graph, `out` and `factor` being those of these rows alone.
pub(super) fn finish<T: Element>(
    graph: &CoatesGraph<T>,
    config: &LearnedLuConfig,
    diagonal: DiagonalActivation,
    rows: std::ops::Range<usize>,
    out: &[T],
    factor: &mut [f64],
) -> Pivots {
    let begin = graph.row_ptr[rows.start] as usize;
    let mut pivots = Pivots::NONE;
    for i in rows {
        let row = graph.row(i);
        let at = graph.diagonal[i] as usize;
        let local = |k: usize| k - begin;
        let own = local(row.start)..local(row.end);
        let (out, factor) = (&out[own.clone()], &mut factor[own]);
        let d = at - row.start;
        let scale = graph.scale.get(i).copied().unwrap_or(1.0);
        match config.base {
            Base::None => {
                for (l, e) in factor[..d].iter_mut().zip(out) {
                    *l = scale * e.to_f64();
                }
                factor[d] = scale * pivots.activate(diagonal, config.eps, out[d].to_f64());
                for (u, e) in factor[d + 1..].iter_mut().zip(&out[d + 1..]) {
                    *u = e.to_f64();
                }
            }
            Base::Ilu0 => {
                let base = &graph.base[row];
                for ((f, e), b) in factor.iter_mut().zip(out).zip(base) {
                    *f = b * (1.0 + e.to_f64());
                }
                factor[d] = base[d] * pivots.activate(diagonal, config.eps, 1.0 + out[d].to_f64());
            }
        }
    }
    pivots
}

/// From the gradient with respect to the entries of L and U, made with the smooth activation, to that of the network's output.
pub(super) fn finish_backward<T: Element>(
    graph: &CoatesGraph<T>,
    config: &LearnedLuConfig,
    out: &[T],
    grad_factor: &[f64],
    grad_out: &mut Vec<T>,
) {
    grad_out.clear();
    for i in 0..graph.num_nodes() {
        let at = graph.diagonal[i] as usize;
        let scale = graph.scale.get(i).copied().unwrap_or(1.0);
        let (base, shift) = match config.base {
            Base::None => (&[][..], 0.0),
            Base::Ilu0 => (&graph.base[..], 1.0),
        };
        grad_out.extend(graph.row(i).map(|k| {
            let own = if k <= at { scale } else { 1.0 };
            let by = base.get(k).copied().unwrap_or(own);
            let slope = match k == at {
                true => DiagonalActivation::Smooth.slope(shift + out[k].to_f64(), config.eps),
                false => 1.0,
            };
            T::from_f64(grad_factor[k] * by * slope)
        }));
    }
}

/// Refuses entries that are not finite and zeros on the diagonal of L.
pub(super) fn check<T: Element>(graph: &CoatesGraph<T>, factor: &[f64]) -> Result<(), GnnError> {
    super::super::coates::finite("the factors L and U", factor)?;
    match graph
        .diagonal
        .iter()
        .position(|k| factor[*k as usize] == 0.0)
    {
        None => Ok(()),
        Some(row) => Err(GnnError::Matrix {
            reason: format!("row {row} of the factor L got a zero on its diagonal"),
        }),
    }
}
