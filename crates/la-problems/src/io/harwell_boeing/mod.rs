//! Harwell-Boeing and Rutherford-Boeing files.
//!
//! # References
//! I. S. Duff, R. G. Grimes, J. G. Lewis, "Users' guide for the Harwell-Boeing sparse matrix collection (release I)",
//! TR/PA/92/86, CERFACS, 1992, and "The Rutherford-Boeing sparse matrix collection", RAL-TR-97-031, 1997.

mod fortran;
pub(crate) mod header;
pub(crate) mod read;
