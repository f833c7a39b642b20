//! Starting points.

mod nndsvd;
mod random;
mod svd;

pub use nndsvd::{Fill, Nndsvd};
pub use random::RandomStart;
pub use svd::TruncatedSvd;

use super::{Data, Factors};
use crate::{OptError, Real};

/// Something that makes factors for data: a method of this module, or a network.
pub trait Initializer<T: Real> {
    /// Nonnegative factors of so many columns.
    ///
    /// # Errors
    /// [`OptError::Rank`] for a rank that there is no start for, and whatever else the method can fail of.
    fn start(&self, data: &Data<'_, T>, rank: usize) -> Result<Factors<T>, OptError>;
}
