//! Recursive bisection by growing one side from a starting node.

use std::collections::BinaryHeap;

use super::PartitionOptions;
use super::graph::Graph;
use super::refine::{Balance, refine};

/// Sides grown per bisection: by level sets and greedily from one end of the graph, greedily from others.
const RANDOM_STARTS: u64 = 4;

/// Labels of `parts` parts. The graph has more nodes than parts.
pub(super) fn recursive(graph: &Graph, parts: usize, options: &PartitionOptions) -> Vec<u32> {
    let levels = f64::from(parts.next_power_of_two().trailing_zeros());
    // What every level may add, so that all together stay within the bound.
    let slack = (1.0 + options.imbalance).powf(1.0 / levels) - 1.0;
    let mut labels = vec![0; graph.len()];
    let mut number = vec![0; graph.len()];
    let whole: Vec<u32> = (0..graph.len() as u32).collect();
    let mut open = vec![(whole, 0, parts)];
    while let Some((nodes, first, parts)) = open.pop() {
        if parts == 1 {
            nodes
                .iter()
                .for_each(|node| labels[*node as usize] = first as u32);
            continue;
        }
        let graph = graph.part(&nodes, &mut number);
        let low = parts / 2;
        let seed = options.seed ^ mix(first as u64 + ((parts as u64) << 32));
        let side = halve(&graph, (low, parts - low), slack, seed);
        let pick = |wanted: bool| {
            let picked = nodes.iter().zip(&side).filter(|(_, s)| **s == wanted);
            picked.map(|(node, _)| *node).collect::<Vec<u32>>()
        };
        open.push((pick(true), first + low, parts - low));
        open.push((pick(false), first, low));
    }
    labels
}

/// Two sides whose weights are as `low` to `high`: `false` for the first.
fn halve(graph: &Graph, (low, high): (usize, usize), slack: f64, seed: u64) -> Vec<bool> {
    let n = graph.len();
    let total = graph.total() as f64;
    let target = (total * low as f64 / (low + high) as f64).round() as u64;
    let balance = Balance::new(graph, target, slack, (low, high));
    let end = far_end(graph, mix(seed) as usize % n);
    let room = Room {
        target,
        nodes: (low, n - high),
    };
    let candidates = [levels(graph, end, room), grow(graph, end, room)];
    let random = (1..=RANDOM_STARTS).map(|k| {
        let start = mix(seed.wrapping_add(k)) as usize % n;
        grow(graph, start, room)
    });
    let mut best: Option<((u64, u64), Vec<bool>)> = None;
    for mut side in candidates.into_iter().chain(random) {
        let quality = refine(graph, &mut side, &balance);
        if best.as_ref().is_none_or(|(least, _)| quality < *least) {
            best = Some((quality, side));
        }
    }
    best.map(|(_, side)| side).unwrap_or_default()
}

/// A node with no node farther from it that two searches could find.
fn far_end(graph: &Graph, start: usize) -> usize {
    let mut end = start;
    for _ in 0..2 {
        end = *search(graph, end).last().unwrap_or(&(end as u32)) as usize;
    }
    end
}

/// Nodes in the order of their distance from `start`; those of other components afterwards.
fn search(graph: &Graph, start: usize) -> Vec<u32> {
    let n = graph.len();
    let mut order = Vec::with_capacity(n);
    let mut seen = vec![false; n];
    for root in std::iter::once(start).chain(0..n) {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        let mut next = order.len();
        order.push(root as u32);
        while let Some(node) = order.get(next).copied() {
            next += 1;
            for other in graph.neighbours(node as usize) {
                if !seen[*other as usize] {
                    seen[*other as usize] = true;
                    order.push(*other);
                }
            }
        }
    }
    order
}

/// When the first side is large enough.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// The weight to come near to.
    target: u64,
    /// Fewest and most nodes: both sides need one for each part that they become.
    nodes: (usize, usize),
}

impl Room {
    /// Whether a side of `taken` nodes and weight `have` takes one of weight `more`: up to the target, or
    /// past it where that is nearer.
    fn takes(&self, taken: usize, have: u64, more: u64) -> bool {
        taken < self.nodes.0 || taken < self.nodes.1 && 2 * have + more <= 2 * self.target
    }
}

/// The first side is what lies nearest to `start`.
fn levels(graph: &Graph, start: usize, room: Room) -> Vec<bool> {
    let mut side = vec![true; graph.len()];
    let mut have = 0;
    for (taken, node) in search(graph, start).into_iter().enumerate() {
        let node = node as usize;
        if !room.takes(taken, have, graph.weight(node)) {
            break;
        }
        have += graph.weight(node);
        side[node] = false;
    }
    side
}

/// The first side grows by the node that adds least to the cut.
fn grow(graph: &Graph, start: usize, room: Room) -> Vec<bool> {
    let n = graph.len();
    let mut side = vec![true; n];
    // Neighbours that are inside: a node's gain is twice that minus its degree.
    let mut inside = vec![0i64; n];
    let gain = |inside: i64, node: usize| 2 * inside - graph.neighbours(node).len() as i64;
    let (mut have, mut taken, mut root) = (0, 0, 0);
    // Largest gain first, then the node that came first: a side stays round.
    let mut frontier = BinaryHeap::new();
    let mut clock = 0u64;
    frontier.push((gain(0, start), u64::MAX, start as u32));
    loop {
        let Some((old, _, node)) = frontier.pop() else {
            // Another component.
            while root < n && !side[root] {
                root += 1;
            }
            if root == n {
                break;
            }
            frontier.push((gain(inside[root], root), u64::MAX, root as u32));
            continue;
        };
        let node = node as usize;
        if !side[node] || old != gain(inside[node], node) {
            continue;
        }
        if !room.takes(taken, have, graph.weight(node)) {
            break;
        }
        side[node] = false;
        have += graph.weight(node);
        taken += 1;
        for other in graph.neighbours(node) {
            let at = *other as usize;
            inside[at] += 1;
            if side[at] {
                clock += 1;
                frontier.push((gain(inside[at], at), u64::MAX - clock, *other));
            }
        }
    }
    side
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a seed and a counter become a random number.
fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
