//! Factors of the NeuralPCG network: a positive diagonal on the pattern of A, whatever the weights.
#![cfg(feature = "learned")]

mod common;

use common::{Csr, poisson2d, random_gram, symmetric};
use la_gnn::neuralpcg::{NeuralPcgConfig, Parameters};
use la_krylov::{CgOptions, GmresOptions, cg, gmres};
use la_precond::classical::{Ic0, Safeguarded};
use la_precond::learned::{NeuralPcg, Weights};
use la_precond::sprs::TriMatI;
use la_precond::{IncompleteCholeskyBuilder, PrecondError};

fn untrained(config: &NeuralPcgConfig) -> NeuralPcg {
    NeuralPcg::from_parameters(&Parameters::initialize(config, 0).unwrap()).unwrap()
}

fn trained() -> NeuralPcg {
    NeuralPcg::new(&Weights::bundled("neuralpcg-synthetic").unwrap()).unwrap()
}

#[test]
fn the_diagonal_is_the_root_of_that_of_the_matrix() {
    let a = poisson2d(12);
    for config in [
        NeuralPcgConfig::equilibrated(),
        NeuralPcgConfig::equilibrated().with_equilibrate(false),
    ] {
        let factor = untrained(&config).build(a.view()).unwrap();
        let pattern = |m: &Csr| -> Vec<(u32, u32)> {
            m.iter().map(|(_, at)| at).filter(|(i, j)| j <= i).collect()
        };
        assert_eq!(pattern(&factor.to_lower()), pattern(&a));
        for (i, d) in factor.diagonal().iter().enumerate() {
            let root = a.get(i, i).unwrap().sqrt();
            assert!((d - root).abs() < 1e-6 * root, "row {i}: {d} {root}");
        }
        assert_eq!(factor.stats().fill_ratio, Some(1.0));
    }
}

#[test]
fn the_right_hand_side_belongs_to_the_original_network() {
    let a = poisson2d(6);
    let n = a.rows();
    let original = untrained(&NeuralPcgConfig::default());
    let error = original.build(a.view()).unwrap_err();
    assert!(matches!(error, PrecondError::Builder { .. }));
    assert!(error.to_string().contains("node_features"), "{error}");
    let ones = original.factor_system(a.view(), &vec![1.0; n]).unwrap();
    let other = original.factor_system(a.view(), &vec![-3.0; n]).unwrap();
    assert_ne!(ones.to_lower(), other.to_lower());
    assert!(original.factor_system(a.view(), &[1.0]).is_err());
    let structural = untrained(&NeuralPcgConfig::equilibrated());
    assert!(structural.factor_system(a.view(), &vec![1.0; n]).is_err());
}

#[test]
fn matrices_that_do_not_fit_are_named_by_their_row() {
    let builder = untrained(&NeuralPcgConfig::equilibrated());
    for (entries, text) in [
        (vec![(0, 0, 2.0), (1, 0, -1.0), (2, 2, 1.0)], "row 1"),
        (vec![(0, 0, 2.0), (1, 1, -1.0), (2, 2, 1.0)], "row 1"),
        (
            vec![(0, 0, 2.0), (1, 0, f64::NAN), (1, 1, 1.0), (2, 2, 1.0)],
            "finite",
        ),
    ] {
        let error = builder.build(symmetric(3, entries).view()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("neuralpcg") && message.contains(text),
            "{message}"
        );
    }
}

#[test]
fn the_bundled_weights_beat_ic0_on_their_family() {
    let a = random_gram(1000, 10, 1e-3, 7);
    let b: Vec<f64> = (0..1000).map(|i| f64::from(i * 7 % 11) / 11.0).collect();
    let options = CgOptions::default().with_rtol(1e-3).with_max_iters(3000);
    let iterations = |builder: &dyn IncompleteCholeskyBuilder| {
        let factor = builder.build(a.view()).unwrap();
        let solution = cg(&a, &b, &factor, &options).unwrap();
        assert!(solution.status.is_converged());
        solution.iterations as f64
    };
    let (learned, classical) = (iterations(&trained()), iterations(&Ic0::default()));
    assert!(learned < classical, "{learned} {classical}");
}

#[test]
fn scaling_the_matrix_by_a_power_of_two_scales_the_factor() {
    let a = random_gram(200, 5, 1e-3, 3);
    let mut larger = a.clone();
    larger.data_mut().iter_mut().for_each(|v| *v *= 256.0);
    let (one, other) = (
        trained().build(a.view()).unwrap().to_lower(),
        trained().build(larger.view()).unwrap().to_lower(),
    );
    assert!(
        one.data()
            .iter()
            .zip(other.data())
            .all(|(s, t)| s * 16.0 == *t)
    );
}

#[test]
fn entries_are_dropped_on_request_and_a_bad_factor_falls_back() {
    let a = poisson2d(20);
    let b = vec![1.0; a.rows()];
    let whole = trained().build(a.view()).unwrap();
    let sparser = trained().with_drop_tol(1e9);
    assert_eq!(sparser.name(), "neuralpcg-sp");
    let diagonal = sparser.build(a.view()).unwrap();
    assert!(whole.nnz() > diagonal.nnz());
    assert_eq!(diagonal.nnz(), a.rows());
    let bad = untrained(&NeuralPcgConfig::equilibrated());
    let classical = Ic0::default();
    let outcome = Safeguarded::new(&bad)
        .with_fallback(&classical)
        .solve(a.view(), &b)
        .unwrap();
    assert!(outcome.solution.status.is_converged());
}

#[test]
fn a_network_for_general_matrices_has_factors_for_gmres() {
    // Convection, and no entry at all on the diagonal of every fifth row.
    let n = 60;
    let mut t = TriMatI::new((n, n));
    for i in 0..n {
        if i % 5 != 0 {
            t.add_triplet(i, i, 2.0);
        }
        if i > 0 {
            t.add_triplet(i, i - 1, -1.5);
        }
        if i + 1 < n {
            t.add_triplet(i, i + 1, -0.5);
        }
    }
    let a: Csr = t.to_csr();
    let builder = untrained(&NeuralPcgConfig::general());
    let factor = builder.build(a.view()).unwrap();
    assert!(factor.diagonal().iter().all(|d| *d > 0.0 && d.is_finite()));
    assert_eq!(factor.to_lower().nnz(), 2 * n - 1);
    assert_eq!(
        factor.stats().fill_ratio,
        Some((2 * n - 1) as f64 / (2 * n - 1 - n / 5) as f64)
    );
    let options = GmresOptions::default().with_restart(n);
    let solution = gmres(&a, &vec![1.0; n], &factor, &options).unwrap();
    assert!(solution.status.is_converged());
    // Entries of the lower triangle only.
    assert!(factor.to_lower().iter().all(|(_, (i, j))| j <= i));
    let empty = TriMatI::<f64, u32>::new((0, 0)).to_csr();
    assert_eq!(builder.build(empty.view()).unwrap().nnz(), 0);
    let wide = TriMatI::<f64, u32>::new((2, 3)).to_csr();
    assert!(builder.build(wide.view()).is_err());
}
