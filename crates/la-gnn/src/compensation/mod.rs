//! Learned compensation of dropped fill: configuration and parameters.
//!
//! Incomplete Cholesky without fill-in drops `f = l_ik l_jk` wherever `(i, j)` is not in the pattern. Modified, relaxed and
//! dynamically relaxed factorisations move a fixed share of it to the diagonal; the method of Ajiz and Jennings adds it. Here a
//! small network, evaluated once for each row when everything about the row is known, chooses the shares: how much of the fill that
//! remaining paths can carry (ω_s), how much of the other positive fill (ω_u), how much of the negative fill (ω_−), and the floor of
//! the pivot (η). Elimination, pattern and cost of an application stay those of IC(0).
//!
//! The factorisation is in `la_precond::learned::LearnedCompensation`, the network in [`native::compensation`](crate::native::compensation).
//!
//! Not from a paper; after I. Gustafsson, *BIT* 18, 142–156, 1978 (modified), O. Axelsson, G. Lindskog, *Numer. Math.* 48, 479–498,
//! 1986 (relaxed), Y. Notay, *BIT* 30, 682–704, 1990 (dynamically relaxed), M. A. Ajiz, A. Jennings, *Int. J. Numer. Methods Eng.*
//! 20, 949–966, 1984.

mod config;
mod parameters;

pub use config::CompensationConfig;
pub use parameters::Parameters;

/// What the network sees of a row.
pub const INPUTS: usize = 14;

/// What it says: z_s, z_u, z_−, y and the message to later rows.
pub const OUTPUTS: usize = 5;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "compensated-ic";
