//! Graph neural preconditioners around the native network: parity, scaling, variants, training.
#![cfg(feature = "learned")]

mod common;
mod gnp_fixture;

use std::ops::ControlFlow;

use common::{Csr, matrix, relative_error, times};
use gnp_fixture::Fixture;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp::{Matrix, Network, Workspace};
use la_gnn::training::gnp::Ended;
use la_krylov::{
    FcgOptions, Host, KrylovError, Preconditioner, PreconditionerKind, Solution, Status, fcg,
    fgmres, gmres,
};
use la_precond::PrecondError;
use la_precond::classical::{Ilu, Reordered};
use la_precond::learned::gnp::{
    Base, ColumnScale, Composition, Distribution, Equilibration, Gnp, GnpBuilder, OnPolicy, Parity,
    Selection, StepLength, paper_options, prescaled,
};

/// The trained network of a fixture.
fn network(file: &Fixture) -> Parameters {
    let mut parameters = Parameters::initialize(&GnpConfig::paper(), 0).unwrap();
    for (specs, target) in [
        (parameters.config.parameters(), &mut parameters.values),
        (parameters.config.statistics(), &mut parameters.statistics),
    ] {
        for spec in specs {
            let values = file.doubles(&format!("w.{}", spec.name));
            for (slot, value) in target[spec.offset..spec.offset + spec.len]
                .iter_mut()
                .zip(values)
            {
                *slot = value as f32;
            }
        }
    }
    parameters
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut next = common::noise(seed);
    (0..n).map(|_| next()).collect()
}

fn apply(m: &Gnp, r: &[f64]) -> Vec<f64> {
    let mut z = vec![0.0; r.len()];
    m.apply(&Host::new(r.len()), r, &mut z).unwrap();
    z
}

/// `‖b − A z‖ / ‖b‖`.
fn residual(a: &Csr, b: &[f64], z: &[f64]) -> f64 {
    let space = Host::new(b.len());
    let left: Vec<f64> = b.iter().zip(times(a, z)).map(|(b, p)| b - p).collect();
    la_krylov::VectorSpace::norm(&space, &left) / la_krylov::VectorSpace::norm(&space, b)
}

fn convection(k: usize) -> Csr {
    let problem = la_problems::ConvectionDiffusion::default()
        .with_grid(la_problems::Grid::rectangle(k, k))
        .with_peclet(20.0);
    problem.generate().unwrap().matrix
}

/// Zeros on the diagonal, rows of very different size.
fn wild(n: usize) -> Csr {
    let mut next = common::noise(3);
    let rows = (0..n).flat_map(|i| {
        let size = 10f64.powf(4.0 * next());
        [
            (i, (i + 1) % n, 3.0 * size),
            (i, (i + 5) % n, size * next()),
            (i, (i * 7 + 3) % n, size * next()),
        ]
    });
    matrix(n, rows.collect::<Vec<_>>())
}

fn untrained() -> Parameters {
    Parameters::initialize(&GnpConfig::paper(), 1).unwrap()
}

#[test]
fn histories_of_the_published_network() {
    for (name, tolerance) in [("random200", 2e-3), ("mahindas", 2e-2)] {
        let Some(system) = Fixture::read(&format!("{name}_network")) else {
            return;
        };
        let histories = Fixture::read(&format!("{name}_fgmres")).unwrap();
        let a = system.matrix();
        let m = GnpBuilder::paper()
            .from_parameters(a.view(), &network(&system))
            .unwrap();
        for rhs in ["ones", "gauss"] {
            let b = histories.doubles(&format!("{rhs}.b"));
            let solution = fgmres(&a, &b, &m, &paper_options()).unwrap();
            assert_eq!(solution.status, Status::IterationLimit, "{name} {rhs}");
            let entry = |what: &str| histories.doubles(&format!("{rhs}.{what}"));
            let (double, single) = (entry("net_f64.history"), entry("net_f32.history"));
            for k in 0..=100 {
                let ours = solution.history[k].recurrence_norm / solution.rhs_norm;
                let near = |theirs: f64| (ours - theirs).abs() / theirs;
                // The reference's own two precisions drift apart: close at first, then of one size.
                let bound = match k {
                    0..=10 => tolerance,
                    _ => 4.0 * (double[k] - single[k]).abs() / double[k] + 0.5,
                };
                assert!(
                    near(double[k]).min(near(single[k])) <= bound,
                    "{name} {rhs}, step {k}: {ours:e}, expected {:e} or {:e}",
                    double[k],
                    single[k]
                );
            }
        }
    }
}

#[test]
fn an_application_is_the_network_divided_by_gamma() {
    let a = convection(12);
    let (scaled, gamma) = prescaled(a.view()).unwrap();
    let parameters = untrained();
    let m = GnpBuilder::paper()
        .from_parameters(a.view(), &parameters)
        .unwrap();
    assert_eq!(
        (m.dimension(), m.kind()),
        (144, PreconditionerKind::Variable)
    );
    let r = noise(144, 1);
    let mut expected = vec![0.0; 144];
    let graph = Matrix::new(scaled.view()).unwrap();
    let bare = Network::new(&parameters).unwrap();
    bare.apply(&graph, &r, &mut expected, &mut Workspace::default())
        .unwrap();
    expected.iter_mut().for_each(|z| *z /= gamma);
    assert!(relative_error(&apply(&m, &r), &expected) < 1e-14);
    // Several columns are each alone.
    let both = [r.clone(), noise(144, 2)].concat();
    let mut z = vec![0.0; 288];
    m.apply_columns(&both, &mut z, 2).unwrap();
    assert_eq!(z[..144], apply(&m, &r)[..]);
    assert_eq!(z[144..], apply(&m, &both[144..])[..]);
    assert!(m.apply_columns(&both, &mut z, 3).is_err());
    let zero = apply(&m, &[0.0; 144]);
    assert!(zero.iter().all(|z| *z == 0.0));
    let mut nan = r.clone();
    nan[5] = f64::NAN;
    assert!(m.apply(&Host::new(144), &nan, &mut z[..144]).is_err());
    let refused = gmres(&a, &r, &m, &la_krylov::GmresOptions::default());
    assert!(matches!(
        refused,
        Err(KrylovError::VariablePreconditioner { .. })
    ));
}

/// Every option away from its default, one at a time and together.
fn variants() -> Vec<(&'static str, GnpBuilder)> {
    let paper = GnpBuilder::paper;
    vec![
        ("paper", paper()),
        ("ruiz", paper().with_equilibration(Equilibration::Ruiz)),
        (
            "matching",
            paper().with_equilibration(Equilibration::Matching),
        ),
        ("odd", paper().with_parity(Parity::Odd)),
        (
            "step",
            paper().with_step_length(StepLength::MinimalResidual),
        ),
        ("jacobi", paper().with_base(Base::Jacobi)),
        (
            "around",
            paper()
                .with_base(Base::Jacobi)
                .with_composition(Composition::Around),
        ),
        ("improved", GnpBuilder::improved()),
    ]
}

#[test]
fn powers_of_two_leave_no_trace() {
    let (a, n) = (wild(80), 80);
    let b = times(&a, &noise(n, 5));
    for (name, builder) in variants() {
        let solve = |a: &Csr, b: &[f64]| -> Solution {
            let m = builder.from_parameters(a.view(), &untrained()).unwrap();
            // Absolute differences are part of the paper's check.
            let options = paper_options().with_residual_check(la_krylov::ResidualCheck::Restart);
            fgmres(a, b, &m, &options).unwrap()
        };
        let plain = solve(&a, &b);
        let large = a.map(|v| v * 2f64.powi(40));
        let small: Vec<f64> = b.iter().map(|b| b * 2f64.powi(-60)).collect();
        let other = solve(&large, &small);
        assert_eq!(plain.iterations, other.iterations, "{name}");
        for (x, y) in plain.x.iter().zip(&other.x) {
            assert_eq!(*x, y * 2f64.powi(100), "{name}");
        }
    }
}

#[test]
fn multiples_of_a_vector() {
    let (a, n) = (wild(80), 80);
    let r = noise(n, 6);
    for (name, builder) in variants() {
        let m = builder.from_parameters(a.view(), &untrained()).unwrap();
        let z = apply(&m, &r);
        for alpha in [1e-12, 1e-3, 7.0, 1e9] {
            let scaled: Vec<f64> = r.iter().map(|r| alpha * r).collect();
            let expected: Vec<f64> = z.iter().map(|z| alpha * z).collect();
            assert!(
                relative_error(&apply(&m, &scaled), &expected) < 1e-5,
                "{name}"
            );
        }
        let minus: Vec<f64> = r.iter().map(|r| -r).collect();
        let negative: Vec<f64> = z.iter().map(|z| -z).collect();
        let odd = relative_error(&apply(&m, &minus), &negative) < 1e-12;
        // Improved: a correction that is not worth it is left out, and the base is linear.
        assert_eq!(odd, matches!(name, "odd" | "improved"), "{name}");
    }
}

#[test]
fn a_step_to_the_smallest_residual_never_harms_the_base() {
    let a = wild(80);
    let factor = Reordered::new(Ilu::default());
    let factor = factor.factor(a.view()).unwrap();
    let builder = GnpBuilder::paper()
        .with_equilibration(Equilibration::Matching)
        .with_base(Base::Ilu0)
        .with_step_length(StepLength::MinimalResidual);
    let m = builder.from_parameters(a.view(), &untrained()).unwrap();
    // In the norm of the scaled residual: measure it for a matrix whose rows are scaled already.
    let (even, _) = prescaled(convection(12).view()).unwrap();
    let level = Ilu::default().factor(even.view()).unwrap();
    let hybrid = GnpBuilder::paper()
        .with_base(Base::Ilu0)
        .with_step_length(StepLength::MinimalResidual);
    let hybrid = hybrid.from_parameters(even.view(), &untrained()).unwrap();
    for seed in 0..5 {
        let b = noise(144, seed);
        let mut z = vec![0.0; 144];
        level.apply(&Host::new(144), &b, &mut z).unwrap();
        let (alone, with) = (
            residual(&even, &b, &z),
            residual(&even, &b, &apply(&hybrid, &b)),
        );
        assert!(with <= alone * (1.0 + 1e-12), "{with} > {alone}");
    }
    // A network that has learned nothing is left out.
    let selective = GnpBuilder::paper()
        .with_base(Base::Ilu0)
        .with_step_length(StepLength::Selective { factor: 0.5 });
    let selective = selective
        .from_parameters(even.view(), &untrained())
        .unwrap();
    let b = noise(144, 7);
    let mut z = vec![0.0; 144];
    level.apply(&Host::new(144), &b, &mut z).unwrap();
    assert!(relative_error(&apply(&selective, &b), &z) < 1e-14);
    // The base is the factorisation of the equilibrated matrix.
    let b = times(&a, &noise(80, 9));
    let base = fgmres(&a, &b, &factor, &paper_options()).unwrap();
    let with = fgmres(&a, &b, &m, &paper_options()).unwrap();
    assert!(base.status.is_converged() && with.status.is_converged());
    assert!(with.iterations <= base.iterations + 1, "{with} {base}");
}

#[test]
fn applications_allocate_nothing() {
    let a = convection(12);
    let r = noise(144, 1);
    for (name, builder) in variants() {
        let m = builder.from_parameters(a.view(), &untrained()).unwrap();
        let (space, mut z) = (Host::new(144), vec![0.0; 144]);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let counted = pool.install(|| {
            m.apply(&space, &r, &mut z).unwrap();
            allocation_counter::measure(|| m.apply(&space, &r, &mut z).unwrap())
        });
        assert_eq!(counted.count_total, 0, "{name}");
    }
}

#[test]
fn training_learns_and_repeats_itself() {
    let a = convection(10);
    let builder = GnpBuilder::paper().with_steps(60);
    let (m, report) = builder.train(a.view()).unwrap();
    assert_eq!((report.losses.len(), report.ended), (60, Ended::Finished));
    let mean = |l: &[f32]| l.iter().sum::<f32>() / l.len() as f32;
    assert!(mean(&report.losses[50..]) < 0.9 * mean(&report.losses[..5]));
    let best = report.losses.iter().copied().fold(f32::INFINITY, f32::min);
    assert_eq!(report.losses[report.best_step], best);
    assert!(report.final_ratio(10) < 1.0 && report.seconds > 0.0);
    let (again, second) = builder.train(a.view()).unwrap();
    assert_eq!(
        (&second.losses, again.parameters()),
        (&report.losses, m.parameters())
    );
    let (_, other) = builder.clone().with_seed(1).train(a.view()).unwrap();
    assert_ne!(other.losses, report.losses);
    // The same network from its parameters.
    let copy = builder.from_parameters(a.view(), m.parameters()).unwrap();
    assert_eq!(apply(&copy, &noise(100, 3)), apply(&m, &noise(100, 3)));
}

#[test]
fn options_of_training() {
    let a = convection(10);
    let short = |builder: GnpBuilder| builder.with_steps(30).train(a.view()).unwrap();
    let (_, plain) = short(GnpBuilder::paper());
    let held = Selection::HeldOut {
        columns: 8,
        every: 10,
    };
    let (m, report) = short(GnpBuilder::paper().with_selection(held));
    // Looking changes nothing but the choice.
    assert_eq!(report.losses, plain.losses);
    let steps: Vec<usize> = report.held_out.iter().map(|h| h.0).collect();
    assert_eq!(steps, [0, 10, 20, 30]);
    let best = report.held_out.iter().min_by(|x, y| x.1.total_cmp(&y.1));
    assert_eq!(report.best_step, best.unwrap().0);
    assert!(m.parameters().check().is_ok());
    let share = OnPolicy::Share {
        share: 0.5,
        every: 10,
    };
    let (_, visited) = short(GnpBuilder::paper().with_on_policy(share));
    assert_ne!(visited.losses, plain.losses);
    for other in [
        GnpBuilder::paper().with_distribution(Distribution::Normal),
        GnpBuilder::paper().with_scale(ColumnScale::Unit),
        GnpBuilder::paper().with_base(Base::Jacobi),
    ] {
        let (_, report) = short(other);
        assert_ne!(report.zero_losses, plain.zero_losses);
    }
    // A base takes most of every sample away.
    let (_, hybrid) = short(GnpBuilder::paper().with_base(Base::Ilu0));
    assert!(hybrid.zero_losses[0] < 0.7 * plain.zero_losses[0]);
    let stop = &mut |step: &la_gnn::training::gnp::GnpStep| match step.step {
        4 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let native = |_: la_precond::sprs::CsMatViewI<'_, f64, u32>,
                  graph: &std::sync::Arc<Matrix>,
                  start: &Parameters| {
        let trainer = la_gnn::native::gnp::Trainer::new(start, std::sync::Arc::clone(graph))?;
        Ok(Box::new(trainer) as Box<dyn la_gnn::training::gnp::GnpEngine>)
    };
    let start = Parameters::initialize(&GnpConfig::paper(), 0).unwrap();
    let (_, short) = GnpBuilder::paper()
        .train_with(a.view(), &start, native, None, stop)
        .unwrap();
    assert_eq!((short.losses.len(), short.ended), (5, Ended::Interrupted));
    assert_eq!(short.losses[..], plain.losses[..5]);
}

#[test]
fn refining_goes_on_where_training_stopped() {
    let a = convection(10);
    let (m, cold) = GnpBuilder::paper().with_steps(150).train(a.view()).unwrap();
    let mut next = common::noise(8);
    let near = a.map(|v| v * (1.0 + 0.05 * next()));
    let (other, warm) = m.refine(near.view(), 15).unwrap();
    assert_eq!(warm.losses.len(), 15);
    // A tenth of the steps, and hardly more than the loss of all of them.
    let best = |l: &[f32]| l.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(best(&warm.losses) < 1.15 * best(&cold.losses), "{warm:?}");
    let fresh = best(&cold.losses[..15]);
    assert!(best(&warm.losses) < 0.8 * fresh);
    assert_ne!(other.parameters(), m.parameters());
}

#[test]
fn definite_systems_go_downhill() {
    let system = la_problems::Poisson::new(la_problems::Grid::rectangle(14, 14))
        .generate()
        .unwrap();
    let a = &system.matrix;
    let n = a.rows();
    let space = Host::new(n);
    let wild = Parameters::initialize(&GnpBuilder::definite().network, 4).unwrap();
    let (trained, _) = GnpBuilder::definite()
        .with_steps(30)
        .train(a.view())
        .unwrap();
    let untrained = GnpBuilder::definite()
        .from_parameters(a.view(), &wild)
        .unwrap();
    // Without a base and with the whole step, the check alone has to do it.
    let bare = GnpBuilder::paper().with_descent(true);
    let bare = bare.from_parameters(a.view(), &self::untrained()).unwrap();
    let b = noise(n, 1);
    for m in [&trained, &untrained, &bare] {
        for seed in 0..20 {
            let r = noise(n, seed);
            let z = apply(m, &r);
            assert!(la_krylov::VectorSpace::dot(&space, &r, &z) > 0.0);
        }
        let options = FcgOptions::default().with_memory(5);
        let solution = fcg(a, &b, m, &options).unwrap();
        assert_eq!(solution.status, Status::Converged, "{solution}");
    }
}

#[test]
fn what_is_refused() {
    let a = convection(4);
    let bad = |builder: GnpBuilder| builder.train(a.view()).unwrap_err();
    let zero = Selection::HeldOut {
        columns: 0,
        every: 1,
    };
    let share = OnPolicy::Share {
        share: 1.5,
        every: 1,
    };
    for (builder, option) in [
        (
            GnpBuilder::paper().with_selection(zero),
            "selection.columns",
        ),
        (GnpBuilder::paper().with_on_policy(share), "on_policy.share"),
    ] {
        match bad(builder) {
            PrecondError::InvalidOption { option: found, .. } => assert_eq!(found, option),
            other => panic!("{other}"),
        }
    }
    let message = bad(GnpBuilder::paper().with_steps(0)).to_string();
    assert!(message.contains("steps"), "{message}");
    let wide = GnpBuilder::paper().with_network(GnpConfig::paper().with_layers(0));
    assert!(bad(wide).to_string().contains("layers"));
    let zero = Csr::zero((3, 3));
    assert_eq!(
        GnpBuilder::paper().train(zero.view()).unwrap_err(),
        PrecondError::ZeroMatrix
    );
    let rectangular = Csr::zero((3, 4));
    assert!(matches!(
        GnpBuilder::paper().train(rectangular.view()).unwrap_err(),
        PrecondError::NotSquare { .. }
    ));
    let definite = GnpBuilder::definite().from_parameters(wild(20).view(), &untrained());
    assert!(definite.is_err(), "IC(0) of a matrix that is not symmetric");
}
