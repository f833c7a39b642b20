//! The space of vectors that are spread over ranks.

use la_mpi::{Scalar, World};

use crate::host::{SAFE_SQUARES, largest};
use crate::scalar::power_of_two_below;
use crate::{Host, HostBasis, Real, VectorSpace};

/// Vectors spread over the ranks of an MPI program: every rank holds a slice, its *local part*.
///
/// Every Krylov method of this crate runs on it unchanged; all ranks call it together, and get the same counts,
/// norms and status and each its part of x. An inner product costs one all-reduce, and so do the projection on
/// a whole basis and each update that ends in a norm. Sums are the same bits on every rank and in every run
/// with the same number of ranks; with another number they differ by rounding.
///
/// Time limits are agreed on by the ranks. A [`Monitor`](crate::Monitor) has to answer alike on all of them: by
/// what it is shown, never by the clock. A preconditioner that fails has to fail on all of them; those of
/// `la-precond` see to that.
///
/// Errors of a call (lengths, options) are seen by all ranks if all call alike. An error on one rank alone leaves the
/// others waiting: return it from the function given to [`la_mpi::run`], which ends them.
///
/// # Examples
/// ```no_run
/// use la_krylov::la_mpi::{MpiError, World};
/// use la_krylov::{Mpi, VectorSpace};
///
/// let world = World::init()?;
/// let space = Mpi::<f64>::new(&world, 10);
/// assert_eq!(space.dimension(), 10 * world.size());
/// assert_eq!(space.dot(&[1.0; 10], &[2.0; 10]), 20.0 * world.size() as f64);
/// # Ok::<(), MpiError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mpi<T = f64> {
    world: World,
    local: Host<T>,
    global: usize,
}

impl<T: Real> Mpi<T> {
    /// The space of vectors of which this rank holds `local` entries. Collective.
    #[must_use]
    pub fn new(world: &World, local: usize) -> Self {
        let mut total = [local as i64];
        world.all_sum_integers(&mut total);
        Self {
            world: world.clone(),
            local: Host::new(local),
            global: total[0] as usize,
        }
    }

    /// The ranks.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The space of this rank's parts.
    #[must_use]
    pub fn local(&self) -> &Host<T> {
        &self.local
    }

    fn sum(&self, part: f64) -> f64 {
        let mut sum = [part];
        self.world.all_sum(&mut sum);
        sum[0]
    }

    /// `‖x‖₂` given this rank's sum of squares; a second, scaled pass, on all ranks or none, where the sum of
    /// all left the safe range.
    fn norm_from_squares(&self, squares: f64, x: &[T]) -> f64 {
        let squares = self.sum(squares);
        if SAFE_SQUARES.contains(&squares) {
            return squares.sqrt();
        }
        let own = largest(x);
        // A maximum need not notice NaN; a flag beside it does.
        let mut ends = [own.max(0.0), f64::from(own.is_nan())];
        self.world.all_max(&mut ends);
        let [largest, not_a_number] = ends;
        if not_a_number > 0.0 {
            return f64::NAN;
        }
        if largest == 0.0 || largest.is_infinite() {
            return largest;
        }
        let unit = power_of_two_below::<f64>(largest);
        unit * self.sum(self.local.scaled_squares(unit, x)).sqrt()
    }
}

impl<T: Real + Scalar> VectorSpace for Mpi<T> {
    type Scalar = T;
    type Vector = [T];
    type Owned = Vec<T>;
    type Basis = HostBasis<T>;

    fn dimension(&self) -> usize {
        self.global
    }

    /// The dimension of the space if the local part has the right length, and as much more or less otherwise.
    fn vector_dimension(&self, x: &[T]) -> usize {
        (self.global + x.len()).saturating_sub(self.local.dimension())
    }

    fn zeros(&self) -> Vec<T> {
        self.local.zeros()
    }

    fn zeros_like(&self, x: &[T]) -> Vec<T> {
        self.local.zeros_like(x)
    }

    fn copy(&self, x: &[T], y: &mut [T]) {
        self.local.copy(x, y);
    }

    fn fill(&self, x: &mut [T], value: T) {
        self.local.fill(x, value);
    }

    fn scale(&self, alpha: f64, x: &mut [T]) {
        self.local.scale(alpha, x);
    }

    fn dot(&self, x: &[T], y: &[T]) -> f64 {
        self.sum(self.local.dot(x, y))
    }

    fn norm(&self, x: &[T]) -> f64 {
        self.norm_from_squares(self.local.dot(x, x), x)
    }

    fn axpy(&self, alpha: f64, x: &[T], y: &mut [T]) {
        self.local.axpy(alpha, x, y);
    }

    fn xpby(&self, x: &[T], beta: f64, y: &mut [T]) {
        self.local.xpby(x, beta, y);
    }

    fn basis(&self, columns: usize) -> HostBasis<T> {
        self.world.reserve_sums(columns);
        self.local.basis(columns)
    }

    fn columns(&self, basis: &HostBasis<T>) -> usize {
        self.local.columns(basis)
    }

    fn column<'b>(&self, basis: &'b HostBasis<T>, j: usize) -> &'b [T] {
        self.local.column(basis, j)
    }

    fn column_mut<'b>(&self, basis: &'b mut HostBasis<T>, j: usize) -> &'b mut [T] {
        self.local.column_mut(basis, j)
    }

    fn project(&self, basis: &HostBasis<T>, w: &[T], h: &mut [f64]) {
        self.local.project(basis, w, h);
        self.world.all_sum(h);
    }

    fn subtract(&self, basis: &HostBasis<T>, h: &[f64], w: &mut [T]) -> f64 {
        let squares = self.local.subtract_squares(basis, h, w);
        self.norm_from_squares(squares, w)
    }

    fn lincomb(&self, basis: &HostBasis<T>, y: &[f64], x: &mut [T]) {
        self.local.lincomb(basis, y, x);
    }

    fn any(&self, flag: bool) -> bool {
        self.world.any(flag)
    }

    fn set_column(&self, basis: &mut HostBasis<T>, j: usize, alpha: f64, w: &[T]) {
        self.local.set_column(basis, j, alpha, w);
    }

    fn axpy_norm(&self, alpha: f64, x: &[T], y: &mut [T]) -> f64 {
        let squares = self.local.axpy_squares(alpha, x, y);
        self.norm_from_squares(squares, y)
    }

    fn axpy_xpby(&self, alpha: f64, p: &mut [T], x: &mut [T], z: &[T], beta: f64) {
        self.local.axpy_xpby(alpha, p, x, z, beta);
    }
}
