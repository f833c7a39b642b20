//! Errors: the call was wrong. A broken connection is not an error but the end of all ranks.

/// Why something distributed could not be set up.
///
/// Functions that every rank calls together fail together: the rank that saw the fault returns it,
/// the others return [`MpiError::OtherRank`], so that none goes on alone and waits for ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// MPI can be started once in the life of a process.
    #[error("MPI has been initialised before in this process")]
    AlreadyInitialized,
    /// Another rank returned the error that matters.
    #[error("rank {rank} could not go on; its own message says why")]
    OtherRank {
        /// The lowest rank with an error of its own.
        rank: usize,
    },
    /// An id stands twice among the owned or among the ghost ids of this rank.
    #[error("id {id} occurs twice among the {what} ids")]
    Repeated {
        /// `"owned"` or `"ghost"`.
        what: &'static str,
        /// The id.
        id: usize,
    },
    /// A ghost id belongs to this rank itself.
    #[error("ghost id {id} is owned by this rank")]
    GhostIsOwned {
        /// The id.
        id: usize,
    },
    /// No rank owns an id.
    #[error("nothing is known of an owner of id {id}")]
    NoOwner {
        /// The id.
        id: usize,
    },
    /// The owner of an id is not a rank.
    #[error("id {id} is said to belong to rank {owner} of {ranks}")]
    NoSuchRank {
        /// The id.
        id: usize,
        /// What was said.
        owner: usize,
        /// Number of ranks.
        ranks: usize,
    },
    /// A neighbour asks for an id that this rank does not own.
    #[error("rank {rank} asks for id {id}, which this rank does not own")]
    NotOwned {
        /// The rank that asks.
        rank: usize,
        /// The id.
        id: usize,
    },
    /// Lengths do not fit.
    #[error("{what} has length {found} instead of {expected}")]
    Length {
        /// What does not fit.
        what: &'static str,
        /// Length that was given.
        found: usize,
        /// Length that was expected.
        expected: usize,
    },
    /// More entries on one rank than indices of 32 bits can count.
    #[error(
        "{what} has {len} entries on one rank but 32-bit indices end at {}",
        u32::MAX
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its length.
        len: usize,
    },
}
