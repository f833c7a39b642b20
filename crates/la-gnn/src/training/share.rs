//! Losses of batches that are divided among processes.

use std::ops::Range;

/// How the loss of a batch follows from sums over its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Joining {
    /// The mean of the losses of the samples.
    Mean,
    /// Their sum.
    Sum,
    /// The 2-norm of a residual that spans all samples.
    Norm,
    /// Such a norm over another one.
    Ratio,
}

/// Samples of one process, and where they stand in the batch: random numbers belong to a place in the batch, not to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places<'b> {
    /// Their numbers.
    pub samples: &'b [usize],
    /// Place of the first of them; the others follow.
    pub first: usize,
}

impl<'b> Places<'b> {
    /// Those of process `rank` of `size`: neighbouring places, as many for each as for any other, or one more.
    #[must_use]
    pub fn of(batch: &'b [usize], rank: usize, size: usize) -> Self {
        let Range { start, end } = batch.len() * rank / size..batch.len() * (rank + 1) / size;
        Self {
            samples: &batch[start..end],
            first: start,
        }
    }
}

/// What the samples of one process add to the loss of a batch; the gradient beside it is that of the numerator, for norms that of half of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// What becomes of the sums over all processes.
    pub joining: Joining,
    /// Sum of the losses; for norms, of the squares.
    pub numerator: f64,
    /// Number of samples of a mean; squared norm below a ratio; otherwise not looked at.
    pub denominator: f64,
}

impl Share {
    /// The share of samples whose loss as a batch of their own is `value`. Scales the gradient of that to the one beside a share.
    ///
    /// A ratio is not known by its value: its numerator and denominator have to be given.
    #[must_use]
    pub fn of_batch(joining: Joining, value: f64, samples: usize, gradient: &mut [f64]) -> Self {
        let count = samples as f64;
        let (numerator, scale) = match joining {
            Joining::Mean => (count * value, count),
            Joining::Sum => (value, 1.0),
            Joining::Norm | Joining::Ratio => (value * value, value),
        };
        gradient.iter_mut().for_each(|g| *g *= scale);
        Self {
            joining,
            numerator,
            denominator: count,
        }
    }

    /// Loss of the batch, and the factor of its gradient, from sums over all processes.
    #[must_use]
    pub fn joined(joining: Joining, numerator: f64, denominator: f64) -> (f64, f64) {
        // A norm of zero has no gradient; zero stands for it.
        let inverse = |x: f64| if x == 0.0 { 0.0 } else { 1.0 / x };
        match joining {
            Joining::Mean => (numerator / denominator, 1.0 / denominator),
            Joining::Sum => (numerator, 1.0),
            Joining::Norm => (numerator.sqrt(), inverse(numerator.sqrt())),
            Joining::Ratio => (
                (numerator / denominator).sqrt(),
                inverse(numerator.sqrt() * denominator.sqrt()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_cover_a_batch_once_and_evenly() {
        let batch: Vec<usize> = (100..111).collect();
        for size in 1..=11 {
            let all: Vec<usize> = (0..size)
                .flat_map(|rank| {
                    let own = Places::of(&batch, rank, size);
                    let even = batch.len() / size;
                    assert!((even..=even + 1).contains(&own.samples.len()));
                    assert_eq!(batch.get(own.first), own.samples.first());
                    own.samples.to_vec()
                })
                .collect();
            assert_eq!(all, batch);
        }
    }

    #[test]
    fn shares_join_to_the_loss_of_the_batch() {
        // Residuals (3, 4) and (12) of two processes: a norm of 13, whose gradient is the residual over 13.
        let mut left = [3.0 / 5.0, 4.0 / 5.0];
        let mut right = [1.0];
        let a = Share::of_batch(Joining::Norm, 5.0, 1, &mut left);
        let b = Share::of_batch(Joining::Norm, 12.0, 1, &mut right);
        let (value, scale) = Share::joined(Joining::Norm, a.numerator + b.numerator, 2.0);
        assert_eq!((value, scale * 13.0), (13.0, 1.0));
        assert!((left[0] - 3.0).abs() < 1e-15 && (right[0] - 12.0).abs() < 1e-15);
        // Means of three and of one sample.
        let mut gradient = [1.0];
        let a = Share::of_batch(Joining::Mean, 2.0, 3, &mut gradient);
        let b = Share::of_batch(Joining::Mean, 6.0, 1, &mut []);
        let joined = Share::joined(
            Joining::Mean,
            a.numerator + b.numerator,
            a.denominator + b.denominator,
        );
        assert_eq!((joined, gradient[0]), ((3.0, 0.25), 3.0));
        assert_eq!(Share::joined(Joining::Norm, 0.0, 1.0), (0.0, 0.0));
        assert_eq!(Share::joined(Joining::Ratio, 9.0, 4.0), (1.5, 1.0 / 6.0));
    }
}
