//! The agents of one process, renumbered: those at the boundary, those inside, ghosts.

use std::ops::Range;

use super::{Network, Variables};

/// Own agents first, those with neighbours elsewhere before the others, each group by global number; then ghosts.
///
/// Neighbours of an agent are listed by their global numbers, so that sums over them have the same terms in the same order on any number of processes.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    ids: Vec<u32>,
    owned: usize,
    boundary: usize,
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
    weights: Vec<f64>,
    weighted_degree: Vec<f64>,
    column_norm: Vec<f64>,
    slots: Option<Box<Slots>>,
}

/// What agents with variables of their own have beside their edges.
#[derive(Debug, Clone, PartialEq)]
struct Slots {
    /// The graph of slots, in which the slots of an agent follow each other as agents do.
    rows: Shard,
    /// Where the slots of each own agent begin, and the end.
    starts: Vec<u32>,
    /// The variable of each own slot.
    variables: Vec<u32>,
    /// Of each variable, on all processes.
    holders: Vec<u32>,
}

/// The least M of a slot beside the largest of its agent: a variable of one agent alone, which has M = 0, still needs a proximal term where the function is flat.
const LEAST: f64 = 0.01;

impl Shard {
    /// All agents.
    #[must_use]
    pub fn whole(network: &Network) -> Self {
        Self::of(network, |_| true)
    }

    /// Those agents that belong to the process.
    #[must_use]
    pub fn of(network: &Network, is_mine: impl Fn(usize) -> bool) -> Self {
        let mut boundary = Vec::new();
        let mut interior = Vec::new();
        let mut ghosts = Vec::new();
        for i in (0..network.agents()).filter(|&i| is_mine(i)) {
            let elsewhere = network
                .neighbours(i)
                .iter()
                .filter(|&&j| !is_mine(j as usize));
            let before = ghosts.len();
            ghosts.extend(elsewhere);
            if ghosts.len() > before {
                boundary.push(i as u32);
            } else {
                interior.push(i as u32);
            }
        }
        let at_boundary = boundary.len();
        boundary.append(&mut interior);
        Self::arranged(network, boundary, at_boundary, ghosts)
    }

    /// As [`Shard::of`], of agents with variables of their own. The accessors speak of agents and the network all the same; [`Shard::variables`] says which variables they have.
    #[must_use]
    pub fn general(variables: &Variables, is_mine: impl Fn(usize) -> bool) -> Self {
        let mut shard = Self::of(variables.network(), &is_mine);
        let list = |agent: u32| {
            let starts = &variables.starts()[agent as usize..];
            starts[0]..starts[1]
        };
        let (mut starts, mut own) = (vec![0], Vec::new());
        for &agent in &shard.ids[..shard.owned] {
            own.extend(list(agent));
            starts.push(own.len() as u32);
        }
        let (mut ghosts, ghost_agents) = (Vec::new(), &shard.ids[shard.owned..]);
        let mut at_home = vec![false; variables.total()];
        own.iter().for_each(|&slot| at_home[slot as usize] = true);
        for slot in ghost_agents.iter().flat_map(|&agent| list(agent)) {
            let neighbours = variables.slots().neighbours(slot as usize);
            if neighbours.iter().any(|&other| at_home[other as usize]) {
                ghosts.push(slot);
            }
        }
        let of_own = own.iter().map(|&slot| variables.of_slot()[slot as usize]);
        let at_boundary = starts[shard.boundary] as usize;
        let slots = Slots {
            variables: of_own.collect(),
            holders: variables.all_holders().to_vec(),
            rows: Self::arranged(variables.slots(), own, at_boundary, ghosts),
            starts,
        };
        shard.slots = Some(Box::new(slots));
        shard
    }

    /// From the nodes in their order, of which so many are at the boundary, and those elsewhere.
    fn arranged(network: &Network, own: Vec<u32>, boundary: usize, mut ghosts: Vec<u32>) -> Self {
        ghosts.sort_unstable();
        ghosts.dedup();
        let owned = own.len();
        let mut ids = own;
        ids.append(&mut ghosts);
        let mut local = vec![u32::MAX; network.agents()];
        for (at, &id) in ids.iter().enumerate() {
            local[id as usize] = at as u32;
        }
        let mine = ids[..owned].iter().map(|&id| id as usize);
        let mut offsets = vec![0];
        let (mut neighbours, mut weights) = (Vec::new(), Vec::new());
        for i in mine.clone() {
            neighbours.extend(network.neighbours(i).iter().map(|&j| local[j as usize]));
            weights.extend_from_slice(network.weights_of(i));
            offsets.push(neighbours.len() as u32);
        }
        Self {
            owned,
            boundary,
            offsets,
            neighbours,
            weights,
            weighted_degree: mine.clone().map(|i| network.weighted_degree(i)).collect(),
            // An agent without neighbours minimises its function alone, by proximal steps of some weight.
            column_norm: mine
                .map(|i| match network.degree(i) {
                    0 => 1.0,
                    _ => network.column_norm(i),
                })
                .collect(),
            ids,
            slots: None,
        }
    }

    /// Own agents.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.owned
    }

    /// Own agents with neighbours on other processes; they come first.
    #[must_use]
    pub fn boundary(&self) -> usize {
        self.boundary
    }

    /// Agents of other processes that are neighbours of own ones.
    #[must_use]
    pub fn ghosts(&self) -> usize {
        self.ids.len() - self.owned
    }

    /// Global numbers of own agents and ghosts.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Neighbours of own agent i, in the numbering of the shard, and the weights of the edges.
    #[must_use]
    #[inline]
    pub fn edges(&self, i: usize) -> (&[u32], &[f64]) {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        (&self.neighbours[range.clone()], &self.weights[range])
    }

    /// d_i of own agent i.
    #[must_use]
    #[inline]
    pub fn degree(&self, i: usize) -> usize {
        (self.offsets[i + 1] - self.offsets[i]) as usize
    }

    /// w_i of own agent i.
    #[must_use]
    #[inline]
    pub fn weighted_degree(&self, i: usize) -> f64 {
        self.weighted_degree[i]
    }

    /// M of these nodes.
    pub(super) fn column_norms(&self, nodes: Range<usize>) -> &[f64] {
        &self.column_norm[nodes]
    }

    /// M_i of own agent i.
    #[must_use]
    #[inline]
    pub fn column_norm(&self, i: usize) -> f64 {
        self.column_norm[i]
    }

    /// The variables of own agent i, in the order in which its function takes them; `None` where all agents have all variables.
    #[must_use]
    pub fn variables(&self, i: usize) -> Option<&[u32]> {
        let slots = self.slots.as_ref()?;
        Some(&slots.variables[self.nodes(i..i + 1)])
    }

    /// The graph of slots as a shard, for an [`Exchange`](super::Exchange) to know what it moves: slots are the variables of agent 0, then those of agent 1, and so on, and are neighbours where two
    /// neighbours have the same variable. `None` where all agents have all variables.
    #[must_use]
    pub fn slots(&self) -> Option<&Self> {
        self.slots.as_ref().map(|slots| &slots.rows)
    }

    /// What iterates: the agents, or their slots.
    #[inline]
    pub(super) fn rows(&self) -> &Self {
        self.slots().unwrap_or(self)
    }

    /// M of the form of the edges: what the copies around a node weigh.
    pub(super) fn weigh_edges(&mut self) {
        let own = 0..self.rows().owned;
        let weights = own.map(|i| self.rows().weighted_degree(i)).collect();
        match &mut self.slots {
            Some(slots) => slots.rows.column_norm = weights,
            None => {
                self.column_norm = weights;
                // An agent without neighbours has some weight.
                let alone = self.column_norm.iter_mut().filter(|norm| **norm == 0.0);
                alone.for_each(|norm| *norm = 1.0);
            }
        }
    }

    /// The nodes of [`Shard::rows`] that belong to these own agents.
    pub(super) fn nodes(&self, agents: Range<usize>) -> Range<usize> {
        match &self.slots {
            None => agents,
            Some(slots) => slots.starts[agents.start] as usize..slots.starts[agents.end] as usize,
        }
    }

    /// Where the slots of these own agents begin, and the end.
    pub(super) fn starts(&self, agents: Range<usize>) -> Option<&[u32]> {
        let slots = self.slots.as_ref()?;
        Some(&slots.starts[agents.start..=agents.end])
    }

    /// The own agent of a node of [`Shard::rows`].
    pub(super) fn agent_of(&self, node: usize) -> usize {
        self.slots.as_ref().map_or(node, |slots| {
            slots
                .starts
                .partition_point(|&start| start as usize <= node)
                - 1
        })
    }

    /// The variable of each own slot, and the number of agents on all processes that have each variable.
    pub(super) fn shared(&self) -> Option<(&[u32], &[u32])> {
        let slots = self.slots.as_ref()?;
        Some((&slots.variables, &slots.holders))
    }

    /// Raises the M of slots to what the functions of own agents can do with: all those of an agent to the largest among them, or, where the function takes scales, those that are far smaller to a share of it.
    ///
    /// A larger M is that of a slot with one copy more of its x, which has to agree with nobody: ADMM for the same problem, with the same guarantees.
    pub(super) fn raise(&mut self, takes_scales: impl Fn(usize) -> bool) {
        let Some(slots) = &mut self.slots else {
            return;
        };
        for (i, ends) in slots.starts.windows(2).enumerate() {
            let norms = &mut slots.rows.column_norm[ends[0] as usize..ends[1] as usize];
            let largest = norms.iter().fold(0.0, |a: f64, m| a.max(*m));
            if largest == 0.0 {
                // An agent that has nothing in common with others minimises by itself, step by step.
                norms.fill(1.0);
                continue;
            }
            let least = if takes_scales(i) {
                LEAST * largest
            } else {
                largest
            };
            norms.iter_mut().for_each(|m| *m = m.max(least));
        }
    }

    /// The sum over own agents of the two halves of numbers that tell agents, edges and variables from others.
    pub(super) fn fingerprints(&self) -> (i64, i64) {
        let variables = self.slots.iter().flat_map(|slots| {
            let nodes = slots.variables.iter().enumerate();
            nodes.map(|(node, &c)| mix(slots.rows.fingerprint(node) ^ mix(u64::from(c) + 1)))
        });
        let agents = (0..self.owned).map(|i| self.fingerprint(i));
        agents.chain(variables).fold((0, 0), |(high, low), hash| {
            (
                high + (hash >> 32) as i64,
                low + (hash & 0xffff_ffff) as i64,
            )
        })
    }

    /// A number that tells own agent i, its neighbours and the weights of its edges from others (64 bits, after FNV, with the finalizer of SplitMix).
    fn fingerprint(&self, i: usize) -> u64 {
        let (neighbours, weights) = self.edges(i);
        let neighbours = neighbours.iter().map(|&j| u64::from(self.ids[j as usize]));
        let numbers = neighbours.zip(weights).flat_map(|(j, w)| [j, w.to_bits()]);
        let hash = numbers.fold(u64::from(self.ids[i]), |hash, k| {
            (hash ^ k).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
        });
        mix(hash)
    }
}

/// The finalizer of SplitMix.
fn mix(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}
