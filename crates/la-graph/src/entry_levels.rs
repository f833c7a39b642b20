//! The order in which the entries of an incomplete Cholesky factor become known.

use crate::error::GraphError;
use crate::levels::Levels;
use crate::pattern::Pattern;

/// Which entries of an incomplete Cholesky factor wait for which, on a lower triangular pattern.
///
/// Entries are numbered row by row, as they are stored. Entry (i, j), j < i, waits for the diagonal entry of row j and for the pairs
/// (i, k), (j, k), k < j, whose product is subtracted from it; the diagonal entry of row i waits for its row. Where dropped fill counts for the diagonal
/// ([`with_dropped`](Self::with_dropped)), it waits for the columns of the entries of its row as well, since `l_ik l_jk` with (i, j) outside the
/// pattern is fill dropped in row i.
///
/// The level of an entry is one more than the largest level it waits for: entries of one level can be computed at the same time, and
/// iterations that update all entries at once are exact after as many sweeps as there are levels.
///
/// # Examples
/// ```
/// use la_graph::{EntryLevels, Pattern};
///
/// // Lower triangle of a 3 × 3 matrix without (2, 1); entries (0,0) (1,0) (1,1) (2,0) (2,2).
/// let p = Pattern::from_coordinates(3, 3, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)])?;
/// let levels = EntryLevels::new(&p)?;
/// assert_eq!(levels.count(), 3);
/// assert_eq!(levels.order(), [0, 1, 3, 2, 4]);
/// // l_10 l_20 is fill at (2, 1), dropped; it concerns rows 1 and 2.
/// let levels = EntryLevels::with_dropped(&p)?;
/// assert_eq!((levels.dropped(1), levels.dropped(3)), (&[3][..], &[1][..]));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// E. Chow, A. Patel, *SIAM J. Sci. Comput.* 37(2), C169–C193, 2015 (sweeps over all entries).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryLevels {
    rows: Vec<u32>,
    columns: Vec<u32>,
    diagonal: Vec<u32>,
    row_starts: Vec<u32>,
    pair_starts: Vec<u32>,
    pairs: Vec<[u32; 2]>,
    dropped_starts: Vec<u32>,
    dropped: Vec<u32>,
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl EntryLevels {
    /// The schedule of a lower triangular pattern with a full diagonal. O(number of pairs · log(row length)).
    ///
    /// # Errors
    /// [`GraphError::NotSquare`], [`GraphError::NotTriangular`]; a row without its diagonal entry is reported as not triangular.
    pub fn new(pattern: &Pattern<'_>) -> Result<Self, GraphError> {
        Self::build(pattern, false)
    }

    /// The same where the diagonal waits for dropped fill too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_dropped(pattern: &Pattern<'_>) -> Result<Self, GraphError> {
        Self::build(pattern, true)
    }

    fn build(pattern: &Pattern<'_>, with_dropped: bool) -> Result<Self, GraphError> {
        // Checks the shape.
        Levels::lower(pattern)?;
        let n = pattern.rows();
        let row_starts = pattern.indptr().to_vec();
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        let mut diagonal = Vec::with_capacity(n);
        // Entries below the diagonal, by columns.
        let mut below: Vec<Vec<u32>> = vec![Vec::new(); n];
        for i in 0..n {
            let own = pattern.row(i);
            if own.last() != Some(&(i as u32)) {
                return Err(GraphError::NotTriangular {
                    row: i,
                    col: i,
                    expected: "lower, with its diagonal",
                });
            }
            for &j in own {
                if (j as usize) < i {
                    below[j as usize].push(columns.len() as u32);
                }
                rows.push(i as u32);
                columns.push(j);
            }
            diagonal.push(columns.len() as u32 - 1);
        }
        let find = |i: usize, j: u32| {
            let at = pattern.row(i).binary_search(&j).ok()?;
            Some(row_starts[i] + at as u32)
        };
        let count = columns.len();
        let (mut pair_starts, mut pairs) = (vec![0_u32], Vec::new());
        for e in 0..count {
            let (i, j) = (rows[e] as usize, columns[e] as usize);
            if i != j {
                for k in row_starts[i]..e as u32 {
                    if let Some(other) = find(j, columns[k as usize]) {
                        pairs.push([k, other]);
                    }
                }
            }
            pair_starts.push(pairs.len() as u32);
        }
        let (mut dropped_starts, mut dropped) = (vec![0_u32], Vec::new());
        for e in 0..count {
            let (i, k) = (rows[e], columns[e]);
            if with_dropped && i != k {
                for &other in &below[k as usize] {
                    let j = rows[other as usize];
                    if j != i && find(i.max(j) as usize, i.min(j)).is_none() {
                        dropped.push(other);
                    }
                }
            }
            dropped_starts.push(dropped.len() as u32);
        }
        let mut schedule = Self {
            rows,
            columns,
            diagonal,
            row_starts,
            pair_starts,
            pairs,
            dropped_starts,
            dropped,
            order: Vec::new(),
            starts: Vec::new(),
        };
        schedule.sort(&below);
        Ok(schedule)
    }

    /// Levels, column by column: column j waits for columns before it and, below the diagonal, for its diagonal entry.
    fn sort(&mut self, below: &[Vec<u32>]) {
        let mut level = vec![0_u32; self.rows.len()];
        let mut deepest = 0;
        for (&own, below) in self.diagonal.iter().zip(below) {
            for e in std::iter::once(own).chain(below.iter().copied()) {
                let mut first = 0;
                self.waits(e as usize, |other| {
                    first = first.max(level[other as usize] + 1);
                });
                level[e as usize] = first;
                deepest = deepest.max(first as usize + 1);
            }
        }
        self.starts = vec![0; deepest + 1];
        for &l in &level {
            self.starts[l as usize + 1] += 1;
        }
        for l in 0..deepest {
            self.starts[l + 1] += self.starts[l];
        }
        let mut next = self.starts.clone();
        self.order = vec![0; level.len()];
        for (e, &l) in level.iter().enumerate() {
            self.order[next[l as usize] as usize] = e as u32;
            next[l as usize] += 1;
        }
    }

    /// Calls `f` with every entry that `entry` waits for.
    fn waits(&self, entry: usize, mut f: impl FnMut(u32)) {
        let (i, j) = (self.rows[entry] as usize, self.columns[entry] as usize);
        if i != j {
            f(self.diagonal[j]);
            self.pairs(entry).iter().flatten().for_each(|&e| f(e));
            return;
        }
        for k in self.row_starts[i]..self.diagonal[i] {
            f(k);
            self.dropped(k as usize).iter().for_each(|&e| f(e));
        }
    }

    /// Number of levels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// All entries, level by level: a topological order.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Where each level starts in [`order`](Self::order); `count() + 1` numbers.
    #[must_use]
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// Row of every entry.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Column of every entry.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The diagonal entry of every row.
    #[must_use]
    pub fn diagonal(&self) -> &[u32] {
        &self.diagonal
    }

    /// The entries of row `i` left of the diagonal.
    #[must_use]
    pub fn left_of_diagonal(&self, i: usize) -> std::ops::Range<usize> {
        match (self.row_starts.get(i), self.diagonal.get(i)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        }
    }

    /// The pairs (i, k), (j, k), k < j, of entry (i, j); none on the diagonal.
    #[must_use]
    pub fn pairs(&self, entry: usize) -> &[[u32; 2]] {
        match (self.pair_starts.get(entry), self.pair_starts.get(entry + 1)) {
            (Some(&start), Some(&end)) => &self.pairs[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The entries (j, k) of the column of entry (i, k) for which (i, j) is outside the pattern; none unless they were asked for.
    #[must_use]
    pub fn dropped(&self, entry: usize) -> &[u32] {
        let starts = &self.dropped_starts;
        match (starts.get(entry), starts.get(entry + 1)) {
            (Some(&start), Some(&end)) => &self.dropped[start as usize..end as usize],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lower triangle of a k × k grid with one diagonal in every cell.
    fn grid(k: usize) -> Pattern<'static> {
        let mut entries = Vec::new();
        for (x, y) in (0..k).flat_map(|y| (0..k).map(move |x| (x, y))) {
            let i = y * k + x;
            entries.push((i, i));
            if x > 0 {
                entries.push((i, i - 1));
            }
            if y > 0 {
                entries.push((i, i - k));
            }
            if x > 0 && y > 0 {
                entries.push((i, i - k - 1));
            }
        }
        entries.sort_unstable();
        Pattern::from_coordinates(k * k, k * k, entries).unwrap()
    }

    #[test]
    fn what_an_entry_waits_for_comes_before_it() {
        for levels in [
            EntryLevels::new(&grid(7)).unwrap(),
            EntryLevels::with_dropped(&grid(7)).unwrap(),
        ] {
            let mut level = vec![0; levels.order().len()];
            for (l, range) in levels.starts().windows(2).enumerate() {
                for &e in &levels.order()[range[0] as usize..range[1] as usize] {
                    level[e as usize] = l;
                }
            }
            for (e, &own) in level.iter().enumerate() {
                let mut latest = None;
                levels.waits(e, |other| latest = latest.max(Some(level[other as usize])));
                assert_eq!(own, latest.map_or(0, |l| l + 1), "{e}");
            }
        }
    }

    #[test]
    fn natural_grids_have_about_four_levels_a_line() {
        assert_eq!(EntryLevels::new(&grid(16)).unwrap().count(), 61);
        assert_eq!(EntryLevels::new(&grid(32)).unwrap().count(), 125);
    }

    #[test]
    fn pairs_are_the_updates() {
        let p = grid(3);
        let levels = EntryLevels::new(&p).unwrap();
        let mut updates = 0;
        for e in 0..p.nnz() {
            let (i, j) = (levels.rows()[e], levels.columns()[e]);
            for &[x, y] in levels.pairs(e) {
                let (x, y) = (x as usize, y as usize);
                assert_eq!((levels.rows()[x], levels.rows()[y]), (i, j));
                assert_eq!(levels.columns()[x], levels.columns()[y]);
                updates += 1;
            }
        }
        // One in each half cell: (x+1, y+1) from its cell's first corner, through either neighbour.
        assert_eq!(updates, 8);
        let open = Pattern::from_coordinates(2, 2, [(0, 0), (1, 0)]).unwrap();
        assert!(EntryLevels::new(&open).is_err());
    }
}
