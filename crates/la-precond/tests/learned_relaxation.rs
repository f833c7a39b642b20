//! Learned relaxation: what it gains, what it leaves alone, and bad input.
#![cfg(feature = "learned")]

mod common;

use common::{matrix, poisson2d, random};
use la_gnn::relaxation::{Parameters, RelaxationConfig};
use la_krylov::{GmresOptions, gmres};
use la_precond::classical::Ilu;
use la_precond::learned::{LearnedRelaxation, Weights};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteLuBuilder, PrecondError};
use la_problems::{ConvectionSamples, Grid, Split, WindChoice};

fn bundled(name: &str) -> LearnedRelaxation {
    LearnedRelaxation::new(&Weights::bundled(name).unwrap()).unwrap()
}

#[test]
fn fewer_iterations_than_ilu0_on_the_same_pattern() {
    let family = ConvectionSamples::default()
        .with_grid(Grid::cuboid(16, 16, 16))
        .with_wind(WindChoice::Eddies)
        .with_cell_peclet(0.1, 1000.0);
    let seeds = [
        "ilu-relaxation-convection",
        "ilu-relaxation-convection-s1",
        "ilu-relaxation-convection-s2",
        "ilu-relaxation-rows",
    ];
    let builders = seeds.map(bundled);
    let (mut plain, mut learned) = (0, [0; 4]);
    for index in 0..4 {
        let system = family.generate(Split::Test.seed(index)).unwrap();
        let iterations = |builder: &dyn IncompleteLuBuilder| {
            let factor = builder.build(system.matrix.view()).unwrap();
            assert_eq!(factor.nnz(), system.matrix.nnz());
            let options = GmresOptions::default()
                .with_rtol(1e-6)
                .with_restart(200)
                .with_max_iters(200);
            let solution = gmres(&system.matrix, &system.rhs, &factor, &options).unwrap();
            assert!(solution.status.is_converged());
            solution.iterations
        };
        plain += iterations(&Ilu::default());
        for (sum, builder) in learned.iter_mut().zip(&builders) {
            *sum += iterations(builder);
        }
    }
    for sum in learned {
        assert!(
            (sum as f64) < 0.8 * plain as f64,
            "{learned:?} against {plain}"
        );
    }
}

#[test]
fn scaling_by_powers_of_two_changes_exponents_only() {
    let a = random(60, 4, 1.0, 5);
    let builder = bundled("ilu-relaxation-convection");
    let factor = builder.factor(a.view()).unwrap();
    for exponent in [-200, 200] {
        let alpha = 2.0_f64.powi(exponent);
        let scaled = builder.factor(a.map(|v| alpha * v).view()).unwrap();
        assert_eq!(scaled.to_lower(), factor.to_lower());
        assert_eq!(scaled.to_upper(), factor.to_upper().map(|v| alpha * v));
    }
}

#[test]
fn without_fill_there_is_nothing_to_relax() {
    let tridiagonal = matrix(
        20,
        (0..20).flat_map(|i: usize| [(i, i, 3.0), (i, (i + 1).min(19), -1.0)]),
    );
    let learned = bundled("ilu-relaxation-convection").factor(tridiagonal.view());
    let plain = Ilu::default().factor(tridiagonal.view()).unwrap();
    assert_eq!(learned.unwrap().to_upper(), plain.to_upper());
}

#[test]
fn odd_matrices() {
    let builder = bundled("ilu-relaxation-convection");
    let empty = CsMatI::<f64, u32>::zero((0, 0));
    assert_eq!(builder.factor(empty.view()).unwrap().dimension(), 0);
    let one = matrix(1, [(0, 0, 5.0)]);
    assert_eq!(
        builder.factor(one.view()).unwrap().inverse_diagonal(),
        [0.2]
    );
    // A zero and a missing diagonal entry, a row of zeros.
    let holes = matrix(
        4,
        [
            (0, 0, 0.0),
            (0, 1, 2.0),
            (1, 0, 1.0),
            (1, 2, 1.0),
            (2, 2, 3.0),
        ],
    );
    let factor = builder.factor(holes.view()).unwrap();
    assert!(factor.stats().replaced_pivots > 0);
    assert!(factor.inverse_diagonal().iter().all(|d| d.is_finite()));

    let wide = CsMatI::<f64, u32>::zero((2, 3));
    let error = builder.factor(wide.view()).unwrap_err();
    assert!(
        matches!(&error, PrecondError::Builder { message, .. } if message.contains("2 x 3")),
        "{error}"
    );
    let mut bad = poisson2d(4);
    bad.data_mut()[7] = f64::NAN;
    let error = builder.factor(bad.view()).unwrap_err();
    assert!(error.to_string().contains("row 2"), "{error}");
    let columns = poisson2d(4).to_csc();
    assert!(builder.factor(columns.view()).is_err());
}

#[test]
fn foreign_weights_are_refused() {
    let other = Weights::bundled("neuralif-synthetic-t1").unwrap();
    let error = LearnedRelaxation::new(&other).unwrap_err().to_string();
    assert!(error.contains("ilu-relaxation"), "{error}");
    let mut parameters = Parameters::initialize(&RelaxationConfig::default(), 0).unwrap();
    parameters.values[3] = f32::NAN;
    assert!(LearnedRelaxation::from_parameters(&parameters).is_err());
    parameters.values.pop();
    assert!(LearnedRelaxation::from_parameters(&parameters).is_err());
}
