//! The hierarchy as a preconditioner.

use std::any::Any;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use la_krylov::{
    Definiteness, Host, Preconditioner, PreconditionerError, PreconditionerKind, Real,
};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::aggregate::Aggregates;
use super::coarse::Coarsest;
use super::cycle::{Level, Plan, Vectors};
use super::setup::{self, Parts};
use super::threads::{over_entries, worthwhile};
use super::{Cycle, LevelStats, MultigridStats, NearNullSpace, SmoothedAggregation};
use crate::PrecondError;
use crate::classical::input::check_lengths;

/// A multigrid hierarchy, made by [`SmoothedAggregation`]; one application is one cycle.
///
/// With V- and W-cycles a fixed, symmetric positive definite operator for CG; with a K-cycle a variable
/// one for flexible CG. `apply` allocates nothing: the work vectors belong to the hierarchy, behind a
/// lock, so that it is `Sync`, but threads that share one take turns. Clone it for each thread instead.
///
/// Values may be stored as `f32` inside an `f64` solve ([`cast`](Self::cast)): two thirds of the memory or
/// less, and somewhat less time, at nearly the same number of iterations.
#[derive(Debug)]
pub struct Multigrid<T = f64> {
    options: SmoothedAggregation,
    near_null_space: NearNullSpace,
    aggregates: Vec<Aggregates>,
    levels: Vec<Level<T>>,
    coarsest: Coarsest<T>,
    stats: MultigridStats,
    vectors: Mutex<Vec<Vectors<T>>>,
}

impl<T: Real> Multigrid<T> {
    pub(super) fn assemble(
        options: &SmoothedAggregation,
        near_null_space: &NearNullSpace,
        parts: Parts,
        start: Instant,
    ) -> Self {
        let mut hierarchy = Self {
            options: options.clone(),
            near_null_space: near_null_space.clone(),
            aggregates: parts.aggregates,
            levels: same_or(parts.levels, |l| cast_levels(l)),
            coarsest: same_or(parts.coarsest, Coarsest::cast),
            stats: MultigridStats::default(),
            vectors: Mutex::new(Vec::new()),
        };
        hierarchy.prepare();
        hierarchy.stats.setup_seconds = start.elapsed().as_secs_f64();
        hierarchy
    }

    /// Transposes what threads need transposed, allocates the work vectors and counts what there is.
    fn prepare(&mut self) {
        for level in &mut self.levels {
            let shared = worthwhile(level.prolongator.rows());
            level.restrictor = shared.then(|| level.prolongator.transpose());
        }
        let levels = self.levels.iter().map(|l| &l.matrix);
        let all = || levels.clone().chain([&self.coarsest.matrix]);
        let (smoother, cycle) = (self.options.smoother, self.options.cycle);
        let vectors: Vec<Vectors<T>> = all()
            .enumerate()
            .map(|(k, m)| Vectors::new(m.order(), smoother, cycle, k == 0))
            .collect();
        let matrices: usize = levels.clone().map(|m| m.bytes()).sum();
        let prolongators: usize = self.levels.iter().map(Level::transfer_bytes).sum();
        let work: usize = vectors.iter().map(Vectors::bytes).sum();
        let kept = self
            .aggregates
            .iter()
            .map(|g| 4 * g.of.len())
            .sum::<usize>()
            + 8 * self.near_null_space.values.len();
        self.stats.bytes = matrices + self.coarsest.bytes() + prolongators + work + kept;
        self.stats.levels = all()
            .map(|m| LevelStats {
                rows: m.order(),
                block: m.a.height,
                nnz: m.a.nnz(),
            })
            .collect();
        self.vectors = Mutex::new(vectors);
    }

    /// Order of the matrix.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.stats.levels.first().map_or(0, |l| l.rows)
    }

    /// Levels, complexities, memory and set-up time.
    #[must_use]
    pub fn stats(&self) -> &MultigridStats {
        &self.stats
    }

    /// The options it was built with.
    #[must_use]
    pub fn options(&self) -> &SmoothedAggregation {
        &self.options
    }

    /// A copy of the matrix of a level, level 0 being `A`. `None` beyond the coarsest.
    ///
    /// # Examples
    /// See [`prolongator`](Self::prolongator).
    #[must_use]
    pub fn matrix(&self, level: usize) -> Option<CsMatI<T, u32>> {
        let matrices = self.levels.iter().map(|l| &l.matrix);
        let mut all = matrices.chain([&self.coarsest.matrix]);
        all.nth(level).map(|m| m.a.to_csr())
    }

    /// A copy of the prolongator from level `level + 1` to `level`. `None` from the coarsest on.
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::SmoothedAggregation;
    /// use la_precond::sprs::CsMat;
    ///
    /// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, -1.0, -1.0, 2.0]);
    /// let m = SmoothedAggregation::default().with_max_coarse(1).build(a.view())?;
    /// let p = m.prolongator(0).expect("two nodes make one aggregate");
    /// assert_eq!(p.shape(), (2, 1));
    /// assert_eq!(m.matrix(1).expect("the coarsest").shape(), (1, 1));
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    #[must_use]
    pub fn prolongator(&self, level: usize) -> Option<CsMatI<T, u32>> {
        self.levels.get(level).map(|l| l.prolongator.to_csr())
    }

    /// Rebuilds the hierarchy for another matrix of the same order, keeping the aggregates.
    ///
    /// For matrices that change little, as in time stepping: strength and aggregation are not computed
    /// again, and the sizes of all levels stay. The hierarchy is left as it was if that fails.
    ///
    /// # Errors
    /// As [`SmoothedAggregation::build_with`]; [`PrecondError::DimensionMismatch`] for another order.
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::SmoothedAggregation;
    /// use la_precond::sprs::CsMat;
    ///
    /// let mut a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, -1.0, -1.0, 2.0]);
    /// let mut m = SmoothedAggregation::default().build(a.view())?;
    /// a.map_inplace(|x| 3.0 * x);
    /// m.refresh(a.view())?;
    /// assert_eq!(m.matrix(0).and_then(|a| a.get(0, 0).copied()), Some(6.0));
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn refresh<V: Real, I: SpIndex>(
        &mut self,
        a: CsMatViewI<'_, V, I>,
    ) -> Result<(), PrecondError> {
        let start = Instant::now();
        if a.rows() != self.dimension() {
            return Err(PrecondError::DimensionMismatch {
                what: "matrix",
                found: a.rows(),
                expected: self.dimension(),
            });
        }
        let matrix = self.options.read(a, &self.near_null_space)?;
        let space = &self.near_null_space;
        let parts = setup::build(
            &self.options,
            matrix,
            space.values.clone(),
            space.count(),
            Some(&self.aggregates),
        )?;
        self.levels = same_or(parts.levels, |l| cast_levels(l));
        self.coarsest = same_or(parts.coarsest, Coarsest::cast);
        self.prepare();
        self.stats.setup_seconds = start.elapsed().as_secs_f64();
        Ok(())
    }

    /// The same hierarchy with its values and work vectors in another scalar type.
    ///
    /// # Errors
    /// [`PrecondError::NonFinite`] with the row of a level if a value overflows in the new type.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CgOptions, cg};
    /// use la_precond::classical::{Multigrid, SmoothedAggregation};
    /// use la_precond::sprs::CsMat;
    ///
    /// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
    /// let m: Multigrid<f32> = SmoothedAggregation::default().build(a.view())?.cast()?;
    /// let solution = cg(&a, &[6.0_f64, 12.0], &m, &CgOptions::default().with_rtol(1e-12))?;
    /// assert!((solution.x[0] - 1.0).abs() < 1e-11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cast<U: Real>(&self) -> Result<Multigrid<U>, PrecondError> {
        let mut hierarchy = Multigrid {
            options: self.options.clone(),
            near_null_space: self.near_null_space.clone(),
            aggregates: self.aggregates.clone(),
            levels: cast_levels(&self.levels),
            coarsest: self.coarsest.cast(),
            stats: self.stats.clone(),
            vectors: Mutex::new(Vec::new()),
        };
        let levels = hierarchy.levels.iter().map(|l| &l.matrix);
        for m in levels.chain([&hierarchy.coarsest.matrix]) {
            let finite = |v: &[U]| v.iter().position(|x| !x.is_finite());
            let (block, b) = (m.a.height * m.a.height, m.a.height);
            if let Some(k) = finite(&m.a.values) {
                let row = m.a.starts.partition_point(|s| *s as usize <= k / block) - 1;
                let col = m.a.indices[k / block] as usize * b;
                return Err(PrecondError::NonFinite { row: row * b, col });
            }
            if let Some(k) = finite(&m.inverse) {
                let row = k / b;
                return Err(PrecondError::NonFinite { row, col: row });
            }
        }
        hierarchy.prepare();
        Ok(hierarchy)
    }
}

/// `value` itself if it has the wanted type already, else what `convert` makes of it.
fn same_or<A: 'static, B: 'static>(value: A, convert: impl FnOnce(&A) -> B) -> B {
    let boxed: Box<dyn Any> = Box::new(value);
    match boxed.downcast::<B>() {
        Ok(same) => *same,
        Err(other) => match other.downcast::<A>() {
            Ok(other) => convert(&other),
            Err(_) => unreachable!("it was boxed as this type"),
        },
    }
}

fn cast_levels<T: Real, U: Real>(levels: &[Level<T>]) -> Vec<Level<U>> {
    let cast = |level: &Level<T>| Level {
        matrix: level.matrix.cast(),
        prolongator: level.prolongator.cast(),
        restrictor: None,
    };
    levels.iter().map(cast).collect()
}

impl<T: Real> Clone for Multigrid<T> {
    fn clone(&self) -> Self {
        let vectors = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            options: self.options.clone(),
            near_null_space: self.near_null_space.clone(),
            aggregates: self.aggregates.clone(),
            levels: self.levels.clone(),
            coarsest: self.coarsest.clone(),
            stats: self.stats.clone(),
            vectors: Mutex::new(vectors.clone()),
        }
    }
}

impl<T: Real, S: Real> Preconditioner<Host<S>> for Multigrid<T> {
    fn dimension(&self) -> usize {
        self.dimension()
    }

    fn apply(&self, space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.dimension(), r.len(), z.len())?;
        // A panic elsewhere cannot leave anything behind: every cycle starts from r alone.
        let mut vectors = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        let par = space.is_parallel();
        over_entries(par, &mut vectors[0].b, &|rows, b: &mut [T]| {
            for (b, r) in b.iter_mut().zip(&r[rows]) {
                *b = T::from_f64(r.to_f64());
            }
        });
        let plan = Plan {
            levels: &self.levels,
            coarsest: &self.coarsest,
            smoother: self.options.smoother,
            cycle: self.options.cycle,
            par,
        };
        plan.run(&mut vectors);
        let x = &vectors[0].x;
        over_entries(par, z, &|rows, z: &mut [S]| {
            for (z, x) in z.iter_mut().zip(&x[rows]) {
                *z = S::from_f64(x.to_f64());
            }
        });
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        if self.options.cycle == Cycle::K {
            PreconditionerKind::Variable
        } else {
            PreconditionerKind::Fixed
        }
    }

    fn definiteness(&self) -> Definiteness {
        if self.options.cycle == Cycle::K {
            Definiteness::General
        } else {
            Definiteness::SymmetricPositiveDefinite
        }
    }
}
