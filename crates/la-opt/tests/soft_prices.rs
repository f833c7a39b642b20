//! Soft constraints with linear prices and a price for each side, against the same problem with a variable for each violation: in an interior-point
//! solver, and in this one.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus};
use la_opt::qp::{
    Elimination, Hessian, Pricing, QpOptions, QpSolution, QpStatus, QpUpdate, QpWorkspace,
    QuadraticProgram, Side, SoftPrice, WarmStart, solve,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const INF: f64 = f64::INFINITY;
const N: usize = 6;
const ROWS: usize = 12;
const SOFT: usize = 7;

/// `½ xᵀ P x + qᵀ x` in a box, `l ≤ A x ≤ u`, the first rows soft and often out of reach.
#[derive(Clone)]
struct Data {
    hessian: Vec<f64>,
    linear: Vec<f64>,
    rows: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Below and above.
    prices: Vec<[SoftPrice<f64>; 2]>,
}

/// `½ yᵀ H y + cᵀ y`, `G y ≤ h`, by rows.
struct Slacks {
    hessian: Vec<Vec<f64>>,
    linear: Vec<f64>,
    rows: Vec<Vec<f64>>,
    right: Vec<f64>,
}

fn data(rank: usize, seed: u64) -> Data {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let factor = draw(rank * N);
    let mut hessian = vec![0.0; N * N];
    for row in factor.chunks_exact(N) {
        for i in 0..N {
            for j in 0..N {
                hessian[i * N + j] += row[i] * row[j];
            }
        }
    }
    let (linear, rows, middle) = (draw(N), draw(ROWS * N), draw(ROWS));
    let width = draw(ROWS);
    let (mut lower, mut upper) = (vec![0.0; ROWS], vec![0.0; ROWS]);
    for i in 0..ROWS {
        // The last ones hold at zero.
        let (middle, width) = match i < SOFT {
            true => (3.0 * middle[i], (0.5 * width[i]).max(0.0)),
            false => (0.0, 1.0 + width[i]),
        };
        (lower[i], upper[i]) = (middle - width, middle + width);
    }
    let (steep, bent) = (draw(2 * SOFT), draw(2 * SOFT));
    let prices = (0..SOFT)
        .map(|j| {
            [0, 1].map(|side| SoftPrice {
                // Some without a linear part.
                linear: (1.5 * steep[2 * j + side]).max(0.0),
                quadratic: 10.0f64.powf(bent[2 * j + side]),
            })
        })
        .collect();
    Data {
        hessian,
        linear,
        rows,
        lower,
        upper,
        prices,
    }
}

impl Data {
    fn program(&self) -> QuadraticProgram {
        let prices: Vec<_> = self.prices.iter().enumerate().collect();
        let sides = |(j, price): &(usize, &[SoftPrice<f64>; 2])| {
            [
                (N + j, Side::Lower, price[0]),
                (N + j, Side::Upper, price[1]),
            ]
        };
        let prices: Vec<_> = prices.iter().flat_map(sides).collect();
        QuadraticProgram::new(Hessian::Dense(self.hessian.clone()), self.linear.clone())
            .unwrap()
            .with_bounds(vec![-1.0; N], vec![1.0; N])
            .unwrap()
            .with_rows(self.rows.clone(), self.lower.clone(), self.upper.clone())
            .unwrap()
            .with_soft_prices(&prices)
            .unwrap()
    }

    /// Objective with the price of violations.
    fn price(&self, x: &[f64]) -> f64 {
        let mut value = 0.0;
        for i in 0..N {
            value += self.linear[i] * x[i];
            for j in 0..N {
                value += 0.5 * x[i] * self.hessian[i * N + j] * x[j];
            }
        }
        for (j, [below, above]) in self.prices.iter().enumerate() {
            let row = &self.rows[j * N..(j + 1) * N];
            let product: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
            for (price, v) in [
                (below, self.lower[j] - product),
                (above, product - self.upper[j]),
            ] {
                let v = v.max(0.0);
                value += price.linear * v + 0.5 * price.quadratic * v * v;
            }
        }
        value
    }

    /// With two slack variables for each soft row.
    fn with_slacks(&self) -> Slacks {
        let all = N + 2 * SOFT;
        let mut hessian = vec![vec![0.0; all]; all];
        let mut linear = self.linear.clone();
        for (row, p) in hessian.iter_mut().zip(self.hessian.chunks_exact(N)) {
            row[..N].copy_from_slice(p);
        }
        let (mut rows, mut right) = (Vec::new(), Vec::new());
        let mut push = |entries: &[(usize, f64)], bound: f64| {
            let mut row = vec![0.0; all];
            for &(k, value) in entries {
                row[k] += value;
            }
            rows.push(row);
            right.push(bound);
        };
        for k in 0..2 * SOFT {
            let price = self.prices[k / 2][k % 2];
            hessian[N + k][N + k] = price.quadratic;
            linear.push(price.linear);
            push(&[(N + k, -1.0)], 0.0);
        }
        for i in 0..N {
            push(&[(i, 1.0)], 1.0);
            push(&[(i, -1.0)], 1.0);
        }
        for i in 0..ROWS {
            for (side, sign) in [(0, -1.0), (1, 1.0)] {
                let row = &self.rows[i * N..(i + 1) * N];
                let mut entries: Vec<_> = row.iter().map(|a| sign * a).enumerate().collect();
                if i < SOFT {
                    entries.push((N + 2 * i + side, -1.0));
                }
                let bound = if side == 0 {
                    -self.lower[i]
                } else {
                    self.upper[i]
                };
                push(&entries, bound);
            }
        }
        Slacks {
            hessian,
            linear,
            rows,
            right,
        }
    }

    fn oracle(&self) -> f64 {
        let Slacks {
            mut hessian,
            linear,
            rows,
            right,
        } = self.with_slacks();
        for (i, row) in hessian.iter_mut().enumerate() {
            row[..i].fill(0.0);
        }
        let settings = DefaultSettings {
            verbose: false,
            tol_gap_abs: 1e-10,
            tol_gap_rel: 1e-10,
            tol_feas: 1e-10,
            ..DefaultSettings::default()
        };
        let cones = [NonnegativeConeT(right.len())];
        let (p, a) = (CscMatrix::from(&hessian), CscMatrix::from(&rows));
        let mut solver = DefaultSolver::new(&p, &linear, &a, &right, &cones, settings).unwrap();
        solver.solve();
        assert_eq!(solver.solution.status, SolverStatus::Solved);
        solver.solution.obj_val
    }
}

fn agrees(data: &Data, solution: &QpSolution, value: f64, what: &str) {
    assert!(
        matches!(solution.status, QpStatus::Optimal | QpStatus::SoftOptimal),
        "{what}: {}",
        solution.status
    );
    let ours = data.price(&solution.x);
    assert!(
        (ours - value).abs() <= 1e-6 * value.abs().max(1.0),
        "{what}: {ours} {value}"
    );
}

#[test]
fn prices_are_those_of_slack_variables() {
    let (mut held, mut bent) = (0, 0);
    for rank in [N, N / 2] {
        for seed in 0..60 {
            let data = data(rank, seed);
            let value = data.oracle();
            for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
                let options = QpOptions::default().with_pricing(pricing);
                let solution = solve(&data.program(), &options).unwrap();
                agrees(
                    &data,
                    &solution,
                    value,
                    &format!("{rank} {seed} {pricing:?}"),
                );
                // What is met exactly has a multiplier below its price, what is not one above.
                for &(j, side) in &solution.active_set {
                    if let Some(price) = data.prices.get(j.wrapping_sub(N)) {
                        let price = price[usize::from(side == Side::Upper)].linear;
                        let multiplier = solution.multipliers[j].abs();
                        held += usize::from(price > 0.0 && multiplier < price);
                        bent += usize::from(price > 0.0 && multiplier > price);
                    }
                }
            }
            let slacks = data.with_slacks();
            let hessian = Hessian::Dense(slacks.hessian.concat());
            let none = vec![-INF; slacks.right.len()];
            let own = QuadraticProgram::new(hessian, slacks.linear)
                .unwrap()
                .with_rows(slacks.rows.concat(), none, slacks.right)
                .unwrap();
            let own = solve(&own, &QpOptions::default()).unwrap();
            assert_eq!(own.status, QpStatus::Optimal, "{rank} {seed}");
            assert!((own.objective - value).abs() <= 1e-6 * value.abs().max(1.0));
        }
    }
    assert!(held > 50 && bent > 50, "{held} met exactly, {bent} not");
}

#[test]
fn any_start_and_any_update_lead_to_the_same_compromise() {
    for seed in 0..40 {
        let mut data = data(N, seed);
        let mut workspace = QpWorkspace::new(data.program(), QpOptions::default()).unwrap();
        agrees(&data, workspace.solve(), data.oracle(), "cold");
        let first = workspace.solution().clone();
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
        for step in 0..6 {
            for q in &mut data.linear {
                *q += rng.random_range(-0.5..0.5);
            }
            for i in 0..SOFT {
                let move_by = rng.random_range(-0.5..0.5);
                data.lower[i] += move_by;
                data.upper[i] += move_by;
            }
            let (low, high) = (vec![-1.0; N], vec![1.0; N]);
            let (lower, upper) = (
                [&low[..], &data.lower].concat(),
                [&high[..], &data.upper].concat(),
            );
            let update = QpUpdate::default()
                .with_linear(&data.linear)
                .with_lower(&lower)
                .with_upper(&upper);
            workspace.update(&update).unwrap();
            let sources: Vec<_> = (0..N + ROWS).map(|j| (j % 3 != 1).then_some(j)).collect();
            let start = match step % 6 {
                0 | 1 => WarmStart::Keep,
                2 => WarmStart::Dual(&first.multipliers),
                3 => WarmStart::Active(&first.active_set),
                4 => WarmStart::Shifted(&sources),
                _ => WarmStart::Cold,
            };
            workspace.warm_start(start).unwrap();
            let value = data.oracle();
            agrees(
                &data,
                workspace.solve(),
                value,
                &format!("{seed} step {step}"),
            );
        }
        // What was found is what the next solve begins with.
        let multipliers = workspace.solution().multipliers.clone();
        let list: Vec<_> = multipliers.iter().copied().enumerate().collect();
        workspace.warm_start(WarmStart::Dual(&multipliers)).unwrap();
        assert_eq!(workspace.solve().iterations, 1, "{seed}");
        workspace.warm_start(WarmStart::RankedDual(&list)).unwrap();
        assert_eq!(workspace.solve().iterations, 1, "{seed}");
    }
}

#[test]
fn equalities_that_are_solved_for_do_not_change_the_prices() {
    for seed in 0..20 {
        let data = data(N, seed);
        let with = |elimination| {
            let mut rows = data.rows.clone();
            rows.extend(vec![1.0; N]);
            let lower = [&data.lower[..], &[0.1]].concat();
            let upper = [&data.upper[..], &[0.1]].concat();
            let price = SoftPrice {
                linear: 0.3,
                quadratic: 2.0,
            };
            let program =
                QuadraticProgram::new(Hessian::Dense(data.hessian.clone()), data.linear.clone())
                    .unwrap()
                    .with_rows(rows, lower, upper)
                    .unwrap()
                    .with_soft_prices(&[(0, Side::Upper, price), (1, Side::Lower, price)])
                    .unwrap();
            let options = QpOptions::default().with_elimination(elimination);
            solve(&program, &options).unwrap()
        };
        let (never, always) = (with(Elimination::Never), with(Elimination::Always));
        assert_eq!(never.status, always.status);
        if never.status.is_optimal() {
            for (a, b) in never.x.iter().zip(&always.x) {
                assert!((a - b).abs() < 1e-6, "{seed}: {a} {b}");
            }
        }
    }
}

#[test]
fn prices_that_are_none_are_refused() {
    let problem = || {
        QuadraticProgram::new(Hessian::Identity, vec![0.0])
            .unwrap()
            .with_bounds(vec![0.0], vec![1.0])
            .unwrap()
    };
    for linear in [-1.0, f64::NAN, INF] {
        let price = SoftPrice {
            linear,
            quadratic: 1.0,
        };
        let error = problem()
            .with_soft_prices(&[(0, Side::Upper, price)])
            .unwrap_err();
        assert!(error.to_string().contains("linear soft price"), "{error}");
    }
}
