//! Messages to and from several ranks.
#![expect(unsafe_code, reason = "raw MPI; see the invariants at each block")]

use std::ffi::c_int;
use std::ops::Range;

use mpi::ffi;

use super::sealed::Sealed;
use super::{Comm, LONGEST, Requests, Scalar};

/// Entries `range` of a buffer go to, or come from, `rank`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) rank: usize,
    pub(crate) range: Range<usize>,
}

/// Messages to and from several ranks, with the memory they need.
#[derive(Debug)]
pub(crate) struct Transfer<T: Scalar> {
    comm: Comm,
    outgoing: Vec<T>,
    incoming: Vec<T>,
    requests: Requests,
    /// Whom request i waits for, and whether it is a receive.
    partners: Vec<(usize, bool)>,
}

impl<T: Scalar> Transfer<T> {
    pub(crate) fn new(comm: Comm) -> Self {
        Self {
            comm,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            requests: Requests::default(),
            partners: Vec::new(),
        }
    }

    /// Room for messages of `outgoing` and `incoming` entries in all. Allocates only to grow.
    ///
    /// # Panics
    /// If messages are under way.
    pub(crate) fn resize(&mut self, outgoing: usize, incoming: usize) {
        assert!(self.requests.0.is_empty(), "messages are under way");
        self.outgoing.resize(outgoing, T::default());
        self.incoming.resize(incoming, T::default());
    }

    /// What is to be sent next.
    ///
    /// # Panics
    /// If messages are under way.
    pub(crate) fn outgoing(&mut self) -> &mut [T] {
        assert!(self.requests.0.is_empty(), "messages are under way");
        &mut self.outgoing
    }

    /// What has come.
    ///
    /// # Panics
    /// If messages are under way.
    pub(crate) fn incoming(&self) -> &[T] {
        assert!(self.requests.0.is_empty(), "messages are under way");
        &self.incoming
    }

    /// Posts every receive, then every send.
    ///
    /// # Panics
    /// If messages are under way, or a part leaves the buffers.
    pub(crate) fn post(&mut self, receives: &[Part], sends: &[Part], tag: i32) {
        assert!(self.requests.0.is_empty(), "messages are under way");
        self.partners.clear();
        let (comm, handle) = (self.comm, self.comm.handle);
        for part in receives {
            for piece in self.incoming[part.range.clone()].chunks_mut(LONGEST) {
                // SAFETY: the piece stays where it is and is not touched until the request has completed:
                // every method that gives access to the buffer, and `drop`, see to that.
                let code = unsafe {
                    ffi::MPI_Irecv(
                        piece.as_mut_ptr().cast(),
                        piece.len() as c_int,
                        <T as Sealed>::datatype(),
                        part.rank as c_int,
                        tag,
                        handle,
                        self.requests.slot(),
                    )
                };
                comm.check(code, "MPI_Irecv");
                self.partners.push((part.rank, true));
            }
        }
        for part in sends {
            for piece in self.outgoing[part.range.clone()].chunks(LONGEST) {
                // SAFETY: as above.
                let code = unsafe {
                    ffi::MPI_Isend(
                        piece.as_ptr().cast(),
                        piece.len() as c_int,
                        <T as Sealed>::datatype(),
                        part.rank as c_int,
                        tag,
                        handle,
                        self.requests.slot(),
                    )
                };
                comm.check(code, "MPI_Isend");
                self.partners.push((part.rank, false));
            }
        }
    }

    /// Whether nothing is under way any more.
    pub(crate) fn test(&mut self) -> bool {
        self.requests.test(&self.comm)
    }

    /// The ranks whose messages have not come, and those that have not taken theirs.
    pub(crate) fn missing(&mut self) -> (Vec<usize>, Vec<usize>) {
        let (mut silent, mut deaf) = (Vec::new(), Vec::new());
        for i in 0..self.requests.0.len() {
            if !self.requests.test_one(i, &self.comm) {
                let (rank, receive) = self.partners[i];
                let list = if receive { &mut silent } else { &mut deaf };
                if !list.contains(&rank) {
                    list.push(rank);
                }
            }
        }
        (silent, deaf)
    }
}

impl<T: Scalar> Drop for Transfer<T> {
    fn drop(&mut self) {
        while !self.test() {
            std::thread::yield_now();
        }
    }
}
