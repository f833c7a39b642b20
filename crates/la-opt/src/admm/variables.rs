//! Who has which of the shared variables.

use la_graph::{Pattern, connected_components};

use super::{AdmmError, EdgeWeights, Network};

/// The general form of consensus: N shared variables, of which the function of agent i has some, `n_i` of them; neighbours agree on those that both have.
///
/// `minimise Σ_i f_i(x_{c_i(0)}, …, x_{c_i(n_i − 1)})` with the list `c_i` of agent i. Memory, messages and work of an agent are those of its own variables, whatever N is. For each variable the
/// agents that have it must be connected by edges among themselves, because nobody else tells them of each other; each variable then is consensus in one dimension on its own part of the graph.
/// A variable may belong to one agent alone.
///
/// Weights of edges are at first those of the network; [`Variables::with_weights`] gives others. Variables of an agent that fewer neighbours have, or none, want smaller weights in its proximal step: functions with
/// [`LocalObjective::prox_scaled`](super::LocalObjective::prox_scaled), as all of this crate are, get them, others the largest for all variables, which is right too and takes more iterations.
///
/// # Examples
/// Three agents on a path; the first two measure the difference of variables 0 and 1, the last two that of 1 and 2, and the first knows variable 0.
/// ```
/// use la_opt::admm::{Admm, AdmmOptions, AdmmStatus, LeastSquares, Network, Variables};
///
/// let path = Network::from_edges(3, [(0, 1), (1, 2)])?;
/// let variables = Variables::new(&path, 3, [vec![0, 1], vec![0, 1, 2], vec![2, 1]])?;
/// assert_eq!((variables.count(), variables.total()), (3, 7));
/// let agents = vec![
///     LeastSquares::new(2, vec![1.0, 0.0, -1.0, 1.0], vec![5.0, 1.0])?,
///     LeastSquares::new(3, vec![-1.0, 1.0, 0.0, 0.0, -1.0, 1.0], vec![1.0, 2.0])?,
///     LeastSquares::new(2, vec![1.0, -1.0], vec![2.0])?,
/// ];
/// let mut admm = Admm::general(&variables, agents, AdmmOptions::default())?;
/// assert_eq!(admm.solve().status, AdmmStatus::Converged);
/// // Agent 2 lists variable 2 first.
/// assert!((admm.x(2)[0] - 8.0).abs() < 1e-4 && (admm.x(2)[1] - 6.0).abs() < 1e-4);
/// assert!((admm.mean()[0] - 5.0).abs() < 1e-4);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
///
/// # References
/// S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, *Found. Trends Mach. Learn.* 3(1), 2011, section 7.2. Deviates: there is no global variable and nobody who keeps it; neighbours agree with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Variables {
    network: Network,
    /// The graph of slots, one for each variable of each agent, agent by agent: an edge wherever two neighbours have the same variable.
    slots: Network,
    /// Where the slots of each agent begin, and the end.
    starts: Vec<u32>,
    /// The variable of each slot.
    of_slot: Vec<u32>,
    /// Agents that have each variable.
    holders: Vec<u32>,
}

impl Variables {
    /// From the number N of variables, and the variables of each agent in the order in which its function takes them.
    ///
    /// # Errors
    /// [`AdmmError::Length`] where there are not as many lists as agents, [`AdmmError::NoVariables`], [`AdmmError::NoSuchVariable`], [`AdmmError::RepeatedVariable`], [`AdmmError::UnusedVariable`],
    /// [`AdmmError::VariableApart`].
    pub fn new(
        network: &Network,
        count: usize,
        lists: impl IntoIterator<Item: AsRef<[usize]>>,
    ) -> Result<Self, AdmmError> {
        let mut holders = vec![0; count];
        let mut seen = vec![usize::MAX; count];
        let (mut starts, mut of_slot) = (vec![0], Vec::new());
        for (agent, list) in lists.into_iter().enumerate() {
            for &variable in list.as_ref() {
                if variable >= count {
                    return Err(AdmmError::NoSuchVariable {
                        agent,
                        variable,
                        count,
                    });
                }
                if std::mem::replace(&mut seen[variable], agent) == agent {
                    return Err(AdmmError::RepeatedVariable { agent, variable });
                }
                holders[variable] += 1;
                of_slot.push(variable as u32);
            }
            if starts.last() == Some(&(of_slot.len() as u32)) {
                return Err(AdmmError::NoVariables { agent });
            }
            starts.push(of_slot.len() as u32);
        }
        if starts.len() != network.agents() + 1 {
            return Err(AdmmError::Length {
                what: "list of lists of variables",
                len: starts.len() - 1,
                expected: network.agents(),
            });
        }
        if of_slot.len() >= u32::MAX as usize {
            return Err(too_many(of_slot.len()));
        }
        if let Some(variable) = holders.iter().position(|&holders| holders == 0) {
            return Err(AdmmError::UnusedVariable { variable });
        }
        let variables = Self {
            slots: slot_graph(network, &starts, &of_slot, count)?,
            network: network.clone(),
            starts,
            of_slot,
            holders,
        };
        variables.require_connected()?;
        Ok(variables)
    }

    fn require_connected(&self) -> Result<(), AdmmError> {
        let components =
            connected_components(self.slots.pattern()).map_err(|_| too_many(self.total()))?;
        let mut first = vec![u32::MAX; self.count()];
        for (slot, &variable) in self.of_slot.iter().enumerate() {
            let first = &mut first[variable as usize];
            if *first == u32::MAX {
                *first = slot as u32;
            }
            if components.labels[*first as usize] != components.labels[slot] {
                return Err(AdmmError::VariableApart {
                    variable: variable as usize,
                    first: self.agent_of(*first as usize),
                    agent: self.agent_of(slot),
                });
            }
        }
        Ok(())
    }

    fn agent_of(&self, slot: usize) -> usize {
        self.starts.partition_point(|&start| start as usize <= slot) - 1
    }

    /// The same variables with other weights of edges. [`EdgeWeights::Metropolis`] weighs an edge for each variable by the numbers of neighbours with that variable; those that are given belong to the entries of the
    /// pattern of the network, and hold for all variables.
    ///
    /// # Errors
    /// As [`Network::with_weights`].
    pub fn with_weights(mut self, weights: EdgeWeights) -> Result<Self, AdmmError> {
        if let EdgeWeights::Given(_) = weights {
            self.network = self.network.with_weights(weights)?;
            self.slots = slot_graph(&self.network, &self.starts, &self.of_slot, self.count())?;
        } else {
            self.slots = self.slots.with_weights(weights)?;
        }
        Ok(self)
    }

    /// The graph of the agents.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// N.
    #[must_use]
    pub fn count(&self) -> usize {
        self.holders.len()
    }

    /// `Σ_i n_i`, the numbers that all agents hold together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.of_slot.len()
    }

    /// The variables of agent i (n_i), in the order in which its function takes them.
    #[must_use]
    pub fn of(&self, i: usize) -> &[u32] {
        &self.of_slot[self.starts[i] as usize..self.starts[i + 1] as usize]
    }

    /// How many agents have variable c.
    #[must_use]
    pub fn holders(&self, c: usize) -> usize {
        self.holders[c] as usize
    }

    /// Numbers that are sent in a round, one for each variable in common of each two neighbours and direction.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.slots.pattern().nnz()
    }

    pub(super) fn slots(&self) -> &Network {
        &self.slots
    }

    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    pub(super) fn of_slot(&self) -> &[u32] {
        &self.of_slot
    }

    pub(super) fn all_holders(&self) -> &[u32] {
        &self.holders
    }
}

/// The only thing that can be wrong with a graph that was built sorted and symmetric: it has more slots or edges than there are 32-bit numbers.
fn too_many(len: usize) -> AdmmError {
    AdmmError::Length {
        what: "list of all variables in common",
        len,
        expected: u32::MAX as usize,
    }
}

/// Neighbours of a slot, ascending as the agents they belong to are.
fn slot_graph(
    network: &Network,
    starts: &[u32],
    of_slot: &[u32],
    count: usize,
) -> Result<Network, AdmmError> {
    let list = |agent: usize| starts[agent] as usize..starts[agent + 1] as usize;
    let mut place = vec![usize::MAX; count];
    let (mut indptr, mut indices, mut weights) = (vec![0], Vec::new(), Vec::new());
    let mut rows: Vec<Vec<(u32, f64)>> = Vec::new();
    for agent in 0..network.agents() {
        let own = list(agent);
        for (at, &variable) in of_slot[own.clone()].iter().enumerate() {
            place[variable as usize] = at;
        }
        if rows.len() < own.len() {
            rows.resize(own.len(), Vec::new());
        }
        let edges = network.neighbours(agent).iter();
        for (&neighbour, &weight) in edges.zip(network.weights_of(agent)) {
            for slot in list(neighbour as usize) {
                if let Some(row) = rows.get_mut(place[of_slot[slot] as usize]) {
                    row.push((slot as u32, weight));
                }
            }
        }
        for row in &mut rows[..own.len()] {
            indices.extend(row.iter().map(|&(slot, _)| slot));
            weights.extend(row.iter().map(|&(_, weight)| weight));
            indptr.push(indices.len() as u32);
            row.clear();
        }
        for &variable in &of_slot[own] {
            place[variable as usize] = usize::MAX;
        }
    }
    let slots = of_slot.len();
    let len = slots.max(indices.len());
    let pattern = match u32::try_from(len) {
        Ok(_) => Pattern::new(slots, slots, indptr, indices).map_err(|_| too_many(len))?,
        Err(_) => return Err(too_many(len)),
    };
    Ok(Network::of_parts(pattern, weights))
}
