//! Factors that know nothing but the mean.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Initializer;
use crate::nmf::{Data, Factors};
use crate::{OptError, Real};

/// Entries uniform in `(0, 2 √(mean / r))`, so that `W Hᵀ` has the mean of the data.
///
/// # Examples
/// ```
/// use la_opt::nmf::{Data, Initializer, RandomStart};
///
/// let data = Data::dense(2, 2, vec![1.0, 2.0, 3.0, 4.0])?;
/// let start = RandomStart::new(7).start(&data, 3)?;
/// assert_eq!(start, RandomStart::new(7).start(&data, 3)?);
/// assert!(start.w.iter().all(|&x| x > 0.0));
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RandomStart {
    /// Seed.
    pub seed: u64,
}

impl RandomStart {
    /// Of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl<T: Real> Initializer<T> for RandomStart {
    fn start(&self, data: &Data<'_, T>, rank: usize) -> Result<Factors<T>, OptError> {
        if rank == 0 {
            return Err(OptError::Rank {
                rank,
                limit: usize::MAX,
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let scale = 2.0 * (data.mean() / rank as f64).sqrt();
        let mut draw = |rows: usize| -> Vec<T> {
            let entry = |_| T::from_f64(scale * (1.0 - rng.random::<f64>()));
            (0..rows * rank).map(entry).collect()
        };
        let w = draw(data.rows());
        let h = draw(data.columns());
        Ok(Factors { rank, w, h })
    }
}
