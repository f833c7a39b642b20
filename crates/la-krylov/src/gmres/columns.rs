//! Restarted GMRES for several right-hand sides.

use std::borrow::{Borrow, BorrowMut};

use super::cycle::{Arnoldi, Cycles};
use crate::run::{Run, State, check_dimensions, check_fixed, split_columns};
use crate::{
    GmresOptions, Host, KrylovError, LinearOperator, NoMonitor, Preconditioner, Real, Solution,
    Status, VectorSpace,
};

/// Solves `A X = B` for several right-hand sides at once, each by restarted GMRES.
///
/// Every column is solved exactly as by [`gmres`](crate::gmres), with its own space, least-squares
/// problem, cycles, tolerance, history and status; but the products of all columns that are not done
/// yet are computed together ([`LinearOperator::apply_columns`]), so that a
/// [`CsrMatrix`](crate::CsrMatrix) is read once for four of them. A column that is done leaves the
/// block. Columns share no Krylov space: the number of iterations is that of each alone. Each column is
/// made orthogonal to a basis of its own, so there is nothing to share in that; with long cycles it
/// takes most of the time, and solving column by column is as fast. The true residual at the end of a
/// cycle is computed column by column, too.
///
/// Worth it for short cycles (`restart` below the nonzeros per row, about) and matrices that no cache
/// holds; where memory for all the bases is too much, call [`gmres_with`](crate::gmres_with) for one
/// column after the other.
///
/// Memory: `restart + 6` vectors a column, and two matrices of `restart · (restart + 1)` numbers.
///
/// # Shapes
/// - `a`: n × n, `m`: order n, `b`: n · `columns` entries, column after column.
/// - result: one solution a column, in their order.
///
/// # Errors
/// As [`gmres`](crate::gmres); `b` must be `columns` columns of length n, and these at most 65536 where n is 0:
/// [`KrylovError::DimensionMismatch`], [`KrylovError::InvalidOption`].
///
/// # Examples
/// ```
/// use la_krylov::{CsrMatrix, GmresOptions, IdentityPreconditioner, gmres_columns, sprs::CsMat};
///
/// // [ 1 2 ; -1 1 ] with two right-hand sides.
/// let a = CsMat::<f64>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![1.0, 2.0, -1.0, 1.0]);
/// let a = CsrMatrix::<f64>::from_sprs(a.view())?;
/// let m = IdentityPreconditioner::new(2);
/// let solutions = gmres_columns(&a, &[3.0, 0.0, 0.0, 3.0], 2, &m, &GmresOptions::default())?;
/// assert!(solutions.iter().all(|s| s.status.is_converged()));
/// assert!((solutions[0].x[1] - 1.0).abs() < 1e-12);
/// assert!((solutions[1].x[0] + 2.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// As [`gmres`](crate::gmres).
pub fn gmres_columns<T, A, M>(
    a: &A,
    b: &[T],
    columns: usize,
    m: &M,
    options: &GmresOptions,
) -> Result<Vec<Solution<Vec<T>>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    let columns = split_columns((a.rows(), a.cols()), b, columns)?;
    gmres_columns_in(&Host::new(a.rows()), a, &columns, m, options)
}

/// [`gmres_columns`] in any vector space.
///
/// # Errors
/// As [`gmres_columns`].
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, Host, IdentityPreconditioner, gmres_columns_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let b: [&[f64]; 2] = [&[1.0, 2.0], &[3.0, 4.0]];
/// let m = IdentityPreconditioner::new(2);
/// let solutions = gmres_columns_in(&Host::sequential(2), &a, &b, &m, &GmresOptions::default())?;
/// assert_eq!(solutions[1].iterations, 1);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn gmres_columns_in<S, A, M>(
    space: &S,
    a: &A,
    b: &[&S::Vector],
    m: &M,
    options: &GmresOptions,
) -> Result<Vec<Solution<S::Owned>>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    check_fixed(m, "GMRES")?;
    let limits = options.limits();
    let length = options.columns().min(space.dimension());
    let mut states = Vec::with_capacity(b.len());
    let mut bases = Vec::with_capacity(b.len());
    for b in b {
        check_dimensions(space, a, *b, m)?;
        let mut state = State::new(space, &limits);
        state.solution.spectrum.reserve_hessenberg(length);
        states.push(state);
        bases.push(Arnoldi::new(space, options.columns(), false));
    }
    let (mut p, mut q) = (space.basis(b.len()), space.basis(b.len()));
    let mut spare = space.zeros();
    let mut monitors = vec![NoMonitor; b.len()];
    // Column k of p and q belongs to active[k].
    let mut active = Vec::with_capacity(b.len());
    let parts = states.iter_mut().zip(&mut bases).zip(&mut monitors);
    for (((state, arnoldi), monitor), b) in parts.zip(b) {
        let (mut run, done) = Run::begin(space, a, *b, limits, monitor, state)?;
        match done {
            Some(status) => run.finish(status),
            None => {
                let mut cycles = Cycles::new(run, arnoldi, options.plan());
                match cycles.begin(m, spare.borrow_mut()) {
                    Ok(()) => active.push(cycles),
                    Err(status) => cycles.finish(status),
                }
            }
        }
    }
    while !active.is_empty() {
        for k in (0..active.len()).rev() {
            let Err(failure) = active[k].direction(m, space.column_mut(&mut p, k)) else {
                continue;
            };
            let status = give_up(space, &mut active[k], m, failure, &mut spare, &mut q, k);
            active[k].finish(status);
            active.swap_remove(k);
            // The last active column has its direction already.
            if k < active.len() {
                space.copy(space.column(&p, active.len()), spare.borrow_mut());
                space.copy(spare.borrow(), space.column_mut(&mut p, k));
            }
        }
        a.apply_columns(space, &p, 0..active.len(), &mut q);
        for k in (0..active.len()).rev() {
            let (p, q) = (space.column_mut(&mut p, k), space.column_mut(&mut q, k));
            if let Err(status) = active[k].advance(m, p, q) {
                active[k].finish(status);
                active.swap_remove(k);
            }
        }
    }
    drop(active);
    Ok(states.into_iter().map(|state| state.solution).collect())
}

/// The end of a column whose preconditioner failed: the best that its basis has to give.
fn give_up<S, A, M>(
    space: &S,
    cycles: &mut Cycles<'_, S, A, NoMonitor>,
    m: &M,
    failure: crate::PreconditionerError,
    spare: &mut S::Owned,
    q: &mut S::Basis,
    k: usize,
) -> Status
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    let Some(end) = cycles.fail(failure) else {
        return Status::PreconditionerFailure;
    };
    let ended = cycles.end(m, end, spare.borrow_mut(), space.column_mut(q, k));
    ended.err().unwrap_or(Status::PreconditionerFailure)
}
