//! Graphs of agents.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ProblemError;
use crate::error::require;

/// A law of connected undirected graphs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum AgentGraphLaw {
    /// Every pair is an edge with this probability; drawn again until it is connected.
    ErdosRenyi {
        /// Probability of an edge, in (0, 1].
        probability: f64,
    },
    /// Agents in a row.
    Path,
    /// Agents in a circle; at least 3.
    Ring,
    /// A grid with this many rows; the last row may be shorter.
    Grid {
        /// Rows, at least 1.
        rows: usize,
    },
    /// The first agents are a star, every later one is joined to `edges` earlier ones, chosen in proportion to their degrees.
    BarabasiAlbert {
        /// Edges of a new agent, at least 1 and fewer than agents.
        edges: usize,
    },
}

/// Attempts at a connected graph before giving up.
const ATTEMPTS: usize = 10_000;

impl AgentGraphLaw {
    /// The edges (i < j, ascending) of a graph with so many agents.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for parameters out of range; [`ProblemError::NoAcceptableSample`] if no connected graph was drawn in 10 000 attempts.
    ///
    /// # Examples
    /// ```
    /// use la_problems::consensus::AgentGraphLaw;
    ///
    /// assert_eq!(AgentGraphLaw::Path.draw(3, 0)?, [(0, 1), (1, 2)]);
    /// let law = AgentGraphLaw::ErdosRenyi { probability: 0.4 };
    /// assert_eq!(law.draw(8, 7)?, law.draw(8, 7)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn draw(self, agents: usize, seed: u64) -> Result<Vec<(usize, usize)>, ProblemError> {
        require(agents >= 2, "agents", agents as f64, "at least 2")?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut edges = match self {
            Self::ErdosRenyi { probability } => {
                let fits = probability > 0.0 && probability <= 1.0;
                require(fits, "probability", probability, "in (0, 1]")?;
                connected(agents, probability, &mut rng)?
            }
            Self::Path => (1..agents).map(|i| (i - 1, i)).collect(),
            Self::Ring => {
                require(agents >= 3, "agents", agents as f64, "at least 3 on a ring")?;
                (0..agents).map(|i| (i, (i + 1) % agents)).collect()
            }
            Self::Grid { rows } => {
                require(rows >= 1, "rows", rows as f64, "at least 1")?;
                let columns = agents.div_ceil(rows);
                let right = (0..agents).filter(|i| (i + 1) % columns != 0);
                let right = right.map(|i| (i, i + 1));
                let below = (0..agents).map(|i| (i, i + columns));
                right.chain(below).filter(|&(_, j)| j < agents).collect()
            }
            Self::BarabasiAlbert { edges } => {
                let fits = edges >= 1 && edges < agents;
                let what = "at least 1 and fewer than agents";
                require(fits, "edges", edges as f64, what)?;
                preferential(agents, edges, &mut rng)
            }
        };
        for edge in &mut edges {
            *edge = (edge.0.min(edge.1), edge.0.max(edge.1));
        }
        edges.sort_unstable();
        Ok(edges)
    }
}

fn connected(
    agents: usize,
    probability: f64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<(usize, usize)>, ProblemError> {
    for _ in 0..ATTEMPTS {
        let pairs = (0..agents).flat_map(|i| (i + 1..agents).map(move |j| (i, j)));
        let edges: Vec<_> = pairs
            .filter(|_| rng.random::<f64>() < probability)
            .collect();
        if is_connected(agents, &edges) {
            return Ok(edges);
        }
    }
    Err(ProblemError::NoAcceptableSample {
        what: "connected graph",
        attempts: ATTEMPTS,
        reason: format!("it is not connected at probability {probability}"),
    })
}

fn is_connected(agents: usize, edges: &[(usize, usize)]) -> bool {
    let mut label: Vec<usize> = (0..agents).collect();
    let mut parts = agents;
    for &(i, j) in edges {
        let (a, b) = (root(&mut label, i), root(&mut label, j));
        if a != b {
            label[a] = b;
            parts -= 1;
        }
    }
    parts == 1
}

fn root(label: &mut [usize], mut i: usize) -> usize {
    while label[i] != i {
        label[i] = label[label[i]];
        i = label[i];
    }
    i
}

/// R. Albert, A.-L. Barabási, *Rev. Mod. Phys.* 74, 47–97, 2002: attachment in proportion to degrees, without repeated edges.
fn preferential(agents: usize, edges: usize, rng: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
    let mut drawn: Vec<_> = (1..=edges).map(|i| (0, i)).collect();
    // Each agent as often as it has edges.
    let mut ends: Vec<usize> = drawn.iter().flat_map(|&(i, j)| [i, j]).collect();
    let mut chosen = Vec::with_capacity(edges);
    for new in edges + 1..agents {
        chosen.clear();
        while chosen.len() < edges {
            let at = ends[rng.random_range(0..ends.len())];
            if !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        chosen.shuffle(rng);
        for &at in &chosen {
            drawn.push((at, new));
            ends.extend([at, new]);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_connected_and_simple() {
        let laws = [
            AgentGraphLaw::ErdosRenyi { probability: 0.4 },
            AgentGraphLaw::Path,
            AgentGraphLaw::Ring,
            AgentGraphLaw::Grid { rows: 3 },
            AgentGraphLaw::BarabasiAlbert { edges: 2 },
        ];
        for law in laws {
            for agents in [3, 8, 16, 50] {
                let edges = law.draw(agents, 3).unwrap();
                assert!(is_connected(agents, &edges), "{law:?} {agents}");
                assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{law:?}");
                assert!(edges.iter().all(|&(i, j)| i < j && j < agents));
            }
        }
        assert_eq!(AgentGraphLaw::Grid { rows: 2 }.draw(6, 0).unwrap().len(), 7);
        let tree = AgentGraphLaw::BarabasiAlbert { edges: 1 };
        assert_eq!(tree.draw(40, 1).unwrap().len(), 39);
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        let sparse = AgentGraphLaw::ErdosRenyi { probability: 1e-6 };
        assert!(sparse.draw(40, 0).is_err());
        assert!(AgentGraphLaw::Ring.draw(2, 0).is_err());
        assert!(
            AgentGraphLaw::BarabasiAlbert { edges: 4 }
                .draw(4, 0)
                .is_err()
        );
    }
}
