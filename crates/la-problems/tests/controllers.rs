//! Quadratic programs of controllers, and random ones.

use la_problems::ProblemError;
use la_problems::quadratic::{
    ClosedLoop, ContinuousModel, DiscreteModel, HessianPattern, InvertedPendulum, LinearMpc,
    MassChain, RandomParametricQp, RowOrder, RowPattern, Target, TerminalCost,
};

/// Two inputs, one output, everything switched on.
fn small() -> LinearMpc {
    let model =
        DiscreteModel::new(2, 2, vec![1.0, 0.3, -0.2, 0.8], vec![0.5, 0.0, 0.1, 1.0]).unwrap();
    LinearMpc::new(model, vec![1.0, 0.5], 4)
        .unwrap()
        .with_control_horizon(3)
        .with_output_weights(vec![2.0])
        .with_input_weights(vec![0.1, 0.2])
        .with_increment_weights(vec![0.3, 0.0])
        .with_target(Target::Reference)
        .with_input_limits(vec![(-1.0, 1.0), (f64::NEG_INFINITY, 2.0)])
        .with_output_limits(vec![(-3.0, f64::INFINITY)])
        .with_limited_steps(2)
        .with_objective_scale(0.5)
}

#[test]
fn the_condensed_objective_is_that_of_the_simulated_plant() {
    let controller = small();
    let problem = controller.condense().unwrap();
    assert_eq!((problem.num_variables(), problem.num_constraints()), (6, 8));
    let (state, reference, before) = ([0.7, -1.1], [0.4], [0.25, 9.0]);
    let mut theta = vec![0.0; problem.num_parameters];
    problem.parameters(&state, &reference, &before, &mut theta);
    let outputs = |u: &[f64]| {
        let (mut x, mut next) = (state.to_vec(), vec![0.0; 2]);
        let mut y = Vec::new();
        for k in 0..4 {
            let at = 2 * k.min(2);
            controller.model.step(&x, &u[at..at + 2], &mut next);
            std::mem::swap(&mut x, &mut next);
            y.push(x[0] + 0.5 * x[1]);
        }
        y
    };
    let cost = |u: &[f64]| {
        let tracking: f64 = outputs(u).iter().map(|y| 2.0 * (y - 0.4) * (y - 0.4)).sum();
        let effort: f64 = u
            .iter()
            .zip([0.1, 0.2].iter().cycle())
            .map(|(u, r)| r * u * u)
            .sum();
        let steps = [u[0] - before[0], u[2] - u[0], u[4] - u[2]];
        let increments: f64 = steps.iter().map(|d| 0.3 * d * d).sum();
        0.25 * (tracking + effort + increments)
    };
    let mut q = vec![0.0; 6];
    problem.linear_at(&theta, &mut q);
    let model = |u: &[f64]| {
        let rows = problem.hessian.chunks_exact(6).zip(u);
        let curved: f64 = rows
            .map(|(row, u_i)| u_i * row.iter().zip(u).map(|(p, u)| p * u).sum::<f64>())
            .sum();
        0.5 * curved + q.iter().zip(u).map(|(q, u)| q * u).sum::<f64>()
    };
    let constant = cost(&[0.0; 6]);
    for u in [
        [1.0, -2.0, 0.5, 0.0, 3.0, 1.0],
        [0.0, 1.0, 0.0, 0.0, -1.0, 0.2],
    ] {
        let (a, b) = (cost(&u) - constant, model(&u));
        assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{a} {b}");
    }
    // Rows: the outputs of the first two steps.
    let (mut lower, mut upper) = (vec![0.0; 8], vec![0.0; 8]);
    problem.bounds_at(&theta, &mut lower, &mut upper);
    assert_eq!(lower[..2], [-1.0, f64::NEG_INFINITY]);
    let u = [0.3, 0.1, -0.7, 0.9, 5.0, 5.0];
    for (k, row) in problem.rows.chunks_exact(6).enumerate() {
        let slack = row.iter().zip(&u).map(|(g, u)| g * u).sum::<f64>() - lower[6 + k];
        assert!((slack - (outputs(&u)[k] + 3.0)).abs() < 1e-12);
        assert_eq!(upper[6 + k], f64::INFINITY);
    }
    // One-sided: three bounded above and below, three above only, two outputs below only.
    let family = problem.one_sided(RowOrder::InputsFirst);
    assert_eq!(family.num_constraints(), 6 + 3 + 2);
}

#[test]
fn constraints_are_followed_by_those_of_the_next_step() {
    let problem = small().condense().unwrap();
    let sources = problem.shift_sources();
    let expected = [2, 3, 4, 5, 4, 5, 7, 7];
    assert_eq!(sources, expected.map(Some));
    // Upper limits of all inputs, lower ones of every other, lower ones of outputs.
    let one_sided = problem.one_sided_shift_sources(RowOrder::UpperFirst);
    let expected = [2, 3, 4, 5, 4, 5, 7, 8, 8, 10, 10];
    assert_eq!(one_sided, expected.map(Some));
}

#[test]
fn a_terminal_cost_to_go_makes_a_short_horizon_as_good_as_a_long_one() {
    let chain = |horizon, terminal| {
        let mut controller = MassChain::default()
            .with_horizon(horizon)
            .controller()
            .unwrap();
        controller.terminal = terminal;
        controller.condense().unwrap()
    };
    let (short, long) = (
        chain(2, TerminalCost::CostToGo),
        chain(4, TerminalCost::CostToGo),
    );
    let gain = |problem: &la_problems::quadratic::CondensedMpc| {
        // The first move of the unconstrained problem, by elimination (Gauss-Seidel until it stands still).
        let (n, theta) = (problem.num_variables(), [1.0, 0.5, -1.0, 0.2, 0.1, 0.0]);
        let mut q = vec![0.0; n];
        problem.linear_at(&theta, &mut q);
        let mut u = vec![0.0; n];
        for _ in 0..20_000 {
            for i in 0..n {
                let row = &problem.hessian[i * n..(i + 1) * n];
                let rest: f64 = row.iter().zip(&u).map(|(p, u)| p * u).sum::<f64>() - row[i] * u[i];
                u[i] = -(q[i] + rest) / row[i];
            }
        }
        u[..3].to_vec()
    };
    for (a, b) in gain(&short).iter().zip(gain(&long)) {
        assert!((a - b).abs() < 1e-10, "{a} {b}");
    }
}

#[test]
fn bad_controllers_are_refused_by_the_name_of_the_field() {
    let field = |controller: LinearMpc| match controller.condense().unwrap_err() {
        ProblemError::InvalidOption { option, .. } => option,
        ProblemError::WrongLength { what, .. } | ProblemError::NotFinite { what, .. } => what,
        other => panic!("{other}"),
    };
    let ok = small();
    assert_eq!(field(ok.clone().with_control_horizon(0)), "control_horizon");
    assert_eq!(field(ok.clone().with_control_horizon(5)), "control_horizon");
    assert_eq!(field(ok.clone().with_limited_steps(5)), "limited_steps");
    assert_eq!(
        field(ok.clone().with_output_weights(vec![])),
        "output_weights"
    );
    assert_eq!(
        field(ok.clone().with_input_weights(vec![1.0, -1.0])),
        "input_weights"
    );
    assert_eq!(
        field(ok.clone().with_increment_weights(vec![f64::NAN, 0.0])),
        "increment_weights"
    );
    assert_eq!(
        field(ok.clone().with_input_limits(vec![(0.0, 1.0)])),
        "input_limits"
    );
    let crossed = vec![(1.0, 0.0)];
    assert_eq!(
        field(ok.clone().with_output_limits(crossed)),
        "output_limits"
    );
    assert_eq!(
        field(ok.clone().with_output_limits(vec![(f64::NAN, 0.0)])),
        "output_limits"
    );
    assert_eq!(
        field(ok.clone().with_objective_scale(0.0)),
        "objective_scale"
    );
    assert_eq!(field(ok.with_terminal(TerminalCost::CostToGo)), "terminal");
    assert!(ContinuousModel::new(0, 1, vec![], vec![]).is_err());
    assert!(ContinuousModel::new(1, 1, vec![1.0, 2.0], vec![1.0]).is_err());
    assert!(ContinuousModel::new(1, 1, vec![f64::NAN], vec![1.0]).is_err());
    let unstable = ContinuousModel::new(1, 1, vec![1e3], vec![1.0]).unwrap();
    assert!(unstable.zero_order_hold(1.0).is_err());
    assert!(unstable.zero_order_hold(0.0).is_err());
    assert!(MassChain::default().with_masses(0).controller().is_err());
}

#[test]
fn closed_loops_repeat_and_end_where_nobody_has_an_input() {
    let controller = InvertedPendulum::default()
        .with_control_horizon(5)
        .controller()
        .unwrap();
    let runs = ClosedLoop::new(vec![0.5, 0.5, 0.1, 0.1])
        .with_runs(3)
        .with_steps(8)
        .with_disturbance(0.01)
        .with_reference(vec![1.0, 0.0], 4);
    let feedback = |theta: &[f64], _| Some(vec![0.1 * theta[2]]);
    let first = runs.simulate(&controller, 5, feedback).unwrap();
    assert_eq!(first, runs.simulate(&controller, 5, feedback).unwrap());
    assert_ne!(first, runs.simulate(&controller, 6, feedback).unwrap());
    assert_eq!((first.segments.len(), first.abandoned), (24, 0));
    let thetas: Vec<&[f64]> = first.parameters.chunks_exact(7).collect();
    // A reference stays for four steps; the force before is that which was applied.
    assert!(thetas[0][4] == thetas[3][4] && thetas[3][4] != thetas[4][4]);
    assert_eq!((thetas[0][6], thetas[1][6]), (0.0, first.inputs[0]));
    let mut calls = 0;
    let ends = runs
        .simulate(&controller, 5, |_, begins| {
            calls += 1;
            begins.then(|| vec![0.0])
        })
        .unwrap();
    assert_eq!(
        (ends.segments, ends.abandoned, calls),
        (vec![0, 1, 2], 3, 6)
    );
    let none = runs.simulate(&controller, 5, |_, _| Some(vec![]));
    assert!(matches!(none, Err(ProblemError::WrongLength { .. })));
    let none = runs.simulate(&controller, 5, |_, _| Some(vec![f64::NAN]));
    assert!(matches!(none, Err(ProblemError::NotFinite { .. })));
}

#[test]
fn random_families_repeat_and_have_a_feasible_point() {
    let options = RandomParametricQp::new(12, 36)
        .with_patterns(
            HessianPattern::Banded { width: 2 },
            RowPattern::SpreadBand { width: 3 },
        )
        .with_counts(5, 3, 4);
    let family = options.generate(1).unwrap();
    assert_eq!(family, options.generate(1).unwrap());
    assert_ne!(family, options.generate(2).unwrap());
    assert_eq!((family.validation.len(), family.test.len()), (21, 28));
    assert_ne!(family.validation[..7], family.test[..7]);
    for (i, row) in family.hessian.chunks_exact(12).enumerate() {
        assert!(
            row.iter()
                .enumerate()
                .all(|(j, h)| (i.abs_diff(j) <= 4) == (*h != 0.0))
        );
    }
    for (i, row) in family.rows.chunks_exact(12).enumerate() {
        assert!(
            row.iter()
                .enumerate()
                .all(|(j, a)| ((i / 3).abs_diff(j) <= 3) == (*a != 0.0))
        );
    }
    assert!(family.upper.iter().all(|b| (0.0..1.0).contains(b)));
    let check = |options: &RandomParametricQp, index| {
        let instance = options.instance(1, index).unwrap();
        for (row, u) in instance.rows.chunks_exact(12).zip(&instance.upper) {
            let value: f64 = row.iter().zip(&instance.feasible).map(|(a, x)| a * x).sum();
            assert!(value <= u + 1e-12);
        }
        instance
    };
    let (a, b) = (check(&options, 0), check(&options, 1));
    assert_eq!((&a.hessian, &a.rows), (&family.hessian, &family.rows));
    assert_ne!(a.linear, b.linear);
    let fresh = options.with_fresh(true, true);
    let (a, b) = (check(&fresh, 0), check(&fresh, 1));
    assert!(a.hessian != b.hessian && a.rows != b.rows);
    let wide = RandomParametricQp::new(12, 48)
        .with_patterns(HessianPattern::Dense, RowPattern::Banded { width: 10 });
    let family = wide.generate(3).unwrap();
    let empty = |row: &[f64]| row.iter().all(|a| *a == 0.0);
    assert!(
        family
            .rows
            .chunks_exact(12)
            .enumerate()
            .all(|(i, row)| empty(row) == (i >= 22))
    );
    let sparse = RowPattern::Random { density: 0.0 };
    assert!(
        RandomParametricQp::new(2, 2)
            .with_patterns(HessianPattern::Dense, sparse)
            .generate(0)
            .is_err()
    );
    assert!(RandomParametricQp::new(0, 2).generate(0).is_err());
}

#[cfg(feature = "npz")]
mod data {
    use la_problems::quadratic::{InvertedPendulum, MassChain, ParametricFamily, RowOrder};

    fn close(what: &str, ours: &[f64], theirs: &[f64]) {
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let size = theirs.iter().fold(0.0f64, |most, x| x.abs().max(most));
        for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
            assert!((a - b).abs() <= 1e-12 * size, "{what} {i}: {a} {b}");
        }
    }

    fn compare(name: &str, ours: &ParametricFamily) {
        let Ok(folder) = std::env::var("LA_DATA_DIR") else {
            println!("skipped: LA_DATA_DIR is not set");
            return;
        };
        let theirs = ParametricFamily::open(format!("{folder}/qp/param/{name}.npz")).unwrap();
        close("H", &ours.hessian, &theirs.hessian);
        close("f", &ours.linear, &theirs.linear);
        close("F", &ours.linear_slope, &theirs.linear_slope);
        close("A", &ours.rows, &theirs.rows);
        close("b", &ours.upper, &theirs.upper);
        close("B", &ours.upper_slope, &theirs.upper_slope);
    }

    #[test]
    fn the_pendulum_is_that_of_the_paper() {
        for (free, name) in [(5, "lmpc_pendulum_N5_206c"), (50, "lmpc_pendulum_N50_296c")] {
            let pendulum = InvertedPendulum::default().with_control_horizon(free);
            let problem = pendulum.controller().unwrap().condense().unwrap();
            compare(name, &problem.one_sided(RowOrder::UpperFirst));
        }
    }

    #[test]
    fn the_chain_is_that_of_the_data_folder() {
        let problem = MassChain::default()
            .controller()
            .unwrap()
            .condense()
            .unwrap();
        compare(
            "chain3_N15_closedloop",
            &problem.one_sided(RowOrder::InputsFirst),
        );
    }
}
