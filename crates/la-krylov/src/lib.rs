#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cg;
mod error;
mod fcg;
mod fgmres;
mod gmres;
mod host;
mod monitor;
mod operator;
mod options;
mod preconditioner;
mod run;
mod scalar;
mod solution;
mod space;
mod sparse;
mod spectrum;

pub use cg::{CgOptions, CgWorkspace, cg, cg_from, cg_in, cg_monitored, cg_with};
pub use error::KrylovError;
pub use fcg::{FcgOptions, FcgWorkspace, Truncation, fcg, fcg_in, fcg_monitored, fcg_with};
pub use fgmres::{
    FgmresOptions, FgmresWorkspace, fgmres, fgmres_from, fgmres_in, fgmres_monitored, fgmres_with,
};
pub use gmres::{
    GmresOptions, GmresWorkspace, Reorthogonalization, ResidualCheck, Side, gmres, gmres_from,
    gmres_in, gmres_monitored, gmres_with,
};
pub use host::{Host, HostBasis};
pub use monitor::{Iteration, Monitor, NoMonitor};
pub use operator::{
    FnOperator, LinearOperator, Product, Scaled, Shifted, Sum, TransposeOperator, Transposed,
};
pub use options::{HISTORY_LIMIT, History, Tolerances};
pub use preconditioner::{
    Definiteness, IdentityPreconditioner, Preconditioner, PreconditionerError, PreconditionerKind,
};
pub use scalar::Real;
pub use solution::{Solution, Status, Step};
pub use space::VectorSpace;
pub use sprs;
