//! Matrix Market files.
//!
//! # References
//! R. F. Boisvert, R. Pozo, K. A. Remington, "The Matrix Market exchange formats: initial design", NISTIR 5935, 1996.

pub(crate) mod header;
pub(crate) mod read;
pub(crate) mod write;
