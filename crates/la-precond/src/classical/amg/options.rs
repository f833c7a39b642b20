//! What a smoothed-aggregation hierarchy is made of.

use crate::PrecondError;

/// Which couplings of a matrix count as strong, so that their nodes may be aggregated.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Strength {
    /// `|a_ij| ≥ θ √(a_ii a_jj)`; with blocks, their Frobenius norms. θ in [0, 1); zero, the default,
    /// takes every stored coupling. 0.25 for anisotropy that is aligned with the grid.
    Symmetric {
        /// The threshold θ.
        theta: f64,
    },
    /// The same with θ on the finest level, halved from each level to the next, where couplings even out:
    /// the rule of Vaněk, Mandel and Brezina, who use θ = 0.08.
    Halved {
        /// The threshold θ of the finest level.
        theta: f64,
    },
    /// `|a_ij| ≥ θ max_{k≠i} |a_ik|`; with blocks, their largest entries. θ in [0, 1].
    Classical {
        /// The threshold θ.
        theta: f64,
    },
    /// How well the near-null space explains where two steps of Jacobi carry a unit impulse. For
    /// anisotropy that is not aligned with the grid, and for finite elements with positive couplings.
    /// Costs about as much as the rest of the set-up. `epsilon` is at least 1; usual is 4.
    ///
    /// L. N. Olson, J. Schroder, R. S. Tuminaro, *Numer. Linear Algebra Appl.* 17, 713–733, 2010.
    Evolution {
        /// Couplings weaker than the strongest of their row by this factor are dropped.
        epsilon: f64,
    },
}

/// How the tentative prolongator is smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ProlongationSmoother {
    /// Not at all: plain aggregation. The cheapest hierarchy, and only good with a K-cycle.
    None,
    /// One damped Jacobi step, `P = (I − ω/ρ(D⁻¹A) D⁻¹A) T`. `omega` in (0, 2); the default is 4/3.
    Jacobi {
        /// The damping ω.
        omega: f64,
    },
    /// The same with the filtered matrix: weak couplings are removed from `A` and added to its diagonal.
    /// Keeps prolongators and coarse matrices sparse where a strength drops couplings.
    FilteredJacobi {
        /// The damping ω.
        omega: f64,
    },
    /// Steps of conjugate gradients on the energy `trace PᵀAP`, on the pattern of `C T` with `C` the
    /// strong couplings, under the constraint `P B_c = B`. Dearer to set up; pays with anisotropy and
    /// with a strength that drops couplings, whose number it respects.
    ///
    /// J. Mandel, M. Brezina, P. Vaněk, *Computing* 62, 205–228, 1999; L. N. Olson, J. Schroder,
    /// R. S. Tuminaro, *SIAM J. Sci. Comput.* 33(2), 966–991, 2011.
    Energy {
        /// Number of steps; usual is 4.
        steps: usize,
    },
}

/// What relaxes the error on a level, before and after the coarse correction.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Smoother {
    /// Gauss–Seidel by nodes (blocks), forward and backward, both before and after; on large levels
    /// [in segments](super::SmoothedAggregation#threads). The default.
    SymmetricGaussSeidel {
        /// Forward-backward pairs, at least 1.
        sweeps: usize,
    },
    /// Gauss–Seidel by nodes, forward before and backward after: two thirds of the work of the
    /// symmetric one per cycle.
    GaussSeidel {
        /// Sweeps on each side, at least 1.
        sweeps: usize,
    },
    /// Damped Jacobi, `x += ω/ρ(D⁻¹A) D⁻¹ (b − A x)`. `omega` in (0, 2).
    Jacobi {
        /// Steps on each side, at least 1.
        sweeps: usize,
        /// The damping; 4/3 is usual.
        omega: f64,
    },
    /// The Chebyshev polynomial of `D⁻¹A` for eigenvalues in `[ρ/30, 1.1 ρ]`.
    Chebyshev {
        /// Degree, that is products with A, on each side, at least 1; 2 or 3 is usual.
        degree: usize,
    },
}

/// In which order the levels are visited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cycle {
    /// Each level once. The default.
    #[default]
    V,
    /// Two visits of the next coarser level on each.
    W,
    /// Up to two steps of flexible conjugate gradients on each coarser level. Nonlinear: the
    /// preconditioner is [`Variable`](la_krylov::PreconditionerKind::Variable) and belongs in
    /// [`fcg`](la_krylov::fcg).
    ///
    /// Y. Notay, P. S. Vassilevski, *Numer. Linear Algebra Appl.* 15, 473–487, 2008.
    K,
}

/// Whether the near-null space is relaxed before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Improvement {
    /// It is used as given.
    None,
    /// On the finest level, `A b = 0` is relaxed for each vector with so many symmetric Gauss–Seidel
    /// sweeps, which bends it to the boundary conditions. The default, with 4.
    Sweeps(usize),
}

pub(super) fn out_of_range(
    option: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), PrecondError> {
    Err(PrecondError::InvalidOption {
        option,
        value,
        expected,
    })
}

impl Strength {
    pub(super) fn validate(self) -> Result<(), PrecondError> {
        match self {
            Self::Symmetric { theta } | Self::Halved { theta } if !(0.0..1.0).contains(&theta) => {
                out_of_range("theta", theta, "a number in [0, 1)")
            }
            Self::Classical { theta } if !(0.0..=1.0).contains(&theta) => {
                out_of_range("theta", theta, "a number in [0, 1]")
            }
            Self::Evolution { epsilon } if epsilon.is_nan() || epsilon < 1.0 => {
                out_of_range("epsilon", epsilon, "a number that is at least 1")
            }
            _ => Ok(()),
        }
    }
}

impl ProlongationSmoother {
    pub(super) fn validate(self) -> Result<(), PrecondError> {
        match self {
            Self::Jacobi { omega } | Self::FilteredJacobi { omega } => check_omega(omega),
            _ => Ok(()),
        }
    }
}

impl Smoother {
    pub(super) fn validate(self) -> Result<(), PrecondError> {
        let (option, count) = match self {
            Self::SymmetricGaussSeidel { sweeps } | Self::GaussSeidel { sweeps } => {
                ("sweeps", sweeps)
            }
            Self::Jacobi { sweeps, omega } => {
                check_omega(omega)?;
                ("sweeps", sweeps)
            }
            Self::Chebyshev { degree } => ("degree", degree),
        };
        if count == 0 {
            return out_of_range(option, 0.0, "an integer that is at least 1");
        }
        Ok(())
    }

    /// Whether the point diagonal and its spectral radius are needed.
    pub(super) fn is_polynomial(self) -> bool {
        matches!(self, Self::Jacobi { .. } | Self::Chebyshev { .. })
    }
}

fn check_omega(omega: f64) -> Result<(), PrecondError> {
    if omega > 0.0 && omega < 2.0 {
        return Ok(());
    }
    out_of_range("omega", omega, "a number between 0 and 2, both excluded")
}
