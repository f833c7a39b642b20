//! Random parametric quadratic programs.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::family::{ParametricFamily, ReferenceSolutions};
use super::matrix::Matrix;
use crate::error::{ProblemError, require};

/// Which entries of the factor M of `H = M Mᵀ` are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HessianPattern {
    /// All.
    Dense,
    /// Those with `|i − j| ≤ width`.
    Banded {
        /// Half of the bandwidth.
        width: usize,
    },
}

/// Which entries of A are there.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RowPattern {
    /// All.
    Dense,
    /// Those with `|i − j| ≤ width`, as the paper has it: rows from n + width on are zero.
    Banded {
        /// Half of the bandwidth.
        width: usize,
    },
    /// Those with `|⌊i n / m⌋ − j| ≤ width`: every row says something.
    SpreadBand {
        /// Half of the bandwidth.
        width: usize,
    },
    /// Each with this probability, in (0, 1].
    Random {
        /// The probability.
        density: f64,
    },
}

/// Random `min ½ xᵀ H x + (f + F θ)ᵀ x` subject to `A x ≤ b + B θ`: M, f, F, A, T with entries from N(0, 1), `H = M Mᵀ`, b from
/// U(0, 1), `B = −A T`, so that `x = −T θ` is feasible; θ from N(0, I).
///
/// # Examples
/// ```
/// use la_problems::quadratic::RandomParametricQp;
///
/// let family = RandomParametricQp::new(10, 40).generate(123)?;
/// assert_eq!((family.num_variables(), family.num_constraints()), (10, 40));
/// assert_eq!((family.train.len(), family.test.len()), (1600 * 7, 200 * 7));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, arXiv 2511.13174, section on random problems. Deviates: ChaCha8 instead of NumPy's generators, so
/// that numbers differ and their law does not; `SpreadBand`, in which no row is zero, is ours.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RandomParametricQp {
    /// Number of variables, at least 1.
    pub n: usize,
    /// Number of constraints.
    pub m: usize,
    /// Number of parameters, at least 1. Default 7.
    pub parameters: usize,
    /// Pattern of M. Default [`HessianPattern::Dense`].
    pub hessian: HessianPattern,
    /// Pattern of A. Default [`RowPattern::Dense`].
    pub rows: RowPattern,
    /// Whether [`instance`](Self::instance) draws M anew for each problem. Default `false`.
    pub fresh_hessian: bool,
    /// Whether [`instance`](Self::instance) draws A anew for each problem, and B with it. Default `false`.
    pub fresh_rows: bool,
    /// Numbers of parameter vectors for training, choices and measurements. Default 1600, 200, 200.
    pub counts: [usize; 3],
}

/// One problem: minimise `½ xᵀ H x + qᵀ x` subject to `A x ≤ u`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QuadraticInstance {
    /// H, row-major, n × n.
    pub hessian: Vec<f64>,
    /// q.
    pub linear: Vec<f64>,
    /// A, row-major, m × n.
    pub rows: Vec<f64>,
    /// u.
    pub upper: Vec<f64>,
    /// A feasible point.
    pub feasible: Vec<f64>,
}

impl RandomParametricQp {
    /// Dense problems of this size with seven parameters.
    #[must_use]
    pub fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            parameters: 7,
            hessian: HessianPattern::Dense,
            rows: RowPattern::Dense,
            fresh_hessian: false,
            fresh_rows: false,
            counts: [1600, 200, 200],
        }
    }

    /// Sets the number of parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: usize) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets both patterns.
    #[must_use]
    pub fn with_patterns(mut self, hessian: HessianPattern, rows: RowPattern) -> Self {
        (self.hessian, self.rows) = (hessian, rows);
        self
    }

    /// Draws M, A or both anew for each instance.
    #[must_use]
    pub fn with_fresh(mut self, hessian: bool, rows: bool) -> Self {
        (self.fresh_hessian, self.fresh_rows) = (hessian, rows);
        self
    }

    /// Sets the numbers of parameter vectors.
    #[must_use]
    pub fn with_counts(mut self, train: usize, validation: usize, test: usize) -> Self {
        self.counts = [train, validation, test];
        self
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`].
    pub fn validate(&self) -> Result<(), ProblemError> {
        let at_least = "at least 1";
        require(self.n > 0, "n", self.n as f64, at_least)?;
        let p = self.parameters;
        require(p > 0, "parameters", p as f64, at_least)?;
        if let RowPattern::Random { density } = self.rows {
            let fine = density > 0.0 && density <= 1.0;
            require(fine, "density", density, "positive and at most 1")?;
        }
        Ok(())
    }

    /// The family of a seed. Matrices and vectors of training come from stream 0, the others from streams 1 and 2.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn generate(&self, seed: u64) -> Result<ParametricFamily, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let base = self.draw(&mut rng);
        let list = |count: usize, rng: &mut ChaCha8Rng| normal(count * self.parameters, rng);
        let train = list(self.counts[0], &mut rng);
        let [validation, test] = [1, 2].map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            list(self.counts[stream as usize], &mut rng)
        });
        Ok(ParametricFamily {
            hessian: gram(&base.factor),
            upper_slope: base.rows.times(&base.centre).scaled(-1.0).values,
            linear: base.linear,
            linear_slope: base.linear_slope,
            rows: base.rows.values,
            upper: base.upper,
            num_parameters: self.parameters,
            train,
            validation,
            test,
            segments: None,
            reference: ReferenceSolutions::default(),
        })
    }

    /// Problem `index` of a seed, with a θ of its own, and with M and A of its own where these are drawn anew. Each index is a stream of the
    /// generator: any of them can be had without the others.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn instance(&self, seed: u64, index: u32) -> Result<QuadraticInstance, ProblemError> {
        self.validate()?;
        let mut base = self.draw(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(3 + u64::from(index));
        let theta = normal(self.parameters, &mut rng);
        if self.fresh_hessian {
            base.factor = self.draw_factor(&mut rng);
        }
        if self.fresh_rows {
            base.rows = self.draw_rows(&mut rng);
        }
        let theta = Matrix::from_values(self.parameters, 1, theta);
        let slope = Matrix::from_values(self.n, self.parameters, base.linear_slope);
        let mut linear = slope.times(&theta).values;
        for (q, f) in linear.iter_mut().zip(&base.linear) {
            *q += f;
        }
        let feasible = base.centre.times(&theta).scaled(-1.0);
        let mut upper = base.rows.times(&feasible).values;
        for (u, b) in upper.iter_mut().zip(&base.upper) {
            *u += b;
        }
        Ok(QuadraticInstance {
            hessian: gram(&base.factor),
            linear,
            rows: base.rows.values,
            upper,
            feasible: feasible.values,
        })
    }

    /// M, f, F, A, b, T in this order.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Draw {
        let factor = self.draw_factor(rng);
        let linear = normal(self.n, rng);
        let linear_slope = normal(self.n * self.parameters, rng);
        let rows = self.draw_rows(rng);
        let upper = (0..self.m).map(|_| rng.random()).collect();
        let centre = normal(self.n * self.parameters, rng);
        Draw {
            factor,
            linear,
            linear_slope,
            rows,
            upper,
            centre: Matrix::from_values(self.n, self.parameters, centre),
        }
    }

    fn draw_factor(&self, rng: &mut ChaCha8Rng) -> Matrix {
        let n = self.n;
        let near = |i: usize, j: usize| match self.hessian {
            HessianPattern::Dense => true,
            HessianPattern::Banded { width } => i.abs_diff(j) <= width,
        };
        Matrix::from_values(n, n, masked(n, n, rng, |i, j, _| near(i, j)))
    }

    fn draw_rows(&self, rng: &mut ChaCha8Rng) -> Matrix {
        let (n, m) = (self.n, self.m);
        let values = masked(m, n, rng, |i, j, rng| match self.rows {
            RowPattern::Dense => true,
            RowPattern::Banded { width } => i.abs_diff(j) <= width,
            RowPattern::SpreadBand { width } => (i * n / m).abs_diff(j) <= width,
            RowPattern::Random { density } => rng.random_bool(density),
        });
        Matrix::from_values(m, n, values)
    }
}

struct Draw {
    factor: Matrix,
    linear: Vec<f64>,
    linear_slope: Vec<f64>,
    rows: Matrix,
    upper: Vec<f64>,
    centre: Matrix,
}

fn normal(count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}

/// Entries from N(0, 1) where the rule says so, drawn row by row.
fn masked(
    rows: usize,
    cols: usize,
    rng: &mut ChaCha8Rng,
    there: impl Fn(usize, usize, &mut ChaCha8Rng) -> bool,
) -> Vec<f64> {
    let mut values = Vec::with_capacity(rows * cols);
    for i in 0..rows {
        for j in 0..cols {
            let value = if there(i, j, rng) {
                rng.sample(StandardNormal)
            } else {
                0.0
            };
            values.push(value);
        }
    }
    values
}

/// `M Mᵀ`, symmetric to the last bit.
fn gram(factor: &Matrix) -> Vec<f64> {
    let n = factor.rows;
    let mut values = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let product = super::model::dot(factor.row(i), factor.row(j));
            values[i * n + j] = product;
            values[j * n + i] = product;
        }
    }
    values
}
