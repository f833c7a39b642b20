//! Slow viscous flow: a saddle point.

use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

use super::assemble;

/// What becomes of the constant that the pressure is known up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pressure {
    /// The pressure of the last cell is set to 0 and its equation left out: nonsingular.
    Pinned,
    /// Every cell has its pressure: singular and consistent.
    Free,
}

/// Stokes flow in a square cavity with a moving lid, on a staggered grid: `[ν L G; Gᵀ 0]`.
///
/// Unknowns are the horizontal velocities on the inner vertical faces of m × m cells, the vertical ones on the inner
/// horizontal faces, and the pressures of the cells times h; the equations are those of the momentum times h² and the
/// divergence times -h. Walls hold the normal velocity on the face and the tangential one between the face and its mirror
/// image. The lid, the upper wall, moves with velocity 1.
///
/// # Known facts
/// - Symmetric indefinite; pinned: `2 m (m - 1)` positive and `m² - 1` negative eigenvalues, nonsingular, structural
///   rank n. Free: one more unknown, with the kernel (0, 1): singular, although the structural rank is n.
/// - As many zeros on the diagonal as pressures; velocities have 4 ν, beside a wall in flow direction 5 ν.
/// - `uᵀ L u ≥ ‖Gᵀ u‖²`: the Schur complement `Gᵀ (ν L)⁻¹ G` has eigenvalues in [0, 1/ν].
/// - The velocities of the solution are free of divergence.
///
/// # Examples
/// ```
/// use la_problems::{Pressure, StokesCavity};
///
/// let problem = StokesCavity::default().with_cells(8);
/// let system = problem.generate()?;
/// assert_eq!((system.n(), problem.velocities()), (2 * 8 * 7 + 63, 112));
/// assert_eq!(system.matrix.get(150, 150), None);
/// assert_eq!(problem.with_pressure(Pressure::Free).generate()?.n(), 2 * 8 * 7 + 64);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// F. H. Harlow, J. E. Welch, *Phys. Fluids* 8(12), 2182–2189, 1965 (the staggered grid); M. Benzi, G. H. Golub,
/// J. Liesen, *Acta Numerica* 14, 1–137, 2005 (saddle points).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StokesCavity {
    /// Cells m in each direction, at least 2. Default `16`.
    pub cells: usize,
    /// Viscosity ν, in `1e-100..=1e100`. Default `1`.
    pub viscosity: f64,
    /// The constant of the pressure. Default [`Pressure::Pinned`].
    pub pressure: Pressure,
}

impl Default for StokesCavity {
    fn default() -> Self {
        Self {
            cells: 16,
            viscosity: 1.0,
            pressure: Pressure::Pinned,
        }
    }
}

impl StokesCavity {
    /// Sets the number of cells in each direction.
    #[must_use]
    pub fn with_cells(mut self, cells: usize) -> Self {
        self.cells = cells;
        self
    }

    /// Sets the viscosity.
    #[must_use]
    pub fn with_viscosity(mut self, viscosity: f64) -> Self {
        self.viscosity = viscosity;
        self
    }

    /// Sets what becomes of the constant of the pressure.
    #[must_use]
    pub fn with_pressure(mut self, pressure: Pressure) -> Self {
        self.pressure = pressure;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.cells >= 2, "cells", self.cells as f64, "at least 2")?;
        let nu = self.viscosity;
        let requirement = "in 1e-100..=1e100";
        require((1e-100..=1e100).contains(&nu), "viscosity", nu, requirement)?;
        // Seven entries for each of two velocities, four for a pressure.
        let cells = self.cells.saturating_mul(self.cells);
        require_u32("nonzeros", cells.saturating_mul(18))
    }

    /// Number of velocities, `2 m (m - 1)`; they come first.
    #[must_use]
    pub fn velocities(&self) -> usize {
        2 * self.cells * self.cells.saturating_sub(1)
    }

    /// Assembles the system. O(n log).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::StokesCavity::default().with_cells(2).generate()?;
    /// // Both horizontal velocities touch a wall; the upper one feels the lid.
    /// assert_eq!(system.matrix.get(0, 0), Some(&5.0));
    /// assert_eq!(system.rhs[..4], [0.0, 2.0, 0.0, 0.0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let (m, nu) = (self.cells, self.viscosity);
        let half = m * (m - 1);
        let pressures = match self.pressure {
            Pressure::Pinned => m * m - 1,
            Pressure::Free => m * m,
        };
        let n = 2 * half + pressures;
        let mut rhs = vec![0.0; n];
        let mut triplets = Vec::with_capacity(18 * m * m);
        for axis in 0..2 {
            // Face `along` of m - 1 in the direction of the velocity, `across` of m in the other.
            let number = |along: usize, across: usize| match axis {
                0 => along + (m - 1) * across,
                _ => half + across + m * along,
            };
            let cell = |along: usize, across: usize| match axis {
                0 => along + m * across,
                _ => across + m * along,
            };
            for (along, across) in (0..m - 1).flat_map(|a| (0..m).map(move |c| (a, c))) {
                let row = number(along, across);
                let walls = usize::from(across == 0) + usize::from(across + 1 == m);
                triplets.push((row, row, nu * (4 + walls) as f64));
                let near = [
                    (along.wrapping_sub(1), across),
                    (along + 1, across),
                    (along, across.wrapping_sub(1)),
                    (along, across + 1),
                ];
                for (a, c) in near.into_iter().filter(|&(a, c)| a < m - 1 && c < m) {
                    triplets.push((row, number(a, c), -nu));
                }
                if axis == 0 && across + 1 == m {
                    rhs[row] = 2.0 * nu;
                }
                for (pressure, value) in
                    [(cell(along, across), -1.0), (cell(along + 1, across), 1.0)]
                {
                    if pressure < pressures {
                        let column = 2 * half + pressure;
                        triplets.extend([(row, column, value), (column, row, value)]);
                    }
                }
            }
        }
        Ok(LinearSystem::new(assemble(n, triplets), rhs))
    }
}
