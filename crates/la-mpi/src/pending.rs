//! Reductions that are started now and read later.

use crate::World;
use crate::raw::{Op, Reduction, Scalar};
use crate::world::nothing;

/// A reduction over all ranks that runs while the program does other work.
///
/// Reusable: the second and every later reduction of a length allocates nothing. Results are the same bits on
/// every rank and in every run with the same number of ranks. All ranks start the same reductions in the same
/// order.
///
/// # Examples
/// ```no_run
/// use la_mpi::World;
///
/// let world = World::init()?;
/// let mut norms = world.pending::<f64>();
/// norms.start_sum(&[1.0, 2.0]);
/// // ... an iteration's work ...
/// assert_eq!(norms.wait()[0], world.size() as f64);
/// # Ok::<(), la_mpi::MpiError>(())
/// ```
#[derive(Debug)]
pub struct Pending<T: Scalar = f64> {
    reduction: Reduction<T>,
    world: World,
    count: u64,
    under_way: bool,
}

impl<T: Scalar> Pending<T> {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            reduction: Reduction::new(world.comm()),
            world: world.clone(),
            count: 0,
            under_way: false,
        }
    }

    /// Starts the sums of `values` over all ranks.
    ///
    /// # Panics
    /// If the last reduction has not been waited for.
    pub fn start_sum(&mut self, values: &[T]) {
        self.start(Op::Sum, values);
    }

    /// Starts the maxima of `values` over all ranks.
    ///
    /// # Panics
    /// If the last reduction has not been waited for.
    pub fn start_max(&mut self, values: &[T]) {
        self.start(Op::Max, values);
    }

    /// Starts the minima of `values` over all ranks.
    ///
    /// # Panics
    /// If the last reduction has not been waited for.
    pub fn start_min(&mut self, values: &[T]) {
        self.start(Op::Min, values);
    }

    fn start(&mut self, op: Op, values: &[T]) {
        assert!(
            !self.under_way,
            "the last reduction has not been waited for"
        );
        self.reduction.post(op, values);
        self.count = self.world.count_reduction();
        self.under_way = true;
    }

    /// Whether a reduction has been started and not yet waited for.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether [`Pending::wait`] would return at once. Also lets MPI make progress. Ranks may get different
    /// answers: what all ranks do must not depend on it.
    pub fn test(&mut self) -> bool {
        self.reduction.test()
    }

    /// Waits for the reduction and gives its results; again the same ones until the next is started.
    pub fn wait(&mut self) -> &[T] {
        let what = format_args!("reduction {}", self.count);
        self.world
            .wait(what, &mut self.reduction, Reduction::test, nothing);
        self.under_way = false;
        self.reduction.output()
    }
}
