//! How agents on different processes hear of each other.

use std::time::Duration;

/// Moves values of agents to the processes where their neighbours are, and adds numbers up over all processes.
///
/// The engine calls these in the same order on all processes.
pub trait Exchange {
    /// Processes.
    fn ranks(&self) -> usize;

    /// Which of them this one is.
    fn rank(&self) -> usize;

    /// Begins to send `width` numbers of each own agent, agent by agent in the order of the shard, to those who need them. Where agents have variables of their own, it is `width` numbers of each
    /// own slot ([`Shard::slots`](super::Shard::slots)).
    fn start(&mut self, owned: &[f64], width: usize);

    /// Waits for the numbers of the ghosts.
    fn finish(&mut self, ghosts: &mut [f64], width: usize);

    /// Begins to add numbers up over the processes, each by itself; at most one such sum is under way.
    fn start_sum(&mut self, values: &[f64]);

    /// Waits for the sums.
    fn finish_sum(&mut self, values: &mut [f64]);

    /// As [`Exchange::start_sum`] with integers.
    fn start_sum_integers(&mut self, values: &[i64]);

    /// As [`Exchange::finish_sum`] with integers.
    fn finish_sum_integers(&mut self, values: &mut [i64]);

    /// What has gone over the wire so far.
    fn traffic(&self) -> Traffic;
}

/// What went over the wire, of this process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Traffic {
    /// Exchanges between neighbours.
    pub rounds: u64,
    /// Bytes sent to other processes.
    pub bytes: u64,
    /// Sums over all processes.
    pub reductions: u64,
    /// Time spent waiting for others.
    pub waiting: Duration,
}

/// All agents in one process.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alone {
    sums: Vec<f64>,
    integers: Vec<i64>,
}

impl Exchange for Alone {
    fn ranks(&self) -> usize {
        1
    }

    fn rank(&self) -> usize {
        0
    }

    fn start(&mut self, _owned: &[f64], _width: usize) {}

    fn finish(&mut self, _ghosts: &mut [f64], _width: usize) {}

    fn start_sum(&mut self, values: &[f64]) {
        self.sums.clear();
        self.sums.extend_from_slice(values);
    }

    fn finish_sum(&mut self, values: &mut [f64]) {
        values.copy_from_slice(&self.sums);
    }

    fn start_sum_integers(&mut self, values: &[i64]) {
        self.integers.clear();
        self.integers.extend_from_slice(values);
    }

    fn finish_sum_integers(&mut self, values: &mut [i64]) {
        values.copy_from_slice(&self.integers);
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
