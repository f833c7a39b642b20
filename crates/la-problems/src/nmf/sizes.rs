//! How large the matrices of training and validation are.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{NonnegativeSample, SyntheticFactors};
use crate::ProblemError;

/// Matrices of training with rows and columns from so many ranges.
const GROUPS: [(u32, [usize; 2], [usize; 2]); 4] = [
    (10_000, [10, 35], [10, 35]),
    (2_000, [30, 70], [30, 70]),
    (1_500, [30, 100], [10, 35]),
    (1_500, [10, 35], [30, 100]),
];

/// The law of the 15 000 matrices of training: group after group, sizes uniform in the ranges of the group, both ends among them.
///
/// # References
/// J. Sjölund, M. Bånkestad, arXiv 2202.00264, Table 1.
///
/// # Examples
/// ```
/// use la_problems::nmf::SizeLaw;
///
/// assert_eq!(SizeLaw.count(), 15_000);
/// let (rows, columns) = SizeLaw.size(11_000, 0);
/// assert!((30..=70).contains(&rows) && (30..=70).contains(&columns));
/// let sample = SizeLaw.sample(3, 0)?;
/// assert_eq!(sample.values.len(), sample.rows * sample.columns);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SizeLaw;

impl SizeLaw {
    /// Matrices of the set.
    #[must_use]
    pub fn count(self) -> u32 {
        GROUPS.iter().map(|group| group.0).sum()
    }

    /// How many of them, the first ones, have at most 35 rows and columns.
    #[must_use]
    pub fn small(self) -> u32 {
        GROUPS[0].0
    }

    /// Rows and columns of matrix `index`; from [`SizeLaw::count`] on the set begins again with other sizes.
    #[must_use]
    pub fn size(self, index: u32, seed: u64) -> (usize, usize) {
        let mut place = index % self.count();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(SIZES + u64::from(index));
        for (count, rows, columns) in GROUPS {
            if place < count {
                let rows = rng.random_range(rows[0]..=rows[1]);
                return (rows, rng.random_range(columns[0]..=columns[1]));
            }
            place -= count;
        }
        unreachable!("the groups have {} places", self.count())
    }

    /// Matrix `index` of a seed, with noise.
    ///
    /// # Errors
    /// None with the law as it stands.
    pub fn sample(self, index: u32, seed: u64) -> Result<NonnegativeSample, ProblemError> {
        let (rows, columns) = self.size(index, seed);
        SyntheticFactors::training().stream(rows, columns, seed, TRAINING + u64::from(index))
    }
}

/// Streams of the generator, so that no two sets share numbers.
const SIZES: u64 = 1 << 32;
const TRAINING: u64 = 2 << 32;
const SMALL: u64 = 3 << 32;
const LARGE: u64 = 4 << 32;

/// The two sets of 128 matrices without noise.
///
/// # Examples
/// ```
/// use la_problems::nmf::ValidationSize;
///
/// let set = ValidationSize::Small.generate(0)?;
/// assert_eq!(set.len(), 128);
/// assert!(set.iter().all(|sample| (15..=35).contains(&sample.rows)));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationSize {
    /// 15 to 35 rows and columns.
    Small,
    /// 50 to 200, beyond the sizes of training.
    Large,
}

impl ValidationSize {
    /// The set of a seed.
    ///
    /// # Errors
    /// None with the law as it stands.
    pub fn generate(self, seed: u64) -> Result<Vec<NonnegativeSample>, ProblemError> {
        let (range, stream) = match self {
            Self::Small => (15..=35, SMALL),
            Self::Large => (50..=200, LARGE),
        };
        let law = SyntheticFactors::training().with_sigma(0.0);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        (0..128)
            .map(|index| {
                let rows = rng.random_range(range.clone());
                let columns = rng.random_range(range.clone());
                law.stream(rows, columns, seed, stream + 1 + index)
            })
            .collect()
    }
}
