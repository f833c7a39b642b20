//! The ranks of a program: start, end, and what happens when something goes wrong on one of them.

mod lists;
mod run;
mod wait;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

use mpi::Threading;
use mpi::environment::Universe;

use crate::MpiError;
use crate::pending::Pending;
use crate::raw::{Barrier, Comm, LAST_TAG, Op, Reduction, Scalar};
pub use run::run;
pub(crate) use wait::nothing;

/// Exit code of all ranks after a panic on one of them: that of a Rust program that panics.
const PANICKED: i32 = 101;

/// All ranks of the program. Cheap to clone; stays on the thread that made it.
///
/// MPI ends when the last clone, and the last [`Halo`](crate::Halo) or [`Pending`] made with it, is dropped;
/// all ranks must drop theirs.
///
/// # What happens when something goes wrong
/// - A panic on one rank, on any of its threads, prints the rank and ends every rank. (The hook runs before
///   `catch_unwind` does.)
/// - An error that MPI reports does the same.
/// - A wait longer than [`World::set_watchdog`] allows prints the rank and whom it waits for, and ends every
///   rank.
/// - An error returned by the function given to [`run`](crate::run) on one rank ends every rank.
///
/// # Examples
/// ```no_run
/// use la_mpi::World;
///
/// let world = World::init()?;
/// let mut sum = [world.rank() as f64, 1.0];
/// world.all_sum(&mut sum);
/// assert_eq!(sum[1], world.size() as f64);
/// # Ok::<(), la_mpi::MpiError>(())
/// ```
#[derive(Clone)]
pub struct World {
    inner: Rc<Inner>,
}

struct Inner {
    comm: Comm,
    watchdog: Cell<Option<Duration>>,
    next_tag: Cell<i32>,
    waited: Cell<Duration>,
    reductions: Cell<u64>,
    /// Whether this rank was told that another one could not go on.
    told: Cell<bool>,
    sums: RefCell<Reduction<f64>>,
    counts: RefCell<Reduction<i64>>,
    /// Finalises MPI when it is dropped: the last field.
    _universe: Universe,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.comm.free();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(rank {} of {})", self.rank(), self.size())
    }
}

impl World {
    /// Starts MPI and installs the panic hook. Without `mpirun` there is one rank. Collective.
    ///
    /// # Errors
    /// [`MpiError::AlreadyInitialized`] at the second call.
    pub fn init() -> Result<Self, MpiError> {
        // Serialized costs nothing and lets a panic on another thread end the program.
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized)
            .ok_or(MpiError::AlreadyInitialized)?;
        let comm = Comm::duplicate_world();
        install_hook(comm);
        Ok(Self {
            inner: Rc::new(Inner {
                comm,
                watchdog: Cell::new(None),
                next_tag: Cell::new(1),
                waited: Cell::new(Duration::ZERO),
                reductions: Cell::new(0),
                told: Cell::new(false),
                sums: RefCell::new(Reduction::new(comm)),
                counts: RefCell::new(Reduction::new(comm)),
                _universe: universe,
            }),
        })
    }

    /// Number of this rank, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.inner.comm.rank
    }

    /// Number of ranks.
    #[must_use]
    pub fn size(&self) -> usize {
        self.inner.comm.size
    }

    /// Whether this is rank 0, which prints.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// The longest time that any wait may last; `None`, the default, for no limit. Each rank for itself.
    pub fn set_watchdog(&self, limit: Option<Duration>) {
        self.inner.watchdog.set(limit);
    }

    /// Ends every rank at once with an exit code.
    pub fn abort(&self, code: i32) -> ! {
        self.inner.comm.abort(code)
    }

    /// Time that this rank has spent waiting for others.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.inner.waited.get()
    }

    /// Number of reductions so far.
    #[must_use]
    pub fn reductions(&self) -> u64 {
        self.inner.reductions.get()
    }

    /// Returns when every rank has called this. Collective.
    pub fn barrier(&self) {
        let mut barrier = Barrier::post(self.inner.comm);
        self.wait("a barrier", &mut barrier, Barrier::test, nothing);
    }

    /// Replaces `values` by their sums over all ranks, the same bits on every rank and in every run with the
    /// same number of ranks. Collective, with equal lengths. Allocates nothing once a length has been seen.
    pub fn all_sum(&self, values: &mut [f64]) {
        self.reduce(&self.inner.sums, Op::Sum, values);
    }

    /// Makes room for sums of up to `len` numbers, so that the first ones allocate nothing either.
    pub fn reserve_sums(&self, len: usize) {
        self.inner.sums.borrow_mut().reserve(len);
    }

    /// Replaces `values` by their largest over all ranks. Collective. What becomes of NaN is not specified.
    pub fn all_max(&self, values: &mut [f64]) {
        self.reduce(&self.inner.sums, Op::Max, values);
    }

    /// Replaces `values` by their smallest over all ranks. Collective. What becomes of NaN is not specified.
    pub fn all_min(&self, values: &mut [f64]) {
        self.reduce(&self.inner.sums, Op::Min, values);
    }

    /// Replaces integers by their sums over all ranks: exact, whatever the number of ranks. Collective.
    pub fn all_sum_integers(&self, values: &mut [i64]) {
        self.reduce(&self.inner.counts, Op::Sum, values);
    }

    /// Replaces integers by their largest over all ranks. Collective.
    pub fn all_max_integers(&self, values: &mut [i64]) {
        self.reduce(&self.inner.counts, Op::Max, values);
    }

    /// Replaces integers by their smallest over all ranks. Collective.
    pub fn all_min_integers(&self, values: &mut [i64]) {
        self.reduce(&self.inner.counts, Op::Min, values);
    }

    /// Whether `flag` is set on any rank. Collective.
    #[must_use]
    pub fn any(&self, flag: bool) -> bool {
        let mut flags = [i64::from(flag)];
        self.all_max_integers(&mut flags);
        flags[0] != 0
    }

    /// Turns the result of every rank into one that all agree on: `Ok` everywhere or `Err` everywhere.
    /// Collective.
    ///
    /// # Errors
    /// The rank's own error, or [`MpiError::OtherRank`] on ranks that had none.
    pub fn agree<T, E: From<MpiError>>(&self, result: Result<T, E>) -> Result<T, E> {
        let own = if result.is_err() {
            self.rank()
        } else {
            self.size()
        };
        let mut first = [own as i64];
        self.all_min_integers(&mut first);
        let rank = first[0] as usize;
        if rank == self.size() || result.is_err() {
            result
        } else {
            self.inner.told.set(true);
            Err(MpiError::OtherRank { rank }.into())
        }
    }

    /// A reduction that can be started now and read later.
    #[must_use]
    pub fn pending<T: Scalar>(&self) -> Pending<T> {
        Pending::new(self)
    }

    pub(crate) fn told(&self) -> bool {
        self.inner.told.get()
    }

    pub(crate) fn comm(&self) -> Comm {
        self.inner.comm
    }

    /// A tag for the messages of one exchange. Every rank makes exchanges in the same order.
    pub(crate) fn next_tag(&self) -> i32 {
        let tag = self.inner.next_tag.get();
        self.inner
            .next_tag
            .set(if tag == LAST_TAG { 1 } else { tag + 1 });
        tag
    }

    pub(crate) fn count_reduction(&self) -> u64 {
        let count = self.inner.reductions.get() + 1;
        self.inner.reductions.set(count);
        count
    }

    fn reduce<T: Scalar>(&self, with: &RefCell<Reduction<T>>, op: Op, values: &mut [T]) {
        let mut reduction = with.borrow_mut();
        reduction.post(op, values);
        let count = self.count_reduction();
        self.wait(
            format_args!("reduction {count}"),
            &mut *reduction,
            Reduction::test,
            nothing,
        );
        values.copy_from_slice(reduction.output());
    }
}

/// After the message of the panic itself: the rank, and the end of all ranks.
fn install_hook(comm: Comm) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            previous(info);
            crate::say(&format!(
                "rank {} of {} panicked; all ranks end",
                comm.rank, comm.size
            ));
            comm.abort(PANICKED);
        }));
    });
}
