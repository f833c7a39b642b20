//! The undirected graph that is cut, and parts of it.

use super::check;
use crate::error::GraphError;
use crate::pattern::Pattern;

/// Neighbours of every node, without loops, each edge stored in both directions.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    starts: Vec<u32>,
    others: Vec<u32>,
    weights: Vec<u32>,
}

impl Graph {
    pub(super) fn new(pattern: &Pattern<'_>, weights: Option<&[u32]>) -> Result<Self, GraphError> {
        check(pattern, weights)?;
        let loops = |i: usize, j: usize| i != j;
        let both = if pattern.is_symmetric() {
            pattern.restrict(loops)
        } else {
            pattern.union(&pattern.transpose())?.restrict(loops)
        };
        let (starts, others) = both.into_raw();
        let weights = match weights {
            Some(weights) => weights.to_vec(),
            None => vec![1; starts.len() - 1],
        };
        Ok(Self {
            starts,
            others,
            weights,
        })
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn neighbours(&self, node: usize) -> &[u32] {
        &self.others[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    pub(super) fn weight(&self, node: usize) -> u64 {
        u64::from(self.weights[node])
    }

    pub(super) fn total(&self) -> u64 {
        self.weights.iter().copied().map(u64::from).sum()
    }

    #[cfg(feature = "metis")]
    pub(super) fn raw(&self) -> (&[u32], &[u32], &[u32]) {
        (&self.starts, &self.others, &self.weights)
    }

    /// The graph on `nodes` alone, numbered in that order. `number` has an entry per node of the whole graph
    /// and need not be cleared between calls.
    pub(super) fn part(&self, nodes: &[u32], number: &mut [u32]) -> Self {
        for (new, node) in nodes.iter().enumerate() {
            number[*node as usize] = new as u32;
        }
        let mut starts = vec![0];
        let mut others = Vec::new();
        for node in nodes {
            for other in self.neighbours(*node as usize) {
                // A stale number points to a node that is not this one.
                let new = number[*other as usize];
                if nodes.get(new as usize) == Some(other) {
                    others.push(new);
                }
            }
            starts.push(others.len() as u32);
        }
        let weights = nodes.iter().map(|node| self.weights[*node as usize]);
        let weights = weights.collect();
        Self {
            starts,
            others,
            weights,
        }
    }
}
