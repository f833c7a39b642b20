//! Work vectors behind `&self`.

use std::sync::{Mutex, PoisonError};

/// Work vectors of an `apply` that several threads may call at once.
///
/// No lock is held while they are in use. With one held over a parallel loop, a thread that waits for a
/// part of the loop may be handed another `apply` of the same object by the rayon pool, and then waits
/// for itself.
#[derive(Debug)]
pub(super) struct Spare<W>(Mutex<Vec<W>>);

impl<W> Spare<W> {
    pub(super) fn new(first: W) -> Self {
        Self(Mutex::new(vec![first]))
    }

    /// Calls `work` with vectors that nobody else uses; `make` is called where there are none.
    pub(super) fn with<R>(&self, make: impl FnOnce() -> W, work: impl FnOnce(&mut W) -> R) -> R {
        let mut vectors = self.locked(Vec::pop).unwrap_or_else(make);
        let result = work(&mut vectors);
        self.locked(|free| free.push(vectors));
        result
    }

    fn locked<R>(&self, f: impl FnOnce(&mut Vec<W>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_inside_the_other() {
        let spare = Spare::new(1);
        let sum = spare.with(|| 5, |a| spare.with(|| 7, |b| (*a, *b)));
        assert_eq!(sum, (1, 7));
        // Both are kept.
        let kept = spare.with(|| 0, |a| spare.with(|| 0, |b| *a + *b));
        assert_eq!(kept, 8);
    }
}
