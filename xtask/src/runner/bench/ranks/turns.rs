//! Work of one rank and of all ranks in turns, and a triad between.

use std::time::Duration;

use la_precond::mpi::la_mpi::World;

use super::super::clock;

/// Takes turns. Every method is collective and gives the same number on all ranks.
pub(super) struct Turns<'a> {
    world: &'a World,
}

impl<'a> Turns<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self { world }
    }

    pub(super) fn world(&self) -> &'a World {
        self.world
    }

    /// Seconds of `work` on rank 0; the others sleep meanwhile.
    pub(super) fn alone<E>(&self, work: impl FnOnce() -> Result<f64, E>) -> Result<f64, E> {
        let done = match self.world.is_root() {
            true => work(),
            false => Ok(0.0),
        };
        self.meet();
        self.slowest(done)
    }

    /// Seconds of `work` on all ranks until the slowest is done.
    pub(super) fn together<E>(&self, work: impl FnOnce() -> Result<f64, E>) -> Result<f64, E> {
        self.world.barrier();
        let done = work();
        self.meet();
        self.slowest(done)
    }

    fn slowest<E>(&self, seconds: Result<f64, E>) -> Result<f64, E> {
        let mut slowest = [*seconds.as_ref().unwrap_or(&0.0)];
        self.world.all_max(&mut slowest);
        seconds.map(|_| slowest[0])
    }

    /// A barrier that sleeps: what waits in MPI itself keeps its core busy.
    fn meet(&self) {
        let mut gate = self.world.pending::<i64>();
        gate.start_sum(&[0]);
        while !gate.test() {
            std::thread::sleep(Duration::from_millis(1));
        }
        gate.wait();
    }
}

/// `a = b + s c`, the limit of work that memory bounds.
pub(super) struct Triad {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Triad {
    /// On three arrays of so many bytes together.
    pub(super) fn new(bytes: usize) -> Self {
        let length = (bytes / 24).max(1);
        Self {
            a: vec![0.5; length],
            b: vec![1.0; length],
            c: vec![2.0; length],
        }
    }

    /// Seconds of so many passes.
    pub(super) fn passes(&mut self, count: usize) -> f64 {
        clock::seconds(|| {
            for _ in 0..count {
                for ((a, b), c) in self.a.iter_mut().zip(&self.b).zip(&self.c) {
                    *a = b + 3.0 * c;
                }
                std::hint::black_box(&mut self.a);
            }
        })
    }
}
