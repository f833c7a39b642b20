//! How far the graph of a matrix reaches.

use super::triangle::Triangle;

/// Distance of what has not been reached.
const FAR: u32 = u32::MAX / 2;

/// Passes over all rows that are tried before a queue is.
const MOST_PASSES: usize = 5;

impl Triangle {
    /// Largest distance that a breadth-first search from a far node of each component finds, at
    /// least 1: a lower estimate of the diameter, exact on grids and trees.
    ///
    /// The component of row 0 is searched twice, from row 0 and from the node found last; the others
    /// once, from their first row. O(nnz).
    pub(crate) fn depth(&self) -> usize {
        self.extent(&mut Vec::new()).depth
    }

    /// Depth, and how fast the nodes within a distance of a far node grow in number; in memory that may be used again.
    ///
    /// With N(r) nodes within distance r, the dimension is the slope of ln N between a sixth and a third of the depth, against
    /// ln (r + 3/2): on a grid in d dimensions, from a corner, N(r) = (r + 1) … (r + d) / d! up to there. In [1, 4]; 1 where the depth is
    /// below 6.
    pub(crate) fn extent(&self, memory: &mut Vec<u32>) -> Extent {
        let n = self.order();
        let mut extent = Extent {
            depth: 1,
            dimension: 1.0,
        };
        if n == 0 {
            return extent;
        }
        let by_passes = self.distances(0, memory);
        let far = by_passes.then(|| only_farthest(memory)).flatten();
        if let Some(far) = far
            && self.distances(far, memory)
        {
            let depth = memory.iter().copied().max().unwrap_or(0);
            let within = |radius: u32| memory.iter().filter(|d| **d <= radius).count();
            extent.depth = depth.max(1) as usize;
            extent.dimension = dimension(depth as usize, |radius| within(radius as u32));
            return extent;
        }
        // One place more than nodes: a node is written before it is known to be new.
        let queue = memory;
        queue.clear();
        queue.resize(n + 1, 0);
        let mut levels = Vec::new();
        let mut seen = vec![false; n];
        let far = match far {
            Some(far) => far,
            None => {
                let found = self.search(0, queue, &mut levels, &mut seen);
                for &x in &queue[..found] {
                    seen[x as usize] = false;
                }
                queue[found - 1]
            }
        };
        let mut total = self.search(far, queue, &mut levels, &mut seen);
        let depth = levels.len() - 1;
        extent.depth = depth.max(1);
        extent.dimension = dimension(depth, |radius| levels[radius] as usize);
        for start in 0..n as u32 {
            if total == n {
                break;
            }
            if !seen[start as usize] {
                total += self.search(start, queue, &mut levels, &mut seen);
                extent.depth = extent.depth.max(levels.len() - 1);
            }
        }
        extent
    }

    /// Distances from a node, by passes over all rows in their order and back. False where that takes many or does not reach all.
    ///
    /// In a natural order one pass finds them and another confirms them, in the order of the memory.
    fn distances(&self, from: u32, distances: &mut Vec<u32>) -> bool {
        let n = self.order();
        distances.clear();
        distances.resize(n, FAR);
        distances[from as usize] = 0;
        let mut forward = (from as usize) < n / 2;
        for pass in 0..MOST_PASSES {
            let changed = if forward {
                self.pass_forward(distances)
            } else {
                self.pass_backward(distances)
            };
            // The one before came to rest by itself.
            if pass > 0 && changed == 0 {
                return distances.iter().all(|d| *d < FAR);
            }
            if pass > 0 && changed > n / 4 {
                return false;
            }
            forward = !forward;
        }
        false
    }

    /// Distances over neighbours before; how many became smaller.
    fn pass_forward(&self, distances: &mut [u32]) -> usize {
        let mut changed = 0;
        for (i, row) in self.pattern.indptr.windows(2).enumerate() {
            let known = distances[i];
            let mut least = known;
            for &j in &self.pattern.indices[row[0] as usize..row[1] as usize] {
                least = least.min(distances[j as usize] + 1);
            }
            distances[i] = least;
            changed += usize::from(least < known);
        }
        changed
    }

    /// Distances over neighbours after; how many became smaller.
    fn pass_backward(&self, distances: &mut [u32]) -> usize {
        let mut changed = 0;
        for j in (0..self.order()).rev() {
            let known = distances[j];
            let mut least = known;
            for entry in self.column(j) {
                least = least.min(distances[entry.row as usize] + 1);
            }
            distances[j] = least;
            changed += usize::from(least < known);
        }
        changed
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
                let x = queue[at] as usize;
                let before = &self.pattern.indices[self.pattern.range(x)];
                let after = self.column(x).iter().map(|entry| entry.row);
                for y in before.iter().copied().chain(after) {
                    // Without a branch, which nobody could predict.
                    queue[len] = y;
                    len += usize::from(!seen[y as usize]);
                    seen[y as usize] = true;
                }
            }
        }
        len
    }
}

/// The farthest node, if no other is as far: which of several a search finds last, only the search knows.
fn only_farthest(distances: &[u32]) -> Option<u32> {
    let most = distances.iter().copied().max()?;
    let mut at = (0..).zip(distances).filter(|(_, d)| **d == most);
    let (first, _) = at.next()?;
    at.next().is_none().then_some(first)
}

/// See [`Triangle::extent`].
fn dimension(depth: usize, within: impl Fn(usize) -> usize) -> f64 {
    if depth < 6 {
        return 1.0;
    }
    let (inner, outer) = (depth / 6, depth / 3);
    let growth = within(outer) as f64 / within(inner) as f64;
    let radii = (outer as f64 + 1.5) / (inner as f64 + 1.5);
    (growth.ln() / radii.ln()).clamp(1.0, 4.0)
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
    use crate::classical::factor::LowerPattern;

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
        Triangle::new(std::sync::Arc::new(pattern)).extent(&mut Vec::new())
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
