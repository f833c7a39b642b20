//! Random Poisson problems of a wanted size.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::assembly::assemble_poisson;
use super::domain::{MeshFamily, draw};
use super::mesh::TriangleMesh;
use crate::error::{ProblemError, require};
use crate::system::{CsrMatrix, LinearSystem};

/// Which family of domains to draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeshChoice {
    /// One of the three families, each with probability 1/3.
    Uniform,
    /// Always this family.
    Fixed(MeshFamily),
}

/// Poisson's equation with linear finite elements on random domains: -Δu = 1, u = 0 on the boundary.
///
/// Draws a coarse mesh of one of three [families](MeshFamily), refines it uniformly until its number of interior vertices
/// is as near as it gets to a size drawn from the wanted range (uniformly in the logarithm), and assembles. Samples
/// outside the range, with wrong topology, needle-like triangles or several components are drawn again. About half a
/// second per million unknowns.
///
/// # Known facts
/// - Symmetric (bitwise), positive definite, about 7 nonzeros per row.
/// - Condition number of order n, made larger by flat triangles at the boundary.
/// - Sizes come in steps of about four for a given coarse mesh; change `base_points` when a narrow range is wanted.
///
/// # Examples
/// ```
/// use la_problems::{MeshChoice, MeshFamily, PoissonFem};
///
/// let options = PoissonFem::default()
///     .with_size_range(500, 3000)
///     .with_family(MeshChoice::Fixed(MeshFamily::ConvexWithHole));
/// let problem = options.generate(0)?;
/// assert!((500..=3000).contains(&problem.system.n()));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, "Neural incomplete factorization: learning preconditioners for the conjugate
/// gradient method", *TMLR*, 2024, Poisson data set. The paper does not fix the numbers of points, the deviations, the
/// right-hand side or the distribution of sizes; these are ours. Positive definiteness is not tested by running CG: it
/// follows from positive areas, which are checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoissonFem {
    /// Family of domains. Default [`MeshChoice::Uniform`].
    pub family: MeshChoice,
    /// Fewest unknowns, at least 1. Default `20 000`.
    pub min_n: usize,
    /// Most unknowns, at least `min_n`. Default `150 000`.
    pub max_n: usize,
    /// Points of the coarse mesh, in `10..=10_000` (polygons cost the square of it). Default `100`: 100 points for a convex domain, 80 and 40 with a hole,
    /// 25 corners and up to 80 inner points for a polygon; other values scale these numbers.
    pub base_points: usize,
    /// Samples drawn before giving up, at least 1. Default `1000`.
    pub max_attempts: usize,
}

impl Default for PoissonFem {
    fn default() -> Self {
        Self {
            family: MeshChoice::Uniform,
            min_n: 20_000,
            max_n: 150_000,
            base_points: 100,
            max_attempts: 1000,
        }
    }
}

/// A random Poisson problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FemProblem {
    /// Stiffness matrix and load vector.
    pub system: LinearSystem,
    /// The mesh. Unknowns are its interior vertices in their order.
    pub mesh: TriangleMesh,
    /// The family of the domain.
    pub family: MeshFamily,
    /// Number of uniform refinements.
    pub levels: u32,
}

impl PoissonFem {
    /// The sizes of the paper's training and validation sets: 20 000 to 150 000 (the default).
    #[must_use]
    pub fn training() -> Self {
        Self::default()
    }

    /// The sizes of the paper's test set: 100 000 to 500 000.
    #[must_use]
    pub fn testing() -> Self {
        Self::default().with_size_range(100_000, 500_000)
    }

    /// Sets the family of domains.
    #[must_use]
    pub fn with_family(mut self, family: MeshChoice) -> Self {
        self.family = family;
        self
    }

    /// Sets the range of sizes, both ends included.
    #[must_use]
    pub fn with_size_range(mut self, min_n: usize, max_n: usize) -> Self {
        (self.min_n, self.max_n) = (min_n, max_n);
        self
    }

    /// Sets the number of points of the coarse mesh.
    #[must_use]
    pub fn with_base_points(mut self, base_points: usize) -> Self {
        self.base_points = base_points;
        self
    }

    /// Sets the number of samples drawn before giving up.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: usize) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.min_n >= 1, "min_n", self.min_n as f64, "at least 1")?;
        require(
            self.max_n >= self.min_n,
            "max_n",
            self.max_n as f64,
            "at least `min_n`",
        )?;
        require(
            self.max_n <= MAX_N,
            "max_n",
            self.max_n as f64,
            "at most 400 million",
        )?;
        let points = self.base_points;
        require(
            (10..=10_000).contains(&points),
            "base_points",
            points as f64,
            "in 10..=10000",
        )?;
        require(
            self.max_attempts >= 1,
            "max_attempts",
            self.max_attempts as f64,
            "at least 1",
        )
    }

    /// Generates one problem; the same options and seed give the same one.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`ProblemError::NoAcceptableSample`] if no sample has a size in the range.
    ///
    /// # Examples
    /// ```
    /// use la_problems::PoissonFem;
    ///
    /// let problem = PoissonFem::default().with_size_range(1000, 4000).generate(3)?;
    /// assert_eq!(problem.mesh.num_interior(), problem.system.rhs.len());
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<FemProblem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut reason = String::new();
        for _ in 0..self.max_attempts {
            match self.attempt(&mut rng)? {
                Ok(problem) => return Ok(problem),
                Err(rejected) => reason = rejected,
            }
        }
        let attempts = self.max_attempts;
        Err(ProblemError::NoAcceptableSample {
            what: "Poisson mesh",
            attempts,
            reason,
        })
    }

    fn attempt(&self, rng: &mut ChaCha8Rng) -> Result<Result<FemProblem, String>, ProblemError> {
        let family = match self.family {
            MeshChoice::Uniform => MeshFamily::ALL[rng.random_range(0..3_u32) as usize],
            MeshChoice::Fixed(family) => family,
        };
        let (low, high) = ((self.min_n as f64).ln(), (self.max_n as f64).ln());
        let target = low + (high - low) * rng.random::<f64>();
        let mut mesh = match draw(family, self.base_points, rng) {
            Ok(mesh) => mesh,
            Err(reason) => return Ok(Err(reason.to_owned())),
        };
        let distance = |levels: u32| {
            let n = mesh.num_interior_after(levels).max(1) as f64;
            (n.ln() - target).abs()
        };
        let levels = (0..MAX_LEVELS).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let levels = levels.unwrap_or(0);
        let n = mesh.num_interior_after(levels);
        if !(self.min_n..=self.max_n).contains(&n) {
            let (min, max) = (self.min_n, self.max_n);
            return Ok(Err(format!(
                "its size {n} is not in {min}..={max}; try other `base_points`"
            )));
        }
        for _ in 0..levels {
            mesh = mesh.refine()?;
        }
        let system = assemble_poisson(&mesh, |_| 1.0)?;
        if !is_connected(&system.matrix) {
            return Ok(Err("its graph is not connected".to_owned()));
        }
        if system.matrix.data().iter().any(|value| !value.is_finite()) {
            return Ok(Err("an entry is not finite".to_owned()));
        }
        Ok(Ok(FemProblem {
            system,
            mesh,
            family,
            levels,
        }))
    }
}

/// Largest size for which vertices and edges of the mesh fit 32-bit indices.
const MAX_N: usize = 400_000_000;
/// More refinements than the largest size allows.
const MAX_LEVELS: u32 = 16;

/// Breadth-first search from the first row.
fn is_connected(matrix: &CsrMatrix) -> bool {
    let n = matrix.rows();
    let mut seen = vec![false; n];
    let mut queue = Vec::with_capacity(n);
    seen[0] = true;
    queue.push(0_usize);
    let mut first = 0;
    while first < queue.len() {
        if let Some(row) = matrix.outer_view(queue[first]) {
            for &j in row.indices() {
                if !std::mem::replace(&mut seen[j as usize], true) {
                    queue.push(j as usize);
                }
            }
        }
        first += 1;
    }
    queue.len() == n
}
