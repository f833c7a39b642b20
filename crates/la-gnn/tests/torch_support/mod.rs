//! Reading parity fixtures.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several tests, each using a part"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use la_gnn::neuralif::{Activation, NeuralIfConfig, Parameters};
use la_gnn::sprs::{CsMat, TriMat};
use la_gnn::torch::Sample;
use safetensors::{Dtype, SafeTensors};

/// All tensors of a file as doubles, row-major.
pub struct Fixture {
    pub name: String,
    tensors: BTreeMap<String, Vec<f64>>,
}

/// The folder of the NeuralIF fixtures, or a printed line and `None`.
pub fn neuralif_folder() -> Option<PathBuf> {
    match std::env::var_os("LA_DATA_DIR") {
        Some(root) => Some(Path::new(&root).join("fixtures/neuralif")),
        None => {
            eprintln!("skipped: LA_DATA_DIR is not set");
            None
        }
    }
}

/// Every file of the folder that holds a network, sorted by name.
pub fn network_files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| {
            f.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.ends_with("_system"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

impl Fixture {
    pub fn load(folder: &Path, name: &str) -> Self {
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(key, view)| {
                let d = view.data();
                let values: Vec<f64> = match view.dtype() {
                    Dtype::F64 => d
                        .chunks_exact(8)
                        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                        .collect(),
                    Dtype::F32 => d
                        .chunks_exact(4)
                        .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                        .collect(),
                    Dtype::I32 => d
                        .chunks_exact(4)
                        .map(|b| f64::from(i32::from_le_bytes(b.try_into().unwrap())))
                        .collect(),
                    Dtype::U8 => d.iter().map(|&b| f64::from(b)).collect(),
                    other => panic!("{key}: {other:?}"),
                };
                (key, values)
            })
            .collect();
        Self {
            name: name.into(),
            tensors,
        }
    }

    pub fn find(&self, key: &str) -> Option<&[f64]> {
        self.tensors.get(key).map(Vec::as_slice)
    }

    pub fn get(&self, key: &str) -> &[f64] {
        self.find(key)
            .unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    pub fn names_with(&self, prefix: &str) -> Vec<String> {
        self.tensors
            .keys()
            .filter(|k| k.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// The matrix of a system file.
    pub fn matrix(&self) -> CsMat<f64> {
        let (row, col, val) = (self.get("a.row"), self.get("a.col"), self.get("a.val"));
        let n = self.get("b").len();
        let mut a = TriMat::new((n, n));
        for k in 0..row.len() {
            a.add_triplet(row[k] as usize, col[k] as usize, val[k]);
        }
        a.to_csr()
    }

    /// Matrix, features and the supervised pair of a system file.
    pub fn sample(&self) -> Sample {
        let a = self.matrix();
        let x = self.get("x_supervised").to_vec();
        let mut b = vec![0.0; x.len()];
        for (i, row) in a.outer_iterator().enumerate() {
            b[i] = row.iter().map(|(j, v)| v * x[j]).sum();
        }
        Sample::new(a.view(), self.get("features").to_vec())
            .unwrap()
            .with_pair(x, b)
            .unwrap()
    }

    /// The network of a variant file.
    pub fn parameters(&self) -> Parameters {
        let activation = if self.name.contains("relu") {
            Activation::Relu
        } else {
            Activation::Tanh
        };
        let config = NeuralIfConfig::default()
            .with_activation(activation)
            .with_graph_norm(self.find("w.graph_norm.alpha").is_some())
            .with_two_hop(self.name.contains("twohop"));
        let mut parameters = Parameters::initialize(&config, 0).unwrap();
        for spec in config.parameters() {
            let values = self.get(&format!("w.{}", spec.name));
            assert_eq!(values.len(), spec.len, "{}", spec.name);
            for (to, from) in parameters.values[spec.offset..].iter_mut().zip(values) {
                *to = *from as f32;
                assert_eq!(f64::from(*to), *from, "{} is exact in f32", spec.name);
            }
        }
        parameters
    }
}

/// Largest difference relative to the largest expected entry (at least `floor`).
pub fn relative_error(got: &[f64], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(floor, |m, v| m.max(v.abs()));
    got.iter()
        .zip(expected)
        .map(|(g, e)| {
            if g.is_finite() {
                (g - e).abs()
            } else {
                f64::INFINITY
            }
        })
        .fold(0.0, f64::max)
        / scale
}

#[track_caller]
pub fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    let error = relative_error(got, expected, f64::MIN_POSITIVE);
    assert!(
        error <= tolerance,
        "{what}: relative error {error:e} above {tolerance:e}"
    );
}

/// A small diagonally dominant matrix with structural features and a supervised pair.
pub fn small_sample(n: usize, seed: u64) -> Sample {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31)
    };
    let mut a = TriMat::new((n, n));
    let mut diagonal = vec![1.0; n];
    for i in 0..n {
        for j in 0..i {
            if next() < 3.0 / n as f64 || j + 1 == i {
                let v = next() - 0.6;
                a.add_triplet(i, j, v);
                a.add_triplet(j, i, v);
                diagonal[i] += v.abs();
                diagonal[j] += v.abs();
            }
        }
    }
    for (i, d) in diagonal.into_iter().enumerate() {
        a.add_triplet(i, i, d);
    }
    let a: CsMat<f64> = a.to_csr();
    let x: Vec<f64> = (0..n).map(|_| next() - 0.5).collect();
    let mut b = vec![0.0; n];
    for (i, row) in a.outer_iterator().enumerate() {
        b[i] = row.iter().map(|(j, v)| v * x[j]).sum();
    }
    Sample::from_matrix(a.view())
        .unwrap()
        .with_pair(x, b)
        .unwrap()
}
