//! Incomplete Cholesky factorisation without fill-in that makes up for the fill it drops.

pub(crate) mod gated;
pub(crate) mod graph;
pub(crate) mod kernel;
pub(crate) mod policy;
mod rules;
pub(crate) mod support;
pub(crate) mod triangle;
mod wide;

use std::sync::Arc;
use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::factor::LowerPattern;
use super::input::{Rows, hopeless, lower_pattern, with_rows};
use super::shift::AttemptError;
use super::{ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
use kernel::Sweep;
use policy::{Add, Floor, Policy, Relax, Split, Tally};
use triangle::Triangle;

pub use gated::GatedIc;
pub use rules::{Compensation, KeptVector, Perturbation};

/// Largest eigenvalue of `M⁻¹ A`, over the depth of the graph, from which a compensated factor M is called overcompensated.
///
/// A modified factorisation has its smallest eigenvalue near 1 and a largest one of the order of the depth D: that, beside the O(D²) of the
/// condition with IC(0), is all that it gains. On the ordered families of diffusion problems the learned rules have at most 0.57 D; a real
/// matrix on which they need more iterations than IC(0), saylr4, has 0.85 D, and one on which the rules differ by a factor of 2, G2_circuit,
/// 4.7 D with the worst of them and 0.14 D with the others.
pub(crate) const LARGEST_SPREAD: f64 = 2.0 / 3.0;

/// Iterations of CG after which their largest Ritz value is within a few per cent of that eigenvalue.
pub(crate) const SPREAD_STEPS: usize = 8;

/// IC(0) with the dropped fill compensated on the diagonal: RIC, MIC, DRIC, Ajiz–Jennings.
///
/// The factor has the pattern of the lower triangle of `A`, so memory (12 bytes per entry) and the cost of an application
/// are those of [`Ic0`](crate::classical::Ic0); what changes is the number of iterations, by a factor of 2 to 4 on
/// large elliptic problems, either way. Set-up is one right-looking sweep: O(Σ_k Σ_{j∈k} (c_k + c_j)) for columns of
/// `c_k` entries, and beside the factor 30 bytes per row and 8 per entry of the triangle while it runs. Measured against IC(0): 1.2 to 3 times its time with three to seven
/// entries per column, the depth of the graph for DRIC and perturbed MIC as much again; about 7 times with 50.
///
/// When *not* to use it: on random and red-black orders (reorder first, or [`Compensation::Supported`]), and on matrices
/// with many positive off-diagonal entries (use [`ShiftLadder`](crate::classical::ShiftLadder)).
///
/// A pivot below 1e-10 of its entry of `A` is a breakdown: the sweep starts again with a shifted diagonal, see
/// [`ShiftStrategy`]; the shift in [`FactorStats`] includes the perturbation.
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::{CompensatedIc, ShiftStrategy};
/// use la_precond::sprs::CsMat;
///
/// // Path 2 – 0 – 1: eliminating 0 would fill (2, 1).
/// let a = CsMat::new(
///     (3, 3),
///     vec![0, 3, 5, 7],
///     vec![0, 1, 2, 0, 1, 0, 2],
///     vec![4.0, -2.0, -2.0, -2.0, 4.0, -2.0, 4.0],
/// );
/// let mic = CompensatedIc::modified().with_shift(ShiftStrategy::None).factor(a.view())?;
/// let mut row_sums = [0.0; 3];
/// mic.multiply(&[1.0; 3], &mut row_sums);
/// for (ours, of_a) in row_sums.iter().zip([0.0_f64, 2.0, 2.0]) {
///     assert!((ours - of_a).abs() < 1e-15);
/// }
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// I. Gustafsson, *BIT* 18, 142–156, 1978 (MIC and its perturbation); O. Axelsson, G. Lindskog, *Numer. Math.* 48,
/// 479–498, 1986 (RIC); Y. Notay, *BIT* 30, 682–704, 1990 (DRIC); M. A. Ajiz, A. Jennings, *Int. J. Numer. Methods Eng.*
/// 20, 949–966, 1984 (AJ). Deviates: the floor of DRIC uses absolute values and is capped by δ; AJ with the pattern of `A`
/// instead of a threshold, and with a vector v; `Supported` is an extension of this crate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CompensatedIc {
    /// What is done with dropped fill. Default: dynamic relaxation.
    pub compensation: Compensation,
    /// The vector that weighs the two rows of a dropped entry. Default: ones.
    pub vector: KeptVector,
    /// What to do on breakdown. Default: shift the diagonal.
    pub shift: ShiftStrategy,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for CompensatedIc {
    fn default() -> Self {
        Self::dynamically_relaxed()
    }
}

impl CompensatedIc {
    /// A factorisation with this compensation.
    #[must_use]
    pub fn new(compensation: Compensation) -> Self {
        Self {
            compensation,
            vector: KeptVector::default(),
            shift: ShiftStrategy::default(),
            symmetry: SymmetryCheck::default(),
        }
    }

    /// RIC(ω): [`Compensation::Relaxed`].
    #[must_use]
    pub fn relaxed(omega: f64) -> Self {
        Self::new(Compensation::Relaxed { omega })
    }

    /// MIC without perturbation: [`Compensation::Modified`].
    #[must_use]
    pub fn modified() -> Self {
        let perturbation = Perturbation::None;
        Self::new(Compensation::Modified { perturbation })
    }

    /// MIC of `A + D⁻² diag(A)`: [`Compensation::Modified`].
    #[must_use]
    pub fn perturbed() -> Self {
        let perturbation = Perturbation::InverseSquareDepth;
        Self::new(Compensation::Modified { perturbation })
    }

    /// DRIC with η = 1/D: [`Compensation::DynamicallyRelaxed`].
    #[must_use]
    pub fn dynamically_relaxed() -> Self {
        Self::new(Compensation::DynamicallyRelaxed { eta: None })
    }

    /// AJ: [`Compensation::AjizJennings`].
    #[must_use]
    pub fn ajiz_jennings() -> Self {
        Self::new(Compensation::AjizJennings)
    }

    /// Supported MIC with ω_s = 1 and ω_u = 0.3: [`Compensation::Supported`].
    #[must_use]
    pub fn supported() -> Self {
        Self::new(Compensation::Supported {
            supported: 1.0,
            unsupported: 0.3,
        })
    }

    /// Sets the compensation.
    #[must_use]
    pub fn with_compensation(mut self, compensation: Compensation) -> Self {
        self.compensation = compensation;
        self
    }

    /// Sets the vector that weighs the two rows of a dropped entry.
    #[must_use]
    pub fn with_vector(mut self, vector: KeptVector) -> Self {
        self.vector = vector;
        self
    }

    /// Sets what to do on breakdown.
    #[must_use]
    pub fn with_shift(mut self, shift: ShiftStrategy) -> Self {
        self.shift = shift;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Checks the ranges; every factorisation starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let check = |option, value: f64, top: f64, expected| {
            if value.is_finite() && (0.0..=top).contains(&value) {
                return Ok(());
            }
            Err(PrecondError::InvalidOption {
                option,
                value,
                expected,
            })
        };
        let share = |option, value| check(option, value, 1.0, "a number in [0, 1]");
        let positive = "a finite number that is not negative";
        match self.compensation {
            Compensation::Relaxed { omega } => share("omega", omega)?,
            Compensation::Modified {
                perturbation: Perturbation::Fixed(value),
            } => check("perturbation", value, f64::MAX, positive)?,
            Compensation::DynamicallyRelaxed { eta: Some(eta) } => {
                check("eta", eta, f64::MAX, positive)?;
            }
            Compensation::Supported {
                supported,
                unsupported,
            } => {
                share("supported", supported)?;
                share("unsupported", unsupported)?;
            }
            _ => {}
        }
        self.vector.validate()?;
        self.shift.validate()
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); [`PrecondError::DimensionMismatch`] if a given vector does not
    /// have the order of `a`.
    ///
    /// # Examples
    /// See [`CompensatedIc`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        self.validate()?;
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let pattern = Arc::new(lower_pattern(&rows, n, self.symmetry)?);
            let vector = weigh(&self.vector, &rows, &pattern)?;
            let job = Job {
                rows: &rows,
                triangle: Triangle::new(pattern),
                vector: vector.as_deref(),
                shift: &self.shift,
            };
            let depth = || job.triangle.depth() as f64;
            let factor = match self.compensation {
                Compensation::Relaxed { omega } => {
                    let omega = T::from_f64(omega);
                    job.run(&mut Relax { omega }, 0.0)
                }
                Compensation::Modified { perturbation } => {
                    let omega = T::ONE;
                    let least = match perturbation {
                        Perturbation::None => 0.0,
                        Perturbation::InverseSquareDepth => depth().powi(-2),
                        Perturbation::Fixed(value) => value,
                    };
                    job.run(&mut Relax { omega }, least)
                }
                Compensation::DynamicallyRelaxed { eta } => {
                    let eta = T::from_f64(eta.unwrap_or_else(|| depth().recip()));
                    job.run(&mut Floor { eta }, 0.0)
                }
                Compensation::AjizJennings => job.run(&mut Add, 0.0),
                Compensation::Supported {
                    supported,
                    unsupported,
                } => {
                    let (supported, unsupported) =
                        (T::from_f64(supported), T::from_f64(unsupported));
                    job.run(
                        &mut Split {
                            supported,
                            unsupported,
                        },
                        0.0,
                    )
                }
            }?;
            let stats = factor
                .stats()
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(factor.with_stats(stats))
        })
    }
}

/// AJ in the weights of ones, and the share of negative fill in all that it drops.
pub(crate) fn ajiz_jennings_and_share<T: Real, I: SpIndex>(
    a: CsMatViewI<'_, T, I>,
    symmetry: SymmetryCheck,
) -> Result<(IncompleteCholesky<T>, f64), PrecondError> {
    with_rows(a, |rows, n| {
        let pattern = Arc::new(lower_pattern(&rows, n, symmetry)?);
        let entry = |i: usize| rows.row(i).1[pattern.range(i).len()];
        let inverse_root: Vec<T> = (0..n).map(|i| T::ONE / entry(i).sqrt()).collect();
        let job = Job {
            rows: &rows,
            triangle: Triangle::new(pattern),
            vector: None,
            shift: &ShiftStrategy::default(),
        };
        let mut tally = Tally::new(&inverse_root);
        let factor = job.run(&mut tally, 0.0)?;
        Ok((factor, tally.negative_share()))
    })
}

/// `V` such that the rules hold with v = 1 for `V A V`, unless it is the identity.
pub(crate) fn weigh<T: Real, I: SpIndex>(
    vector: &KeptVector,
    a: &Rows<'_, T, I>,
    pattern: &LowerPattern,
) -> Result<Option<Vec<T>>, PrecondError> {
    let n = pattern.indptr.len() - 1;
    match vector {
        KeptVector::Ones => Ok(None),
        KeptVector::Balanced => {
            let weight = |i: usize| {
                let d = a.row(i).1[pattern.range(i).len()];
                if d > T::ZERO {
                    T::ONE / d.sqrt()
                } else {
                    T::ONE
                }
            };
            Ok(Some((0..n).map(weight).collect()))
        }
        KeptVector::Given(vector) if vector.len() != n => Err(PrecondError::DimensionMismatch {
            what: "vector",
            found: vector.len(),
            expected: n,
        }),
        KeptVector::Given(vector) => Ok(Some(vector.iter().map(|&v| T::from_f64(v)).collect())),
    }
}

/// What every rule needs.
struct Job<'a, T, I> {
    rows: &'a Rows<'a, T, I>,
    triangle: Triangle,
    vector: Option<&'a [T]>,
    shift: &'a ShiftStrategy,
}

impl<T: Real, I: SpIndex> Job<'_, T, I> {
    /// Sweeps with growing shifts, none below `least`, and puts the factor together.
    fn run<P: Policy<T>>(
        &self,
        policy: &mut P,
        least: f64,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        let mut sweep = Sweep::default();
        let a = (self.rows, self.vector);
        let ((), shift, attempts) = self.shift.run(|shift| {
            sweep
                .attempt(a, &self.triangle, policy, shift.max(least))
                .map_err(|row| {
                    // Sums carry what is not finite to other rows than its own.
                    (0..self.triangle.order())
                        .find_map(|i| hopeless(self.rows, i))
                        .map_or(AttemptError::Pivot { row }, AttemptError::Fatal)
                })
        })?;
        let stats = FactorStats::default()
            .with_fill_ratio(1.0)
            .with_shift(shift.max(least), attempts)
            .with_replaced_pivots(sweep.raised);
        let factor = sweep.finish(&self.triangle, self.vector);
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for CompensatedIc {
    fn name(&self) -> &str {
        match self.compensation {
            Compensation::Relaxed { .. } => "ric",
            Compensation::Modified {
                perturbation: Perturbation::None,
            } => "mic",
            Compensation::Modified { .. } => "mic-perturbed",
            Compensation::DynamicallyRelaxed { .. } => "dric",
            Compensation::AjizJennings => "aj",
            Compensation::Supported { .. } => "mic-supported",
        }
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
