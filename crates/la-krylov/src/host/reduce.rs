//! A fixed reduction tree over chunks of vectors, with or without threads.

/// Entries of one leaf of the tree. Three `f64` operands of this length fit a first-level cache
/// of 128 kB or a second-level cache of any size.
pub(super) const CHUNK: usize = 4096;

/// Below this many entries everything stays on the calling thread: waking the pool costs about as
/// much as streaming so many entries from cache.
#[cfg(feature = "rayon")]
const PARALLEL_THRESHOLD: usize = 1 << 17;

/// Pieces of at most this many entries are not split between threads any more.
#[cfg(feature = "rayon")]
const GRAIN: usize = 1 << 15;

/// A part of a result, to be added to the part of the neighbouring entries.
pub(super) trait Part: Send {
    /// The sum of both.
    fn plus(self, other: Self) -> Self;
}

impl Part for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

impl<const K: usize> Part for [f64; K] {
    fn plus(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a += b;
        }
        self
    }
}

/// Work on slices of one length that can be cut in two.
pub(super) trait Job: Sized + Send {
    /// What a chunk contributes: a number, or one number per column.
    type Part: Part;
    /// Entries per slice.
    fn len(&self) -> usize;
    /// The work on entries `..mid` and on entries `mid..`.
    fn split_at(self, mid: usize) -> (Self, Self);
    /// Does the work and returns this chunk's part of the sum (zero where there is none).
    fn run(self) -> Self::Part;
}

/// Runs `job` chunk by chunk and adds the parts in a tree that depends on the length only.
pub(super) fn reduce<J: Job>(job: J, parallel: bool) -> J::Part {
    #[cfg(feature = "rayon")]
    if parallel && job.len() >= PARALLEL_THRESHOLD {
        return fork(job);
    }
    let _ = parallel;
    walk(job)
}

/// Cuts at the chunk border in the middle: the only place that decides the shape of the tree.
fn halves<J: Job>(job: J) -> (J, J) {
    let middle = job.len().div_ceil(CHUNK) / 2 * CHUNK;
    job.split_at(middle)
}

fn walk<J: Job>(job: J) -> J::Part {
    if job.len() <= CHUNK {
        return job.run();
    }
    let (left, right) = halves(job);
    walk(left).plus(walk(right))
}

#[cfg(feature = "rayon")]
fn fork<J: Job>(job: J) -> J::Part {
    if job.len() <= GRAIN {
        return walk(job);
    }
    let (left, right) = halves(job);
    let (left, right) = rayon::join(|| fork(left), || fork(right));
    left.plus(right)
}
