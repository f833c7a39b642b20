//! Parameters of a network as one flat array: fresh, from a weight file, to a weight file.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Serialize, de::DeserializeOwned};

use crate::GnnError;
use crate::neuralif::ParameterSpec;
use crate::weights::{Provenance, Tensor, Weights};

/// Linear maps uniform in ±1/√inputs, GraphNorm and batch normalisation at identity. The bias that follows its weight uses the same bound.
pub(crate) fn initialize(specs: &[ParameterSpec], seed: u64) -> Vec<f32> {
    uniform(specs, seed, |name| {
        if name.starts_with("graph_norm.") {
            return Some(f32::from(!name.ends_with("beta")));
        }
        let batch_norm = name.contains(".bn.");
        batch_norm.then(|| f32::from(name.ends_with("weight")))
    })
}

/// Uniform numbers in ±1/√inputs for linear maps with their biases; tensors for which `fixed` has a value of its own do not draw.
pub(crate) fn uniform(
    specs: &[ParameterSpec],
    seed: u64,
    fixed: impl Fn(&str) -> Option<f32>,
) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(specs.iter().map(|s| s.len).sum());
    let mut bound = 1.0f32;
    for spec in specs {
        if let Some(value) = fixed(&spec.name) {
            values.resize(values.len() + spec.len, value);
            continue;
        }
        if let [_, inputs] = spec.shape[..] {
            bound = 1.0 / (inputs as f32).sqrt();
        }
        values.extend((0..spec.len).map(|_| rng.random_range(-bound..bound)));
    }
    values
}

/// The configuration in a weight file of this architecture.
pub(crate) fn config<C: DeserializeOwned>(
    weights: &Weights,
    architecture: &str,
) -> Result<C, GnnError> {
    let provenance = &weights.provenance;
    if provenance.architecture != architecture {
        return Err(GnnError::WeightsMismatch {
            architecture: architecture.into(),
            differences: vec![format!("the file holds `{}`", provenance.architecture)],
        });
    }
    serde_json::from_value(provenance.config.clone()).map_err(|e| GnnError::WeightsFormat {
        reason: format!("configuration: {e}"),
    })
}

/// The scalars of a weight file in the order of `specs`.
pub(crate) fn values(
    weights: &Weights,
    architecture: &str,
    specs: &[ParameterSpec],
) -> Result<Vec<f32>, GnnError> {
    weights.check_layout(
        architecture,
        specs.iter().map(|s| (s.name.as_str(), s.shape.as_slice())),
    )?;
    Ok(specs
        .iter()
        .flat_map(|s| weights.tensors[&s.name].data.iter().copied())
        .collect())
}

/// A weight file.
pub(crate) fn weights<C: Serialize>(
    values: &[f32],
    specs: Vec<ParameterSpec>,
    architecture: &str,
    config: &C,
    mut provenance: Provenance,
) -> Weights {
    provenance.architecture = architecture.into();
    provenance.config = serde_json::to_value(config).unwrap_or_default();
    let tensors: BTreeMap<_, _> = specs
        .into_iter()
        .map(|s| {
            let data = values[s.offset..s.offset + s.len].to_vec();
            let shape = s.shape;
            (s.name, Tensor { shape, data })
        })
        .collect();
    Weights {
        tensors,
        provenance,
    }
}
