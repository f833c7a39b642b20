//! The plan of an exchange: who needs what from whom, found out by asking the owners.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::{MpiError, Ownership, World};

/// Who gets what. Positions are those in the caller's lists of owned and of ghost ids.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) owned: usize,
    /// Neighbours in the order of ranks, with the ends of their stretches of `send` and of `receive`.
    neighbours: Vec<(usize, usize, usize)>,
    pub(super) send: Vec<u32>,
    pub(super) receive: Vec<u32>,
    /// Owned positions that some neighbour needs, ascending.
    pub(super) boundary: Vec<u32>,
}

impl Plan {
    pub(super) fn new(
        world: &World,
        owned: &[usize],
        ghosts: &[usize],
        owners: &(impl Ownership + ?Sized),
    ) -> Result<Self, MpiError> {
        let checked = index(owned, ghosts).and_then(|positions| {
            let wanted = sort_by_owner(world, ghosts, owners)?;
            Ok((positions, wanted))
        });
        let (positions, wanted) = world.agree(checked)?;

        let ids = |list: &Vec<u32>| list.iter().map(|at| ghosts[*at as usize] as u64).collect();
        let lists: Vec<Vec<u64>> = wanted.iter().map(ids).collect();
        let asked = world.all_to_all(&lists)?;

        let mut send = Vec::new();
        let mut refused = None;
        let mut neighbours = Vec::new();
        let mut receive = Vec::new();
        for (rank, (asked, wanted)) in asked.iter().zip(&wanted).enumerate() {
            for id in asked {
                let id = *id as usize;
                match positions.get(&id) {
                    Some(at) => send.push(*at),
                    None => refused = refused.or(Some(MpiError::NotOwned { rank, id })),
                }
            }
            receive.extend_from_slice(wanted);
            if !asked.is_empty() || !wanted.is_empty() {
                neighbours.push((rank, send.len(), receive.len()));
            }
        }
        world.agree(refused.map_or(Ok(()), Err))?;
        let mut boundary = send.clone();
        boundary.sort_unstable();
        boundary.dedup();
        Ok(Self {
            owned: owned.len(),
            neighbours,
            send,
            receive,
            boundary,
        })
    }

    /// Rank, stretch of `send` and stretch of `receive` of every neighbour.
    pub(super) fn stretches(
        &self,
    ) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> + '_ {
        let mut before = (0, 0);
        self.neighbours.iter().map(move |(rank, send, receive)| {
            let stretch = (*rank, before.0..*send, before.1..*receive);
            before = (*send, *receive);
            stretch
        })
    }
}

/// The positions of owned ids, once they and the ghosts are known to be free of repetitions.
fn index(owned: &[usize], ghosts: &[usize]) -> Result<HashMap<usize, u32>, MpiError> {
    for (what, list) in [("owned ids", owned), ("ghost ids", ghosts)] {
        if list.len() > u32::MAX as usize {
            let len = list.len();
            return Err(MpiError::TooLarge { what, len });
        }
    }
    let mut positions = HashMap::with_capacity(owned.len());
    for (at, id) in owned.iter().enumerate() {
        if positions.insert(*id, at as u32).is_some() {
            let what = "owned";
            return Err(MpiError::Repeated { what, id: *id });
        }
    }
    let mut seen = HashSet::with_capacity(ghosts.len());
    for id in ghosts {
        if positions.contains_key(id) {
            return Err(MpiError::GhostIsOwned { id: *id });
        }
        if !seen.insert(*id) {
            let what = "ghost";
            return Err(MpiError::Repeated { what, id: *id });
        }
    }
    Ok(positions)
}

/// For every rank, the positions of the ghosts that it owns.
fn sort_by_owner(
    world: &World,
    ghosts: &[usize],
    owners: &(impl Ownership + ?Sized),
) -> Result<Vec<Vec<u32>>, MpiError> {
    let mut wanted = vec![Vec::new(); world.size()];
    for (at, id) in ghosts.iter().enumerate() {
        let id = *id;
        let owner = owners.owner(id).ok_or(MpiError::NoOwner { id })?;
        let ranks = world.size();
        let list = wanted
            .get_mut(owner)
            .ok_or(MpiError::NoSuchRank { id, owner, ranks })?;
        list.push(at as u32);
    }
    Ok(wanted)
}
