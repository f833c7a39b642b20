//! Loss functions of NeuralIF, with their gradients on the pattern of L.
#![expect(
    clippy::needless_range_loop,
    reason = "row i of the matrix belongs to entry i of several vectors; iterators hide the formula"
)]

use serde::{Deserialize, Serialize};

use super::super::{Element, LowerGraph};
use super::spectral::{self, InversePair};
use crate::training::{Joining, Share};

/// What training minimises. `z` is a standard normal probe, fresh at every update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// `‖L Lᵀ z − A z‖₂`, not squared (the published setting).
    Default,
    /// `‖L Lᵀ z − A z‖₂ / ‖A z‖₂`.
    Normalized,
    /// `½ ‖L Lᵀ z − A z‖₂²`.
    Squared,
    /// Logarithm of Kaporin's condition number per unknown, `log(tr(M⁻¹A)/n) − log(det(M⁻¹A))/n`, up to
    /// the constant `log(det A)/n`, with the trace estimated by the probe: `zᵀ L⁻¹ A L⁻ᵀ z`.
    ///
    /// Not in the paper: it is the quantity that bounds the iterations of conjugate gradients
    /// (I. Kaporin, *Numer. Linear Algebra Appl.* 1(2), 179–210, 1994), and it looks at the small
    /// eigenvalues as much as at the large.
    Kaporin,
    /// `log(tr(Bᵐ)/n)/m + log(det(L Lᵀ))/n` with `B = L⁻¹ A L⁻ᵀ` and the trace estimated by the probe,
    /// `zᵀ Bᵐ z`; m is the payload, at least 1. With m = 1 it is [`Loss::Kaporin`].
    ///
    /// The larger m, the closer the first term to the largest eigenvalue. Costs 2 m sparse triangular
    /// solves and m products. Not in the paper.
    KaporinPower(u8),
    /// `log(tr(Bᵐ)/n)/m + log(tr(B⁻¹)/n)`, invariant to the scale of L; m is the payload, at least 1.
    ///
    /// Stands for `log(λ_max/λ_min)`, with means over the whole spectrum in place of its ends.
    /// `tr(B⁻¹) = tr(A⁻¹ L Lᵀ)` is estimated by the [`InversePair`]s of the training graph. Without
    /// them, or when their estimate is not positive, the determinant takes its place, which is a lower
    /// bound (arithmetic against geometric mean): then it is [`Loss::KaporinPower`] up to a constant.
    /// Not in the paper.
    BothEnds(u8),
}

/// Lower and upper triangle of a symmetric matrix as the loss needs it: `y = A x`.
///
/// Only the lower triangle is stored; both halves are applied in one pass. A thinned graph stands for the whole matrix here.
pub(super) fn symmetric_product(graph: &LowerGraph<impl Element>, x: &[f64], y: &mut [f64]) {
    let graph = graph.whole();
    y.fill(0.0);
    for i in 0..x.len() {
        let range = graph.row(i);
        let last = range.end - 1;
        let (xi, mut sum) = (x[i], graph.value[last].to_f64() * x[i]);
        for k in range.start..last {
            let (j, a) = (graph.col[k] as usize, graph.value[k].to_f64());
            sum += a * x[j];
            y[j] += a * xi;
        }
        y[i] += sum;
    }
}

/// `y = Lᵀ x`.
pub(super) fn transpose_product<T: Element>(
    graph: &LowerGraph<T>,
    factor: &[T],
    x: &[f64],
    y: &mut [f64],
) {
    y.fill(0.0);
    for i in 0..x.len() {
        for k in graph.row(i) {
            y[graph.col[k] as usize] += factor[k].to_f64() * x[i];
        }
    }
}

/// `y = L x`.
fn product<T: Element>(graph: &LowerGraph<T>, factor: &[T], x: &[f64], y: &mut [f64]) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = graph
            .row(i)
            .map(|k| factor[k].to_f64() * x[graph.col[k] as usize])
            .sum();
    }
}

/// `x = L⁻¹ x`.
pub(super) fn solve<T: Element>(graph: &LowerGraph<T>, factor: &[T], x: &mut [f64]) {
    for i in 0..x.len() {
        let range = graph.row(i);
        let last = range.end - 1;
        let sum: f64 = (range.start..last)
            .map(|k| factor[k].to_f64() * x[graph.col[k] as usize])
            .sum();
        x[i] = (x[i] - sum) / factor[last].to_f64();
    }
}

/// `x = L⁻ᵀ x`.
pub(super) fn transpose_solve<T: Element>(graph: &LowerGraph<T>, factor: &[T], x: &mut [f64]) {
    for i in (0..x.len()).rev() {
        let range = graph.row(i);
        let last = range.end - 1;
        x[i] /= factor[last].to_f64();
        let xi = x[i];
        for k in range.start..last {
            x[graph.col[k] as usize] -= factor[k].to_f64() * xi;
        }
    }
}

/// Memory of a loss evaluation.
#[derive(Debug, Clone, Default)]
pub struct LossWorkspace {
    az: Vec<f64>,
    pub(super) u: Vec<f64>,
    pub(super) v: Vec<f64>,
    w: Vec<f64>,
    pub(super) krylov: Vec<Vec<f64>>,
}

/// Value of a loss on one graph, in a form that lets a batch be put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossParts {
    /// Square of the numerator (residual losses) or the loss itself (losses on the spectrum).
    pub numerator: f64,
    /// Square of the denominator: `‖A z‖²`.
    pub reference: f64,
}

impl Loss {
    /// Value over a batch, the block-diagonal union of its graphs, and the factor by which every
    /// gradient of [`Loss::gradient`] has to be multiplied.
    #[must_use]
    pub fn combine(self, parts: &[LossParts]) -> (f64, f64) {
        let numerator: f64 = parts.iter().map(|p| p.numerator).sum();
        let reference: f64 = parts.iter().map(|p| p.reference).sum();
        let norm = numerator.sqrt();
        match self {
            Loss::Default => (norm, if norm > 0.0 { 1.0 / norm } else { 0.0 }),
            Loss::Normalized => {
                let value = (numerator / reference).sqrt();
                (
                    value,
                    if norm > 0.0 {
                        1.0 / (norm * reference.sqrt())
                    } else {
                        0.0
                    },
                )
            }
            Loss::Squared => (0.5 * numerator, 1.0),
            Loss::Kaporin | Loss::KaporinPower(_) | Loss::BothEnds(_) => {
                let count = parts.len().max(1) as f64;
                (numerator / count, 1.0 / count)
            }
        }
    }

    /// How the loss of a batch follows from sums over its graphs.
    #[must_use]
    pub fn joining(self) -> Joining {
        match self {
            Self::Default => Joining::Norm,
            Self::Normalized => Joining::Ratio,
            Self::Squared => Joining::Sum,
            Self::Kaporin | Self::KaporinPower(_) | Self::BothEnds(_) => Joining::Mean,
        }
    }

    /// What some graphs add to the loss of a batch that is divided among processes; gradients are those of [`Loss::gradient`], without a factor.
    #[must_use]
    pub fn share(self, parts: &[LossParts]) -> Share {
        let numerator: f64 = parts.iter().map(|p| p.numerator).sum();
        let joining = self.joining();
        Share {
            joining,
            numerator: if joining == Joining::Sum {
                0.5 * numerator
            } else {
                numerator
            },
            denominator: match joining {
                Joining::Ratio => parts.iter().map(|p| p.reference).sum(),
                _ => parts.len() as f64,
            },
        }
    }

    /// Evaluates the loss on one graph and overwrites `grad` with its gradient with respect to the
    /// entries of L, up to the factor of [`Loss::combine`].
    pub fn gradient<T: Element>(
        self,
        graph: &LowerGraph<T>,
        factor: &[T],
        z: &[f64],
        ws: &mut LossWorkspace,
        grad: &mut [T],
    ) -> LossParts {
        self.gradient_with_pairs(graph, factor, z, &[], ws, grad)
    }

    /// The same with estimates of A⁻¹, which [`Loss::BothEnds`] uses and the others ignore.
    pub fn gradient_with_pairs<T: Element>(
        self,
        graph: &LowerGraph<T>,
        factor: &[T],
        z: &[f64],
        pairs: &[InversePair],
        ws: &mut LossWorkspace,
        grad: &mut [T],
    ) -> LossParts {
        let n = graph.num_nodes();
        for v in [&mut ws.az, &mut ws.u, &mut ws.v, &mut ws.w] {
            v.resize(n, 0.0);
        }
        let (power, pairs) = match self {
            Loss::Default | Loss::Normalized | Loss::Squared => (0, pairs),
            Loss::Kaporin => (1, &[][..]),
            Loss::KaporinPower(m) => (m.max(1), &[][..]),
            Loss::BothEnds(m) => (m.max(1), pairs),
        };
        if power > 0 {
            return spectral::gradient(graph, factor, z, usize::from(power), pairs, ws, grad);
        }
        let LossWorkspace { az, u, v, w, .. } = ws;
        symmetric_product(graph, z, az);
        transpose_product(graph, factor, z, u);
        product(graph, factor, u, w);
        // r = L Lᵀ z − A z, in w.
        for (w, az) in w.iter_mut().zip(az.iter()) {
            *w -= az;
        }
        // d ½‖r‖² / dl_ij = r_i (Lᵀz)_j + z_i (Lᵀr)_j.
        transpose_product(graph, factor, w, v);
        for i in 0..n {
            for k in graph.row(i) {
                let j = graph.col[k] as usize;
                grad[k] = T::from_f64(w[i] * u[j] + z[i] * v[j]);
            }
        }
        let square = |x: &[f64]| x.iter().map(|v| v * v).sum();
        LossParts {
            numerator: square(w),
            reference: square(az),
        }
    }
}
