//! Graph neural preconditioners for tests: parity data, test matrices, and the network written down plainly.
#![allow(dead_code, reason = "each test binary uses its own part")]

use la_gnn::gnp::{Activation, GnpConfig, NORM_EPS, Parameters};
use la_gnn::sprs::{CsMatI, TriMatI};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fixture::Fixture;

pub(crate) type Matrix = CsMatI<f64, u32>;

/// The matrix of a parity file.
pub(crate) fn stored_matrix(file: &Fixture) -> Matrix {
    let n = file.f64("batch.b").len() / 16;
    let mut a = TriMatI::new((n, n));
    let places = file.ids("a.row").into_iter().zip(file.ids("a.col"));
    for ((i, j), v) in places.zip(file.f64("a.val")) {
        a.add_triplet(i as usize, j as usize, v);
    }
    a.to_csr()
}

/// The network of a parity file.
pub(crate) fn stored_parameters(file: &Fixture) -> Parameters {
    let config = GnpConfig::paper();
    let read = |specs: Vec<la_gnn::gnp::ParameterSpec>| -> Vec<f32> {
        specs
            .iter()
            .flat_map(|s| file.f64(&format!("w.{}", s.name)))
            .map(|v| v as f32)
            .collect()
    };
    Parameters {
        values: read(config.parameters()),
        statistics: read(config.statistics()),
        config,
    }
}

/// A row-major (n, 16) tensor, column-major.
pub(crate) fn by_columns(x: &[f64]) -> Vec<f64> {
    let n = x.len() / 16;
    (0..16)
        .flat_map(|k| (0..n).map(move |i| (i, k)))
        .map(|(i, k)| x[i * 16 + k])
        .collect()
}

/// A nonsymmetric matrix with some zero diagonal entries, `min(‖A‖_∞, ‖A‖₁)` near 1.
pub(crate) fn random_matrix(n: usize, per_row: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::new((n, n));
    let size = 1.0 / per_row as f64;
    for i in 0..n {
        if i % 5 != 0 {
            a.add_triplet(i, i, size);
        }
        for _ in 1..per_row {
            let j = rng.random_range(0..n);
            if j != i {
                a.add_triplet(i, j, rng.random_range(-size..size));
            }
        }
    }
    a.to_csr()
}

pub(crate) fn random_vector(len: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Parameters whose biases and running statistics do something.
pub(crate) fn lively(config: &GnpConfig, seed: u64) -> Parameters {
    let mut p = Parameters::initialize(config, seed).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed + 1);
    for spec in config.parameters() {
        if spec.name.contains(".bn.") {
            for v in &mut p.values[spec.offset..spec.offset + spec.len] {
                *v += rng.random_range(-0.3f32..0.3);
            }
        }
    }
    for spec in config.statistics() {
        for v in &mut p.statistics[spec.offset..spec.offset + spec.len] {
            *v += rng.random_range(-0.3f32..0.3);
        }
    }
    p
}

/// Every kind of network that the native engine has, small enough to be checked by hand.
pub(crate) fn configurations() -> Vec<GnpConfig> {
    let small = GnpConfig::paper().with_layers(3);
    vec![
        small.clone(),
        small.clone().with_batch_norm(false),
        small.clone().with_bias(false),
        small.clone().with_bias(false).with_batch_norm(false),
        small.clone().with_activation(Activation::Tanh),
        small.clone().with_mlp_layers(2),
        GnpConfig::paper_text().with_layers(2),
        small
            .with_width(5)
            .with_hidden(11)
            .with_mlp_layers(3)
            .with_activation(Activation::Tanh),
    ]
}

/// How the plain network normalises.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Running,
    Batch,
}

/// The network in plain loops, `f64`: outputs (column-major) and, in batch mode, mean and biased variance of each layer.
pub(crate) fn plain(
    a: &Matrix,
    config: &GnpConfig,
    values: &[f64],
    statistics: &[f64],
    b: &[f64],
    mode: Mode,
) -> (Vec<f64>, Vec<(Vec<f64>, Vec<f64>)>) {
    let n = a.rows();
    let specs = config.parameters();
    let tensor = |name: &str| -> Option<&[f64]> {
        let s = specs.iter().find(|s| s.name == name)?;
        Some(&values[s.offset..s.offset + s.len])
    };
    let running = |name: &str| -> &[f64] {
        let all = config.statistics();
        let s = all.iter().find(|s| s.name == name).unwrap();
        &statistics[s.offset..s.offset + s.len]
    };
    let act = |v: f64| match config.activation {
        Activation::Tanh => v.tanh(),
        _ => v.max(0.0),
    };
    let linear = |name: &str, x: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let w = tensor(&format!("{name}.weight")).unwrap();
        let bias = tensor(&format!("{name}.bias"));
        let inputs = x[0].len();
        x.iter()
            .map(|x| {
                w.chunks(inputs)
                    .enumerate()
                    .map(|(o, row)| {
                        let dot: f64 = row.iter().zip(x).map(|(w, x)| w * x).sum();
                        dot + bias.map_or(0.0, |b| b[o])
                    })
                    .collect()
            })
            .collect()
    };
    let mut scales = Vec::new();
    let mut x: Vec<Vec<f64>> = Vec::new();
    for column in b.chunks(n) {
        let norm = column.iter().map(|v| v * v).sum::<f64>().sqrt();
        scales.push(norm / (n as f64).sqrt());
        x.extend(column.iter().map(|v| vec![v * (n as f64).sqrt() / norm]));
    }
    for k in 1..=config.mlp_layers {
        x = linear(&format!("encoder.lin{k}"), &x);
        x.iter_mut().flatten().for_each(|v| *v = act(*v));
    }
    let mut seen = Vec::new();
    for l in 0..config.layers {
        let mut ax = vec![vec![0.0; config.width]; x.len()];
        for first in (0..x.len()).step_by(n) {
            for (v, (i, j)) in a {
                for c in 0..config.width {
                    ax[first + i as usize][c] += v * x[first + j as usize][c];
                }
            }
        }
        let mut y = linear(&format!("layer{l}.skip"), &x);
        for (y, z) in y.iter_mut().zip(linear(&format!("layer{l}.gconv"), &ax)) {
            y.iter_mut().zip(z).for_each(|(y, z)| *y += z);
        }
        if config.batch_norm {
            let rows = y.len() as f64;
            let mut mean = vec![0.0; config.width];
            let mut var = vec![0.0; config.width];
            for c in 0..config.width {
                mean[c] = y.iter().map(|y| y[c]).sum::<f64>() / rows;
                var[c] = y.iter().map(|y| (y[c] - mean[c]).powi(2)).sum::<f64>() / rows;
            }
            seen.push((mean.clone(), var.clone()));
            if mode == Mode::Running {
                mean = running(&format!("layer{l}.bn.running_mean")).to_vec();
                var = running(&format!("layer{l}.bn.running_var")).to_vec();
            }
            let weight = tensor(&format!("layer{l}.bn.weight")).unwrap();
            let shift = tensor(&format!("layer{l}.bn.bias"));
            for y in &mut y {
                for c in 0..config.width {
                    y[c] = (y[c] - mean[c]) / (var[c] + NORM_EPS).sqrt() * weight[c]
                        + shift.map_or(0.0, |s| s[c]);
                }
            }
        }
        y.iter_mut().flatten().for_each(|v| *v = act(*v));
        x = y;
    }
    for k in 1..=config.mlp_layers {
        x = linear(&format!("decoder.lin{k}"), &x);
        if k < config.mlp_layers {
            x.iter_mut().flatten().for_each(|v| *v = act(*v));
        }
    }
    let z = x
        .iter()
        .enumerate()
        .map(|(i, v)| v[0] * scales[i / n])
        .collect();
    (z, seen)
}

/// `mean |A M(b) − b|` of the plain network with batch statistics.
pub(crate) fn plain_loss(a: &Matrix, config: &GnpConfig, values: &[f64], b: &[f64]) -> f64 {
    let n = a.rows();
    let (z, _) = plain(a, config, values, &[], b, Mode::Batch);
    let mut sum = 0.0;
    for (z, b) in z.chunks(n).zip(b.chunks(n)) {
        let mut r: Vec<f64> = b.iter().map(|b| -b).collect();
        for (v, (i, j)) in a {
            r[i as usize] += v * z[j as usize];
        }
        sum += r.iter().map(|r| r.abs()).sum::<f64>();
    }
    sum / b.len() as f64
}

pub(crate) fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}
