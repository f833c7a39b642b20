//! Reverse Cuthill–McKee.

use super::Graph;

/// The reverse Cuthill–McKee order of a symmetric pattern, component after component.
pub(super) fn order(graph: &Graph) -> Vec<u32> {
    let n = graph.n();
    let mut order: Vec<u32> = Vec::with_capacity(n);
    let mut placed = vec![false; n];
    let mut level = Levels {
        stamp: vec![0; n],
        round: 0,
        queue: Vec::new(),
    };
    for seed in 0..n {
        if placed[seed] {
            continue;
        }
        let root = level.far_end(graph, seed as u32);
        let mut next = order.len();
        order.push(root);
        placed[root as usize] = true;
        while let Some(&node) = order.get(next) {
            let begin = order.len();
            for &other in graph.row(node as usize) {
                if !placed[other as usize] {
                    placed[other as usize] = true;
                    order.push(other);
                }
            }
            order[begin..].sort_unstable_by_key(|&v| (graph.row(v as usize).len(), v));
            next += 1;
        }
    }
    order.reverse();
    order
}

/// Breadth-first search, again and again.
struct Levels {
    /// Round in which a node was reached last.
    stamp: Vec<u32>,
    round: u32,
    queue: Vec<u32>,
}

impl Levels {
    /// A node of nearly the largest distance to others (George and Liu): from a node of least degree
    /// in the last level the search begins anew as long as it gets deeper.
    fn far_end(&mut self, graph: &Graph, seed: u32) -> u32 {
        let (mut root, mut depth) = (seed, 0);
        loop {
            let (far, found) = self.search(graph, root);
            if found <= depth {
                return root;
            }
            (root, depth) = (far, found);
        }
    }

    /// The node of least degree in the last level, and the number of that level.
    fn search(&mut self, graph: &Graph, root: u32) -> (u32, usize) {
        self.round += 1;
        self.queue.clear();
        self.queue.push(root);
        self.stamp[root as usize] = self.round;
        let (mut begin, mut depth) = (0, 0);
        loop {
            let end = self.queue.len();
            for k in begin..end {
                for &other in graph.row(self.queue[k] as usize) {
                    if self.stamp[other as usize] != self.round {
                        self.stamp[other as usize] = self.round;
                        self.queue.push(other);
                    }
                }
            }
            if self.queue.len() == end {
                let last = self.queue[begin..end].iter();
                let far = last.min_by_key(|&&v| (graph.row(v as usize).len(), v));
                return (far.copied().unwrap_or(root), depth);
            }
            (begin, depth) = (end, depth + 1);
        }
    }
}
