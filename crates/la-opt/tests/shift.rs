//! The last working set, moved ahead: never another answer, and the iterations of a controller.

use la_opt::OptError;
use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpStatus, QpUpdate, QpWorkspace, QuadraticProgram, RecedingStart,
    WarmStart,
};
use la_problems::quadratic::{
    ClosedLoop, CondensedMpc, ControlSequence, InvertedPendulum, LinearMpc, MassChain,
    RandomParametricQp,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A controller whose problems are solved one after the other.
struct Loop {
    problem: CondensedMpc,
    sources: Vec<Option<usize>>,
    workspace: QpWorkspace,
    buffers: [Vec<f64>; 3],
}

impl Loop {
    fn new(controller: &LinearMpc, options: QpOptions) -> Self {
        let problem = controller.condense().unwrap();
        let (n, m) = (problem.num_variables(), problem.num_constraints());
        let program = QuadraticProgram::new(Hessian::Dense(problem.hessian.clone()), vec![0.0; n])
            .unwrap()
            .with_bounds(problem.lower[..n].to_vec(), problem.upper[..n].to_vec())
            .unwrap()
            .with_rows(
                problem.rows.clone(),
                problem.lower[n..].to_vec(),
                problem.upper[n..].to_vec(),
            )
            .unwrap();
        Self {
            sources: problem.shift_sources(),
            workspace: QpWorkspace::new(program, options).unwrap(),
            buffers: [vec![0.0; n], vec![0.0; m], vec![0.0; m]],
            problem,
        }
    }

    fn update(&mut self, theta: &[f64]) {
        let [q, lower, upper] = &mut self.buffers;
        self.problem.linear_at(theta, q);
        self.problem.bounds_at(theta, lower, upper);
        let update = QpUpdate::default()
            .with_linear(q)
            .with_lower(lower)
            .with_upper(upper);
        self.workspace.update(&update).unwrap();
    }

    fn start(&mut self, shifted: bool, begins: bool) {
        let start = match (begins, shifted) {
            (true, _) => WarmStart::Cold,
            (false, true) => WarmStart::Shifted(&self.sources),
            (false, false) => WarmStart::Keep,
        };
        self.workspace.warm_start(start).unwrap();
    }
}

fn simulate(controller: &LinearMpc, runs: &ClosedLoop) -> ControlSequence {
    let mut solver = Loop::new(controller, QpOptions::default());
    runs.simulate(controller, 11, |theta, begins| {
        solver.start(true, begins);
        solver.update(theta);
        let solution = solver.workspace.solve();
        solution.status.is_optimal().then(|| solution.x.clone())
    })
    .unwrap()
}

/// Mean iterations from the kept, the shifted and the nearer working set. All have the solutions that a cold start has.
fn iterations(controller: &LinearMpc, sequence: &ControlSequence, pricing: Pricing) -> [f64; 3] {
    let options = QpOptions::default().with_pricing(pricing);
    let mut cold = Loop::new(controller, options.clone());
    let mut loops = [0, 1, 2].map(|start| (start, Loop::new(controller, options.clone())));
    let mut receding = RecedingStart::new(cold.sources.clone());
    let mut totals = [0; 3];
    let p = cold.problem.num_parameters;
    let mut last = None;
    for (theta, &segment) in sequence.parameters.chunks_exact(p).zip(&sequence.segments) {
        let begins = last != Some(segment);
        last = Some(segment);
        cold.update(theta);
        cold.start(false, true);
        let expected = cold.workspace.solve();
        assert_eq!(expected.status, QpStatus::Optimal);
        for ((start, solver), total) in loops.iter_mut().zip(&mut totals) {
            solver.update(theta);
            if *start == 2 {
                if begins {
                    receding.restart();
                }
                receding.begin(&mut solver.workspace).unwrap();
            } else {
                solver.start(*start == 1, begins);
            }
            let solution = solver.workspace.solve();
            assert_eq!(solution.status, QpStatus::Optimal);
            for (a, b) in solution.x.iter().zip(&expected.x) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
            *total += solution.iterations;
        }
    }
    totals.map(|total| total as f64 / sequence.segments.len() as f64)
}

#[test]
fn a_moved_set_needs_fewer_iterations_on_a_chain_of_masses() {
    let controller = MassChain::default().controller().unwrap();
    let runs = ClosedLoop::new(vec![3.0, 3.0, 3.0, 1.5, 1.5, 1.5])
        .with_runs(6)
        .with_steps(25)
        .with_disturbance(0.02);
    let sequence = simulate(&controller, &runs);
    assert!(sequence.segments.len() > 100);
    for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
        let [kept, shifted, nearer] = iterations(&controller, &sequence, pricing);
        assert!(shifted < 0.6 * kept, "{shifted} {kept}");
        assert!(nearer < 1.1 * shifted, "{nearer} {shifted}");
    }
}

#[test]
fn a_moved_set_is_right_on_a_pendulum_too() {
    let pendulum = InvertedPendulum::default().with_control_horizon(20);
    let controller = pendulum.controller().unwrap();
    let runs = ClosedLoop::new(vec![1.0, 0.5, 0.1, 0.1])
        .with_runs(3)
        .with_steps(60)
        .with_disturbance(1e-3)
        .with_reference(vec![1.0, 0.0], 30);
    let sequence = simulate(&controller, &runs);
    assert!(sequence.segments.len() > 120);
    let [kept, shifted, nearer] = iterations(&controller, &sequence, Pricing::SteepestEdge);
    assert!(
        nearer < 1.1 * kept.min(shifted),
        "{nearer} {kept} {shifted}"
    );
}

#[test]
fn updates_with_a_moved_set_allocate_nothing() {
    let controller = MassChain::default().controller().unwrap();
    let runs = ClosedLoop::new(vec![3.0; 6]).with_runs(1).with_steps(20);
    let sequence = simulate(&controller, &runs);
    let mut solver = Loop::new(&controller, QpOptions::default());
    for theta in sequence.parameters.chunks_exact(6) {
        solver.update(theta);
        let allocations = allocation_counter::measure(|| {
            solver.start(true, false);
            let _ = solver.workspace.solve();
        });
        assert_eq!(allocations.count_total, 0);
    }
}

#[test]
fn whatever_the_sources_the_answer_is_the_same() {
    let options = RandomParametricQp::new(8, 24).with_counts(0, 0, 60);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for seed in 0..5 {
        let family = options.generate(seed).unwrap();
        let (mut q, mut u) = (vec![0.0; 8], vec![0.0; 24]);
        let mut workspace: Option<QpWorkspace> = None;
        for theta in family.test.chunks_exact(7) {
            family.linear_at(theta, &mut q);
            family.upper_at(theta, &mut u);
            let problem = QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q.clone())
                .unwrap()
                .with_rows(family.rows.clone(), vec![f64::NEG_INFINITY; 24], u.clone())
                .unwrap();
            let cold = la_opt::qp::solve(&problem, &QpOptions::default()).unwrap();
            let workspace = workspace
                .get_or_insert_with(|| QpWorkspace::new(problem, QpOptions::default()).unwrap());
            let sources: Vec<Option<usize>> = (0..24)
                .map(|_| rng.random_bool(0.8).then(|| rng.random_range(0..24)))
                .collect();
            // Before or after the update, once or twice.
            let update = QpUpdate::default().with_linear(&q).with_upper(&u);
            let (before, after) = (rng.random_bool(0.5), rng.random_bool(0.5));
            if before {
                workspace.warm_start(WarmStart::Shifted(&sources)).unwrap();
            }
            workspace.update(&update).unwrap();
            if after {
                workspace.warm_start(WarmStart::Shifted(&sources)).unwrap();
            }
            let warm = workspace.solve();
            assert_eq!(
                (warm.status, cold.status),
                (QpStatus::Optimal, QpStatus::Optimal)
            );
            for (a, b) in warm.x.iter().zip(&cold.x) {
                assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} {b}");
            }
        }
    }
}

/// Equalities, two-sided rows, bounds, a soft row; P definite, semidefinite, or zero without soft rows.
#[test]
fn problems_of_every_kind_have_the_same_answer_from_a_moved_set() {
    let (n, rows) = (6, 9);
    let m = n + rows;
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for kind in 0..12 {
        let diagonal: Vec<f64> = (0..n)
            .map(|i| {
                if kind % 3 > 0 && i % 2 == 0 {
                    0.0
                } else {
                    1.0 + i as f64
                }
            })
            .collect();
        let hessian = if kind % 3 == 2 {
            Hessian::Zero
        } else {
            Hessian::Diagonal(diagonal)
        };
        let a: Vec<f64> = (0..n * rows).map(|_| rng.random_range(-1.0..1.0)).collect();
        let sources: Vec<Option<usize>> = (0..m)
            .map(|_| rng.random_bool(0.9).then(|| rng.random_range(0..m)))
            .collect();
        let mut warm: Option<QpWorkspace> = None;
        let mut receding = RecedingStart::new(sources.clone());
        for step in 0..8 {
            let q: Vec<f64> = (0..n).map(|_| rng.random_range(-3.0..3.0)).collect();
            let centre: Vec<f64> = (0..n).map(|_| rng.random_range(-0.9..0.9)).collect();
            let (mut lower, mut upper) = (vec![-1.0; n], vec![1.0; n]);
            for (i, row) in a.chunks_exact(n).enumerate() {
                let value: f64 = row.iter().zip(&centre).map(|(a, x)| a * x).sum();
                // Two equalities, then rows with one and with two sides.
                lower.push(if i < 2 { value } else { value - 0.1 * i as f64 });
                upper.push(if i < 2 { value } else { value + 0.2 });
                if i % 3 == 2 {
                    lower[n + i] = f64::NEG_INFINITY;
                }
            }
            let problem = QuadraticProgram::new(hessian.clone(), q.clone())
                .unwrap()
                .with_bounds(lower[..n].to_vec(), upper[..n].to_vec())
                .unwrap()
                .with_rows(a.clone(), lower[n..].to_vec(), upper[n..].to_vec())
                .unwrap();
            let problem = if kind % 2 == 0 || kind % 3 == 2 {
                problem
            } else {
                problem.with_soft(&[n + 4]).unwrap()
            };
            let cold = la_opt::qp::solve(&problem, &QpOptions::default()).unwrap();
            assert!(cold.status.is_optimal(), "{kind} {step}: {:?}", cold.status);
            let warm = warm
                .get_or_insert_with(|| QpWorkspace::new(problem, QpOptions::default()).unwrap());
            let update = QpUpdate::default()
                .with_linear(&q)
                .with_lower(&lower)
                .with_upper(&upper);
            if kind % 4 < 2 {
                warm.warm_start(WarmStart::Shifted(&sources)).unwrap();
            } else {
                receding.begin(warm).unwrap();
            }
            warm.update(&update).unwrap();
            let again = warm.solve();
            assert_eq!(again.status, cold.status, "{kind} {step}");
            let error = (again.objective - cold.objective).abs();
            assert!(
                error <= 1e-6 * cold.objective.abs().max(1.0),
                "{kind} {step}: {} {}",
                again.objective,
                cold.objective
            );
        }
    }
}

#[test]
fn single_precision_moves_too() {
    let problem = QuadraticProgram::<f32>::new(Hessian::Identity, vec![-3.0, -2.0, 0.0])
        .unwrap()
        .with_bounds(vec![-1.0; 3], vec![1.0; 3])
        .unwrap();
    let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
    let _ = workspace.solve();
    let sources = [Some(1), Some(2), Some(2)];
    workspace.warm_start(WarmStart::Shifted(&sources)).unwrap();
    workspace
        .update(&QpUpdate::default().with_linear(&[-2.0, 0.0, 0.0]))
        .unwrap();
    assert_eq!(workspace.solve().iterations, 1);
}

#[test]
fn a_set_that_moves_onto_itself_stays() {
    let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, 2.0, 0.5])
        .unwrap()
        .with_bounds(vec![-1.0; 3], vec![1.0; 3])
        .unwrap();
    let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
    let first = workspace.solve().active_set.clone();
    let own: Vec<Option<usize>> = (0..3).map(Some).collect();
    workspace.warm_start(WarmStart::Shifted(&own)).unwrap();
    let again = workspace.solve();
    assert_eq!((again.iterations, &again.active_set), (1, &first));
    // Upper and lower bounds move as what they are: x₁ was above, x₂ below.
    let turned = [Some(1), Some(0), None];
    workspace.warm_start(WarmStart::Shifted(&turned)).unwrap();
    workspace
        .update(&QpUpdate::default().with_linear(&[2.0, -3.0, 0.5]))
        .unwrap();
    let moved = workspace.solve();
    assert_eq!(
        (moved.iterations, &moved.x[..]),
        (1, &[-1.0, 1.0, -0.5][..])
    );
}

#[test]
fn sources_that_do_not_fit_change_nothing() {
    let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, 2.0])
        .unwrap()
        .with_bounds(vec![-1.0; 2], vec![1.0; 2])
        .unwrap();
    let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
    let _ = workspace.solve();
    let error = workspace
        .warm_start(WarmStart::Shifted(&[None]))
        .unwrap_err();
    assert!(
        matches!(error, OptError::Length { expected: 2, .. }),
        "{error}"
    );
    let error = workspace
        .warm_start(WarmStart::Shifted(&[None, Some(2)]))
        .unwrap_err();
    assert!(
        matches!(error, OptError::NoSuchConstraint { index: 2, .. }),
        "{error}"
    );
    assert_eq!(workspace.solve().iterations, 1);
}

/// Five unknowns within [−1, 1], no coupling: the solution is −q, cut off.
fn boxes() -> QpWorkspace {
    let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0; 5])
        .unwrap()
        .with_bounds(vec![-1.0; 5], vec![1.0; 5])
        .unwrap();
    QpWorkspace::new(problem, QpOptions::default()).unwrap()
}

#[test]
fn the_nearer_guess_is_found_out() {
    let sources: Vec<Option<usize>> = [1, 2, 3, 4, 4].map(Some).to_vec();
    let iterations = |plans: &[[f64; 5]]| {
        let (mut workspace, mut start) = (boxes(), RecedingStart::new(sources.clone()));
        for q in plans {
            start.begin(&mut workspace).unwrap();
            workspace
                .update(&QpUpdate::default().with_linear(q))
                .unwrap();
            let _ = workspace.solve();
        }
        (workspace.solution().iterations, start.moves())
    };
    // A pattern that moves, and one that stays.
    let pattern = [2.0, 0.0, -2.0, 2.0, 0.0, 0.0, 2.0, -2.0, 0.0, 2.0, 0.0, 0.0];
    let moving: Vec<[f64; 5]> = (0..8)
        .map(|k| std::array::from_fn(|i| pattern[k + i]))
        .collect();
    let (_, moves) = iterations(&moving);
    assert!(moves);
    let (last, moves) = iterations(&[[2.0, 0.0, -2.0, 0.5, 2.0]; 6]);
    assert_eq!((last, moves), (1, false));
}

#[test]
fn a_run_that_begins_starts_with_nothing() {
    let (mut workspace, mut start) = (boxes(), RecedingStart::new(vec![None; 5]));
    let solve = |start: &mut RecedingStart, workspace: &mut QpWorkspace| {
        start.begin(workspace).unwrap();
        workspace.solve().iterations
    };
    workspace
        .update(&QpUpdate::default().with_linear(&[2.0, -2.0, 0.0, 3.0, 0.0]))
        .unwrap();
    assert_eq!(solve(&mut start, &mut workspace), 4);
    assert_eq!(solve(&mut start, &mut workspace), 1);
    start.restart();
    assert_eq!(solve(&mut start, &mut workspace), 4);
    for _ in 0..2 {
        assert_eq!(solve(&mut start, &mut workspace), 1);
    }
    let allocations = allocation_counter::measure(|| {
        assert_eq!(solve(&mut start, &mut workspace), 1);
    });
    assert_eq!(allocations.count_total, 0);
    let mut short = RecedingStart::new(vec![None; 4]);
    assert!(matches!(
        short.begin(&mut workspace),
        Err(OptError::Length { .. })
    ));
}
