//! Matrices for nonnegative factorisation: products of random factors, and the data folder's pictures, spectra, expressions and texts (feature `npz`).

#[cfg(feature = "npz")]
mod folder;
#[cfg(feature = "npz")]
mod npy;
mod sizes;
mod synthetic;

#[cfg(feature = "npz")]
pub use folder::{DenseSet, NonnegativeSet, PixelOrder, reuters};
#[cfg(feature = "npz")]
pub use npy::read_array;
pub use sizes::{SizeLaw, ValidationSize};
pub use synthetic::{FactorLaw, NonnegativeSample, SyntheticFactors};
