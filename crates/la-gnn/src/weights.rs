//! Weight files: safetensors with the story of their training.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::GnnError;

/// Version of the metadata layout.
const FORMAT: &str = "1";

/// A dense `f32` tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Shape.
    pub shape: Vec<usize>,
    /// Entries, row-major.
    pub data: Vec<f32>,
}

/// Where weights come from: everything needed to make them again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// Architecture, for example `neuralif`.
    pub architecture: String,
    /// Configuration of the network.
    pub config: serde_json::Value,
    /// Training recipe: optimiser, schedule, updates, seed, engine.
    pub recipe: serde_json::Value,
    /// Parameters of the data generator.
    pub data: serde_json::Value,
    /// Commit of the code that trained them.
    pub commit: String,
    /// Final losses and validation results.
    pub results: serde_json::Value,
}

/// Named tensors and their provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Where they come from.
    pub provenance: Provenance,
}

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        const BUNDLED: &[(&str, &[u8])] = &[
            $(($name, include_bytes!(concat!("../weights/", $name, ".safetensors")))),*
        ];
    };
}
bundled!(
    "admm-consensus",
    "admm-least-squares",
    "compensated-ic",
    "compensated-ic-descent",
    "compensated-ic-descent-s1",
    "compensated-ic-descent-s2",
    "compensated-ic-ordered",
    "compensated-ic-ordered-s1",
    "compensated-ic-ordered-s2",
    "compensated-ic-s1",
    "compensated-ic-s2",
    "factormer-accelerate",
    "factormer-accelerate-fast",
    "factormer-start",
    "factormer-start-fast",
    "ilu-relaxation-convection",
    "ilu-relaxation-convection-s1",
    "ilu-relaxation-convection-s2",
    "ilu-relaxation-rows",
    "neuralif-synthetic-s0",
    "neuralif-synthetic-s1",
    "neuralif-synthetic-s2",
    "neuralif-synthetic-n1000",
    "neuralif-synthetic-t1",
    "neuralif-synthetic-thin",
    "neuralif-poisson",
    "neuralpcg-synthetic",
    "neuralif-gmres-lmax",
    "neuralif-gmres-lmax-s1",
    "neuralif-gmres-lmax-s2",
    "neuralif-gmres-lcom",
    "neuralif-gmres-lcom-s1",
    "neuralif-gmres-lcom-s2",
    "neuralif-gmres-lmax-plain",
    "neuralif-gmres-lcom-plain",
    "neuralif-gmres-lcom-eps1e-4",
    "neuralif-gmres-lcom-eps1e-2",
    "neuralif-gmres-lcom-eps1e-1",
    "neuralif-gmres-lmin",
    "neuralif-gmres-lhatmin",
    "neuralif-gmres-lmax-n400",
    "neuralif-gmres-lcom-n400",
    "neuralif-gmres-ic",
    "neuralif-gmres-convection",
    "neuralif-gmres-convection-s1",
    "neuralif-gmres-convection-s2",
    "neuralif-gmres-convection-plain",
);

fn format_error(e: impl std::fmt::Display) -> GnnError {
    GnnError::WeightsFormat {
        reason: e.to_string(),
    }
}

impl Weights {
    /// Names of the weights that are part of this crate.
    pub fn bundled_names() -> impl Iterator<Item = &'static str> {
        BUNDLED.iter().map(|(name, _)| *name)
    }

    /// Loads weights that are part of this crate.
    ///
    /// # Errors
    /// [`GnnError::UnknownWeights`] with the names that exist.
    pub fn bundled(name: &str) -> Result<Self, GnnError> {
        let Some((_, bytes)) = BUNDLED.iter().find(|(n, _)| *n == name) else {
            return Err(GnnError::UnknownWeights {
                name: name.into(),
                available: Self::bundled_names().map(String::from).collect(),
            });
        };
        Self::from_bytes(bytes)
    }

    /// Bundled weights if `source` is the name of some, otherwise the file of that path.
    ///
    /// # Errors
    /// As [`Weights::load`]; [`GnnError::UnknownWeights`] if it is neither a name nor a file.
    pub fn named_or_file(source: &str) -> Result<Self, GnnError> {
        if Path::new(source).is_file() {
            Self::load(source)
        } else {
            Self::bundled(source)
        }
    }

    /// Reads a weight file.
    ///
    /// # Errors
    /// [`GnnError::Io`] if the file cannot be read, otherwise as [`Weights::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, GnnError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| GnnError::Io {
            action: "cannot read",
            path: path.display().to_string(),
            source,
        })?;
        Self::from_bytes(&bytes)
    }

    /// Reads weights from the bytes of a file.
    ///
    /// # Errors
    /// [`GnnError::WeightsFormat`] for truncated or foreign bytes, missing or unreadable metadata and
    /// tensors that are not `f32`; [`GnnError::NonFinite`] for NaN or infinite entries.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GnnError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format_error)?;
        let meta = header.metadata().clone().unwrap_or_default();
        match meta.get("format").map(String::as_str) {
            Some(FORMAT) => {}
            Some(other) => {
                return Err(format_error(format!(
                    "format version {other}, this code reads {FORMAT}"
                )));
            }
            None => {
                return Err(format_error(
                    "it carries no format version: was it written by `cargo xtask train`?",
                ));
            }
        }
        let json = |key: &str| -> Result<serde_json::Value, GnnError> {
            let text = meta
                .get(key)
                .ok_or_else(|| format_error(format!("metadata field `{key}` is missing")))?;
            serde_json::from_str(text)
                .map_err(|e| format_error(format!("metadata field `{key}`: {e}")))
        };
        let provenance = Provenance {
            architecture: meta.get("architecture").cloned().unwrap_or_default(),
            config: json("config")?,
            recipe: json("recipe")?,
            data: json("data")?,
            commit: meta.get("commit").cloned().unwrap_or_default(),
            results: json("results")?,
        };
        let file = SafeTensors::deserialize(bytes).map_err(format_error)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(format_error(format!(
                    "tensor `{name}` is {:?}, not F32",
                    view.dtype()
                )));
            }
            let data: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            if let Some(position) = data.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: format!("tensor `{name}`"),
                    position,
                });
            }
            tensors.insert(
                name,
                Tensor {
                    shape: view.shape().to_vec(),
                    data,
                },
            );
        }
        Ok(Self {
            tensors,
            provenance,
        })
    }

    /// The bytes of the weight file.
    ///
    /// # Errors
    /// [`GnnError::WeightsFormat`] if a tensor's shape does not fit its data.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GnnError> {
        let p = &self.provenance;
        let meta: HashMap<String, String> = [
            ("format", FORMAT.to_string()),
            ("architecture", p.architecture.clone()),
            ("config", p.config.to_string()),
            ("recipe", p.recipe.to_string()),
            ("data", p.data.to_string()),
            ("commit", p.commit.clone()),
            ("results", p.results.to_string()),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_string(), v))
        .collect();
        let bytes: Vec<(&String, &Tensor, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, t)| {
                (
                    name,
                    t,
                    t.data.iter().flat_map(|v| v.to_le_bytes()).collect(),
                )
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, t, b)| {
                TensorView::new(Dtype::F32, t.shape.clone(), b)
                    .map(|v| (name.as_str(), v))
                    .map_err(format_error)
            })
            .collect::<Result<Vec<_>, _>>()?;
        safetensors::serialize(views, Some(meta)).map_err(format_error)
    }

    /// Writes the weight file: first beside its place, then renamed, so that a reader never meets half a file.
    ///
    /// # Errors
    /// [`GnnError::Io`] naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), GnnError> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        let part = path.with_extension("part");
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&part)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, path)
        };
        write().map_err(|source| {
            let _ = std::fs::remove_file(&part);
            GnnError::Io {
                action: "cannot write",
                path: path.display().to_string(),
                source,
            }
        })
    }

    /// Compares names and shapes with what an architecture expects.
    ///
    /// # Errors
    /// [`GnnError::WeightsMismatch`] listing every difference.
    pub fn check_layout<'a>(
        &self,
        architecture: &str,
        expected: impl Iterator<Item = (&'a str, &'a [usize])>,
    ) -> Result<(), GnnError> {
        let mut differences = Vec::new();
        let mut known = Vec::new();
        for (name, shape) in expected {
            known.push(name);
            match self.tensors.get(name) {
                None => differences.push(format!("tensor `{name}` is missing")),
                Some(t) if t.shape != shape => {
                    differences.push(format!(
                        "tensor `{name}` has shape {:?}, expected {shape:?}",
                        t.shape
                    ));
                }
                Some(_) => {}
            }
        }
        for name in self.tensors.keys() {
            if !known.contains(&name.as_str()) {
                differences.push(format!("tensor `{name}` is not known"));
            }
        }
        if differences.is_empty() {
            Ok(())
        } else {
            Err(GnnError::WeightsMismatch {
                architecture: architecture.into(),
                differences,
            })
        }
    }
}
