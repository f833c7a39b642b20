//! Networks that start and accelerate factorisations: what they see, what they refuse, and the safeguard.
#![cfg(all(feature = "learned", feature = "nmf"))]

use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_gnn::native::factormer::Factormer;
use la_opt::OptError;
use la_opt::nmf::learned::{FactormerAccelerator, FactormerStart, Proposal, ProposalGuard};
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Method, NmfOptions, NmfWorkspace, Nndsvd, Rho,
    Unstored,
};
use la_opt::qp::SparseRows;
use la_problems::nmf::{NonnegativeSample, SyntheticFactors};

const RANK: usize = 3;

fn network(input: FactormerInput, seed: u64) -> Parameters<FactormerConfig> {
    let config = FactormerConfig::new(RANK)
        .with_width(8)
        .with_pairs(1)
        .with_input(input);
    Parameters::initialize(&config, seed).unwrap()
}

fn sample() -> NonnegativeSample {
    let law = SyntheticFactors::training().with_rank(RANK);
    law.generate(14, 9, 1).unwrap()
}

fn dense(sample: &NonnegativeSample, scale: f64) -> Data<'static> {
    let values: Vec<f64> = sample.values.iter().map(|v| scale * v).collect();
    Data::dense(sample.rows, sample.columns, values).unwrap()
}

fn close(a: &[f64], b: &[f64], factor: f64) -> bool {
    let size = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    a.iter()
        .zip(b)
        .all(|(a, b)| (a * factor - b).abs() <= 1e-4 * size * factor)
}

#[test]
fn a_start_is_nndsvd_seen_by_the_network_and_scales_with_the_data() {
    let parameters = network(FactormerInput::Factor, 5);
    let start = FactormerStart::new(&parameters).unwrap();
    let sample = sample();
    let data = dense(&sample, 1.0);
    let given = Nndsvd::default().start(&data, RANK).unwrap();
    let got = start.start(&data, RANK).unwrap();
    assert!(got.w.iter().chain(&got.h).any(|&x| x > 0.0));

    let mean = data.mean();
    let cast = |values: &[f64], scale: f64| -> Vec<f32> {
        values.iter().map(|x| (x / scale) as f32).collect()
    };
    let mut network = Factormer::<f32>::new(&parameters).unwrap();
    let (v, w, h) = (
        cast(&sample.values, mean),
        cast(&given.w, mean.sqrt()),
        cast(&given.h, mean.sqrt()),
    );
    let update = network.update(&v, &[&w], &[&h]).unwrap();
    let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    assert!(close(&wide(update.w), &got.w, mean.sqrt()));
    assert!(close(&wide(update.h), &got.h, mean.sqrt()));

    // Grey values instead of numbers of mean 1.
    let scaled = start.start(&dense(&sample, 90.0), RANK).unwrap();
    assert!(close(&got.w, &scaled.w, 90f64.sqrt()) && close(&got.h, &scaled.h, 90f64.sqrt()));
    let single: Factors<f32> = {
        let values: Vec<f32> = sample.values.iter().map(|&v| v as f32).collect();
        let data = Data::dense(sample.rows, sample.columns, values).unwrap();
        start.start(&data, RANK).unwrap()
    };
    assert!(close(&got.w, &wide(&single.w), 1.0));
}

#[test]
fn untrained_networks_with_a_skip_leave_the_solver_as_it_is() {
    let sample = sample();
    let data = dense(&sample, 1.0);
    let given = Nndsvd::default().start(&data, RANK).unwrap();
    let with_skip = |input| {
        let config = network(input, 0).config.with_skip(true);
        Parameters::initialize(&config, 0).unwrap()
    };
    let start = FactormerStart::new(&with_skip(FactormerInput::Factor)).unwrap();
    let improved = start.improve(&data, &given).unwrap();
    assert!(close(&given.w, &improved.w, 1.0) && close(&given.h, &improved.h, 1.0));

    let parameters = with_skip(FactormerInput::FactorAndSolver);
    let run = FactormerAccelerator::new(&data, &given, &parameters).unwrap();
    let mut run = run.with_guard(ProposalGuard::None);
    let solver = AoAdmm::published(DualStart::Cold).with_rho(Rho::Fixed(data.mean()));
    let options = NmfOptions::default().with_method(Method::AoAdmm(solver));
    let mut alone = NmfWorkspace::new(&data, &given, options).unwrap();
    for _ in 0..4 {
        run.step().unwrap();
        alone.step();
    }
    let (run, alone) = (run.factors(), alone.factors());
    assert!(close(&alone.w, &run.w, 1.0) && close(&alone.h, &run.h, 1.0));
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let starts = network(FactormerInput::Factor, 0);
    let accelerates = network(FactormerInput::FactorAndSolver, 0);
    let sample = sample();
    let data = dense(&sample, 1.0);
    let given = Nndsvd::default().start(&data, RANK).unwrap();
    let reason = |error: OptError| match error {
        OptError::Network { reason } => reason,
        other => panic!("{other}"),
    };
    let wrong = FactormerStart::new(&accelerates).unwrap_err();
    assert!(reason(wrong).contains("use FactormerAccelerator"));
    let wrong = FactormerAccelerator::new(&data, &given, &starts).unwrap_err();
    assert!(reason(wrong).contains("use FactormerStart"));

    let start = FactormerStart::new(&starts).unwrap();
    assert!(reason(start.start(&data, 2).unwrap_err()).contains("rank 3, not 2"));
    let sparse = SparseRows::new(
        3,
        vec![0, 2, 3, 4],
        vec![0, 2, 1, 0],
        vec![1.0, 2.0, 3.0, 1.0],
    );
    let sparse = Data::sparse(sparse.unwrap(), Unstored::Zero).unwrap();
    assert!(reason(start.start(&sparse, RANK).unwrap_err()).contains("dense"));
    let masked = Data::masked(3, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0], &{
        let mut known = [true; 9];
        known[8] = false;
        known
    });
    let improved = start.improve(
        &masked.unwrap(),
        &Factors::new(3, vec![1.0; 9], vec![1.0; 9]).unwrap(),
    );
    assert!(reason(improved.unwrap_err()).contains("missing"));

    let mut broken = starts;
    broken.values[0] = f32::NAN;
    assert!(FactormerStart::new(&broken).is_err());
}

#[test]
fn behind_the_safeguard_a_step_is_never_worse_than_an_iteration() {
    let sample = sample();
    let data = dense(&sample, 4.0);
    let start = Nndsvd::default().start(&data, RANK).unwrap();
    let (mut refused, mut taken) = (0, 0);
    for seed in 0..6 {
        let parameters = network(FactormerInput::FactorAndSolver, seed);
        let mut guarded = FactormerAccelerator::new(&data, &start, &parameters)
            .unwrap()
            .with_guard(ProposalGuard::Step);
        let mut free = FactormerAccelerator::new(&data, &start, &parameters)
            .unwrap()
            .with_guard(ProposalGuard::None);
        for _ in 0..4 {
            // The published solver for data of mean 1, in the units of the data.
            let solver = AoAdmm::published(DualStart::Cold);
            let solver = solver.with_rho(Rho::Fixed(data.mean()));
            let options = NmfOptions::default().with_method(Method::AoAdmm(solver));
            let mut alone = NmfWorkspace::new(&data, &guarded.factors(), options).unwrap();
            alone.step();
            match guarded.step().unwrap() {
                Proposal::Refused => {
                    refused += 1;
                    assert_eq!(guarded.factors(), alone.factors());
                }
                Proposal::Taken => taken += 1,
            }
            assert!(guarded.rmse() <= alone.rmse() * (1.0 + 1e-12));
            assert_eq!(free.step().unwrap(), Proposal::Taken);
        }
    }
    assert!(refused > 0, "untrained networks propose nonsense");
    assert_eq!(refused + taken, 24);
}

#[test]
fn with_a_companion_no_number_of_steps_is_worse_than_the_solver() {
    let sample = sample();
    let data = dense(&sample, 4.0);
    let start = Nndsvd::default().start(&data, RANK).unwrap();
    let solver = AoAdmm::published(DualStart::Cold).with_rho(Rho::Fixed(data.mean()));
    let options = NmfOptions::default().with_method(Method::AoAdmm(solver));
    let mut behind = 0;
    for seed in 0..3 {
        let parameters = network(FactormerInput::FactorAndSolver, seed);
        let accelerator = || FactormerAccelerator::new(&data, &start, &parameters).unwrap();
        let mut both = accelerator();
        let mut free = accelerator().with_guard(ProposalGuard::None);
        let mut alone = NmfWorkspace::new(&data, &start, options.clone()).unwrap();
        for k in 0..8 {
            if k < 3 {
                assert_eq!(both.step().unwrap(), Proposal::Taken);
                free.step().unwrap();
            } else {
                both.step_alone();
                free.step_alone();
            }
            alone.step();
            let (rmse, free, alone_rmse) = (both.rmse(), free.rmse(), alone.rmse());
            assert_eq!(rmse, free.min(alone_rmse));
            if alone_rmse < free {
                behind += 1;
                assert_eq!(both.factors(), alone.factors());
            }
        }
    }
    assert!(behind > 0, "untrained networks are behind the solver");
}
