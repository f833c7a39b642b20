//! Agents on graphs who minimise a sum of functions together.

mod graph;
mod problem;

pub use graph::AgentGraphLaw;
pub use problem::{ConsensusClass, ConsensusProblem, ConsensusSample};
