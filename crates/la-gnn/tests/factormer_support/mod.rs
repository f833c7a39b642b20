//! The Factormers whose numbers are stored.

use la_gnn::factormer::{FactormerConfig, NetworkConfig, Parameters};

use crate::fixture::Fixture;

/// Two pairs of layers of width 16.
pub(crate) fn small(rank: usize) -> FactormerConfig {
    FactormerConfig::new(rank).with_width(16).with_pairs(2)
}

/// Parameters of this layout, stored under a prefix.
pub(crate) fn stored(file: &Fixture, config: FactormerConfig) -> Parameters<FactormerConfig> {
    let tensors = config.parameters().into_iter();
    let tensors = tensors.map(|spec| file.f64(&format!("w.{}", spec.name)));
    Parameters {
        values: tensors.flatten().map(|v| v as f32).collect(),
        statistics: Vec::new(),
        config,
    }
}
