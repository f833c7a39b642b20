//! The agents of one process, renumbered: those at the boundary, those inside, ghosts.

use super::Network;

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
}

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
        ghosts.sort_unstable();
        ghosts.dedup();
        let (at_boundary, owned) = (boundary.len(), boundary.len() + interior.len());
        let mut ids = boundary;
        ids.append(&mut interior);
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
            boundary: at_boundary,
            offsets,
            neighbours,
            weights,
            weighted_degree: mine.clone().map(|i| network.weighted_degree(i)).collect(),
            column_norm: mine.map(|i| network.column_norm(i)).collect(),
            ids,
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

    /// M_i of own agent i.
    #[must_use]
    #[inline]
    pub fn column_norm(&self, i: usize) -> f64 {
        self.column_norm[i]
    }

    /// A number that tells own agent i, its neighbours and the weights of its edges from others (64 bits, after FNV, with the finalizer of SplitMix).
    pub(super) fn fingerprint(&self, i: usize) -> u64 {
        let (neighbours, weights) = self.edges(i);
        let neighbours = neighbours.iter().map(|&j| u64::from(self.ids[j as usize]));
        let numbers = neighbours.zip(weights).flat_map(|(j, w)| [j, w.to_bits()]);
        let hash = numbers.fold(u64::from(self.ids[i]), |hash, k| {
            (hash ^ k).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
        });
        let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
    }
}
