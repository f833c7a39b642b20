//! Learned factors: always positive on the diagonal and on the pattern of A, whatever the weights.
#![cfg(feature = "learned")]

mod common;

use std::path::PathBuf;

use common::{Csr, gram, noise, poisson2d, relative_error, symmetric};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_krylov::{CgOptions, cg};
use la_precond::classical::{Ic0, PatternRule, Safeguarded};
use la_precond::learned::NeuralIf;
use la_precond::sprs::TriMatI;
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

fn untrained(config: &NeuralIfConfig, seed: u64) -> NeuralIf {
    NeuralIf::from_parameters(&Parameters::initialize(config, seed).unwrap()).unwrap()
}

fn equilibrated() -> NeuralIfConfig {
    NeuralIfConfig::default()
        .with_equilibrate(true)
        .with_normalize_diag(true)
}

/// Diagonal positive and finite, and nothing outside the lower triangle of A.
fn check_factor(a: &Csr, factor: &IncompleteCholesky) {
    assert_eq!(factor.diagonal().len(), a.rows());
    assert!(factor.diagonal().iter().all(|d| *d > 0.0 && d.is_finite()));
    let pattern = |m: &Csr| -> Vec<(u32, u32)> {
        m.iter().map(|(_, at)| at).filter(|(i, j)| j <= i).collect()
    };
    assert_eq!(pattern(&factor.to_lower()), pattern(a));
    assert!(factor.to_lower().data().iter().all(|v| v.is_finite()));
}

fn message(a: &Csr, config: &NeuralIfConfig) -> String {
    let error = untrained(config, 0).factor(a.view()).unwrap_err();
    assert!(matches!(error, PrecondError::Builder { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn a_missing_diagonal_is_named_by_its_row() {
    let a = symmetric(4, [(0, 0, 2.0), (1, 1, 2.0), (2, 1, -1.0), (3, 3, 1.0)]);
    for config in [NeuralIfConfig::default(), equilibrated()] {
        let text = message(&a, &config);
        assert!(
            text.contains("neuralif") && text.contains("row 2"),
            "{text}"
        );
    }
}

#[test]
fn entries_that_are_not_finite_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let off = symmetric(3, [(0, 0, 2.0), (1, 0, bad), (1, 1, 2.0), (2, 2, 2.0)]);
        let on = symmetric(3, [(0, 0, 2.0), (1, 0, -1.0), (1, 1, bad), (2, 2, 2.0)]);
        for config in [NeuralIfConfig::default(), equilibrated()] {
            for a in [&off, &on] {
                assert!(!message(a, &config).is_empty());
            }
        }
    }
    // Finite in double precision, but not in the network's.
    let huge = symmetric(2, [(0, 0, 1e60), (1, 1, 1.0)]);
    assert!(!message(&huge, &NeuralIfConfig::default()).is_empty());
}

#[test]
fn a_diagonal_that_is_not_positive_cannot_be_equilibrated() {
    let a = symmetric(3, [(0, 0, 2.0), (1, 1, -1.0), (2, 2, 2.0)]);
    assert!(message(&a, &equilibrated()).contains("row 1"));
}

#[test]
fn a_matrix_that_is_not_square_is_refused() {
    let mut t = TriMatI::new((2, 3));
    t.add_triplet(0, 0, 1.0);
    t.add_triplet(1, 1, 1.0);
    let a: Csr = t.to_csr();
    for config in [NeuralIfConfig::default(), equilibrated()] {
        assert!(!message(&a, &config).is_empty());
    }
}

#[test]
fn the_smallest_matrices_have_factors() {
    for config in [NeuralIfConfig::default(), equilibrated()] {
        let builder = untrained(&config, 1);
        let empty = symmetric(0, []);
        assert_eq!(builder.factor(empty.view()).unwrap().diagonal().len(), 0);
        let one = symmetric(1, [(0, 0, 4.0)]);
        check_factor(&one, &builder.factor(one.view()).unwrap());
    }
    // With the diagonal of A kept, the factor of a 1 × 1 matrix is its root.
    let one = symmetric(1, [(0, 0, 4.0)]);
    let factor = untrained(&equilibrated(), 1).factor(one.view()).unwrap();
    assert!((factor.diagonal()[0] - 2.0).abs() < 1e-6);
}

#[test]
fn an_untrained_network_costs_time_but_not_the_answer() {
    // Unknowns in units of very different size: IC(0) does not notice, an untrained network does.
    let mut a = poisson2d(60);
    let mut next = noise(5);
    let unit: Vec<f64> = (0..a.rows()).map(|_| 10f64.powf(1.5 * next())).collect();
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, v) in row.iter_mut() {
            *v *= unit[i] * unit[j];
        }
    }
    let b: Vec<f64> = (0..a.rows()).map(|_| next()).collect();
    let (bad, ic0) = (untrained(&NeuralIfConfig::default(), 3), Ic0::default());
    let options = CgOptions::default().with_rtol(1e-8);
    let plain = cg(&a, &b, &ic0.build(a.view()).unwrap(), &options).unwrap();
    let mut driver = Safeguarded::new(&bad)
        .with_fallback(&ic0)
        .with_options(options)
        .with_pattern(PatternRule::NoFill)
        .with_expected_iterations(plain.iterations);
    let result = driver.solve(a.view(), &b).unwrap();
    assert!(result.solution.status.is_converged(), "{}", result.solution);
    assert_eq!(result.attempts.len(), 2, "the untrained factor was kept");
    let mut residual = b.clone();
    for (i, row) in a.outer_iterator().enumerate() {
        residual[i] -= row
            .iter()
            .map(|(j, v)| v * result.solution.x[j])
            .sum::<f64>();
    }
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!(norm(&residual) <= 1e-8 * norm(&b));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// Rows beyond the first thirty hold nothing but their diagonal.
    #[test]
    fn factors_are_positive_on_the_pattern(
        e in proptest::collection::vec((0..30_usize, 0..30_usize, -1.0..1.0_f64), 0..90),
        lonely in 0..5_usize,
        shift in 1e-3..10.0_f64,
        seed in 0..20_u64,
    ) {
        let a = gram(30 + lonely, &e, shift);
        for config in [NeuralIfConfig::default(), equilibrated()] {
            check_factor(&a, &untrained(&config, seed).factor(a.view()).unwrap());
        }
    }

    /// `S A S` for S of powers of two has the factor `S L`, up to the rounding of the square roots.
    #[test]
    fn equilibrated_factors_scale_with_the_matrix(
        e in proptest::collection::vec((0..20_usize, 0..20_usize, -1.0..1.0_f64), 10..60),
        powers in proptest::collection::vec(-12..12_i32, 20),
    ) {
        let a = gram(20, &e, 0.1);
        let s: Vec<f64> = powers.iter().map(|k| 2.0_f64.powi(*k)).collect();
        let scaled = symmetric(20, a.iter().filter(|(_, (i, j))| j <= i).map(|(v, (i, j))| {
            (i as usize, j as usize, v * s[i as usize] * s[j as usize])
        }));
        let builder = untrained(&equilibrated(), 2);
        let plain = builder.factor(a.view()).unwrap().to_lower();
        let other = builder.factor(scaled.view()).unwrap().to_lower();
        prop_assert_eq!(plain.indices(), other.indices());
        let expected: Vec<f64> = plain.iter().map(|(v, (i, _))| v * s[i as usize]).collect();
        for (found, expected) in other.data().iter().zip(&expected) {
            // The network computes in single precision.
            prop_assert!((found - expected).abs() <= 1e-4 * expected.abs() + 1e-30);
        }
    }
}

/// The files of NeuralIF's fixtures, or `None` with a printed line where there are none.
fn fixtures() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return None;
    };
    Some(PathBuf::from(root).join("fixtures/neuralif"))
}

fn numbers(bytes: &[u8], name: &str) -> Vec<f64> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let data = tensor.data();
    match tensor.dtype() {
        Dtype::F64 => data
            .chunks_exact(8)
            .map(|c| f64::from_le_bytes(c.try_into().unwrap()))
            .collect(),
        Dtype::I32 => data
            .chunks_exact(4)
            .map(|c| i32::from_le_bytes(c.try_into().unwrap()).into())
            .collect(),
        Dtype::U8 => data.iter().map(|b| f64::from(*b)).collect(),
        other => panic!("{name} is {other:?}"),
    }
}

struct Stored {
    a: Csr,
    b: Vec<f64>,
    variant: Vec<u8>,
    builder: NeuralIf,
}

fn stored(folder: &std::path::Path, matrix: &str, variant: &str) -> Stored {
    let read =
        |name: &str| std::fs::read(folder.join(format!("{matrix}_{name}.safetensors"))).unwrap();
    let (system, variant) = (read("system"), read(variant));
    let (rows, cols) = (numbers(&system, "a.row"), numbers(&system, "a.col"));
    let b = numbers(&system, "b");
    let mut t = TriMatI::new((b.len(), b.len()));
    for ((i, j), v) in rows.into_iter().zip(cols).zip(numbers(&system, "a.val")) {
        t.add_triplet(i as usize, j as usize, v);
    }
    let file = SafeTensors::deserialize(&variant).unwrap();
    let config =
        NeuralIfConfig::default().with_graph_norm(file.tensor("w.graph_norm.alpha").is_ok());
    let mut values = vec![0.0; config.parameter_count()];
    for spec in config.parameters() {
        let weights = numbers(&variant, &format!("w.{}", spec.name));
        for (v, w) in values[spec.offset..].iter_mut().zip(weights) {
            *v = w as f32;
        }
    }
    let builder = NeuralIf::from_parameters(&Parameters { config, values }).unwrap();
    Stored {
        a: t.to_csr(),
        b,
        variant,
        builder,
    }
}

#[test]
fn trained_factors_need_the_iterations_of_the_reference() {
    let Some(folder) = fixtures() else { return };
    for matrix in ["n12", "n60", "n300", "n300q5"] {
        let case = stored(&folder, matrix, "trained");
        let factor = case.builder.factor(case.a.view()).unwrap();
        // f32 against the reference in f64.
        assert!(relative_error(factor.to_lower().data(), &numbers(&case.variant, "l_val")) < 1e-5);
        let options = CgOptions::default().with_rtol(1e-8).with_max_iters(5000);
        let solution = cg(&case.a, &case.b, &factor, &options).unwrap();
        for (rtol, expected) in [1e-3, 1e-6, 1e-8]
            .into_iter()
            .zip(numbers(&case.variant, "pcg.iterations"))
        {
            let found = solution.iterations_to(rtol).unwrap() as f64;
            let allowed = if expected <= 100.0 {
                2.0
            } else {
                0.05 * expected
            };
            assert!(
                (found - expected).abs() <= allowed,
                "{matrix} {rtol}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn dropped_entries_are_those_of_the_reference() {
    let Some(folder) = fixtures() else { return };
    for (matrix, variant) in [
        ("n12", "gn_tanh"),
        ("n12", "trained"),
        ("n60", "gn_tanh"),
        ("n60", "trained"),
    ] {
        let case = stored(&folder, matrix, variant);
        let tau = numbers(&case.variant, "drop.tau")[0];
        let (keep, values) = (
            numbers(&case.variant, "drop.keep"),
            numbers(&case.variant, "l_val"),
        );
        let whole = case.builder.factor(case.a.view()).unwrap().to_lower();
        let sparse = case
            .builder
            .with_drop_tol(tau)
            .factor(case.a.view())
            .unwrap();
        assert!(
            (sparse.nnz() as f64) < keep.len() as f64,
            "{matrix} {variant}: nothing dropped"
        );
        let sparse = sparse.to_lower();
        let mut at_the_edge = 0;
        for (((_, (i, j)), keep), value) in whole.iter().zip(&keep).zip(&values) {
            // What single precision cannot tell from tau may go either way.
            if (value.abs() - tau).abs() < 1e-6 {
                at_the_edge += 1;
                continue;
            }
            let kept = sparse.get(i as usize, j as usize).is_some();
            assert_eq!(
                kept,
                *keep == 1.0,
                "{matrix} {variant}: entry ({i}, {j}) of size {value:e}, tau {tau:e}"
            );
        }
        assert!(at_the_edge < 4);
    }
}
