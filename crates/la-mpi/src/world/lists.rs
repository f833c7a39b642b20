//! Lists from rank to rank: set-up, which may allocate.

use super::World;
use super::wait::nothing;
use crate::MpiError;
use crate::raw::{AllToAll, Part, Scalar, Transfer};

impl World {
    /// Gives `values` of rank `root` to all ranks. Collective; all ranks pass slices of the same length.
    ///
    /// # Panics
    /// If there is no rank `root`.
    pub fn broadcast<T: Scalar>(&self, root: usize, values: &mut [T]) {
        assert!(root < self.size(), "there is no rank {root}");
        let mut transfer = Transfer::new(self.comm());
        let whole = |rank| Part {
            rank,
            range: 0..values.len(),
        };
        if self.rank() == root {
            transfer.resize(values.len(), 0);
            transfer.outgoing().copy_from_slice(values);
            let others = (0..self.size()).filter(|rank| *rank != root);
            transfer.post(&[], &others.map(whole).collect::<Vec<_>>(), 0);
        } else {
            transfer.resize(0, values.len());
            transfer.post(&[whole(root)], &[], 0);
        }
        self.wait(
            "a broadcast",
            &mut transfer,
            Transfer::test,
            Transfer::missing,
        );
        if self.rank() != root {
            values.copy_from_slice(transfer.incoming());
        }
    }

    /// List r goes to rank r; returns the lists that came, in the order of ranks. Collective. Empty lists
    /// are not sent. For set-up: allocates.
    ///
    /// # Errors
    /// [`MpiError::Length`] if there is not one list per rank. (If so on some ranks only, the others wait: give
    /// the error to [`run`](crate::run), which ends them.)
    pub fn all_to_all<T: Scalar>(&self, lists: &[Vec<T>]) -> Result<Vec<Vec<T>>, MpiError> {
        if lists.len() != self.size() {
            return Err(MpiError::Length {
                what: "list of messages",
                found: lists.len(),
                expected: self.size(),
            });
        }
        Ok(self.exchange(lists))
    }

    fn exchange<T: Scalar>(&self, lists: &[Vec<T>]) -> Vec<Vec<T>> {
        let lengths = lists.iter().map(|list| list.len() as u64).collect();
        let mut sizes = AllToAll::post(self.comm(), lengths);
        self.wait("the lengths of lists", &mut sizes, AllToAll::test, nothing);
        let lengths: Vec<usize> = sizes.output().iter().map(|l| *l as usize).collect();
        let receives = parts(lengths.iter().copied());
        let sends = parts(lists.iter().map(Vec::len));
        let mut transfer = Transfer::new(self.comm());
        transfer.resize(end(&sends), end(&receives));
        for (part, list) in sends.iter().zip(lists) {
            transfer.outgoing()[part.range.clone()].copy_from_slice(list);
        }
        let real = |parts: &[Part]| {
            let real = parts.iter().filter(|part| !part.range.is_empty());
            real.cloned().collect::<Vec<_>>()
        };
        transfer.post(&real(&receives), &real(&sends), 0);
        self.wait("lists", &mut transfer, Transfer::test, Transfer::missing);
        let came = receives.iter();
        came.map(|part| transfer.incoming()[part.range.clone()].to_vec())
            .collect()
    }

    /// The lists of all ranks, one after the other. Collective. For set-up: allocates.
    #[must_use]
    pub fn all_gather<T: Scalar>(&self, list: &[T]) -> Vec<Vec<T>> {
        let copies = vec![list.to_vec(); self.size()];
        self.exchange(&copies)
    }

    /// The lists of all ranks on rank `root`, nothing elsewhere. Collective. For set-up: allocates.
    #[must_use]
    pub fn gather<T: Scalar>(&self, root: usize, list: &[T]) -> Vec<Vec<T>> {
        let mut lists = vec![Vec::new(); self.size()];
        if let Some(to_root) = lists.get_mut(root) {
            *to_root = list.to_vec();
        }
        let came = self.exchange(&lists);
        if self.rank() == root {
            came
        } else {
            Vec::new()
        }
    }
}

/// One part after the other, part r for rank r.
fn parts(lengths: impl Iterator<Item = usize>) -> Vec<Part> {
    let mut start = 0;
    let part = |(rank, length)| {
        let range = start..start + length;
        start += length;
        Part { rank, range }
    };
    lengths.enumerate().map(part).collect()
}

fn end(parts: &[Part]) -> usize {
    parts.last().map_or(0, |part| part.range.end)
}
