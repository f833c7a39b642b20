//! Halo exchange: values of ids that other ranks own.

mod plan;

use std::time::Duration;

use self::plan::Plan;
use crate::raw::{Part, Scalar, Transfer};
use crate::{MpiError, Ownership, World};

/// What an exchange has cost one rank so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Exchanges that were finished.
    pub rounds: u64,
    /// Messages that this rank has sent.
    pub messages_sent: u64,
    /// Bytes that this rank has sent.
    pub bytes_sent: u64,
    /// Time that this rank has waited for messages.
    pub waited: Duration,
}

/// A rank with which values are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbour {
    /// Its number.
    pub rank: usize,
    /// How many ids it needs from this rank.
    pub sends: usize,
    /// How many ids this rank needs from it.
    pub receives: usize,
}

/// Brings the values of *ghost* ids, which other ranks own, to this rank: one packed message per neighbouring
/// rank and round, receives posted first.
///
/// [`Halo::start`] sends, [`Halo::finish`] waits, and between them the program works on what needs no ghosts;
/// [`Halo::reverse`] adds ghost values to those of their owners. Every id carries `width` scalars; values are
/// laid out id by id, in the order in which the ids were given. After the first exchange of a width nothing is
/// allocated. Results do not depend on the order in which messages arrive.
///
/// # Examples
/// ```no_run
/// use la_mpi::{Halo, Ranges, World};
///
/// let world = World::init()?;
/// // A ring of 30 ids in blocks; every rank needs the id before its block.
/// let blocks = Ranges::even(30, world.size());
/// let own: Vec<usize> = blocks.range(world.rank()).collect();
/// let before = (own[0] + 29) % 30;
/// let ghosts = if own.contains(&before) { vec![] } else { vec![before] };
/// let mut halo: Halo = Halo::new(&world, &own, &ghosts, &blocks)?;
///
/// let values: Vec<f64> = own.iter().map(|id| *id as f64).collect();
/// let mut came = vec![0.0; ghosts.len()];
/// halo.start(&values, 1);
/// // ... interior work ...
/// halo.finish(&mut came);
/// assert!(came.iter().zip(&ghosts).all(|(value, id)| *value == *id as f64));
/// # Ok::<(), la_mpi::MpiError>(())
/// ```
#[derive(Debug)]
pub struct Halo<T: Scalar = f64> {
    transfer: Transfer<T>,
    plan: Plan,
    /// Scalars per id of the exchange under way.
    width: Option<usize>,
    /// The parts of both buffers for `parts_width` scalars per id.
    sends: Vec<Part>,
    receives: Vec<Part>,
    parts_width: usize,
    counters: Counters,
    tag: i32,
    world: World,
}

impl<T: Scalar> Halo<T> {
    /// Plans the exchange. Collective.
    ///
    /// `owned` and `ghosts` are this rank's lists of global ids in any order, without repetitions; `owners`
    /// need only know the owners of this rank's ghosts.
    ///
    /// # Errors
    /// On every rank if on any: [`MpiError::Repeated`], [`MpiError::GhostIsOwned`], [`MpiError::NoOwner`],
    /// [`MpiError::NoSuchRank`], [`MpiError::NotOwned`] and [`MpiError::TooLarge`] on the rank that sees
    /// the fault, [`MpiError::OtherRank`] on the others.
    pub fn new(
        world: &World,
        owned: &[usize],
        ghosts: &[usize],
        owners: &(impl Ownership + ?Sized),
    ) -> Result<Self, MpiError> {
        let plan = Plan::new(world, owned, ghosts, owners)?;
        Ok(Self::from_plan(world, plan))
    }

    /// The same exchange for another type of scalars. Collective.
    #[must_use]
    pub fn with_scalar<U: Scalar>(&self) -> Halo<U> {
        Halo::from_plan(&self.world, self.plan.clone())
    }

    fn from_plan(world: &World, plan: Plan) -> Self {
        Self {
            transfer: Transfer::new(world.comm()),
            plan,
            width: None,
            sends: Vec::new(),
            receives: Vec::new(),
            parts_width: 0,
            counters: Counters::default(),
            tag: world.next_tag(),
            world: world.clone(),
        }
    }

    /// Number of owned ids.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.plan.owned
    }

    /// Number of ghost ids.
    #[must_use]
    pub fn ghosts(&self) -> usize {
        self.plan.receive.len()
    }

    /// Positions of the owned ids that some neighbour needs, ascending: what to compute first.
    #[must_use]
    pub fn boundary(&self) -> &[u32] {
        &self.plan.boundary
    }

    /// The neighbouring ranks, ascending.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> + '_ {
        self.plan
            .stretches()
            .map(|(rank, send, receive)| Neighbour {
                rank,
                sends: send.len(),
                receives: receive.len(),
            })
    }

    /// What the exchanges have cost so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Sends the values that neighbours need and posts the receives; `values` may change afterwards.
    ///
    /// # Panics
    /// If an exchange is under way, or `values` is not `width` scalars for every owned id.
    pub fn start(&mut self, values: &[T], width: usize) {
        assert_eq!(values.len(), width * self.plan.owned, "owned values");
        self.prepare(width);
        let outgoing = self.transfer.outgoing();
        gather(outgoing, values, &self.plan.send, width);
        self.transfer.post(&self.receives, &self.sends, self.tag);
        self.width = Some(width);
        self.count_sends(Direction::Forward);
    }

    /// Lets messages make progress; whether [`Halo::finish`] would return at once.
    pub fn test(&mut self) -> bool {
        self.transfer.test()
    }

    /// Waits for the values of the ghosts.
    ///
    /// # Panics
    /// If nothing was started, or `ghosts` is not as wide for every ghost id as what was started.
    pub fn finish(&mut self, ghosts: &mut [T]) {
        let width = self.width.take().expect("`start` comes before `finish`");
        assert_eq!(
            ghosts.len(),
            width * self.plan.receive.len(),
            "ghost values"
        );
        self.wait();
        scatter(self.transfer.incoming(), ghosts, &self.plan.receive, width);
    }

    /// [`Halo::start`] and [`Halo::finish`] in one.
    ///
    /// # Panics
    /// As those do.
    pub fn exchange(&mut self, values: &[T], width: usize, ghosts: &mut [T]) {
        self.start(values, width);
        self.finish(ghosts);
    }

    fn wait(&mut self) {
        let round = self.counters.rounds + 1;
        self.counters.waited += self.world.wait(
            format_args!("round {round} of exchange {}", self.tag),
            &mut self.transfer,
            Transfer::test,
            Transfer::missing,
        );
        self.counters.rounds = round;
    }

    /// Buffers and messages for `width` scalars per id.
    fn prepare(&mut self, width: usize) {
        assert!(self.width.is_none(), "an exchange is under way");
        if self.parts_width != width || self.sends.is_empty() && self.receives.is_empty() {
            self.parts_width = width;
            let (sends, receives) = (&mut self.sends, &mut self.receives);
            sends.clear();
            receives.clear();
            for (rank, send, receive) in self.plan.stretches() {
                for (parts, range) in [(&mut *sends, send), (&mut *receives, receive)] {
                    if !range.is_empty() {
                        let range = width * range.start..width * range.end;
                        parts.push(Part { rank, range });
                    }
                }
            }
        }
        let (send, receive) = (self.plan.send.len(), self.plan.receive.len());
        self.transfer.resize(width * send, width * receive);
    }

    fn count_sends(&mut self, direction: Direction) {
        let parts = match direction {
            Direction::Forward => &self.sends,
            Direction::Reverse => &self.receives,
        };
        let scalars: usize = parts.iter().map(|part| part.range.len()).sum();
        self.counters.messages_sent += parts.len() as u64;
        self.counters.bytes_sent += (scalars * size_of::<T>()) as u64;
    }
}

impl<T: Scalar + std::ops::AddAssign> Halo<T> {
    /// The other way round: adds the values of ghosts to those of their owners, in the order of the ranks
    /// that they come from.
    ///
    /// # Panics
    /// If an exchange is under way, or a slice is not `width` scalars for every id.
    pub fn reverse(&mut self, ghosts: &[T], width: usize, values: &mut [T]) {
        assert_eq!(values.len(), width * self.plan.owned, "owned values");
        assert_eq!(
            ghosts.len(),
            width * self.plan.receive.len(),
            "ghost values"
        );
        self.prepare(width);
        let (send, receive) = (self.plan.send.len(), self.plan.receive.len());
        self.transfer.resize(width * receive, width * send);
        gather(self.transfer.outgoing(), ghosts, &self.plan.receive, width);
        self.transfer.post(&self.sends, &self.receives, self.tag);
        self.count_sends(Direction::Reverse);
        self.wait();
        let incoming = self.transfer.incoming();
        for (i, position) in self.plan.send.iter().enumerate() {
            let owned = &mut values[*position as usize * width..][..width];
            for (owned, came) in owned.iter_mut().zip(&incoming[i * width..]) {
                *owned += *came;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Reverse,
}

/// Packs the entries of `values` at `positions`.
fn gather<T: Copy>(packed: &mut [T], values: &[T], positions: &[u32], width: usize) {
    if width == 1 {
        for (packed, position) in packed.iter_mut().zip(positions) {
            *packed = values[*position as usize];
        }
        return;
    }
    for (packed, position) in packed.chunks_exact_mut(width.max(1)).zip(positions) {
        packed.copy_from_slice(&values[*position as usize * width..][..width]);
    }
}

/// Unpacks entries to `positions` of `values`.
fn scatter<T: Copy>(packed: &[T], values: &mut [T], positions: &[u32], width: usize) {
    if width == 1 {
        for (packed, position) in packed.iter().zip(positions) {
            values[*position as usize] = *packed;
        }
        return;
    }
    for (packed, position) in packed.chunks_exact(width.max(1)).zip(positions) {
        values[*position as usize * width..][..width].copy_from_slice(packed);
    }
}
