//! Convection and diffusion: nonsymmetric systems.

use super::eddies::Eddies;
use super::grid::Grid;
use crate::error::{ProblemError, require};
use crate::system::{CsrMatrix, LinearSystem};

/// The velocity field.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Wind {
    /// The same velocity everywhere; components past the dimension are ignored.
    Constant([f64; 3]),
    /// One vortex in two dimensions, `w = (2 y (1 - x²), -2 x (1 - y²))` in coordinates from -1 to 1.
    Recirculating,
    /// Eddies in two or three dimensions: the sum of four random closed flows that this seed draws, `w = Σ curl (c_m φ_m)` with
    /// `φ_m = Π_d sin(k_d π x_d)`, wave numbers k from 1 to 3 and random vectors c (along the third axis in two dimensions).
    /// Free of divergence, at most 1 in size.
    Eddies(u64),
}

/// The difference scheme of the convection term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// First order; gives an M-matrix for every Péclet number.
    Upwind,
    /// Second order; gives an M-matrix only up to the cell Péclet number 2 and is nearly skew far above it.
    Central,
}

/// -Δu + Pe w · grad u with Dirichlet boundary, finite differences in one, two or three dimensions.
///
/// The mesh width is `h = 1 / (nx + 1)` in all directions. The matrix is h² times the operator; the right-hand side is 1
/// everywhere.
///
/// # Known facts
/// - Nonsymmetric unless Pe = 0; pattern of [`Poisson`](crate::Poisson), which it equals for Pe = 0.
/// - Upwind: M-matrix, row sums at least 0. Central: M-matrix if the cell Péclet number `Pe h max|w|` is at most 2.
/// - Constant wind, one dimension, central: eigenvalues `2 + 2 √(1 - c²/4) cos(k π / (n + 1))` with `c = Pe h w`
///   (complex for c > 2).
/// - Central with constant wind: the symmetric part is the Poisson matrix, so the field of values lies in the right
///   half plane.
///
/// # Examples
/// ```
/// use la_problems::{ConvectionDiffusion, Grid, Wind};
///
/// let options = ConvectionDiffusion::default().with_wind(Wind::Recirculating).with_peclet(200.0);
/// let system = options.with_grid(Grid::rectangle(20, 20)).generate()?;
/// assert_ne!(system.matrix.get(0, 1), system.matrix.get(1, 0));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// H. Elman, D. Silvester, A. Wathen, *Finite Elements and Fast Iterative Solvers*, 2014, section 6 (the recirculating
/// wind of example 6.1.4).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConvectionDiffusion {
    /// The grid. Default 32 by 32.
    pub grid: Grid,
    /// Péclet number for the width of the domain and velocity 1, at least 0. Default `20`.
    pub peclet: f64,
    /// The velocity field. Default constant (1, 0.5, 0.25).
    pub wind: Wind,
    /// The difference scheme. Default [`Scheme::Upwind`].
    pub scheme: Scheme,
}

impl Default for ConvectionDiffusion {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(32, 32),
            peclet: 20.0,
            wind: Wind::Constant([1.0, 0.5, 0.25]),
            scheme: Scheme::Upwind,
        }
    }
}

impl ConvectionDiffusion {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the Péclet number.
    #[must_use]
    pub fn with_peclet(mut self, peclet: f64) -> Self {
        self.peclet = peclet;
        self
    }

    /// Sets the velocity field.
    #[must_use]
    pub fn with_wind(mut self, wind: Wind) -> Self {
        self.wind = wind;
        self
    }

    /// Sets the difference scheme.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()?;
        let range = 0.0..=1e100;
        require(
            range.contains(&self.peclet),
            "peclet",
            self.peclet,
            "in 0..=1e100",
        )?;
        match self.wind {
            Wind::Recirculating => self.grid.require_dimension(2),
            Wind::Eddies(_) if self.grid.dimension() == 1 => self.grid.require_dimension(2),
            Wind::Eddies(_) => Ok(()),
            Wind::Constant(w) => w
                .iter()
                .try_for_each(|&w| require(w.abs() <= 1e100, "wind", w, "at most 1e100 in size")),
        }
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::ConvectionDiffusion::default().generate()?;
    /// assert_eq!(system.rhs.len(), 1024);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix()?;
        let rhs = vec![1.0; matrix.rows()];
        Ok(LinearSystem::new(matrix, rhs))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{ConvectionDiffusion, Scheme};
    /// let matrix = ConvectionDiffusion::default().with_scheme(Scheme::Central).matrix()?;
    /// assert_eq!(matrix.get(0, 0), Some(&4.0));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let star = self.grid.star();
        let width = 1.0 / (self.grid.shape()[0] + 1) as f64;
        let dimension = self.grid.dimension();
        let eddies = match self.wind {
            Wind::Eddies(seed) => Eddies::draw(seed, dimension),
            _ => Eddies::default(),
        };
        let matrix = self.grid.assemble(&star, |cell, k| {
            // c_d = Pe h w_d, the cell Péclet number of each direction
            let c = self
                .velocity(&eddies, cell)
                .map(|w| self.peclet * width * w);
            match (star[k].axis(), self.scheme) {
                (Some((axis, step)), Scheme::Central) => -1.0 + 0.5 * step as f64 * c[axis],
                (Some((axis, step)), Scheme::Upwind) => -1.0 + (step as f64 * c[axis]).min(0.0),
                (None, Scheme::Central) => 2.0 * dimension as f64,
                (None, Scheme::Upwind) => c[..dimension].iter().map(|c| 2.0 + c.abs()).sum(),
            }
        });
        Ok(matrix)
    }

    fn velocity(&self, eddies: &Eddies, cell: [usize; 3]) -> [f64; 3] {
        match self.wind {
            Wind::Eddies(_) => eddies.velocity(self.grid.coordinates(cell)),
            Wind::Constant(w) => w,
            Wind::Recirculating => {
                let [x, y, _] = self.grid.coordinates(cell).map(|x| 2.0 * x - 1.0);
                [2.0 * y * (1.0 - x * x), -2.0 * x * (1.0 - y * y), 0.0]
            }
        }
    }
}
