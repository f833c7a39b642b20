//! K-optimal columns from the neighbourhood of each row.

use std::time::Instant;

use la_krylov::Real;
#[cfg(feature = "rayon")]
use rayon::prelude::*;
use sprs::{CsMatViewI, SpIndex};

use crate::classical::SymmetryCheck;
use crate::classical::columns::{Columns, by_rows, transposed_pattern};
use crate::classical::dense::{cholesky, forward};
use crate::classical::factor::LowerPattern;
use crate::classical::input::{hopeless, lower_pattern, with_rows};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// The factor whose column `i` is that of [`KOptimal`](super::KOptimal) for `A[ball, ball]`, where `ball` holds the unknowns
/// within `hops` edges of `i`: what can be known of the K-optimal factor from the neighbourhood alone.
///
/// With `s` the rows of column `i` and `r` the rest of the ball, it is the first column of the Schur complement
/// `A_ss − A_sr A_rr⁻¹ A_rs`, divided by the root of its first entry. The natural reference for a network of as many rounds of message passing
/// (not a bound: training can learn what the rest does on average), and a preconditioner that needs no global factorisation and
/// never breaks down on a positive definite matrix. Zero hops keep only `s`.
///
/// Costs one dense Cholesky factorisation of order `|ball|` per column, `|ball|³/3`; columns are independent (in parallel with feature
/// `rayon`, largest first). For tridiagonal matrices it is `hops` parallel sweeps of elimination, from the whole diagonal: the same
/// as [`FixedPointIc0`](crate::classical::FixedPointIc0) with twice as many sweeps.
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_precond::classical::LocalKOptimal;
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let factor = LocalKOptimal::default().with_hops(1).factor(a.view())?;
/// assert!((factor.diagonal()[1] - 3.0_f64).abs() < 1e-15);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// V. Trifonov, E. Muravleva, I. Oseledets, arXiv 2502.01397, section 3 (the factor); F. Schäfer, M. Katzfuss, H. Owhadi, *SIAM J. Sci.
/// Comput.* 43(3), A2019–A2046, 2021. The restriction to balls is ours.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LocalKOptimal {
    /// Edges from `i` to the border of its ball. Default `3`.
    pub hops: usize,
    /// Largest order of a dense block. Default `2000` (32 MB).
    pub max_ball: usize,
    /// How much of the symmetry is checked. Default: the number of entries.
    pub symmetry: SymmetryCheck,
}

impl Default for LocalKOptimal {
    fn default() -> Self {
        Self {
            hops: 3,
            max_ball: 2000,
            symmetry: SymmetryCheck::default(),
        }
    }
}

/// One column: below the diagonal in increasing order of rows, and the diagonal entry last.
type Column<T> = Vec<T>;

impl LocalKOptimal {
    /// Sets the number of hops.
    #[must_use]
    pub fn with_hops(mut self, hops: usize) -> Self {
        self.hops = hops;
        self
    }

    /// Sets the largest order of a dense block.
    #[must_use]
    pub fn with_max_ball(mut self, max_ball: usize) -> Self {
        self.max_ball = max_ball;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); a breakdown means that `a` is not positive definite, or too nearly
    /// singular. [`PrecondError::TooMuchMemory`] if a ball has more than `max_ball` unknowns.
    ///
    /// # Examples
    /// See [`LocalKOptimal`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteCholesky<T>, PrecondError> {
        let start = Instant::now();
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, self.symmetry)?;
            let columns = Columns::new(&rows, &pattern);
            let explain = |error| (0..n).find_map(|i| hopeless(&rows, i)).unwrap_or(error);
            let balls = Balls::new(&columns, &pattern);
            let sizes = balls.sizes(self.hops);
            if let Some(&largest) = sizes.iter().max()
                && largest > self.max_ball
            {
                let bytes = |order: usize| order.saturating_mul(order) * size_of::<T>();
                return Err(PrecondError::TooMuchMemory {
                    bytes: bytes(largest),
                    limit: bytes(self.max_ball),
                });
            }
            let done = balls.columns(self.hops, &sizes).map_err(explain)?;
            let (mut values, mut diagonal) = (Vec::with_capacity(columns.rows.len()), Vec::new());
            for column in &done {
                if let Some((&last, below)) = column.split_last() {
                    values.extend_from_slice(below);
                    diagonal.push(last);
                }
            }
            let factor = by_rows(&columns.starts, &columns.rows, &values, diagonal);
            let stats = FactorStats::default()
                .with_fill_ratio(1.0)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            Ok(factor.with_stats(stats))
        })
    }
}

impl IncompleteCholeskyBuilder for LocalKOptimal {
    fn name(&self) -> &str {
        "k-optimal-local"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}

const OUTSIDE: u32 = u32::MAX;

/// A matrix as a graph that can be walked in both directions.
struct Balls<'a, T> {
    /// The lower triangle by columns.
    lower: &'a Columns<T>,
    /// The same, by rows.
    left: &'a LowerPattern,
}

/// Memory of one thread.
struct Workspace<T> {
    /// Place of an unknown in the ball.
    place: Vec<u32>,
    ball: Vec<u32>,
    block: Vec<T>,
}

impl<T: Real> Workspace<T> {
    fn new(n: usize) -> Self {
        Self {
            place: vec![OUTSIDE; n],
            ball: Vec::new(),
            block: Vec::new(),
        }
    }
}

impl<'a, T: Real> Balls<'a, T> {
    fn new(lower: &'a Columns<T>, left: &'a LowerPattern) -> Self {
        debug_assert_eq!(
            transposed_pattern(&left.indptr, &left.indices).1,
            lower.rows
        );
        Self { lower, left }
    }

    /// Unknowns within `hops` edges of `i`, in order of distance; their places are left in the workspace.
    fn grow(&self, i: usize, hops: usize, work: &mut Workspace<T>) {
        let Workspace { place, ball, .. } = work;
        ball.clear();
        ball.push(i as u32);
        place[i] = 0;
        let mut from = 0;
        for _ in 0..hops {
            let to = ball.len();
            for at in from..to {
                let k = ball[at] as usize;
                let before = &self.left.indices[self.left.range(k)];
                for &j in before.iter().chain(self.lower.column(k).0) {
                    if place[j as usize] == OUTSIDE {
                        place[j as usize] = ball.len() as u32;
                        ball.push(j);
                    }
                }
            }
            from = to;
        }
        // Without hops the rows of the column are all there is.
        for &j in self.lower.column(i).0 {
            if place[j as usize] == OUTSIDE {
                place[j as usize] = ball.len() as u32;
                ball.push(j);
            }
        }
    }

    fn leave(work: &mut Workspace<T>) {
        for &j in &work.ball {
            work.place[j as usize] = OUTSIDE;
        }
    }

    fn sizes(&self, hops: usize) -> Vec<usize> {
        let n = self.lower.diagonal.len();
        let size = |work: &mut Workspace<T>, i: usize| {
            self.grow(i, hops, work);
            Self::leave(work);
            work.ball.len()
        };
        #[cfg(feature = "rayon")]
        return (0..n)
            .into_par_iter()
            .with_min_len(256)
            .map_init(|| Workspace::new(n), size)
            .collect();
        #[cfg(not(feature = "rayon"))]
        {
            let mut work = Workspace::new(n);
            (0..n).map(|i| size(&mut work, i)).collect()
        }
    }

    /// All columns. Those of large balls are started first, so that threads end together and blocks keep their memory.
    fn columns(&self, hops: usize, sizes: &[usize]) -> Result<Vec<Column<T>>, PrecondError> {
        let n = sizes.len();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_key(|&i| (usize::MAX - sizes[i as usize], i));
        let column = |work: &mut Workspace<T>, &i: &u32| self.column(i as usize, hops, work);
        #[cfg(feature = "rayon")]
        let done: Vec<Result<Column<T>, PrecondError>> = order
            .par_iter()
            .with_min_len(16)
            .map_init(|| Workspace::new(n), column)
            .collect();
        #[cfg(not(feature = "rayon"))]
        let done: Vec<Result<Column<T>, PrecondError>> = {
            let mut work = Workspace::new(n);
            order.iter().map(|i| column(&mut work, i)).collect()
        };
        let mut columns = vec![Vec::new(); n];
        for (&i, result) in order.iter().zip(done) {
            columns[i as usize] = result?;
        }
        Ok(columns)
    }

    /// Cholesky with the rest of the ball first, then `i`, then the other rows of its column: the column of `i` is then that of the
    /// Schur complement.
    fn column(
        &self,
        i: usize,
        hops: usize,
        work: &mut Workspace<T>,
    ) -> Result<Column<T>, PrecondError> {
        self.grow(i, hops, work);
        let below = self.lower.column(i).0;
        let Workspace { place, ball, block } = work;
        // Places: the rest, i, the rows below.
        for &j in below {
            place[j as usize] = OUTSIDE;
        }
        place[i] = OUTSIDE;
        let mut rest = 0;
        for &j in ball.iter() {
            if place[j as usize] != OUTSIDE {
                place[j as usize] = rest;
                rest += 1;
            }
        }
        let rest = rest as usize;
        place[i] = rest as u32;
        for (p, &j) in below.iter().enumerate() {
            place[j as usize] = (rest + 1 + p) as u32;
        }
        let m = rest + 1;
        let order = m + below.len();
        // The leading block of order m with rows of length m; below it the rows of s, of the same length.
        block.clear();
        block.resize(order * m, T::ZERO);
        for &k in ball.iter() {
            let p = place[k as usize] as usize;
            if p < m {
                block[p * m + p] = self.lower.diagonal[k as usize];
            }
            let (rows, values) = self.lower.column(k as usize);
            for (&row, &value) in rows.iter().zip(values) {
                let q = place[row as usize];
                if q != OUTSIDE {
                    let (first, last) = (p.min(q as usize), p.max(q as usize));
                    if first < m {
                        block[last * m + first] = value;
                    }
                }
            }
        }
        Self::leave(work);
        let (leading, others) = work.block.split_at_mut(m * m);
        cholesky(leading, m).map_err(|_| PrecondError::Breakdown {
            row: i,
            shift: 0.0,
            attempts: 1,
        })?;
        let mut column = Vec::with_capacity(below.len() + 1);
        for row in others.chunks_exact_mut(m) {
            forward(leading, row);
            column.push(row[m - 1]);
        }
        column.push(leading[m * m - 1]);
        Ok(column)
    }
}
