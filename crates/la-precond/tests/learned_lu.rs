//! Learned LU factors: invertible and on the pattern of A with its diagonal, whatever the weights.
#![cfg(feature = "learned")]

use std::path::PathBuf;

use la_gnn::learned_lu::{
    Base, DiagonalActivation, FirstFeature, LearnedLuConfig, MatrixScale, Parameters,
};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{LearnedLu as Network, Workspace};
use la_gnn::neuralif;
use la_gnn::weights::Provenance;
use la_krylov::{GmresOptions, gmres};
use la_precond::classical::{Ilu, IluSymbolic, PivotRule};
use la_precond::learned::{LearnedLu, Weights};
use la_precond::sprs::{CsMatI, TriMatI};
use la_precond::{IncompleteLu, IncompleteLuBuilder, PrecondError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::{Dtype, SafeTensors};

type Csr = CsMatI<f64, u32>;

fn matrix(n: usize, entries: &[(usize, usize, f64)]) -> Csr {
    let mut a = TriMatI::new((n, n));
    for &(i, j, v) in entries {
        a.add_triplet(i, j, v);
    }
    a.to_csr()
}

/// A square matrix with about `per_row` entries in a row; every third diagonal entry is stored, every third zero, every
/// third missing.
fn random(n: usize, per_row: usize, seed: u64) -> Csr {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        let mut columns: Vec<usize> = (0..per_row).map(|_| rng.random_range(0..n)).collect();
        columns.retain(|j| *j != i);
        columns.sort_unstable();
        columns.dedup();
        match i % 3 {
            0 => a.add_triplet(i, i, 3.0),
            1 => a.add_triplet(i, i, 0.0),
            _ => {}
        }
        for j in columns {
            a.add_triplet(i, j, rng.random_range(-1.0..1.0));
        }
    }
    a.to_csr()
}

fn untrained(config: &LearnedLuConfig, seed: u64) -> LearnedLu {
    LearnedLu::from_parameters(&Parameters::initialize(config, seed).unwrap()).unwrap()
}

fn variants() -> Vec<LearnedLuConfig> {
    let config = LearnedLuConfig::default;
    vec![
        config(),
        config().with_hidden(32),
        config().with_graph_norm(true).with_scale(MatrixScale::Rows),
        config().with_base(Base::Ilu0),
        config()
            .with_base(Base::Ilu0)
            .with_scale(MatrixScale::Matrix),
    ]
}

/// Positions of the entries of A and of its diagonal.
fn pattern_with_diagonal(a: &Csr) -> Vec<(u32, u32)> {
    let mut list: Vec<(u32, u32)> = a.iter().map(|(_, at)| at).collect();
    list.extend((0..a.rows() as u32).map(|i| (i, i)));
    list.sort_unstable();
    list.dedup();
    list
}

fn check(a: &Csr, factor: &IncompleteLu) {
    assert_eq!(factor.dimension(), a.rows());
    let (l, u) = (factor.to_lower(), factor.to_upper());
    let mut list: Vec<(u32, u32)> = l.iter().chain(u.iter()).map(|(_, at)| at).collect();
    list.sort_unstable();
    list.dedup();
    assert_eq!(list, pattern_with_diagonal(a));
    assert!(l.data().iter().chain(u.data()).all(|v| v.is_finite()));
    assert!(
        factor
            .inverse_diagonal()
            .iter()
            .all(|d| d.is_finite() && *d != 0.0)
    );
}

fn message(a: &Csr, config: &LearnedLuConfig) -> String {
    let error = untrained(config, 0).factor(a.view()).unwrap_err();
    assert!(matches!(error, PrecondError::Builder { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn zero_and_missing_diagonals_get_pivots() {
    for (seed, config) in variants().iter().enumerate() {
        for (n, per_row) in [(1, 0), (2, 1), (40, 5)] {
            let a = random(n, per_row, 3);
            let factor = untrained(config, seed as u64).build(a.view()).unwrap();
            check(&a, &factor);
            let stats = factor.stats();
            assert!(stats.smallest_pivot.unwrap() >= config.eps);
            assert_eq!(stats.fill_ratio, Some(factor.nnz() as f64 / a.nnz() as f64));
            assert!(stats.setup_seconds > 0.0);
        }
    }
    // Nothing stored at all.
    let a = matrix(3, &[]);
    check(
        &a,
        &untrained(&LearnedLuConfig::default(), 0)
            .factor(a.view())
            .unwrap(),
    );
}

/// The product of the factors is that of the network's L and U, and applying it inverts that product.
#[test]
fn the_product_is_that_of_the_network() {
    let a = random(30, 6, 5);
    for config in variants().into_iter().filter(|c| c.base == Base::None) {
        let parameters = Parameters::initialize(&config, 4).unwrap();
        let network = Network::<f32>::new(&parameters).unwrap();
        let graph = CoatesGraph::prepare(a.view(), &config).unwrap();
        let mut memory = Workspace::default();
        let values = network.factor(&graph, &mut memory).unwrap().values;
        let (mut l, mut u) = (TriMatI::<f64, u32>::new((30, 30)), TriMatI::new((30, 30)));
        for (i, row) in graph.row_ptr().windows(2).enumerate() {
            u.add_triplet(i, i, 1.0);
            let row = row[0] as usize..row[1] as usize;
            for (&j, &value) in graph.columns()[row.clone()].iter().zip(&values[row]) {
                let j = j as usize;
                if j > i { &mut u } else { &mut l }.add_triplet(i, j, value);
            }
        }
        let (l, u): (Csr, Csr) = (l.to_csr(), u.to_csr());
        let factor = untrained(&config, 4).factor(a.view()).unwrap();
        let (expected, got) = (&l * &u, &factor.to_lower() * &factor.to_upper());
        for (v, (i, j)) in got.iter() {
            let size = expected.get(i as usize, j as usize).unwrap();
            let bound: f64 = (0..30)
                .map(|k| {
                    let at = |m: &Csr, i: usize, j: usize| m.get(i, j).map_or(0.0, |v| v.abs());
                    at(&l, i as usize, k) * at(&u, k, j as usize)
                })
                .sum();
            assert!((v - size).abs() <= 1e-14 * bound, "({i}, {j}): {v} {size}");
        }
        let x: Vec<f64> = (0..30).map(|i| 1.0 + f64::from(i)).collect();
        let (ux, mut r) = (product(&u, &x), vec![0.0; 30]);
        r.copy_from_slice(&product(&l, &ux));
        let mut z = vec![0.0; 30];
        factor.solve(&r, &mut z);
        let residual: f64 = product(&l, &product(&u, &z))
            .iter()
            .zip(&r)
            .map(|(a, b)| (a - b).abs())
            .sum();
        let size: f64 = r.iter().map(|v| v.abs()).sum();
        assert!(residual <= 1e-6 * size, "{residual:e} of {size:e}");
    }
}

fn product(a: &Csr, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}

#[test]
fn an_untrained_correction_is_ilu0() {
    let a = random(60, 7, 8);
    for scale in [MatrixScale::None, MatrixScale::Rows] {
        let config = LearnedLuConfig::default()
            .with_base(Base::Ilu0)
            .with_scale(scale);
        let builder = untrained(&config, 1);
        assert_eq!(builder.name(), "learned-lu-ilu0");
        let (got, expected) = (
            builder.factor(a.view()).unwrap(),
            Ilu::default().factor(a.view()).unwrap(),
        );
        let pairs = got
            .to_lower()
            .iter()
            .map(|(v, _)| *v)
            .collect::<Vec<_>>()
            .into_iter()
            .chain(got.to_upper().data().to_vec())
            .zip(
                expected
                    .to_lower()
                    .data()
                    .iter()
                    .chain(expected.to_upper().data())
                    .copied()
                    .collect::<Vec<_>>(),
            );
        for (x, y) in pairs {
            assert!((x - y).abs() <= 1e-14 * y.abs(), "{x} {y}");
        }
    }
    // With another rule for its pivots, another ILU(0).
    let config = LearnedLuConfig::default().with_base(Base::Ilu0);
    let rule = PivotRule::default()
        .with_threshold(0.5)
        .with_replacement(0.5);
    let got = untrained(&config, 1)
        .with_pivot(rule)
        .factor(a.view())
        .unwrap();
    let expected = IluSymbolic::new(a.view(), 0)
        .unwrap()
        .factor(a.view(), rule)
        .unwrap();
    let differ = |x: &[f64], y: &[f64]| {
        x.iter()
            .zip(y)
            .any(|(x, y)| (x - y).abs() > 1e-14 * y.abs())
    };
    assert!(!differ(got.inverse_diagonal(), expected.inverse_diagonal()));
    let plain = untrained(&config, 1).factor(a.view()).unwrap();
    assert!(differ(got.inverse_diagonal(), plain.inverse_diagonal()));
}

#[test]
fn refactoring_is_factoring_in_the_same_memory() {
    for config in variants() {
        let builder = untrained(&config, 2);
        let a = random(50, 6, 1);
        let mut b = a.clone();
        b.map_inplace(|v| 2.0 * v + 0.5);
        let mut symbolic = builder.analyse(a.view()).unwrap();
        assert_eq!(symbolic.dimension(), 50);
        let mut factor = symbolic.factor(a.view()).unwrap();
        assert_eq!(symbolic.nnz(), factor.nnz());
        let place = factor.inverse_diagonal().as_ptr();
        symbolic.refactor(b.view(), &mut factor).unwrap();
        assert_eq!(factor.inverse_diagonal().as_ptr(), place);
        let fresh = builder.factor(b.view()).unwrap();
        assert_eq!(factor.to_lower(), fresh.to_lower());
        assert_eq!(factor.to_upper(), fresh.to_upper());
        // Another pattern, another analysis, and entries that are not finite.
        let other = random(50, 6, 2);
        let error = symbolic.refactor(other.view(), &mut factor).unwrap_err();
        assert!(error.to_string().contains("row"), "{error}");
        let mut foreign = builder.factor(other.view()).unwrap();
        let error = symbolic.refactor(b.view(), &mut foreign).unwrap_err();
        assert_eq!(error, PrecondError::PatternMismatch { row: 0 });
        b.data_mut()[7] = f64::NAN;
        assert!(symbolic.refactor(b.view(), &mut factor).is_err());
        // It recovers.
        symbolic.refactor(a.view(), &mut factor).unwrap();
        assert_eq!(
            factor.to_upper(),
            builder.factor(a.view()).unwrap().to_upper()
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = LearnedLuConfig::default();
    let mut wide = TriMatI::new((2, 3));
    wide.add_triplet(0, 0, 1.0);
    assert!(message(&wide.to_csr(), &config).contains("2 x 3"));
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(message(&matrix(2, &[(0, 1, bad), (1, 0, 1.0)]), &config).contains("learned-lu"));
    }
    assert!(message(&matrix(1, &[(0, 0, 1e60)]), &config).contains("not finite"));
    let of_rhs = config
        .clone()
        .with_first_feature(FirstFeature::RightHandSide);
    let a = random(9, 3, 1);
    assert!(message(&a, &of_rhs).contains("first_feature"));
    let builder = untrained(&of_rhs, 0);
    let factors: Vec<Csr> = [0.0, 5.0]
        .map(|b| builder.factor_system(a.view(), &[b; 9]).unwrap().to_upper())
        .into();
    assert_ne!(factors[0], factors[1]);
    assert!(builder.factor_system(a.view(), &[1.0; 8]).is_err());
    // Networks of another kind, and pivots that are zero because nothing keeps them away from it.
    let weights = neuralif::Parameters::initialize(&neuralif::NeuralIfConfig::default(), 0)
        .unwrap()
        .to_weights(Provenance::default());
    let error = LearnedLu::new(&weights).unwrap_err().to_string();
    assert!(error.contains("the file holds `neuralif`"), "{error}");
    let smooth = config.with_diagonal(DiagonalActivation::Smooth);
    let mut parameters = Parameters::initialize(&smooth, 0).unwrap();
    parameters.values.fill(0.0);
    let builder = LearnedLu::from_parameters(&parameters).unwrap();
    let error = builder.factor(a.view()).unwrap_err().to_string();
    assert!(error.contains("row 0"), "{error}");
    // With the hard activation the same network gives ε everywhere, and says so.
    parameters.config.diagonal = DiagonalActivation::Hard;
    let factor = LearnedLu::from_parameters(&parameters)
        .unwrap()
        .factor(a.view())
        .unwrap();
    assert_eq!(
        (
            factor.stats().replaced_pivots,
            factor.stats().smallest_pivot
        ),
        (9, Some(1e-3))
    );
    assert!(factor.inverse_diagonal().iter().all(|d| *d == 1e3));
    assert!(
        factor
            .stats()
            .to_string()
            .contains("9 pivots replaced, smallest pivot 1.0e-3")
    );
    // The empty matrix.
    let empty = matrix(0, &[]);
    assert_eq!(
        untrained(&variants()[0], 0)
            .factor(empty.view())
            .unwrap()
            .nnz(),
        0
    );
}

#[test]
fn weight_files_are_networks() {
    let config = LearnedLuConfig::default().with_scale(MatrixScale::Rows);
    let parameters = Parameters::initialize(&config, 6).unwrap();
    let bytes = parameters
        .to_weights(Provenance::default())
        .to_bytes()
        .unwrap();
    let builder = LearnedLu::new(&Weights::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!(builder.config(), &config);
    let a = random(25, 4, 9);
    let (read, made) = (
        builder.factor(a.view()).unwrap(),
        untrained(&config, 6).factor(a.view()).unwrap(),
    );
    assert_eq!(
        (read.to_lower(), read.to_upper()),
        (made.to_lower(), made.to_upper())
    );
    // Bundled ones of this architecture, by name.
    for name in Weights::bundled_names().filter(|n| n.starts_with("neuralif-gmres-l")) {
        let builder = LearnedLu::new(&Weights::bundled(name).unwrap()).unwrap();
        check(&a, &builder.factor(a.view()).unwrap());
    }
}

/// Parity data: GMRES with factors of trained weights.
#[test]
fn gmres_takes_the_recorded_number_of_iterations() {
    let Some(dir) = std::env::var_os("LA_DATA_DIR") else {
        println!("skipped: parity data of neuralif-gmres (LA_DATA_DIR is not set)");
        return;
    };
    let dir = PathBuf::from(dir).join("fixtures/neuralif-gmres");
    for name in ["grid8x8", "grid15x15"] {
        let read =
            |what: &str| std::fs::read(dir.join(format!("{name}_{what}.safetensors"))).unwrap();
        let (system, trained) = (read("system"), read("trained"));
        let (system, trained) = (
            SafeTensors::deserialize(&system).unwrap(),
            SafeTensors::deserialize(&trained).unwrap(),
        );
        let b = doubles(&system, "test.b");
        let n = b.len();
        let mut a = TriMatI::<f64, u32>::new((n, n));
        let entries = doubles(&system, "edge.val").into_iter();
        let places = doubles(&system, "edge.row")
            .into_iter()
            .zip(doubles(&system, "edge.col"));
        for ((i, j), v) in places.zip(entries) {
            a.add_triplet(i as usize, j as usize, v);
        }
        let a: Csr = a.to_csr();
        let config = LearnedLuConfig::default();
        let values = config
            .parameters()
            .iter()
            .flat_map(|s| doubles(&trained, &format!("w.{}", s.name)))
            .map(|v| v as f32)
            .collect();
        let builder = LearnedLu::from_parameters(&Parameters { config, values }).unwrap();
        let factor = builder.factor(a.view()).unwrap();
        let options = GmresOptions::default()
            .with_restart(n)
            .with_max_iters(n)
            .with_rtol(1e-6);
        let solution = gmres(&a, &b, &factor, &options).unwrap();
        let recorded = doubles(&trained, "gmres.iterations")[0];
        let allowed = if recorded <= 100.0 {
            2.0
        } else {
            0.05 * recorded
        };
        assert!(solution.status.is_converged());
        assert!(
            (solution.iterations as f64 - recorded).abs() <= allowed,
            "{name}: {} iterations, recorded {recorded}",
            solution.iterations
        );
        let product = &factor.to_lower() * &factor.to_upper();
        let difference = &product - &a;
        let norm = difference.data().iter().map(|v| v * v).sum::<f64>().sqrt();
        let recorded = doubles(&trained, "frobenius.p_minus_a")[0];
        assert!(
            (norm - recorded).abs() <= 1e-5 * recorded,
            "{norm} {recorded}"
        );
    }
}

fn doubles(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = file.tensor(name).unwrap();
    match view.dtype() {
        Dtype::F64 => {
            let bytes = view.data().chunks_exact(8);
            bytes
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect()
        }
        _ => {
            let bytes = view.data().chunks_exact(4);
            bytes
                .map(|b| i32::from_le_bytes(b.try_into().unwrap()).into())
                .collect()
        }
    }
}
