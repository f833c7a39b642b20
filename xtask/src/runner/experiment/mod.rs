//! What experiments and training share: families of problems, solves that are measured, interruption.

pub(crate) mod family;
pub(crate) mod interrupt;
pub(crate) mod measure;
pub(crate) mod nonsymmetric;

pub(crate) use family::{Family, Problem, Problems};
pub(crate) use measure::{Measured, THRESHOLDS};
pub(crate) use nonsymmetric::Nonsymmetric;
