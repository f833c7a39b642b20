#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod augmented;
mod components;
mod digraph;
mod draw;
mod entry_levels;
mod error;
mod features;
mod layered;
mod levels;
mod line;
mod partition;
mod pattern;
#[cfg(feature = "petgraph")]
mod petgraph_interop;
mod product;
mod scalar;
mod triangular;
mod weighted;

pub use augmented::AugmentedLineDigraph;
pub use components::{Components, connected_components};
pub use digraph::{Digraph, Incidence, coates_digraph};
pub use draw::{Drawing, Layout, SpyOptions, spy_svg};
pub use entry_levels::EntryLevels;
pub use error::GraphError;
pub use features::{
    STRUCTURAL_FEATURES, structural_features, structural_features_csr, structural_features_into,
};
pub use layered::{LayeredDigraph, koenig_digraph, outer_products};
pub use levels::Levels;
pub use line::{LineDigraph, is_line_digraph, line_digraph, line_digraph_root};
pub use partition::{Partition, PartitionMethod, PartitionOptions, partition};
pub use pattern::Pattern;
pub use product::two_hop;
pub use scalar::Real;
pub use triangular::{Triangle, lower_triangle, triangle};

pub use sprs;
