//! Neighbours in a symmetric matrix of which the lower triangle is stored by columns.

use crate::classical::columns::Columns;
use crate::classical::factor::LowerPattern;

/// The undirected graph of a matrix: for each node its neighbours, increasing, and where their edges are stored.
#[derive(Default)]
pub(crate) struct Graph {
    starts: Vec<u32>,
    neighbours: Vec<u32>,
    /// Places in the columns of the matrix.
    slots: Vec<u32>,
}

impl Graph {
    /// O(nnz).
    pub(crate) fn new<T>(pattern: &LowerPattern, columns: &Columns<T>) -> Self {
        let n = columns.starts.len() - 1;
        let mut next = columns.starts.clone();
        let mut graph = Self {
            starts: Vec::with_capacity(n + 1),
            neighbours: Vec::with_capacity(2 * columns.rows.len()),
            slots: Vec::with_capacity(2 * columns.rows.len()),
        };
        graph.starts.push(0);
        for i in 0..n {
            let left = &pattern.indices[pattern.range(i)];
            graph.neighbours.extend_from_slice(left);
            for &j in left {
                let slot = &mut next[j as usize];
                graph.slots.push(*slot);
                *slot += 1;
            }
            let column = columns.starts[i]..columns.starts[i + 1];
            let below = column.start as usize..column.end as usize;
            graph.neighbours.extend_from_slice(&columns.rows[below]);
            graph.slots.extend(column);
            graph.starts.push(graph.neighbours.len() as u32);
        }
        graph
    }

    /// Neighbours of `i` but the first `eliminated`, increasing, and the places of their edges.
    #[inline(always)]
    pub(crate) fn left(&self, i: u32, eliminated: u32) -> (&[u32], &[u32]) {
        let (start, end) = (self.starts[i as usize], self.starts[i as usize + 1]);
        let range = (start + eliminated) as usize..end as usize;
        (&self.neighbours[range.clone()], &self.slots[range])
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
                for &y in self.left(queue[at], 0).0 {
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
        Graph::new(&pattern, &columns).depth()
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
