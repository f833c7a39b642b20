//! What the tests of consensus share.
#![allow(dead_code, reason = "each test uses some of it")]

use std::path::PathBuf;

use la_opt::admm::{EdgeWeights, LeastSquares, Network, NodeView, Plan, StepPolicy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

/// Step sizes of each agent in each iteration; global ones where all are equal.
pub(crate) struct Replay(pub(crate) Vec<Vec<f64>>);

impl StepPolicy for Replay {
    fn horizon(&self) -> usize {
        self.0.len()
    }

    fn plan(&mut self, k: usize) -> Plan {
        let steps = &self.0[k];
        if steps.iter().all(|s| *s == steps[0]) {
            Plan::Global {
                alpha: steps[0],
                gamma: 1.0,
            }
        } else {
            Plan::Nodes { gamma: 1.0 }
        }
    }

    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        self.0[k][view.agent]
    }
}

/// Both within a tolerance relative to the larger of the numbers and 1.
#[track_caller]
pub(crate) fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1.0_f64, |m, b| m.max(b.abs()));
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= tolerance * size, "{a:?} beside {b:?}");
    }
}

/// A file of iterates and the instances it belongs to.
pub(crate) struct Fixture {
    pub(crate) name: String,
    run: Vec<u8>,
    instances: Vec<u8>,
}

impl Fixture {
    /// All of them; `None`, with a word, where the data folder is not there.
    pub(crate) fn all() -> Option<Vec<Self>> {
        let Some(folder) = std::env::var_os("LA_DATA_DIR") else {
            eprintln!("skipped: LA_DATA_DIR is not set");
            return None;
        };
        let folder = PathBuf::from(folder).join("fixtures/admm");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| Some(name.strip_suffix(".safetensors")?.to_owned()))
            .filter(|name| !name.ends_with("instances"))
            .collect();
        names.sort();
        let read = |name: &str| std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let classes = ["consensus", "least_squares_1", "least_squares_2"];
        Some(
            names
                .into_iter()
                .map(|name| {
                    let class = classes
                        .iter()
                        .find(|class| name.starts_with(**class))
                        .unwrap();
                    Self {
                        run: read(&name),
                        instances: read(&format!("{class}_instances")),
                        name,
                    }
                })
                .collect(),
        )
    }

    fn numbers(bytes: &[u8], name: &str) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        let data = tensors.tensor(name).unwrap().data();
        data.chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    /// Numbers of a tensor of the run.
    pub(crate) fn slice(&self, name: &str, from: usize, count: usize) -> Vec<f64> {
        Self::numbers(&self.run, name)[from..from + count].to_vec()
    }

    fn instance_slice(&self, name: &str, from: usize, count: usize) -> Vec<f64> {
        Self::numbers(&self.instances, name)[from..from + count].to_vec()
    }

    pub(crate) fn x_star(&self, instance: usize) -> Vec<f64> {
        self.instance_slice("x_star", instance * 2, 2)
    }

    pub(crate) fn network(&self, instance: usize) -> Network {
        let tensors = SafeTensors::deserialize(&self.instances).unwrap();
        let adjacency = tensors.tensor("adjacency").unwrap().data();
        let at = |i: usize, j: usize| (instance * 8 + i) * 8 + j;
        let edges = (0..8).flat_map(|i| (i + 1..8).map(move |j| (i, j)));
        let network =
            Network::from_edges(8, edges.filter(|&(i, j)| adjacency[at(i, j)] == 1)).unwrap();
        let weights = self.slice("weights", instance * 64, 64);
        let entries = network.pattern().entries();
        let given = entries.map(|(i, j)| weights[i * 8 + j]).collect();
        network.with_weights(EdgeWeights::Given(given)).unwrap()
    }

    pub(crate) fn agents(&self, instance: usize) -> Vec<LeastSquares> {
        (0..8)
            .map(|i| {
                let b = self.instance_slice("b", (instance * 8 + i) * 2, 2);
                let matrix = if self.name.starts_with("consensus") {
                    vec![1.0, 0.0, 0.0, 1.0]
                } else {
                    self.instance_slice("B", (instance * 8 + i) * 4, 4)
                };
                LeastSquares::new(2, matrix, b).unwrap()
            })
            .collect()
    }
}

/// Agents in a circle.
pub(crate) fn ring(agents: usize) -> Network {
    Network::from_edges(agents, (0..agents).map(|i| (i, (i + 1) % agents))).unwrap()
}

/// Agents on a rectangle.
pub(crate) fn grid(rows: usize, columns: usize) -> Network {
    let at = |r: usize, c: usize| r * columns + c;
    let right = (0..rows).flat_map(move |r| (1..columns).map(move |c| (at(r, c - 1), at(r, c))));
    let down = (1..rows).flat_map(move |r| (0..columns).map(move |c| (at(r - 1, c), at(r, c))));
    Network::from_edges(rows * columns, right.chain(down)).unwrap()
}

/// Every edge with the same probability, drawn again until all are connected.
pub(crate) fn random_graph(agents: usize, probability: f64, seed: u64) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    loop {
        let all = (0..agents).flat_map(|i| (i + 1..agents).map(move |j| (i, j)));
        let edges: Vec<_> = all.filter(|_| rng.random_bool(probability)).collect();
        if let Ok(network) = Network::from_edges(agents, edges) {
            return network;
        }
    }
}

/// Every new agent joins two others, preferring those with many neighbours.
pub(crate) fn preferential_attachment(agents: usize, seed: u64) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut edges = vec![(0, 1), (1, 2), (2, 0)];
    let mut ends = vec![0, 1, 1, 2, 2, 0];
    for new in 3..agents {
        let first = ends[rng.random_range(0..ends.len())];
        let second = std::iter::repeat_with(|| ends[rng.random_range(0..ends.len())])
            .find(|&end| end != first)
            .unwrap();
        for old in [first, second] {
            edges.push((new, old));
            ends.extend([new, old]);
        }
    }
    Network::from_edges(agents, edges).unwrap()
}

/// The agent itself, then its neighbours: variable i belongs to agent i and those around it.
pub(crate) fn neighbourhoods(network: &Network) -> Vec<Vec<usize>> {
    let around = |i: usize| network.neighbours(i).iter().map(|&j| j as usize);
    (0..network.agents())
        .map(|i| std::iter::once(i).chain(around(i)).collect())
        .collect()
}

/// For each of `count` variables a connected part of the graph, and a variable of its own for an agent that gets none; the number of variables too.
pub(crate) fn random_lists(network: &Network, count: usize, seed: u64) -> (usize, Vec<Vec<usize>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut lists = vec![Vec::new(); network.agents()];
    for variable in 0..count {
        let mut part = vec![rng.random_range(0..network.agents())];
        for _ in 0..rng.random_range(0..network.agents()) {
            let from = part[rng.random_range(0..part.len())];
            let next = network.neighbours(from);
            if !next.is_empty() {
                part.push(next[rng.random_range(0..next.len())] as usize);
            }
        }
        part.sort_unstable();
        part.dedup();
        part.into_iter().for_each(|i| lists[i].push(variable));
    }
    let mut all = count;
    for list in &mut lists {
        if list.is_empty() {
            list.push(all);
            all += 1;
        }
        let turn = rng.random_range(0..list.len());
        list.rotate_left(turn);
    }
    (all, lists)
}

/// Numbers in [-1, 1).
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}
