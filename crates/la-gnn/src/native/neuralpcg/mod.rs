//! NeuralPCG in pure Rust: fused inference.
//!
//! Three things make a pass cheap.
//!
//! * The state of an arc that is carried from step to step is the hidden layer h of its perceptron, not the output `e = V h + c`:
//!   the next perceptron and the mean at a node are linear in e, so V is multiplied into their first maps once per network,
//!   and one w × w product per arc and step is left of two.
//! * The first map of an arc perceptron is applied to node states once per node and gathered per arc; the concatenated input
//!   of width 3 w is never formed.
//! * An arc reads and writes its own state only, so that there is one array of nnz × w, updated in place. The first step makes
//!   its input from the entry of A on the way, the last one feeds the decoder on the way.

mod arcs;
mod layers;
mod model;
mod nodes;

pub use model::{NeuralPcg, Workspace};
