//! NeuralIF in pure Rust: fused inference, and training with gradients worked out by hand.
//!
//! One step of the network passes once over the arcs and once over the nodes. Nothing of size
//! arcs × width is ever stored: the first layer of the arc perceptron is linear in the two node
//! states, so it is applied once per node and only added per arc.

mod arcs;
mod arcs_backward;
mod gradient;
mod loss;
mod model;
mod nodes;
mod spectral;
mod step;
mod train;

pub use gradient::GradientWorkspace;
pub use loss::{Loss, LossParts, LossWorkspace};
pub use model::{NeuralIf, Workspace};
pub use spectral::InversePair;
pub(super) use train::probe;
pub use train::{NativeEngine, TrainingGraph};
