//! Batches of right-hand sides to train on.

use std::sync::Arc;

use la_krylov::{CsrMatrix, Host, LinearOperator, Preconditioner, VectorSpace};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::SubspaceSamples;
use crate::PrecondError;

/// How right-hand sides are drawn.
///
/// # References
/// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, section 3.2 and figure 6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distribution {
    /// The first half of a batch from [`Subspace`](Self::Subspace), the rest from [`Normal`](Self::Normal): the paper's choice.
    #[default]
    Mixture,
    /// Solutions in the bottom of the spectrum: [`SubspaceSamples`].
    Subspace,
    /// Gaussian solutions, `b = A x`.
    Normal,
    /// Gaussian right-hand sides.
    NormalRhs,
}

/// How large the columns of a batch are; the loss adds them as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnScale {
    /// As they are drawn: large columns count more. The paper's choice.
    #[default]
    AsDrawn,
    /// Divided by their norms, times √n: every column counts the same.
    Unit,
}

/// A linear preconditioner that samples are passed through.
pub(super) type SharedBase = Arc<dyn Preconditioner<Host<f64>> + Send + Sync>;

/// Steps of the [Arnoldi](super::Arnoldi) process behind the samples.
pub(super) const ARNOLDI_STEPS: usize = 40;

/// Streams of the generator; each step has two more.
const START: u64 = 0;
const FIRST: u64 = 1;

/// A source of batches: column-major n × k arrays of right-hand sides, for one matrix and one seed.
///
/// What step s gets depends on the matrix, the seed and s only, so that an interrupted run can go on. Building it costs that of
/// [`SubspaceSamples`]; a column 40 n multiply-adds or one product with A. With a base P in front every column b is replaced by
/// `b − A P b`, what P leaves of it: for that the network is trained.
///
/// # Examples
/// ```
/// use la_krylov::CsrMatrix;
/// use la_precond::learned::gnp::{Batches, Distribution, prescaled};
/// use la_problems::{ConvectionDiffusion, Grid};
///
/// let system = ConvectionDiffusion::default().with_grid(Grid::rectangle(10, 10)).generate()?;
/// let (matrix, _) = prescaled(system.matrix.view())?;
/// let mut batches = Batches::new(matrix.view(), Distribution::Mixture, 0)?;
/// let mut b = vec![0.0; 100 * 16];
/// batches.draw(3, &mut b);
/// assert!(b.iter().all(|b| b.is_finite()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// As for [`Distribution`].
pub struct Batches {
    a: Arc<CsrMatrix<f64>>,
    distribution: Distribution,
    scale: ColumnScale,
    seed: u64,
    subspace: Option<SubspaceSamples>,
    base: Option<SharedBase>,
    visited: Visited,
    epsilon: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Vectors that a solver has asked a preconditioner for.
#[derive(Debug, Clone, Default)]
pub(super) struct Visited {
    /// Unit vectors, column after column.
    pub(super) vectors: Vec<f64>,
    /// Columns that are orthonormal to each other come in groups of this size at most.
    pub(super) cycle: usize,
    /// Part of every batch that is made of them, from 0 to 1.
    pub(super) share: f64,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches")
            .field("order", &self.order())
            .field("distribution", &self.distribution)
            .field("scale", &self.scale)
            .field("seed", &self.seed)
            .field("base", &self.base.is_some())
            .field("visited", &self.visited.share)
            .finish_non_exhaustive()
    }
}

impl Batches {
    /// Batches for a matrix that is [prescaled](super::prescaled).
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`]; [`PrecondError::ZeroMatrix`], [`PrecondError::Builder`] if the Arnoldi process
    /// or the singular value decomposition fails.
    ///
    /// # Examples
    /// See [`Batches`].
    pub fn new(
        a: sprs::CsMatViewI<'_, f64, u32>,
        distribution: Distribution,
        seed: u64,
    ) -> Result<Self, PrecondError> {
        let stored = CsrMatrix::from_sprs(a).map_err(|_| PrecondError::TooLarge {
            rows: a.rows(),
            nnz: a.nnz(),
        })?;
        Self::of_operator(Arc::new(stored), distribution, seed)
    }

    pub(super) fn of_operator(
        a: Arc<CsrMatrix<f64>>,
        distribution: Distribution,
        seed: u64,
    ) -> Result<Self, PrecondError> {
        let (rows, cols) = (
            LinearOperator::<Host>::rows(&*a),
            LinearOperator::<Host>::cols(&*a),
        );
        if rows != cols {
            return Err(PrecondError::NotSquare { rows, cols });
        }
        let subspace = match distribution {
            Distribution::Mixture | Distribution::Subspace if rows > 0 => {
                let start = normal(rows, seed, START);
                Some(SubspaceSamples::of_operator(&*a, &start, ARNOLDI_STEPS)?)
            }
            _ => None,
        };
        let rank = subspace.as_ref().map_or(0, SubspaceSamples::rank);
        Ok(Self {
            a,
            distribution,
            scale: ColumnScale::default(),
            seed,
            subspace,
            base: None,
            visited: Visited::default(),
            epsilon: vec![0.0; rank],
            x: vec![0.0; rows],
            y: vec![0.0; rows],
        })
    }

    /// Sets how large the columns are.
    #[must_use]
    pub fn with_scale(mut self, scale: ColumnScale) -> Self {
        self.scale = scale;
        self
    }

    /// Puts a linear preconditioner of the same matrix in front.
    pub(super) fn with_base(mut self, base: Option<SharedBase>) -> Self {
        self.base = base;
        self
    }

    /// From now on a part of every batch is drawn from these.
    pub(super) fn visit(&mut self, visited: Visited) {
        self.visited = visited;
    }

    /// Length of a column.
    #[must_use]
    pub fn order(&self) -> usize {
        self.x.len()
    }

    /// What the samples of the bottom of the spectrum are made of, where there are any.
    #[must_use]
    pub fn subspace(&self) -> Option<&SubspaceSamples> {
        self.subspace.as_ref()
    }

    /// The batch of a step, as many columns as `b` holds.
    pub fn draw(&mut self, step: u64, b: &mut [f64]) {
        let n = self.order();
        if n == 0 {
            return;
        }
        let space = Host::new(n);
        let columns = b.len() / n;
        let mut random = generator(self.seed, FIRST + 2 * step);
        let mut chosen = generator(self.seed, FIRST + 2 * step + 1);
        let visited = match self.visited.vectors.is_empty() {
            true => 0,
            false => (self.visited.share * columns as f64).round() as usize,
        };
        let drawn = columns - visited.min(columns);
        for (k, b) in b.chunks_exact_mut(n).enumerate() {
            if k >= drawn {
                self.visited.draw(n, &mut chosen, b);
            } else {
                let subspace = match self.distribution {
                    Distribution::Mixture => k < drawn / 2,
                    _ => true,
                };
                match (&self.subspace, self.distribution) {
                    (Some(samples), _) if subspace => {
                        self.epsilon.fill_with(|| random.sample(StandardNormal));
                        samples.combine(&self.epsilon, b);
                    }
                    (_, Distribution::NormalRhs) => b.fill_with(|| random.sample(StandardNormal)),
                    _ => {
                        self.x.fill_with(|| random.sample(StandardNormal));
                        self.a.apply(&space, &self.x, b);
                    }
                }
            }
            if let Some(base) = &self.base {
                // r = b − A P b; a base that fails leaves b as it is.
                if base.apply(&space, b, &mut self.x).is_ok() {
                    self.a.apply(&space, &self.x, &mut self.y);
                    space.axpy(-1.0, &self.y, b);
                }
            }
            if self.scale == ColumnScale::Unit {
                let norm = space.norm(b);
                if norm > 0.0 && norm.is_finite() {
                    let scale = (n as f64).sqrt() / norm;
                    b.iter_mut().for_each(|b| *b *= scale);
                }
            }
        }
    }
}

impl Visited {
    /// A vector of a solve, or a Gaussian combination of those of one cycle, with the norm that other samples have.
    fn draw(&self, n: usize, random: &mut ChaCha8Rng, b: &mut [f64]) {
        let count = self.vectors.len() / n;
        let at = random.random_range(0..count);
        let norm = (ARNOLDI_STEPS as f64).sqrt();
        let vector = |k: usize| &self.vectors[k * n..(k + 1) * n];
        b.fill(0.0);
        if random.random::<bool>() {
            let sign = if random.random::<bool>() { norm } else { -norm };
            b.iter_mut()
                .zip(vector(at))
                .for_each(|(b, v)| *b = sign * v);
            return;
        }
        let first = at - at % self.cycle.max(1);
        let last = (first + self.cycle.max(1)).min(count);
        let scale = norm / ((last - first) as f64).sqrt();
        for k in first..last {
            let e: f64 = random.sample(StandardNormal);
            let part = vector(k);
            b.iter_mut()
                .zip(part)
                .for_each(|(b, v)| *b += scale * e * v);
        }
    }
}

/// The generator of one stream of a seed.
fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// A Gaussian vector from one stream of a seed.
pub(super) fn normal(n: usize, seed: u64, stream: u64) -> Vec<f64> {
    let mut random = generator(seed, stream);
    (0..n).map(|_| random.sample(StandardNormal)).collect()
}
