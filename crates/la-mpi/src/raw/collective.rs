//! What all ranks do together.
#![expect(unsafe_code, reason = "raw MPI; see the invariants at each block")]

use std::ffi::c_int;

use mpi::ffi;

use super::sealed::Sealed;
use super::{Comm, LONGEST, Op, Requests, Scalar};

/// A reduction over all ranks, with the memory it needs.
#[derive(Debug)]
pub(crate) struct Reduction<T: Scalar> {
    comm: Comm,
    input: Vec<T>,
    output: Vec<T>,
    requests: Requests,
}

impl<T: Scalar> Reduction<T> {
    pub(crate) fn new(comm: Comm) -> Self {
        Self {
            comm,
            input: Vec::new(),
            output: Vec::new(),
            requests: Requests::default(),
        }
    }

    /// Makes room for `len` numbers.
    ///
    /// # Panics
    /// If a reduction is under way.
    pub(crate) fn reserve(&mut self, len: usize) {
        assert!(self.requests.0.is_empty(), "a reduction is under way");
        self.input.reserve(len.saturating_sub(self.input.len()));
        self.output.reserve(len.saturating_sub(self.output.len()));
    }

    /// Starts the reduction of `values`, entry by entry. Allocates only to grow.
    ///
    /// # Panics
    /// If a reduction is under way.
    pub(crate) fn post(&mut self, op: Op, values: &[T]) {
        assert!(self.requests.0.is_empty(), "a reduction is under way");
        assert!(values.len() <= LONGEST, "too many numbers in one reduction");
        self.input.clear();
        self.input.extend_from_slice(values);
        self.output.clear();
        self.output.resize(values.len(), T::default());
        if values.is_empty() {
            return;
        }
        // SAFETY: both buffers stay untouched until the request has completed, as in `Transfer`.
        let code = unsafe {
            ffi::MPI_Iallreduce(
                self.input.as_ptr().cast(),
                self.output.as_mut_ptr().cast(),
                values.len() as c_int,
                <T as Sealed>::datatype(),
                op.raw(),
                self.comm.handle,
                self.requests.slot(),
            )
        };
        self.comm.check(code, "MPI_Iallreduce");
    }

    /// Whether nothing is under way any more.
    pub(crate) fn test(&mut self) -> bool {
        self.requests.test(&self.comm)
    }

    /// The result.
    ///
    /// # Panics
    /// If the reduction is under way.
    pub(crate) fn output(&self) -> &[T] {
        assert!(self.requests.0.is_empty(), "a reduction is under way");
        &self.output
    }
}

impl<T: Scalar> Drop for Reduction<T> {
    fn drop(&mut self) {
        while !self.test() {
            std::thread::yield_now();
        }
    }
}

/// A request that is complete when all ranks have posted theirs.
pub(crate) struct Barrier {
    comm: Comm,
    requests: Requests,
}

impl Barrier {
    pub(crate) fn post(comm: Comm) -> Self {
        let mut requests = Requests::default();
        // SAFETY: no memory but the request itself.
        let code = unsafe { ffi::MPI_Ibarrier(comm.handle, requests.slot()) };
        comm.check(code, "MPI_Ibarrier");
        Self { comm, requests }
    }

    pub(crate) fn test(&mut self) -> bool {
        self.requests.test(&self.comm)
    }
}

/// One number of every rank to every rank: the sizes of messages to come.
pub(crate) struct AllToAll {
    comm: Comm,
    input: Vec<u64>,
    output: Vec<u64>,
    requests: Requests,
}

impl AllToAll {
    /// Entry r of `values` goes to rank r.
    ///
    /// # Panics
    /// If there is not one number per rank.
    pub(crate) fn post(comm: Comm, values: Vec<u64>) -> Self {
        assert_eq!(values.len(), comm.size, "one number per rank");
        let mut this = Self {
            comm,
            output: vec![0; values.len()],
            input: values,
            requests: Requests::default(),
        };
        let datatype = <u64 as Sealed>::datatype();
        // SAFETY: the vectors' memory does not move with `this`, and is not touched before completion.
        let code = unsafe {
            ffi::MPI_Ialltoall(
                this.input.as_ptr().cast(),
                1,
                datatype,
                this.output.as_mut_ptr().cast(),
                1,
                datatype,
                comm.handle,
                this.requests.slot(),
            )
        };
        comm.check(code, "MPI_Ialltoall");
        this
    }

    pub(crate) fn test(&mut self) -> bool {
        self.requests.test(&self.comm)
    }

    /// Entry r came from rank r.
    ///
    /// # Panics
    /// If the exchange is under way.
    pub(crate) fn output(&self) -> &[u64] {
        assert!(self.requests.0.is_empty(), "an exchange is under way");
        &self.output
    }
}

impl Drop for AllToAll {
    fn drop(&mut self) {
        while !self.test() {
            std::thread::yield_now();
        }
    }
}
