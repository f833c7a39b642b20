//! Convection and diffusion with a random wind.

use std::f64::consts::TAU;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{ProblemError, require};
use crate::finite_difference::{ConvectionDiffusion, Grid, Scheme, Wind};
use crate::right_hand_side::RightHandSide;
use crate::system::LinearSystem;

/// Which winds are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WindChoice {
    /// One velocity of size 1 everywhere, in a uniformly random direction.
    Direction,
    /// The vortex [`Wind::Recirculating`]; in two dimensions only.
    Recirculating,
    /// One of the two, each with probability 1/2.
    Either,
    /// [`Wind::Eddies`] of a random seed.
    Eddies,
}

/// Which difference schemes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemeChoice {
    /// Always this one.
    Fixed(Scheme),
    /// Upwind or central, each with probability 1/2.
    Either,
}

/// [`ConvectionDiffusion`] in two or three dimensions, with wind and Péclet number that differ from sample to sample.
///
/// The cell Péclet number `Pe h max|w|` is drawn log-uniformly, so that no decade of it is preferred; the options are
/// given by the cell and not by the domain because that decides how far from symmetric the matrix is, on every grid. The
/// right-hand side is 1 everywhere by default.
///
/// # Known facts
/// - The facts of [`ConvectionDiffusion`]. All samples have the pattern of [`Poisson`](crate::Poisson).
/// - Upwind: M-matrices, on which ILU(0) exists. Central: M-matrices up to a cell Péclet number of 2.
///
/// # Examples
/// ```
/// use la_problems::{ConvectionSamples, Grid, Split, Wind};
///
/// let family = ConvectionSamples::default().with_grid(Grid::rectangle(50, 50));
/// let options = family.sample(Split::Test.seed(0))?;
/// let speed = if options.wind == Wind::Recirculating { 2.0 } else { 1.0 };
/// let cell_peclet = options.peclet * speed / 51.0;
/// assert!((0.1..=10.0).contains(&cell_peclet));
/// assert_eq!(family.generate(Split::Test.seed(0))?.n(), 2500);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConvectionSamples {
    /// The grid, with two or three dimensions. Default 50 by 50.
    pub grid: Grid,
    /// Smallest and largest cell Péclet number, above 0 and at most 1e6. Default `[0.1, 10.0]`.
    pub cell_peclet: [f64; 2],
    /// Which winds are drawn. Default [`WindChoice::Either`].
    pub wind: WindChoice,
    /// Which difference schemes are drawn. Default always [`Scheme::Upwind`].
    pub scheme: SchemeChoice,
    /// The right-hand side. Default [`RightHandSide::Ones`].
    pub rhs: RightHandSide,
}

impl Default for ConvectionSamples {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(50, 50),
            cell_peclet: [0.1, 10.0],
            wind: WindChoice::Either,
            scheme: SchemeChoice::Fixed(Scheme::Upwind),
            rhs: RightHandSide::Ones,
        }
    }
}

impl ConvectionSamples {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the range of the cell Péclet number.
    #[must_use]
    pub fn with_cell_peclet(mut self, low: f64, high: f64) -> Self {
        self.cell_peclet = [low, high];
        self
    }

    /// Sets which winds are drawn.
    #[must_use]
    pub fn with_wind(mut self, wind: WindChoice) -> Self {
        self.wind = wind;
        self
    }

    /// Sets which difference schemes are drawn.
    #[must_use]
    pub fn with_scheme(mut self, scheme: SchemeChoice) -> Self {
        self.scheme = scheme;
        self
    }

    /// Sets the right-hand side.
    #[must_use]
    pub fn with_rhs(mut self, rhs: RightHandSide) -> Self {
        self.rhs = rhs;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid that
    /// 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()?;
        // Only the vortex, which one of the two other choices may draw, lives in the plane.
        if self.grid.dimension() == 1
            || matches!(self.wind, WindChoice::Recirculating | WindChoice::Either)
        {
            self.grid.require_dimension(2)?;
        }
        let [low, high] = self.cell_peclet;
        require(
            low > 0.0 && low <= 1e6,
            "cell_peclet[0]",
            low,
            "above 0 and at most 1e6",
        )?;
        require(
            high >= low && high <= 1e6,
            "cell_peclet[1]",
            high,
            "at least `cell_peclet[0]` and at most 1e6",
        )
    }

    /// The options of one sample: what was drawn.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{ConvectionSamples, Scheme};
    /// assert_eq!(ConvectionSamples::default().sample(1)?.scheme, Scheme::Upwind);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn sample(&self, seed: u64) -> Result<ConvectionDiffusion, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // All numbers are drawn always, so that a choice does not shift those that follow.
        let (place, angle) = (rng.random::<f64>(), TAU * rng.random::<f64>());
        let [vortex, central] = [(); 2].map(|()| rng.random::<bool>());
        let height = 2.0 * rng.random::<f64>() - 1.0;
        let scheme = match self.scheme {
            SchemeChoice::Fixed(scheme) => scheme,
            SchemeChoice::Either if central => Scheme::Central,
            SchemeChoice::Either => Scheme::Upwind,
        };
        // Uniform on the circle or the sphere.
        let direction = if self.grid.dimension() == 3 {
            let radius = (1.0 - height * height).sqrt();
            [radius * angle.cos(), radius * angle.sin(), height]
        } else {
            [angle.cos(), angle.sin(), 0.0]
        };
        // max |w| is 1, and 2 in the middle of the sides of the vortex.
        let (wind, speed) = match self.wind {
            WindChoice::Direction => (Wind::Constant(direction), 1.0),
            WindChoice::Either if !vortex => (Wind::Constant(direction), 1.0),
            WindChoice::Recirculating | WindChoice::Either => (Wind::Recirculating, 2.0),
            WindChoice::Eddies => (Wind::Eddies(rng.random()), 1.0),
        };
        let [low, high] = self.cell_peclet;
        let cell = low * (high / low).powf(place);
        let intervals = (self.grid.shape()[0] + 1) as f64;
        Ok(ConvectionDiffusion::default()
            .with_grid(self.grid)
            .with_wind(wind)
            .with_peclet(cell * intervals / speed)
            .with_scheme(scheme))
    }

    /// Draws a matrix and its right-hand side. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let family = la_problems::ConvectionSamples::default();
    /// assert_eq!(family.generate(5)?, family.generate(5)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        let matrix = self.sample(seed)?.matrix()?;
        Ok(LinearSystem::new(matrix, self.rhs.vector(&self.grid, seed)))
    }
}
