#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod bicgstab;
mod cg;
mod csr;
mod error;
mod fcg;
mod fgmres;
mod gmres;
mod host;
mod lsmr;
mod minres;
mod monitor;
#[cfg(feature = "mpi")]
mod mpi;
mod operator;
mod options;
mod preconditioner;
mod run;
mod scalar;
mod solution;
mod space;
mod sparse;
mod spectrum;

pub use bicgstab::{
    BicgstabOptions, BicgstabWorkspace, bicgstab, bicgstab_from, bicgstab_in, bicgstab_monitored,
    bicgstab_with,
};
pub use cg::{
    CgOptions, CgWorkspace, cg, cg_columns, cg_columns_in, cg_from, cg_in, cg_monitored, cg_with,
};
pub use csr::CsrMatrix;
pub use error::KrylovError;
pub use fcg::{FcgOptions, FcgWorkspace, Truncation, fcg, fcg_in, fcg_monitored, fcg_with};
pub use fgmres::{
    FgmresOptions, FgmresWorkspace, fgmres, fgmres_from, fgmres_in, fgmres_monitored, fgmres_with,
};
pub use gmres::{
    GmresOptions, GmresWorkspace, Reorthogonalization, ResidualCheck, Side, gmres, gmres_columns,
    gmres_columns_in, gmres_from, gmres_in, gmres_monitored, gmres_with,
};
pub use host::{Host, HostBasis};
#[cfg(feature = "mpi")]
pub use la_mpi;
pub use lsmr::{LsmrOptions, LsmrWorkspace, lsmr, lsmr_in, lsmr_monitored, lsmr_with};
pub use minres::{
    MinresOptions, MinresWorkspace, minres, minres_from, minres_in, minres_monitored, minres_with,
};
pub use monitor::{Iteration, Monitor, NoMonitor};
#[cfg(feature = "mpi")]
pub use mpi::{Mpi, MpiMatrix};
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
