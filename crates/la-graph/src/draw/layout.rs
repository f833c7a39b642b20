//! Where nodes go.

use crate::digraph::Digraph;

/// How nodes are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Columns by longest path from a node without predecessors; a graph with a cycle is drawn [`Circular`](Self::Circular).
    Layered,
    /// On a circle, clockwise from the top.
    Circular,
}

const COLUMN: f64 = 240.0;
const ROW: f64 = 66.0;

/// Group and position of every node.
pub(super) fn place<T>(graph: &Digraph<T>, layout: Layout) -> Vec<(usize, f64, f64)> {
    let layers = match layout {
        Layout::Layered => longest_paths(graph),
        Layout::Circular => None,
    };
    match layers {
        Some(layers) => in_columns(&layers),
        None => on_a_circle(graph.num_nodes()),
    }
}

/// Place of slot `k` in a column of `size` nodes, centred against the tallest column.
pub(super) fn column_place(layer: usize, k: usize, size: usize, tallest: usize) -> (f64, f64) {
    let top = (tallest - size) as f64 / 2.0;
    (layer as f64 * COLUMN, (top + k as f64) * ROW)
}

fn in_columns(layers: &[usize]) -> Vec<(usize, f64, f64)> {
    let mut sizes = vec![0usize; layers.iter().max().map_or(0, |l| l + 1)];
    let slots: Vec<usize> = layers
        .iter()
        .map(|&l| {
            sizes[l] += 1;
            sizes[l] - 1
        })
        .collect();
    let tallest = sizes.iter().copied().max().unwrap_or(0);
    layers
        .iter()
        .zip(slots)
        .map(|(&l, k)| {
            let (x, y) = column_place(l, k, sizes[l], tallest);
            (l, x, y)
        })
        .collect()
}

fn on_a_circle(n: usize) -> Vec<(usize, f64, f64)> {
    let radius = (n as f64 * 70.0 / std::f64::consts::TAU).max(80.0);
    (0..n)
        .map(|k| {
            let angle = std::f64::consts::TAU * k as f64 / n as f64;
            (
                0,
                radius + radius * angle.sin(),
                radius - radius * angle.cos(),
            )
        })
        .collect()
}

/// Longest path lengths into each node, or `None` if there is a cycle.
fn longest_paths<T>(graph: &Digraph<T>) -> Option<Vec<usize>> {
    let (out, into) = (graph.out_arcs(), graph.in_arcs());
    let mut waiting: Vec<usize> = (0..graph.num_nodes()).map(|v| into.degree(v)).collect();
    let mut ready: Vec<usize> = (0..graph.num_nodes())
        .filter(|&v| waiting[v] == 0)
        .collect();
    let mut layer = vec![0; graph.num_nodes()];
    let mut done = 0;
    while let Some(v) = ready.pop() {
        done += 1;
        for &e in out.of(v) {
            let w = graph.heads()[e as usize] as usize;
            layer[w] = layer[w].max(layer[v] + 1);
            waiting[w] -= 1;
            if waiting[w] == 0 {
                ready.push(w);
            }
        }
    }
    (done == graph.num_nodes()).then_some(layer)
}
