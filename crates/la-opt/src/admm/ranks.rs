//! Agents on MPI ranks.

use la_mpi::{Halo, MpiError, Pending, World};

use super::{AdmmError, Exchange, Network, Shard, Traffic, Variables};

/// An [`Exchange`] by MPI: one packed message for each neighbouring rank and round.
///
/// # Examples
/// Each rank runs this program (`mpirun -n 2 program`):
/// ```no_run
/// use la_mpi::World;
/// use la_opt::admm::{Admm, AdmmOptions, Network, Ranks, SquaredDistance};
///
/// let world = World::init()?;
/// let ring = Network::from_edges(100, (0..100).map(|i| (i, (i + 1) % 100)))?;
/// // Blocks of agents; a graph partition is an array like this one.
/// let owner: Vec<u32> = (0..100).map(|i| (i * world.size() / 100) as u32).collect();
/// let (shard, ranks) = Ranks::new(&world, &ring, &owner)?;
/// let mine = shard.ids()[..shard.owned()].iter();
/// let agents: Result<Vec<_>, _> = mine.map(|&i| SquaredDistance::new(vec![f64::from(i)])).collect();
/// let mut admm = Admm::on(shard, ring.agents(), agents?, AdmmOptions::default(), ranks)?;
/// let report = admm.solve();
/// if world.is_root() {
///     println!("{}: {:?}", report.status, admm.x(0));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ranks {
    world: World,
    halo: Halo,
    sums: Pending<f64>,
    integers: Pending<i64>,
    reductions: u64,
}

impl Ranks {
    /// Plans the exchange for agents that belong to the ranks in `owner`, one number for each agent. Collective: all ranks give the same network and owners.
    ///
    /// # Errors
    /// [`AdmmError::Length`] where there are not as many owners as agents. [`AdmmError::DifferentNetwork`], on all ranks, where one has another network or other owners than rank 0.
    /// [`AdmmError::Mpi`] as [`Halo::new`].
    pub fn new(
        world: &World,
        network: &Network,
        owner: &[u32],
    ) -> Result<(Shard, Self), AdmmError> {
        same_on_all(world, network, owner, || network.fingerprint(owner))?;
        let rank = world.rank() as u32;
        let shard = Shard::of(network, |i| owner[i] == rank);
        Self::plan(world, shard, owner)
    }

    /// As [`Ranks::new`], for agents with variables of their own: messages have those numbers that neighbours have too. Agents are not split over ranks.
    ///
    /// # Errors
    /// As [`Ranks::new`].
    ///
    /// # Examples
    /// ```no_run
    /// use la_mpi::World;
    /// use la_opt::admm::{Admm, AdmmOptions, Network, Ranks, SquaredDistance, Variables};
    ///
    /// let world = World::init()?;
    /// // Agents on a path, each with its own variable and that of the next.
    /// let path = Network::from_edges(99, (0..98).map(|i| (i, i + 1)))?;
    /// let variables = Variables::new(&path, 100, (0..99).map(|i| [i, i + 1]))?;
    /// let owner: Vec<u32> = (0..99).map(|i| (i * world.size() / 99) as u32).collect();
    /// let (shard, ranks) = Ranks::general(&world, &variables, &owner)?;
    /// let mine = shard.ids()[..shard.owned()].iter();
    /// let agents: Result<Vec<_>, _> = mine.map(|&i| SquaredDistance::new(vec![f64::from(i); 2])).collect();
    /// let mut admm = Admm::on(shard, 99, agents?, AdmmOptions::default(), ranks)?;
    /// let report = admm.solve();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn general(
        world: &World,
        variables: &Variables,
        owner: &[u32],
    ) -> Result<(Shard, Self), AdmmError> {
        let network = variables.network();
        same_on_all(world, network, owner, || {
            let numbers = [owner, variables.starts(), variables.of_slot()].concat();
            variables.slots().fingerprint(&numbers)
        })?;
        let rank = world.rank() as u32;
        let shard = Shard::general(variables, |i| owner[i] == rank);
        let lengths = variables.starts().windows(2);
        let owners = owner.iter().zip(lengths);
        let owners = owners.flat_map(|(&rank, ends)| (ends[0]..ends[1]).map(move |_| rank));
        Self::plan(world, shard, &owners.collect::<Vec<_>>())
    }

    /// The exchange for the nodes of a shard, which belong to the ranks in `owner`.
    fn plan(world: &World, shard: Shard, owner: &[u32]) -> Result<(Shard, Self), AdmmError> {
        let rows = shard.rows();
        let ids: Vec<usize> = rows.ids().iter().map(|&id| id as usize).collect();
        let (own, ghosts) = ids.split_at(rows.owned());
        let halo = Halo::new(world, own, ghosts, owner)?;
        let ranks = Self {
            sums: world.pending(),
            integers: world.pending(),
            world: world.clone(),
            halo,
            reductions: 0,
        };
        Ok((shard, ranks))
    }

    /// The ranks.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// Compares fingerprints with that of rank 0, where there are as many owners as agents.
fn same_on_all(
    world: &World,
    network: &Network,
    owner: &[u32],
    fingerprint: impl FnOnce() -> u64,
) -> Result<(), AdmmError> {
    let checked = if owner.len() == network.agents() {
        Ok(())
    } else {
        Err(AdmmError::Length {
            what: "list of owners",
            len: owner.len(),
            expected: network.agents(),
        })
    };
    world.agree(checked)?;
    let own = fingerprint() as i64;
    let mut first = [if world.is_root() { own } else { 0 }];
    world.broadcast(0, &mut first);
    let differs = if own == first[0] {
        world.size()
    } else {
        world.rank()
    };
    let mut rank = [differs as i64];
    world.all_min_integers(&mut rank);
    let rank = rank[0] as usize;
    if rank == world.size() {
        Ok(())
    } else {
        Err(AdmmError::DifferentNetwork { rank })
    }
}

impl From<MpiError> for AdmmError {
    fn from(error: MpiError) -> Self {
        Self::Mpi(error.to_string())
    }
}

impl Exchange for Ranks {
    fn ranks(&self) -> usize {
        self.world.size()
    }

    fn rank(&self) -> usize {
        self.world.rank()
    }

    fn start(&mut self, owned: &[f64], width: usize) {
        self.halo.start(owned, width);
    }

    fn finish(&mut self, ghosts: &mut [f64], _width: usize) {
        self.halo.finish(ghosts);
    }

    fn start_sum(&mut self, values: &[f64]) {
        self.reductions += 1;
        self.sums.start_sum(values);
    }

    fn finish_sum(&mut self, values: &mut [f64]) {
        values.copy_from_slice(self.sums.wait());
    }

    fn start_sum_integers(&mut self, values: &[i64]) {
        self.reductions += 1;
        self.integers.start_sum(values);
    }

    fn finish_sum_integers(&mut self, values: &mut [i64]) {
        values.copy_from_slice(self.integers.wait());
    }

    fn traffic(&self) -> Traffic {
        let counters = self.halo.counters();
        Traffic {
            rounds: counters.rounds,
            bytes: counters.bytes_sent,
            reductions: self.reductions,
            waiting: self.world.waited(),
        }
    }
}
