//! A Poisson matrix plus noise.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{ProblemError, require, require_u32};
use crate::finite_difference::{Grid, Poisson};
use crate::right_hand_side::RightHandSide;
use crate::system::{CsrMatrix, LinearSystem, csr};

/// What is added to the Poisson matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Perturbation {
    /// `S` with values from U(0, 1) at `entries_per_row · n` different positions, uniformly drawn from all n².
    SparseUniform {
        /// Mean number of entries in a row of `S`, from 0 to n/2: its density times n.
        entries_per_row: f64,
    },
    /// Independent numbers from N(0, 1) on every entry of the matrix, none elsewhere.
    Nonzeros,
}

/// What becomes of the diagonal.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DiagonalEntries {
    /// It stays as it is.
    Kept,
    /// Each diagonal entry becomes a stored zero with this probability, in 0 to 1.
    Zero(f64),
    /// Each diagonal entry is left out of the pattern with this probability, in 0 to 1.
    Missing(f64),
}

/// A five-point Poisson matrix with random noise: the data set of learned incomplete LU factorizations for GMRES.
///
/// With [`Perturbation::SparseUniform`] (the default) most entries have nothing to do with the grid: they make the matrix
/// nonsymmetric and hard for incomplete factorizations without fill. The right-hand side is `sin(π x) sin(π y)`. A sample
/// costs O(nnz log nnz): about 20 ms for n = 2500.
///
/// # Known facts
/// - The pattern has a full diagonal unless [`DiagonalEntries`] says otherwise.
/// - Sparse noise, 50 × 50 points, 39.5 entries per row (density 0.0158): 109 900 to 110 900 nonzeros, `‖I - A‖_F` about
///   254, `‖diag(A) - A‖_F` about 205, largest singular value about 20.3; the smallest is of order 1e-3 and varies a lot.
/// - Noise on the nonzeros: `5 n - 2 (nx + ny)` nonzeros, the pattern of [`Poisson`].
/// - A matrix is nonsingular with probability 1, unless so many diagonal entries are missing that its pattern forbids it.
///
/// # Examples
/// ```
/// use la_problems::{Grid, PerturbedPoisson, Split};
///
/// let family = PerturbedPoisson::default().with_grid(Grid::rectangle(20, 20));
/// let system = family.generate(Split::Test.seed(0))?;
/// assert_eq!(system.n(), 400);
/// // 15 800 random entries, a few of them on the 1920 of the grid
/// assert!((17_500..=17_720).contains(&system.matrix.nnz()));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// P. Häusner, A. Nieto Juscafresa, J. Sjölund, "Learning incomplete factorization preconditioners for GMRES", *NLDL*,
/// PMLR 265, 2025, appendix B.1. Deviates: that text says N(0, 1) on every nonzero ([`Perturbation::Nonzeros`]), but the norms,
/// singular values and iteration counts of its table 1 are those of the sparse uniform noise, which is the default here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PerturbedPoisson {
    /// The grid, with two dimensions. Default 50 by 50.
    pub grid: Grid,
    /// The noise. Default [`Perturbation::SparseUniform`] with 39.5 entries in a row, on every grid.
    pub perturbation: Perturbation,
    /// Factor on the noise, finite. Default 1, the published strength.
    pub strength: f64,
    /// What becomes of the diagonal. Default [`DiagonalEntries::Kept`].
    pub diagonal: DiagonalEntries,
    /// The right-hand side. Default [`RightHandSide::Smooth`].
    pub rhs: RightHandSide,
}

impl Default for PerturbedPoisson {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(50, 50),
            perturbation: Perturbation::SparseUniform {
                entries_per_row: 0.0158 * 2500.0,
            },
            strength: 1.0,
            diagonal: DiagonalEntries::Kept,
            rhs: RightHandSide::Smooth,
        }
    }
}

impl PerturbedPoisson {
    /// Sets the grid. The entries in a row of the noise stay as many as they are.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the noise.
    #[must_use]
    pub fn with_perturbation(mut self, perturbation: Perturbation) -> Self {
        self.perturbation = perturbation;
        self
    }

    /// Sets the factor on the noise. The same seed draws the same noise, whatever the factor.
    #[must_use]
    pub fn with_strength(mut self, strength: f64) -> Self {
        self.strength = strength;
        self
    }

    /// Sets what becomes of the diagonal.
    #[must_use]
    pub fn with_diagonal(mut self, diagonal: DiagonalEntries) -> Self {
        self.diagonal = diagonal;
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
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.grid.validate()?;
        self.grid.require_dimension(2)?;
        let n = self.grid.num_points();
        if let Perturbation::SparseUniform { entries_per_row } = self.perturbation {
            require(
                (0.0..=0.5 * n as f64).contains(&entries_per_row),
                "entries_per_row",
                entries_per_row,
                "from 0 to n/2",
            )?;
            require_u32("nonzeros", ((entries_per_row + 5.0) * n as f64) as usize)?;
        }
        require(
            self.strength.is_finite(),
            "strength",
            self.strength,
            "finite",
        )?;
        match self.diagonal {
            DiagonalEntries::Kept => Ok(()),
            DiagonalEntries::Zero(part) | DiagonalEntries::Missing(part) => {
                require((0.0..=1.0).contains(&part), "diagonal", part, "from 0 to 1")
            }
        }
    }

    /// Draws a matrix and its right-hand side.
    ///
    /// The same options and seed give the same system. [`Split`](crate::Split) keeps training and test seeds apart.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{DiagonalEntries, Grid, PerturbedPoisson};
    ///
    /// let family = PerturbedPoisson::default()
    ///     .with_grid(Grid::rectangle(10, 10))
    ///     .with_diagonal(DiagonalEntries::Missing(1.0));
    /// let system = family.generate(3)?;
    /// assert!((0..100).all(|i| system.matrix.get(i, i).is_none()));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut matrix = Poisson::new(self.grid).matrix()?;
        match self.perturbation {
            Perturbation::SparseUniform { entries_per_row } => {
                matrix = add_sparse(&matrix, entries_per_row, self.strength, &mut rng);
            }
            Perturbation::Nonzeros => {
                for value in matrix.data_mut() {
                    let noise: f64 = StandardNormal.sample(&mut rng);
                    *value += self.strength * noise;
                }
            }
        }
        matrix = match self.diagonal {
            DiagonalEntries::Kept => matrix,
            DiagonalEntries::Zero(part) => {
                for i in 0..matrix.rows() {
                    if rng.random::<f64>() < part
                        && let Some(value) = matrix.get_mut(i, i)
                    {
                        *value = 0.0;
                    }
                }
                matrix
            }
            DiagonalEntries::Missing(part) => {
                let gone: Vec<bool> = (0..matrix.rows())
                    .map(|_| rng.random::<f64>() < part)
                    .collect();
                without(&matrix, |i, j| i == j && gone[i])
            }
        };
        Ok(LinearSystem::new(matrix, self.rhs.vector(&self.grid, seed)))
    }
}

/// `matrix + strength S`, with `per_row · n` entries of `S` at different places and values from U(0, 1).
fn add_sparse(matrix: &CsrMatrix, per_row: f64, strength: f64, rng: &mut ChaCha8Rng) -> CsrMatrix {
    let n = matrix.rows();
    let (cells, count) = ((n as u64).pow(2), (per_row * n as f64).round() as usize);
    // Places drawn again are drawn anew: the first `count` different ones of a sequence, hence uniform.
    let mut places: Vec<u64> = Vec::with_capacity(count);
    while places.len() < count {
        let missing = count - places.len();
        places.extend((0..missing).map(|_| rng.random_range(0..cells)));
        places.sort_unstable();
        places.dedup();
    }
    let (mut indptr, mut indices, mut data) = (
        Vec::with_capacity(n + 1),
        Vec::with_capacity(count + matrix.nnz()),
        Vec::with_capacity(count + matrix.nnz()),
    );
    indptr.push(0);
    let mut noise = places.into_iter().peekable();
    for (i, row) in matrix.outer_iterator().enumerate() {
        let first = (i * n) as u64;
        let end = first + n as u64;
        let mut stencil = row
            .iter()
            .map(|(j, &value)| (first + j as u64, value))
            .peekable();
        loop {
            let (ours, theirs) = (
                stencil.peek().map_or(end, |entry| entry.0),
                noise.peek().map_or(end, |&place| place.min(end)),
            );
            let place = ours.min(theirs);
            if place == end {
                break;
            }
            let mut value = 0.0;
            if ours == place
                && let Some((_, a)) = stencil.next()
            {
                value += a;
            }
            if theirs == place && noise.next().is_some() {
                value += strength * rng.random::<f64>();
            }
            indices.push((place - first) as u32);
            data.push(value);
        }
        indptr.push(indices.len() as u32);
    }
    csr(n, n, indptr, indices, data)
}

/// The matrix without the entries that `drop` names.
fn without(matrix: &CsrMatrix, drop: impl Fn(usize, usize) -> bool) -> CsrMatrix {
    let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for (i, row) in matrix.outer_iterator().enumerate() {
        for (j, &value) in row.iter().filter(|(j, _)| !drop(i, *j)) {
            indices.push(j as u32);
            data.push(value);
        }
        indptr.push(indices.len() as u32);
    }
    csr(matrix.rows(), matrix.cols(), indptr, indices, data)
}
