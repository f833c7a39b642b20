//! Assignment of least total cost by shortest augmenting paths.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// No row, no column.
pub(super) const NONE: u32 = u32::MAX;

/// Rows with the columns they may take and what that costs, not negative.
pub(super) struct Graph {
    indptr: Vec<usize>,
    cols: Vec<u32>,
    costs: Vec<f64>,
    n: usize,
}

impl Graph {
    pub(super) fn new(n: usize) -> Self {
        Self {
            indptr: vec![0],
            cols: Vec::new(),
            costs: Vec::new(),
            n,
        }
    }

    pub(super) fn push(&mut self, col: u32, cost: f64) {
        self.cols.push(col);
        self.costs.push(cost);
    }

    pub(super) fn end_row(&mut self) {
        self.indptr.push(self.cols.len());
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.indptr[i]..self.indptr[i + 1];
        let cols = self.cols[range.clone()].iter();
        cols.zip(&self.costs[range]).map(|(&j, &c)| (j as usize, c))
    }
}

/// An assignment and the dual variables that prove it: `row[i] + col[j] ≤ c_ij`, equal on the
/// assignment.
pub(super) struct Duals {
    pub(super) column_of: Vec<u32>,
    pub(super) row_of: Vec<u32>,
    pub(super) row: Vec<f64>,
    pub(super) col: Vec<f64>,
}

/// A distance that a heap can order.
#[derive(PartialEq)]
struct Key(f64, u32);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

/// The state of a search from one row.
struct Search {
    /// Length of the shortest path found to each column.
    distance: Vec<f64>,
    /// The row from which that path enters the column.
    from: Vec<u32>,
    done: Vec<bool>,
    /// Columns with a distance.
    touched: Vec<u32>,
    /// Columns whose distance is final, all of them assigned.
    tree: Vec<u32>,
    heap: BinaryHeap<Reverse<Key>>,
    /// Columns, and by their assignment rows, that failed searches have reached; numbered from 1.
    group: Vec<u32>,
}

/// Least cost among the assignments of the largest size.
pub(super) fn solve(graph: &Graph) -> Duals {
    let n = graph.n;
    let mut duals = greedy(graph);
    let mut search = Search {
        distance: vec![f64::INFINITY; n],
        from: vec![NONE; n],
        done: vec![false; n],
        touched: Vec::new(),
        tree: Vec::new(),
        heap: BinaryHeap::new(),
        group: vec![0; n],
    };
    // The row of each group that found no column.
    let mut failed = Vec::new();
    for start in 0..n {
        if duals.column_of[start] == NONE && !search.augment(graph, &mut duals, start) {
            failed.push(start as u32);
            for &j in &search.tree {
                search.group[j as usize] = failed.len() as u32;
            }
        }
        search.reset();
    }
    if !failed.is_empty() {
        lift(graph, &mut duals, &search.group, &failed);
    }
    duals
}

/// Feasible dual variables, and an assignment along entries without slack.
fn greedy(graph: &Graph) -> Duals {
    let n = graph.n;
    let mut col = vec![f64::INFINITY; n];
    for (&j, &c) in graph.cols.iter().zip(&graph.costs) {
        col[j as usize] = col[j as usize].min(c);
    }
    // An empty column has no part in anything.
    col.iter_mut()
        .filter(|v| v.is_infinite())
        .for_each(|v| *v = 0.0);
    let mut duals = Duals {
        column_of: vec![NONE; n],
        row_of: vec![NONE; n],
        row: vec![0.0; n],
        col,
    };
    for i in 0..n {
        let slack = |(j, c): (usize, f64)| c - duals.col[j];
        let least = graph.row(i).map(slack).fold(f64::INFINITY, f64::min);
        if least.is_infinite() {
            continue;
        }
        duals.row[i] = least;
        // The diagonal first: a matrix that needs no exchange keeps its order.
        let tight = |&(j, c): &(usize, f64)| c - duals.col[j] <= least && duals.row_of[j] == NONE;
        let own = graph.row(i).filter(tight).find(|e| e.0 == i);
        if let Some((j, _)) = own.or_else(|| graph.row(i).find(tight)) {
            duals.column_of[i] = j as u32;
            duals.row_of[j] = i as u32;
        }
    }
    duals
}

impl Search {
    /// Assigns `start` along a shortest augmenting path (Dijkstra over reduced costs). If there is
    /// none, `tree` holds every column that can be reached.
    fn augment(&mut self, graph: &Graph, duals: &mut Duals, start: usize) -> bool {
        let (mut target, mut shortest) = (NONE, f64::INFINITY);
        let (mut i, mut base) = (start, 0.0);
        loop {
            for (j, cost) in graph.row(i) {
                if self.done[j] || self.group[j] != 0 {
                    continue;
                }
                // Rounding may leave a reduced cost slightly negative.
                let reduced = (cost - duals.row[i] - duals.col[j]).max(0.0);
                let length = base + reduced;
                if length >= self.distance[j] || length >= shortest {
                    continue;
                }
                if self.distance[j].is_infinite() {
                    self.touched.push(j as u32);
                }
                self.distance[j] = length;
                self.from[j] = i as u32;
                if duals.row_of[j] == NONE {
                    (target, shortest) = (j as u32, length);
                } else {
                    self.heap.push(Reverse(Key(length, j as u32)));
                }
            }
            let next = loop {
                match self.heap.pop() {
                    Some(Reverse(Key(length, j))) if length < shortest => {
                        if !self.done[j as usize] && length <= self.distance[j as usize] {
                            break Some((length, j));
                        }
                    }
                    _ => break None,
                }
            };
            let Some((length, j)) = next else { break };
            self.done[j as usize] = true;
            self.tree.push(j);
            (i, base) = (duals.row_of[j as usize] as usize, length);
        }
        if target == NONE {
            return false;
        }
        duals.row[start] += shortest;
        for &j in &self.tree {
            let gain = shortest - self.distance[j as usize];
            duals.row[duals.row_of[j as usize] as usize] += gain;
            duals.col[j as usize] -= gain;
        }
        let mut j = target;
        while j != NONE {
            let i = self.from[j as usize];
            duals.row_of[j as usize] = i;
            j = std::mem::replace(&mut duals.column_of[i as usize], j);
        }
        true
    }

    fn reset(&mut self) {
        for &j in &self.touched {
            self.distance[j as usize] = f64::INFINITY;
            self.done[j as usize] = false;
        }
        self.touched.clear();
        self.tree.clear();
        self.heap.clear();
    }
}

/// Repairs the dual variables after failed searches.
///
/// A failed search reaches a set of columns that its rows cannot leave. Later searches pass these
/// columns by, so rows outside may end with `row[k] + col[j] > c_kj` there. Adding one number to the
/// rows of such a group and subtracting it from its columns keeps everything inside and relaxes
/// what comes from outside; groups are made in an order in which only later ones point to earlier
/// ones.
fn lift(graph: &Graph, duals: &mut Duals, group: &[u32], failed: &[u32]) {
    let group_of_row = |i: usize| match duals.column_of[i] {
        NONE => failed.binary_search(&(i as u32)).map_or(0, |g| g + 1),
        j => group[j as usize] as usize,
    };
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); failed.len() + 1];
    for i in 0..graph.n {
        rows[group_of_row(i)].push(i as u32);
    }
    let mut lift = vec![0.0_f64; failed.len() + 1];
    // Rows outside all groups first, then from the last group to the first.
    let order = std::iter::once(0).chain((1..rows.len()).rev());
    for g in order {
        for &i in &rows[g] {
            let i = i as usize;
            for (j, cost) in graph.row(i) {
                let other = group[j] as usize;
                if other != 0 && other != g {
                    let excess = duals.row[i] + lift[g] + duals.col[j] - cost;
                    lift[other] = lift[other].max(excess);
                }
            }
        }
    }
    for (g, rows) in rows.iter().enumerate().skip(1) {
        for &i in rows {
            duals.row[i as usize] += lift[g];
        }
    }
    for (value, &g) in duals.col.iter_mut().zip(group) {
        *value -= lift[g as usize];
    }
}
