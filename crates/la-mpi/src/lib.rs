#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
#[cfg(feature = "mpi")]
mod halo;
mod launch;
mod ownership;
#[cfg(feature = "mpi")]
mod pending;
#[cfg(feature = "mpi")]
mod raw;
#[cfg(feature = "mpi")]
pub mod testing;
#[cfg(feature = "mpi")]
mod world;

pub use error::MpiError;
#[cfg(feature = "mpi")]
pub use halo::{Counters, Halo, Neighbour};
pub use launch::Launcher;
pub use ownership::{Ownership, Ranges};
#[cfg(feature = "mpi")]
pub use pending::Pending;
#[cfg(feature = "mpi")]
pub use raw::Scalar;
#[cfg(feature = "mpi")]
pub use world::{World, run};

/// The last words of a rank: there is nobody left to return an error to.
#[cfg(feature = "mpi")]
#[expect(clippy::print_stderr, reason = "the program ends here")]
fn say(text: &str) {
    eprintln!("{text}");
}
