//! Moving nodes across a cut as long as that makes it smaller.

use std::collections::BinaryHeap;

use super::graph::Graph;

/// Passes at most; most graphs need three or four.
const PASSES: usize = 10;

/// What the two sides may weigh, and how few nodes they may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Balance {
    /// Heaviest first and second side.
    most: [u64; 2],
    /// Fewest nodes of the first and second side: one for each part that it becomes.
    fewest: (usize, usize),
}

impl Balance {
    pub(super) fn new(graph: &Graph, target: u64, slack: f64, fewest: (usize, usize)) -> Self {
        let total = graph.total();
        let heaviest = (0..graph.len()).map(|node| graph.weight(node)).max();
        // Half a node: where it cannot be halved, one side has the larger part.
        let node = heaviest.unwrap_or(0).div_ceil(2);
        let most = |side: u64| side + node.max((side as f64 * slack) as u64);
        Self {
            most: [most(target), most(total - target)],
            fewest,
        }
    }

    /// By how much a side is too heavy.
    fn excess(&self, weights: [u64; 2]) -> u64 {
        let over = |side: usize| weights[side].saturating_sub(self.most[side]);
        over(0).max(over(1))
    }
}

/// State of the cut while nodes move.
struct Cut<'a> {
    graph: &'a Graph,
    side: &'a mut [bool],
    /// Neighbours on the other side minus those on the own one: what a move takes off the cut.
    gain: Vec<i64>,
    weights: [u64; 2],
    counts: [usize; 2],
    cut: u64,
}

impl<'a> Cut<'a> {
    fn new(graph: &'a Graph, side: &'a mut [bool]) -> Self {
        let mut this = Self {
            gain: vec![0; graph.len()],
            graph,
            side,
            weights: [0; 2],
            counts: [0; 2],
            cut: 0,
        };
        for node in 0..graph.len() {
            let own = this.side[node];
            this.weights[usize::from(own)] += graph.weight(node);
            this.counts[usize::from(own)] += 1;
            for other in graph.neighbours(node) {
                let same = this.side[*other as usize] == own;
                this.gain[node] += if same { -1 } else { 1 };
                this.cut += u64::from(!same);
            }
        }
        this.cut /= 2;
        this
    }

    fn flip(&mut self, node: usize) {
        let (from, to) = (usize::from(self.side[node]), usize::from(!self.side[node]));
        let weight = self.graph.weight(node);
        self.weights[from] -= weight;
        self.weights[to] += weight;
        self.counts[from] -= 1;
        self.counts[to] += 1;
        self.cut = self.cut.wrapping_add_signed(-self.gain[node]);
        self.gain[node] = -self.gain[node];
        self.side[node] = !self.side[node];
        for other in self.graph.neighbours(node) {
            let at = *other as usize;
            self.gain[at] += if self.side[at] == self.side[node] {
                -2
            } else {
                2
            };
        }
    }

    /// Whether a move keeps, or improves, the balance.
    fn may_flip(&self, node: usize, balance: &Balance) -> bool {
        let (from, to) = (usize::from(self.side[node]), usize::from(!self.side[node]));
        let fewest = [balance.fewest.0, balance.fewest.1][from];
        let weight = self.graph.weight(node);
        let mut after = self.weights;
        after[from] -= weight;
        after[to] += weight;
        let excess = balance.excess(after);
        self.counts[from] > fewest && (excess == 0 || excess < balance.excess(self.weights))
    }
}

/// Improves two sides; returns by how much they are out of balance and the number of edges cut.
///
/// Each pass moves every node at most once, best gain first even where it is negative, and goes back to the
/// best state it met: Fiduccia and Mattheyses, with a heap instead of buckets.
pub(super) fn refine(graph: &Graph, side: &mut [bool], balance: &Balance) -> (u64, u64) {
    let n = graph.len();
    // A pass that has found nothing for so long will not.
    let patience = (n / 20).clamp(50, 2000);
    let mut cut = Cut::new(graph, side);
    let mut moved = vec![false; n];
    let mut heap = BinaryHeap::new();
    for _ in 0..PASSES {
        let before = (balance.excess(cut.weights), cut.cut);
        let mut best = (before, 0);
        let mut moves: Vec<u32> = Vec::new();
        heap.clear();
        let unbalanced = before.0 > 0;
        for node in 0..n {
            // Only nodes at the cut, unless the balance needs others.
            if unbalanced || cut.gain[node] > -(graph.neighbours(node).len() as i64) {
                heap.push((cut.gain[node], std::cmp::Reverse(node as u32)));
            }
        }
        while let Some((gain, std::cmp::Reverse(node))) = heap.pop() {
            let node = node as usize;
            if moved[node] || gain != cut.gain[node] || !cut.may_flip(node, balance) {
                continue;
            }
            cut.flip(node);
            moved[node] = true;
            moves.push(node as u32);
            for other in graph.neighbours(node) {
                if !moved[*other as usize] {
                    heap.push((cut.gain[*other as usize], std::cmp::Reverse(*other)));
                }
            }
            let state = (balance.excess(cut.weights), cut.cut);
            if state < best.0 {
                best = (state, moves.len());
            } else if moves.len() - best.1 > patience {
                break;
            }
        }
        for node in &moves {
            moved[*node as usize] = false;
        }
        for node in moves[best.1..].iter().rev() {
            cut.flip(*node as usize);
        }
        if best.1 == 0 {
            break;
        }
    }
    (balance.excess(cut.weights), cut.cut)
}
