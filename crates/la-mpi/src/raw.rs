//! The only place that talks to MPI itself: transfers and reductions that own their buffers.
//!
//! The safe layer of the crate `mpi` ties a pending request to a scope on the stack, which an exchange that is
//! started in one call and finished in another cannot use. Here a request and the memory it works on live in
//! one value that gives neither out while the request is pending.
#![expect(unsafe_code, reason = "raw MPI; see the invariants at each block")]

mod collective;
mod transfer;

use std::ffi::c_int;

pub(crate) use collective::{AllToAll, Barrier, Reduction};
use mpi::ffi;
pub(crate) use transfer::{Part, Transfer};

/// A type that travels. Sealed: `f32`, `f64`, `i64`, `u64`, `u32`, `u8`.
pub trait Scalar: Copy + Default + PartialOrd + std::fmt::Debug + 'static + sealed::Sealed {}

mod sealed {
    /// Knows its MPI datatype.
    pub trait Sealed {
        #[doc(hidden)]
        fn datatype() -> mpi::ffi::MPI_Datatype;
    }
}

macro_rules! scalar {
    ($($type:ty => $constant:ident),*) => {$(
        impl sealed::Sealed for $type {
            fn datatype() -> ffi::MPI_Datatype {
                // SAFETY: a constant of the MPI library, never written.
                unsafe { ffi::$constant }
            }
        }
        impl Scalar for $type {}
    )*};
}
scalar!(f32 => RSMPI_FLOAT, f64 => RSMPI_DOUBLE, i64 => RSMPI_INT64_T,
        u64 => RSMPI_UINT64_T, u32 => RSMPI_UINT32_T, u8 => RSMPI_UINT8_T);

/// How numbers of several ranks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Sum,
    Max,
    Min,
}

impl Op {
    fn raw(self) -> ffi::MPI_Op {
        // SAFETY: constants of the MPI library, never written.
        unsafe {
            match self {
                Self::Sum => ffi::RSMPI_SUM,
                Self::Max => ffi::RSMPI_MAX,
                Self::Min => ffi::RSMPI_MIN,
            }
        }
    }
}

/// A communicator of our own: messages of the program cannot be mistaken for ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comm {
    handle: ffi::MPI_Comm,
    pub(crate) rank: usize,
    pub(crate) size: usize,
}

// SAFETY: the handle is a number or a pointer that MPI alone dereferences; the panic hook, the only user on
// another thread, calls nothing but `MPI_Abort` with it.
unsafe impl Send for Comm {}
// SAFETY: as above.
unsafe impl Sync for Comm {}

/// Entries of one message: counts are `int` in MPI.
const LONGEST: usize = 1 << 30;

impl Comm {
    /// A copy of the world communicator whose failures come back as codes. MPI must have been initialised.
    pub(crate) fn duplicate_world() -> Self {
        let mut comm = Self {
            // SAFETY: a constant of the MPI library.
            handle: unsafe { ffi::RSMPI_COMM_WORLD },
            rank: 0,
            size: 1,
        };
        let (world, mut rank, mut size) = (comm.handle, 0, 0);
        // SAFETY: MPI is initialised (the caller holds a `Universe`); all pointers are to locals.
        unsafe {
            let code = ffi::MPI_Comm_dup(world, &mut comm.handle);
            comm.check(code, "MPI_Comm_dup");
            let code = ffi::MPI_Comm_set_errhandler(comm.handle, ffi::RSMPI_ERRORS_RETURN);
            comm.check(code, "MPI_Comm_set_errhandler");
            comm.check(ffi::MPI_Comm_rank(comm.handle, &mut rank), "MPI_Comm_rank");
            comm.check(ffi::MPI_Comm_size(comm.handle, &mut size), "MPI_Comm_size");
        }
        comm.rank = rank as usize;
        comm.size = size as usize;
        comm
    }

    /// Gives the communicator back. Collective, before MPI is finalised, after the last use of any copy.
    pub(crate) fn free(mut self) {
        // SAFETY: the handle came from `MPI_Comm_dup`; the caller is the last owner.
        unsafe { ffi::MPI_Comm_free(&mut self.handle) };
    }

    /// Ends every rank.
    pub(crate) fn abort(&self, code: i32) -> ! {
        // SAFETY: may be called at any time between initialisation and finalisation.
        unsafe { ffi::MPI_Abort(self.handle, code) };
        std::process::exit(code)
    }

    /// After a failed call nothing is known of what other ranks have received: all end.
    fn check(&self, code: c_int, call: &str) {
        if code == ffi::MPI_SUCCESS as c_int {
            return;
        }
        let mut text = [0u8; ffi::MPI_MAX_ERROR_STRING as usize];
        let mut len = 0;
        // SAFETY: the buffer has the length that MPI demands.
        unsafe { ffi::MPI_Error_string(code, text.as_mut_ptr().cast(), &mut len) };
        let text = String::from_utf8_lossy(&text[..usize::try_from(len).unwrap_or(0)]);
        let said = format!("rank {} of {}: {call}: {text}", self.rank, self.size);
        crate::say(&said);
        self.abort(1)
    }
}

/// Pending requests.
#[derive(Debug, Default)]
struct Requests(Vec<ffi::MPI_Request>);

impl Requests {
    /// Room for one more request.
    fn slot(&mut self) -> &mut ffi::MPI_Request {
        // SAFETY: a constant of the MPI library.
        self.0.push(unsafe { ffi::RSMPI_REQUEST_NULL });
        self.0.last_mut().expect("one was pushed")
    }

    /// Whether all have completed; they are forgotten then.
    fn test(&mut self, comm: &Comm) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut done = 0;
        // SAFETY: the requests are ours; statuses are ignored.
        let code = unsafe {
            ffi::MPI_Testall(
                self.0.len() as c_int,
                self.0.as_mut_ptr(),
                &mut done,
                ffi::RSMPI_STATUSES_IGNORE,
            )
        };
        comm.check(code, "MPI_Testall");
        if done != 0 {
            self.0.clear();
        }
        done != 0
    }

    /// Whether request `i` has completed.
    fn test_one(&mut self, i: usize, comm: &Comm) -> bool {
        let mut done = 0;
        // SAFETY: as above. A completed request becomes the null request, which is always complete.
        let code = unsafe { ffi::MPI_Test(&mut self.0[i], &mut done, ffi::RSMPI_STATUS_IGNORE) };
        comm.check(code, "MPI_Test");
        done != 0
    }
}

/// The largest tag that every MPI library has.
pub(crate) const LAST_TAG: i32 = 32_767;
