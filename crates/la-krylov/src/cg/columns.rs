//! Conjugate gradients for several right-hand sides.

use std::borrow::{Borrow, BorrowMut};

use super::steps::Steps;
use crate::run::{Run, State, check_dimensions, check_symmetric, split_columns};
use crate::{
    CgOptions, Host, KrylovError, LinearOperator, NoMonitor, Preconditioner, Real, Solution,
    Status, VectorSpace,
};

/// Solves `A X = B` for several right-hand sides at once, each by preconditioned conjugate gradients.
///
/// Every column is solved exactly as by [`cg`](crate::cg), with its own coefficients, tolerance, history
/// and status; but the products of all columns that are not done yet are computed together
/// ([`LinearOperator::apply_columns`]), so that a [`CsrMatrix`](crate::CsrMatrix) is read once for four
/// of them. Products with a sparse matrix are bound by reading it: that is where the time is saved.
/// Columns share no Krylov space, so the number of iterations is that of each alone. Inner products are
/// computed column by column.
///
/// Memory: five vectors a column and one more.
///
/// # Shapes
/// - `a`: n × n, `m`: order n, `b`: n · `columns` entries, column after column.
/// - result: one solution a column, in their order.
///
/// # Errors
/// As [`cg`](crate::cg); `b` must be `columns` columns of length n, and these at most 65536 where n is 0:
/// [`KrylovError::DimensionMismatch`], [`KrylovError::InvalidOption`].
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, CsrMatrix, IdentityPreconditioner, cg_columns, sprs::CsMat};
///
/// // [ 2 1 ; 1 2 ] with two right-hand sides.
/// let a = CsMat::<f64>::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, 1.0, 1.0, 2.0]);
/// let a = CsrMatrix::<f64>::from_sprs(a.view())?;
/// let m = IdentityPreconditioner::new(2);
/// let solutions = cg_columns(&a, &[3.0, 3.0, 0.0, 3.0], 2, &m, &CgOptions::default())?;
/// assert!(solutions.iter().all(|s| s.status.is_converged()));
/// assert!((solutions[1].x[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
///
/// # References
/// As [`cg`](crate::cg).
pub fn cg_columns<T, A, M>(
    a: &A,
    b: &[T],
    columns: usize,
    m: &M,
    options: &CgOptions,
) -> Result<Vec<Solution<Vec<T>>>, KrylovError>
where
    T: Real,
    A: LinearOperator<Host<T>> + ?Sized,
    M: Preconditioner<Host<T>> + ?Sized,
{
    let columns = split_columns((a.rows(), a.cols()), b, columns)?;
    cg_columns_in(&Host::new(a.rows()), a, &columns, m, options)
}

/// [`cg_columns`] in any vector space.
///
/// # Errors
/// As [`cg_columns`].
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, Host, IdentityPreconditioner, cg_columns_in, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let b: [&[f64]; 2] = [&[1.0, 2.0], &[3.0, 4.0]];
/// let m = IdentityPreconditioner::new(2);
/// let solutions = cg_columns_in(&Host::sequential(2), &a, &b, &m, &CgOptions::default())?;
/// assert_eq!(solutions[1].x, [3.0, 4.0]);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
pub fn cg_columns_in<S, A, M>(
    space: &S,
    a: &A,
    b: &[&S::Vector],
    m: &M,
    options: &CgOptions,
) -> Result<Vec<Solution<S::Owned>>, KrylovError>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    M: Preconditioner<S> + ?Sized,
{
    options.validate()?;
    check_symmetric(m, "CG", "flexible CG")?;
    let limits = options.limits();
    let mut states = Vec::with_capacity(b.len());
    for b in b {
        check_dimensions(space, a, *b, m)?;
        states.push(State::new(space, &limits));
    }
    let (mut p, mut q) = (space.basis(b.len()), space.basis(b.len()));
    let mut z = space.zeros();
    let mut monitors = vec![NoMonitor; b.len()];
    // Column k of p and q belongs to active[k].
    let mut active = Vec::with_capacity(b.len());
    for ((state, b), monitor) in states.iter_mut().zip(b).zip(&mut monitors) {
        let (mut run, done) = Run::begin(space, a, *b, limits, monitor, state)?;
        match done {
            Some(status) => run.finish(status),
            None => active.push(Steps::new(run)),
        }
    }
    while !active.is_empty() {
        each(space, &mut active, &mut p, &mut z, |steps, p, z, k| {
            steps.direction(m, space.column_mut(p, k), z)
        });
        a.apply_columns(space, &p, 0..active.len(), &mut q);
        each(space, &mut active, &mut p, &mut z, |steps, p, _, k| {
            steps.advance(space.column(p, k), space.column(&q, k))
        });
    }
    drop(active);
    Ok(states.into_iter().map(|state| state.solution).collect())
}

/// Does `work` for every active column and takes out those that are done: the last active column, for
/// which the work was done already, moves to their place.
fn each<'r, S, A>(
    space: &S,
    active: &mut Vec<Steps<'r, S, A, NoMonitor>>,
    p: &mut S::Basis,
    z: &mut S::Owned,
    mut work: impl FnMut(
        &mut Steps<'r, S, A, NoMonitor>,
        &mut S::Basis,
        &mut S::Vector,
        usize,
    ) -> Result<(), Status>,
) where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
{
    for k in (0..active.len()).rev() {
        let Err(status) = work(&mut active[k], p, z.borrow_mut(), k) else {
            continue;
        };
        active[k].finish(status);
        active.swap_remove(k);
        if k < active.len() {
            space.copy(space.column(p, active.len()), z.borrow_mut());
            space.copy((*z).borrow(), space.column_mut(p, k));
        }
    }
}
