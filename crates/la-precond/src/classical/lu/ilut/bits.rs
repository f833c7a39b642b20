//! A set of integers that gives them back in increasing order.

/// A set of integers below a bound: one bit each, and above them bits that say which words hold any.
///
/// Insertion and removal of the smallest take O(log₆₄ n) and touch one or two words in most cases;
/// a binary heap moves O(log₂ n) entries and keeps duplicates.
#[derive(Debug)]
pub(super) struct BitTree {
    /// From the integers themselves up to a single word.
    levels: Vec<Vec<u64>>,
    /// Word of the integer that was removed last.
    cursor: usize,
}

impl BitTree {
    /// The empty set, for integers below `n`.
    pub(super) fn new(n: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = n;
        loop {
            words = words.div_ceil(64).max(1);
            levels.push(vec![0; words]);
            if words == 1 {
                break;
            }
        }
        Self { levels, cursor: 0 }
    }

    /// Adds `value`.
    #[inline]
    pub(super) fn insert(&mut self, value: usize) {
        let mut at = value;
        for level in &mut self.levels {
            let word = &mut level[at >> 6];
            let before = *word;
            *word |= 1 << (at & 63);
            if before != 0 {
                break;
            }
            at >>= 6;
        }
    }

    /// Removes the smallest value. Until the set is found to be empty, only values larger than the one
    /// removed last may be added.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<usize> {
        let word = self.levels[0][self.cursor];
        if word == 0 {
            // Once empty, the set may begin anew with any value.
            self.cursor = self.find().unwrap_or(0);
            if self.levels[0][self.cursor] == 0 {
                return None;
            }
        }
        let word = &mut self.levels[0][self.cursor];
        let value = (self.cursor << 6) | word.trailing_zeros() as usize;
        *word &= *word - 1;
        if *word == 0 {
            self.clear_above();
        }
        Some(value)
    }

    /// The first word with a value; goes down from the top.
    fn find(&self) -> Option<usize> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = level[at];
            if word == 0 {
                return None; // the top only: below, words are nonzero where the bit says so
            }
            at = (at << 6) | word.trailing_zeros() as usize;
        }
        Some(at >> 6)
    }

    fn clear_above(&mut self) {
        let mut at = self.cursor;
        for level in &mut self.levels[1..] {
            let word = &mut level[at >> 6];
            *word &= !(1 << (at & 63));
            if *word != 0 {
                break;
            }
            at >>= 6;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_order() {
        for n in [1_usize, 63, 64, 65, 4096, 4097, 300_000] {
            let mut set = BitTree::new(n);
            assert_eq!(set.pop(), None);
            let mut values: Vec<usize> = (0..500).map(|k| k * k * 7919 % n).collect();
            for &v in &values {
                set.insert(v);
            }
            values.sort_unstable();
            values.dedup();
            for &v in &values {
                assert_eq!(set.pop(), Some(v));
            }
            assert_eq!(set.pop(), None);
            set.insert(n - 1);
            set.insert(0);
            assert_eq!(set.pop(), Some(0));
            while set.pop().is_some() {}
            // Again from the start, growing while it shrinks.
            set.insert(0);
            let mut seen = 0;
            while let Some(v) = set.pop() {
                assert!(v >= seen);
                seen = v;
                if v + 97 < n {
                    set.insert(v + 97);
                    set.insert(n - 1);
                }
            }
            assert_eq!(seen, n - 1);
        }
    }
}
