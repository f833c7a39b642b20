//! Keeping the largest entries.

use std::cmp::Ordering;

use la_krylov::Real;

/// Decides, entry by entry, which of several sizes belong to the largest.
///
/// Of equal sizes at the border the first ones asked for are kept.
pub(super) struct Largest<T> {
    cut: T,
    /// How many of exactly the size `cut` may still be kept.
    ties: usize,
}

impl<T: Real> Largest<T> {
    /// For everything.
    pub(super) fn all() -> Self {
        Self {
            cut: -T::ONE,
            ties: 0,
        }
    }

    /// For the `count` largest of `sizes`, which are reordered. O(length).
    pub(super) fn of(sizes: &mut [T], count: usize) -> Self {
        if count >= sizes.len() {
            return Self::all();
        }
        if count == 0 {
            let cut = T::ONE / T::ZERO;
            return Self { cut, ties: 0 };
        }
        let decreasing = |x: &T, y: &T| y.partial_cmp(x).unwrap_or(Ordering::Equal);
        let (larger, &mut cut, _) = sizes.select_nth_unstable_by(count - 1, decreasing);
        let above = larger.iter().filter(|&&s| s > cut).count();
        Self {
            cut,
            ties: count - above,
        }
    }

    /// Whether an entry of this size is kept.
    #[inline]
    pub(super) fn keeps(&mut self, size: T) -> bool {
        if size == self.cut && self.ties > 0 {
            self.ties -= 1;
            return true;
        }
        // What is not a number is kept, for others to find.
        size > self.cut || !size.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_and_the_first_of_equals() {
        let sizes = [1.0, 3.0, 2.0, 2.0, 5.0, 2.0];
        let kept = |count| {
            let mut largest = Largest::of(&mut sizes.to_vec(), count);
            let places = sizes.iter().enumerate();
            places
                .filter(|(_, s)| largest.keeps(**s))
                .map(|(i, _)| i)
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(0), []);
        assert_eq!(kept(1), [4]);
        assert_eq!(kept(3), [1, 2, 4]);
        assert_eq!(kept(4), [1, 2, 3, 4]);
        assert_eq!(kept(6), [0, 1, 2, 3, 4, 5]);
    }
}
