//! Neighbours in a symmetric matrix of which the lower triangle is stored by columns.

use la_krylov::Real;

use crate::classical::columns::Columns;
use crate::classical::factor::LowerPattern;

/// The undirected graph of a matrix; edges know where their value is stored.
pub(crate) struct Graph<'a> {
    /// The strict lower triangle by rows.
    pattern: &'a LowerPattern,
    /// For each entry of `pattern`, its place in the columns; empty where no value is looked up.
    slots: &'a [u32],
    starts: &'a [u32],
    rows: &'a [u32],
}

/// For each entry of the strict lower triangle by rows, its place in the columns.
pub(crate) fn slots<T>(pattern: &LowerPattern, columns: &Columns<T>) -> Vec<u32> {
    let mut next = columns.starts.clone();
    let place = |&j: &u32| {
        let slot = &mut next[j as usize];
        *slot += 1;
        *slot - 1
    };
    pattern.indices.iter().map(place).collect()
}

impl<'a> Graph<'a> {
    /// `slots` are those of [`slots`], or nothing if [`above`](Self::above) is not called.
    pub(crate) fn new<T: Real>(
        pattern: &'a LowerPattern,
        columns: &'a Columns<T>,
        slots: &'a [u32],
    ) -> Self {
        Self {
            pattern,
            slots,
            starts: &columns.starts,
            rows: &columns.rows,
        }
    }

    /// Neighbours of `i` above `floor`, increasing, each with the place of the edge's value.
    #[inline(always)]
    pub(crate) fn above(&self, i: u32, floor: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let range = self.pattern.range(i as usize);
        let (cols, slots) = (&self.pattern.indices[range.clone()], &self.slots[range]);
        let skipped = cols.partition_point(|&m| m <= floor);
        let column = self.starts[i as usize]..self.starts[i as usize + 1];
        let below = &self.rows[column.start as usize..column.end as usize];
        let left = cols[skipped..]
            .iter()
            .copied()
            .zip(slots[skipped..].iter().copied());
        left.chain(below.iter().copied().zip(column))
    }

    fn neighbours(&self, i: u32) -> impl Iterator<Item = u32> + '_ {
        let column = self.starts[i as usize] as usize..self.starts[i as usize + 1] as usize;
        let left = &self.pattern.indices[self.pattern.range(i as usize)];
        left.iter().chain(&self.rows[column]).copied()
    }

    /// Largest distance that a breadth-first search from a far node of each component finds, at
    /// least 1: a lower estimate of the diameter, exact on grids and trees.
    ///
    /// The component of row 0 is searched twice, from row 0 and from the node found last; the others
    /// once, from their first row. O(nnz).
    pub(crate) fn depth(&self) -> usize {
        let n = self.starts.len() - 1;
        if n == 0 {
            return 1;
        }
        let mut queue = Vec::with_capacity(n);
        let mut seen = vec![false; n];
        let (far, _) = self.search(0, &mut queue, &mut seen);
        for &x in &queue {
            seen[x as usize] = false;
        }
        let (_, mut depth) = self.search(far, &mut queue, &mut seen);
        for start in 0..n as u32 {
            if !seen[start as usize] {
                depth = depth.max(self.search(start, &mut queue, &mut seen).1);
            }
        }
        depth.max(1)
    }

    /// The node reached last and its distance.
    fn search(&self, start: u32, queue: &mut Vec<u32>, seen: &mut [bool]) -> (u32, usize) {
        queue.clear();
        queue.push(start);
        seen[start as usize] = true;
        let (mut head, mut depth) = (0, 0);
        loop {
            let level = head..queue.len();
            for at in level.clone() {
                for y in self.neighbours(queue[at]) {
                    if !seen[y as usize] {
                        seen[y as usize] = true;
                        queue.push(y);
                    }
                }
            }
            head = level.end;
            if queue.len() == head {
                return (queue[head - 1], depth);
            }
            depth += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: usize, edges: &[(usize, usize)]) -> usize {
        let mut rows = vec![Vec::new(); n];
        for &(i, j) in edges {
            rows[i.max(j)].push(i.min(j) as u32);
        }
        let mut pattern = LowerPattern {
            indptr: vec![0],
            indices: Vec::new(),
        };
        for mut row in rows {
            row.sort_unstable();
            pattern.indices.extend(row);
            pattern.indptr.push(pattern.indices.len() as u32);
        }
        let (starts, rows) =
            crate::classical::columns::transposed_pattern(&pattern.indptr, &pattern.indices);
        let columns = Columns::<f64> {
            values: vec![0.0; rows.len()],
            diagonal: vec![1.0; n],
            starts,
            rows,
        };
        Graph::new(&pattern, &columns, &[]).depth()
    }

    #[test]
    fn depth_of_small_graphs() {
        assert_eq!(depth(0, &[]), 1);
        assert_eq!(depth(1, &[]), 1);
        assert_eq!(depth(3, &[]), 1);
        // A path whose first row lies in the middle.
        assert_eq!(depth(5, &[(0, 1), (1, 2), (0, 3), (3, 4)]), 4);
        // A second component that is longer.
        assert_eq!(depth(7, &[(0, 1), (2, 3), (3, 4), (4, 5), (5, 6)]), 4);
        // A cycle of six.
        assert_eq!(
            depth(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]),
            3
        );
    }
}
