//! Equalities solved for in advance: the answers are those without.

use la_opt::qp::{
    Certificate, Elimination, Hessian, Pricing, QpOptions, QpSolution, QpStatus, QpUpdate,
    QpWorkspace, QuadraticProgram, Side, WarmStart, solve,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const INF: f64 = f64::INFINITY;

/// A feasible problem: n variables, simple bounds, equalities, and as many inequalities as variables.
struct Draw {
    n: usize,
    hessian: Hessian<f64>,
    linear: Vec<f64>,
    bounds: (Vec<f64>, Vec<f64>),
    rows: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

fn draw(n: usize, seed: u64, bounds: usize, equalities: usize) -> Draw {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut numbers =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let root = numbers(n * n);
    let mut hessian = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            hessian[i * n + j] = (0..n).map(|k| root[i * n + k] * root[j * n + k]).sum();
        }
        hessian[i * n + i] += 0.1;
    }
    let linear = numbers(n).iter().map(|x| 5.0 * x).collect();
    let point = numbers(n);
    let rows = numbers((equalities + n) * n);
    let slack = numbers(n);
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    for (i, row) in rows.chunks_exact(n).enumerate() {
        let value: f64 = row.iter().zip(&point).map(|(a, x)| a * x).sum();
        if i < equalities {
            lower.push(value);
            upper.push(value);
        } else {
            lower.push(if i % 2 == 0 { -INF } else { value - 0.1 });
            upper.push(value + 0.1 + slack[i - equalities].abs());
        }
    }
    let low = (0..bounds).map(|j| point[j] - 0.2).collect();
    let high = (0..bounds).map(|j| point[j] + 0.3).collect();
    Draw {
        n,
        hessian: Hessian::Dense(hessian),
        linear,
        bounds: (low, high),
        rows,
        lower,
        upper,
    }
}

impl Draw {
    fn problem(&self) -> QuadraticProgram {
        QuadraticProgram::new(self.hessian.clone(), self.linear.clone())
            .unwrap()
            .with_bounds(self.bounds.0.clone(), self.bounds.1.clone())
            .unwrap()
            .with_rows(self.rows.clone(), self.lower.clone(), self.upper.clone())
            .unwrap()
    }

    /// One more row, `Σ factor_i row_i + size · noise`, with the value that goes with it plus `wrong`.
    fn add_dependent(&mut self, factors: &[f64], size: f64, wrong: f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let mut row = vec![0.0; self.n];
        let mut value = wrong;
        for (i, &factor) in factors.iter().enumerate() {
            for (r, a) in row.iter_mut().zip(&self.rows[i * self.n..]) {
                *r += factor * a;
            }
            value += factor * self.upper[i];
        }
        for r in &mut row {
            *r += size * rng.random_range(-1.0..1.0);
        }
        self.rows.extend(row);
        self.lower.push(value);
        self.upper.push(value);
    }
}

fn with(elimination: Elimination) -> QpOptions {
    QpOptions::default().with_elimination(elimination)
}

fn same(a: &QpSolution, b: &QpSolution, tol: f64, what: &str) {
    assert_eq!(a.status, b.status, "{what}: {:?} {:?}", a.kkt, b.kkt);
    let size = b.objective.abs().max(1.0);
    assert!((a.objective - b.objective).abs() < tol * size, "{what}");
    for (a, b) in a.x.iter().zip(&b.x) {
        assert!((a - b).abs() < tol, "{what}: x {a} {b}");
    }
}

fn same_multipliers(a: &QpSolution, b: &QpSolution, what: &str) {
    let size = b.multipliers.iter().fold(1.0, |m: f64, l| m.max(l.abs()));
    for (a, b) in a.multipliers.iter().zip(&b.multipliers) {
        assert!((a - b).abs() < 1e-7 * size, "{what}: multiplier {a} {b}");
    }
    let sorted = |s: &QpSolution| {
        let mut set: Vec<usize> = s.active_set.iter().map(|&(j, _)| j).collect();
        set.sort_unstable();
        set
    };
    assert_eq!(sorted(a), sorted(b), "{what}");
}

#[test]
fn answers_and_multipliers_are_those_without() {
    for (n, seed, bounds, equalities) in [
        (4, 1, 0, 1),
        (6, 2, 6, 3),
        (12, 3, 4, 8),
        (20, 4, 20, 7),
        (40, 5, 10, 15),
        (40, 6, 0, 30),
    ] {
        let dense = draw(n, seed, bounds, equalities);
        let mut diagonal = draw(n, seed, bounds, equalities);
        diagonal.hessian = Hessian::Diagonal((0..n).map(|i| 0.5 + i as f64).collect());
        let mut unit = draw(n, seed, bounds, equalities);
        unit.hessian = Hessian::Identity;
        for (kind, data) in [("dense", dense), ("diagonal", diagonal), ("unit", unit)] {
            let problem = data.problem();
            for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
                let what = format!("{kind} {n} {seed} {pricing:?}");
                let off = solve(&problem, &with(Elimination::Never).with_pricing(pricing)).unwrap();
                let on = solve(&problem, &with(Elimination::Always).with_pricing(pricing)).unwrap();
                assert_eq!(off.status, QpStatus::Optimal, "{what}");
                same(&on, &off, 1e-8, &what);
                same_multipliers(&on, &off, &what);
            }
        }
    }
}

#[test]
fn dependent_equalities_are_left_out_and_nearly_dependent_ones_do_no_harm() {
    for size in [0.0, 1e-12, 1e-9, 1e-7] {
        let mut data = draw(15, 7, 5, 6);
        // The value of the noise at the solution is below the tolerance.
        data.add_dependent(&[1.0, -2.0, 0.5], size, 0.0);
        data.add_dependent(&[0.0, 0.0, 0.0, 3.0], size, 0.0);
        let problem = data.problem();
        let off = solve(&draw(15, 7, 5, 6).problem(), &with(Elimination::Never)).unwrap();
        let on = solve(&problem, &with(Elimination::Always)).unwrap();
        same(&on, &off, 1e-5, &format!("{size}"));
        assert!(on.kkt.primal <= 2e-6, "{:?}", on.kkt);
    }
}

#[test]
fn contradictions_have_certificates() {
    let check = |problem: &QuadraticProgram| {
        let solution = solve(problem, &with(Elimination::Always)).unwrap();
        assert_eq!(solution.status, QpStatus::PrimalInfeasible);
        let Some(Certificate::Farkas(y)) = &solution.certificate else {
            panic!("no certificate");
        };
        let (n, s) = (problem.num_variables(), problem.num_bounds());
        let size = y.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
        for c in 0..n {
            let mut sum = if c < s { y[c] } else { 0.0 };
            for (row, y) in problem.rows().chunks_exact(n).zip(&y[s..]) {
                sum += row[c] * y;
            }
            assert!(sum.abs() <= 1e-6 * size, "{sum} {size}");
        }
        let bounds = problem.lower().iter().zip(problem.upper());
        let value: f64 = y
            .iter()
            .zip(bounds)
            .map(|(&y, (&l, &u))| {
                if y > 0.0 {
                    y * u
                } else if y < 0.0 {
                    y * l
                } else {
                    0.0
                }
            })
            .sum();
        assert!(value < 0.0, "{value}");
    };
    // Equalities that contradict each other.
    let mut data = draw(10, 8, 3, 4);
    data.add_dependent(&[1.0, 1.0, -1.0], 0.0, 0.5);
    check(&data.problem());
    // An inequality that the equalities determine, and that asks for another value.
    let mut data = draw(10, 9, 3, 4);
    data.add_dependent(&[1.0, 1.0, -1.0], 0.0, 0.5);
    *data.upper.last_mut().unwrap() = INF;
    check(&data.problem());
    // Inequalities that exclude each other where the equalities hold.
    let mut data = draw(10, 10, 0, 4);
    let row: Vec<f64> = (0..10).map(f64::from).collect();
    data.add_dependent(&[1.0], 0.0, 0.0);
    let last = data.rows.len() - 10;
    data.rows[last..].copy_from_slice(&row);
    let at = data.lower.len() - 1;
    (data.lower[at], data.upper[at]) = (1.0, INF);
    for (a, b) in row.iter().zip(&data.rows[..10].to_vec()) {
        data.rows.push(a + b);
    }
    data.lower.push(-INF);
    data.upper.push(data.upper[0] + 0.5);
    check(&data.problem());
}

#[test]
fn as_many_equalities_as_variables_leave_nothing_to_choose() {
    let problem = draw(9, 11, 9, 9).problem();
    let off = solve(&problem, &with(Elimination::Never)).unwrap();
    let on = solve(&problem, &with(Elimination::Always)).unwrap();
    assert_eq!((on.status, on.iterations), (QpStatus::Optimal, 1));
    same(&on, &off, 1e-7, "determined");
}

#[test]
fn soft_constraints_have_the_same_price() {
    let problem = draw(12, 12, 4, 5).problem();
    let soft: Vec<usize> = (0..4).chain(9..16).collect();
    let problem = problem.with_soft(&soft).unwrap();
    for rho in [1e-6, 0.3] {
        let options = with(Elimination::Never).with_rho_soft(rho);
        let off = solve(&problem, &options).unwrap();
        let on = solve(&problem, &options.with_elimination(Elimination::Always)).unwrap();
        assert!(off.status.is_optimal());
        same(&on, &off, 1e-7, "soft");
        same_multipliers(&on, &off, "soft");
    }
}

#[test]
fn sequences_guesses_and_bounds_that_open() {
    let data = draw(25, 13, 10, 12);
    let problem = data.problem();
    let mut workspace = QpWorkspace::new(problem.clone(), with(Elimination::Always)).unwrap();
    assert_eq!(workspace.solve().status, QpStatus::Optimal);
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let (mut q, mut lower, mut upper) = (
        data.linear.clone(),
        problem.lower().to_vec(),
        problem.upper().to_vec(),
    );
    for step in 0..30 {
        for q in &mut q {
            *q += rng.random_range(-0.2..0.2);
        }
        for j in 10..22 {
            // Equalities move, one of them opens for a while.
            let shift = rng.random_range(-0.01..0.01);
            upper[j] += shift;
            lower[j] = upper[j] - f64::from(u8::from(j == 12 && (10..20).contains(&step)));
        }
        let update = QpUpdate::default()
            .with_linear(&q)
            .with_lower(&lower)
            .with_upper(&upper);
        if step % 10 != 0 {
            let allocations = allocation_counter::measure(|| {
                workspace.update(&update).unwrap();
                let _ = workspace.solve();
            });
            assert_eq!(allocations.count_total, 0, "{step}");
        } else {
            workspace.update(&update).unwrap();
            let _ = workspace.solve();
        }
        let fresh = QuadraticProgram::new(data.hessian.clone(), q.clone())
            .unwrap()
            .with_bounds(lower[..10].to_vec(), upper[..10].to_vec())
            .unwrap()
            .with_rows(
                data.rows.clone(),
                lower[10..].to_vec(),
                upper[10..].to_vec(),
            )
            .unwrap();
        let off = solve(&fresh, &with(Elimination::Never)).unwrap();
        same(workspace.solution(), &off, 1e-7, &format!("step {step}"));
        same_multipliers(workspace.solution(), &off, &format!("step {step}"));
        // From a guess, the right one and one that lacks half.
        let half: Vec<(usize, Side)> = off.active_set.iter().copied().step_by(2).collect();
        for guess in [&off.active_set, &half] {
            let mut guessed = QpWorkspace::new(fresh.clone(), with(Elimination::Always)).unwrap();
            guessed.warm_start(WarmStart::Active(guess)).unwrap();
            same(guessed.solve(), &off, 1e-7, &format!("guess {step}"));
        }
    }
}
