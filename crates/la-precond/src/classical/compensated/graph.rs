//! Neighbours in a symmetric matrix of which the lower triangle is stored by columns.

use crate::classical::columns::Columns;
use crate::classical::factor::LowerPattern;

/// The undirected graph of a matrix, as its rows and columns below the diagonal have it: for each node its neighbours, increasing.
#[derive(Clone, Copy)]
pub(crate) struct Graph<'a> {
    pattern: &'a LowerPattern,
    /// Places of the entries of the rows in the columns; empty where nobody asks for [`Side`]s.
    slots: &'a [u32],
    starts: &'a [u32],
    rows: &'a [u32],
}

/// Neighbours of a node that are left, and the places of their edges in the columns.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Those before the node ...
    pub(crate) before: &'a [u32],
    pub(crate) slots: &'a [u32],
    /// ... and those after it, whose edges are stored one after the other from here on.
    pub(crate) after: &'a [u32],
    pub(crate) first: usize,
}

impl<'a> Graph<'a> {
    /// The graph of a matrix with this strict lower triangle.
    pub(crate) fn new<T>(
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

    /// Neighbours of `i` but the first `eliminated`, all of which are before `i`.
    #[inline(always)]
    pub(crate) fn left(&self, i: u32, eliminated: u32) -> Side<'a> {
        let i = i as usize;
        let all = self.pattern.range(i);
        let range = all.start + eliminated as usize..all.end;
        let (first, end) = (self.starts[i] as usize, self.starts[i + 1] as usize);
        Side {
            before: &self.pattern.indices[range.clone()],
            slots: &self.slots[range],
            after: &self.rows[first..end],
            first,
        }
    }

    /// Neighbours of `i`: those before and those after it.
    #[inline(always)]
    fn neighbours(&self, i: u32) -> [&'a [u32]; 2] {
        let i = i as usize;
        let (first, end) = (self.starts[i] as usize, self.starts[i + 1] as usize);
        [
            &self.pattern.indices[self.pattern.range(i)],
            &self.rows[first..end],
        ]
    }

    /// Largest distance that a breadth-first search from a far node of each component finds, at
    /// least 1: a lower estimate of the diameter, exact on grids and trees.
    ///
    /// The component of row 0 is searched twice, from row 0 and from the node found last; the others
    /// once, from their first row. O(nnz).
    pub(crate) fn depth(&self) -> usize {
        self.extent().depth
    }

    /// Depth, and how fast the nodes within a distance of a far node grow in number.
    ///
    /// With N(r) nodes within distance r, the dimension is the slope of ln N between a sixth and a third of the depth, against
    /// ln (r + 3/2): on a grid in d dimensions, from a corner, N(r) = (r + 1) … (r + d) / d! up to there. In [1, 4]; 1 where the depth is
    /// below 6.
    pub(crate) fn extent(&self) -> Extent {
        let n = self.starts.len() - 1;
        let mut extent = Extent {
            depth: 1,
            dimension: 1.0,
        };
        if n == 0 {
            return extent;
        }
        // One place more than nodes: a node is written before it is known to be new.
        let mut queue = vec![0; n + 1];
        let mut levels = Vec::new();
        let mut seen = vec![false; n];
        let found = self.search(0, &mut queue, &mut levels, &mut seen);
        for &x in &queue[..found] {
            seen[x as usize] = false;
        }
        let mut total = self.search(queue[found - 1], &mut queue, &mut levels, &mut seen);
        let depth = levels.len() - 1;
        extent.depth = depth.max(1);
        if depth >= 6 {
            let (inner, outer) = (depth / 6, depth / 3);
            let growth = f64::from(levels[outer]) / f64::from(levels[inner]);
            let radii = (outer as f64 + 1.5) / (inner as f64 + 1.5);
            extent.dimension = (growth.ln() / radii.ln()).clamp(1.0, 4.0);
        }
        for start in 0..n as u32 {
            if total == n {
                break;
            }
            if !seen[start as usize] {
                total += self.search(start, &mut queue, &mut levels, &mut seen);
                extent.depth = extent.depth.max(levels.len() - 1);
            }
        }
        extent
    }

    /// Fills `queue` with the component of `start` in order of distance, and `levels` with the number of nodes within each distance;
    /// the size of the component.
    fn search(
        &self,
        start: u32,
        queue: &mut [u32],
        levels: &mut Vec<u32>,
        seen: &mut [bool],
    ) -> usize {
        levels.clear();
        queue[0] = start;
        seen[start as usize] = true;
        let (mut head, mut len) = (0, 1);
        while head < len {
            let level = head..len;
            head = len;
            levels.push(len as u32);
            for at in level {
                for part in self.neighbours(queue[at]) {
                    for &y in part {
                        // Without a branch, which nobody could predict.
                        queue[len] = y;
                        len += usize::from(!seen[y as usize]);
                        seen[y as usize] = true;
                    }
                }
            }
        }
        len
    }
}

/// How far a graph reaches, and in how many directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent {
    pub(crate) depth: usize,
    pub(crate) dimension: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: usize, edges: &[(usize, usize)]) -> usize {
        extent(n, edges).depth
    }

    fn extent(n: usize, edges: &[(usize, usize)]) -> Extent {
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
        Graph::new(&pattern, &columns, &[]).extent()
    }

    #[test]
    fn dimension_of_grids() {
        for (d, edge, wanted) in [
            (1, 40, 1.0),
            (2, 30, 2.0),
            (2, 300, 2.0),
            (3, 10, 2.8),
            (3, 30, 2.9),
        ] {
            let grid = |axis: u32| usize::pow(edge, axis);
            let n = grid(d);
            let mut edges = Vec::new();
            for i in 0..n {
                for axis in 0..d {
                    if i / grid(axis) % edge > 0 {
                        edges.push((i, i - grid(axis)));
                    }
                }
            }
            let extent = extent(n, &edges);
            assert_eq!(extent.depth, d as usize * (edge - 1));
            assert!(
                (extent.dimension - wanted).abs() < 0.12,
                "{d} {edge}: {}",
                extent.dimension
            );
        }
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
