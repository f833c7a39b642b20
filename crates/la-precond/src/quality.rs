//! How good a factor is, without solving anything: how near to another one, and Kaporin's condition number.
//!
//! The cosine is what factors are trained for in the paper below. It says little about iterations: look at the other numbers beside it.
//!
//! V. Trifonov, E. Muravleva, I. Oseledets, "Message-Passing GNNs Fail to Approximate Sparse Triangular Factorizations", TMLR 2026,
//! arXiv 2502.01397 (cosine); I. E. Kaporin, *Numer. Linear Algebra Appl.* 1(2), 179–210, 1994 (K).

use sprs::CsMatViewI;

use crate::classical::input::with_rows;
use crate::{IncompleteCholesky, PrecondError};

pub use crate::classical::k_optimal::log_k;

/// How near a factor is to a reference, all dimensionless.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct FactorDistance {
    /// `Σ l_ij r_ij / (‖L‖ ‖R‖)` over all stored entries, diagonal included; in [-1, 1].
    pub cosine: f64,
    /// The same after row `i` of both is divided by `√a_ii`: rows of every size count alike.
    pub scaled_cosine: f64,
    /// Root mean square of `log l_ii² − log r_ii²`.
    pub log_pivot_rms: f64,
}

impl FactorDistance {
    /// Compares `factor` with `reference` on the diagonal scale of `a`. O(nnz).
    ///
    /// # Errors
    /// [`PrecondError::DimensionMismatch`] if orders differ, [`PrecondError::MissingDiagonal`], [`PrecondError::NonPositiveDiagonal`].
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::Ic0;
    /// use la_precond::quality::FactorDistance;
    /// use la_precond::sprs::CsMatI;
    ///
    /// let a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
    /// let factor = Ic0::default().factor(a.view())?;
    /// let distance = FactorDistance::new(a.view(), &factor, &factor)?;
    /// assert!((distance.cosine - 1.0).abs() < 1e-15 && distance.log_pivot_rms == 0.0);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn new(
        a: CsMatViewI<'_, f64, u32>,
        factor: &IncompleteCholesky,
        reference: &IncompleteCholesky,
    ) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            for (what, found) in [
                ("factor", factor.dimension()),
                ("reference", reference.dimension()),
            ] {
                if found != n {
                    return Err(PrecondError::DimensionMismatch {
                        what,
                        found,
                        expected: n,
                    });
                }
            }
            // Largest diagonal entries, so that squares neither overflow nor vanish.
            let largest =
                |l: &IncompleteCholesky| l.diagonal().iter().fold(0.0_f64, |m, &d| m.max(d));
            let (unit, reference_unit) = (1.0 / largest(factor), 1.0 / largest(reference));
            let (mut plain, mut scaled) = (Sums::default(), Sums::default());
            let mut squares = 0.0;
            for i in 0..n {
                let (columns, values) = rows.row(i);
                let at = columns.binary_search(&(i as u32));
                let pivot = values[at.map_err(|_| PrecondError::MissingDiagonal { row: i })?];
                if !(pivot > 0.0 && pivot.is_finite()) {
                    return Err(PrecondError::NonPositiveDiagonal {
                        row: i,
                        value: pivot,
                    });
                }
                let (x, y) = (factor.diagonal()[i], reference.diagonal()[i]);
                let difference = 2.0 * (x.ln() - y.ln());
                squares += difference * difference;
                let entry = |x: f64, y: f64, plain: &mut Sums, scaled: &mut Sums| {
                    plain.add(x * unit, y * reference_unit);
                    scaled.add(x / pivot.sqrt(), y / pivot.sqrt());
                };
                entry(x, y, &mut plain, &mut scaled);
                let (mut left, mut right) = (factor.row(i).peekable(), reference.row(i).peekable());
                loop {
                    let (x, y) = match (left.peek().copied(), right.peek().copied()) {
                        (None, None) => break,
                        (Some((_, x)), None) => (x, 0.0),
                        (None, Some((_, y))) => (0.0, y),
                        (Some((j, x)), Some((k, _))) if j < k => (x, 0.0),
                        (Some((j, _)), Some((k, y))) if k < j => (0.0, y),
                        (Some((_, x)), Some((_, y))) => (x, y),
                    };
                    let column = |next: Option<&(usize, f64)>| next.map_or(usize::MAX, |e| e.0);
                    let (j, k) = (column(left.peek()), column(right.peek()));
                    if j <= k {
                        left.next();
                    }
                    if k <= j {
                        right.next();
                    }
                    entry(x, y, &mut plain, &mut scaled);
                }
            }
            Ok(Self {
                cosine: plain.cosine(),
                scaled_cosine: scaled.cosine(),
                log_pivot_rms: (squares / n.max(1) as f64).sqrt(),
            })
        })
    }
}

#[derive(Default)]
struct Sums {
    xy: f64,
    xx: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        self.xy += x * y;
        self.xx += x * x;
        self.yy += y * y;
    }

    fn cosine(&self) -> f64 {
        self.xy / (self.xx.sqrt() * self.yy.sqrt())
    }
}
