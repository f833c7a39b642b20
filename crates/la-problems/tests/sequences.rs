//! The known facts of sequences with one pattern.

mod cg;
mod checks;
mod dense;

use approx::assert_relative_eq;
use checks::{assert_eigenpair, assert_symmetric, is_m_matrix, norm};
use dense::{eliminate, inertia};
use la_problems::{
    Coefficient, ConvectionDiffusion, Grid, HeatEquation, NonlinearFlow, Nonlinearity, Poisson,
    ProblemError, Scheme, SystemSequence, Wind,
};

fn same_pattern(sequence: &impl SystemSequence, grid: Grid) {
    let poisson = Poisson::new(grid).matrix().unwrap();
    let matrix = &sequence.system().matrix;
    assert_eq!(matrix.indptr(), poisson.indptr());
    assert_eq!(matrix.indices(), poisson.indices());
}

/// Solves the present system by elimination.
fn solve(sequence: &impl SystemSequence) -> Vec<f64> {
    let system = sequence.system();
    eliminate(&system.matrix, &system.rhs).1.unwrap()
}

#[test]
fn heat_matrices_share_a_pattern_and_are_definite_m_matrices() {
    let grids = [
        Grid::line(30),
        Grid::rectangle(12, 7),
        Grid::cuboid(4, 5, 3),
    ];
    for grid in grids {
        let field = Coefficient::WhiteLogNormal { sigma: 1.0 };
        let problem = HeatEquation::default()
            .with_grid(grid)
            .with_coefficient(field)
            .with_amplitude(0.9)
            .with_time_step(0.013);
        let mut steps = problem.start(4).unwrap();
        let mut before: Vec<f64> = Vec::new();
        let mut count = 0;
        loop {
            same_pattern(&steps, grid);
            let matrix = &steps.system().matrix;
            assert_symmetric(matrix);
            assert!(is_m_matrix(matrix));
            assert!(
                matrix
                    .outer_iterator()
                    .all(|row| row.data().iter().sum::<f64>() > 0.999)
            );
            let changed = matrix
                .data()
                .iter()
                .zip(&before)
                .filter(|(a, b)| a != b)
                .count();
            assert!(before.is_empty() || changed == matrix.nnz());
            before = matrix.data().to_vec();
            assert_relative_eq!(
                steps.time(),
                0.013 * (count + 1) as f64,
                max_relative = 1e-14
            );
            let top = steps.state().iter().fold(0.0_f64, |m, u| m.max(*u));
            assert_eq!(steps.initial_guess(), Some(steps.state()));
            let x = cg::solve(matrix, &steps.system().rhs, 1e-13).unwrap().0;
            // The maximum principle.
            assert!(x.iter().all(|&u| u > 0.0 && u <= top));
            count += 1;
            if !steps.advance(&x).unwrap() {
                break;
            }
        }
        assert_eq!((count, steps.step()), (10, 9));
        let (last, system) = (steps.state().to_vec(), steps.system().clone());
        assert!(!steps.advance(&vec![1.0; last.len()]).unwrap());
        assert_eq!((steps.state(), steps.system()), (&last[..], &system));
    }
}

#[test]
fn constant_heat_decays_by_the_known_factor() {
    let problem = HeatEquation::default()
        .with_grid(Grid::rectangle(9, 9))
        .with_coefficient(Coefficient::Constant(0.25))
        .with_amplitude(0.0);
    let decay = problem.decay().unwrap();
    let mut steps = problem.start(0).unwrap();
    let mut expected = steps.state().to_vec();
    assert_eigenpair(&steps.system().matrix, 1.0 / decay, &expected);
    loop {
        expected.iter_mut().for_each(|u| *u *= decay);
        let x = solve(&steps);
        for (x, y) in x.iter().zip(&expected) {
            assert_relative_eq!(x, y, max_relative = 1e-12);
        }
        if !steps.advance(&x).unwrap() {
            break;
        }
    }
    // With a source and enough time the field becomes that of the Poisson problem.
    let problem = problem.with_time_step(1e6).with_steps(2).with_source(2.0);
    assert_eq!(problem.decay(), None);
    let mut steps = problem.start(0).unwrap();
    steps.advance(&solve(&steps)).unwrap();
    let poisson = Poisson::new(Grid::rectangle(9, 9)).generate().unwrap();
    let (_, v) = eliminate(&poisson.matrix, &poisson.rhs);
    for (x, v) in steps.state().iter().zip(v.unwrap()) {
        // -κ Δu = f with κ = 1/4, f = 2, h = 1/10
        assert_relative_eq!(*x, v * 2.0 / 0.25 / 100.0, max_relative = 1e-5);
    }
}

#[test]
fn matrices_repeat_with_the_period() {
    let problem = HeatEquation::default().with_grid(Grid::rectangle(5, 5));
    let mut steps = problem.with_steps(12).start(0).unwrap();
    let mut matrices = Vec::new();
    loop {
        matrices.push(steps.system().matrix.clone());
        if !steps.advance(&[0.5; 25]).unwrap() {
            break;
        }
    }
    assert_eq!(matrices.len(), 12);
    // Time step 0.01, period 0.1.
    for (a, b) in matrices[0].data().iter().zip(matrices[10].data()) {
        assert_relative_eq!(a, b, max_relative = 1e-13);
    }
    assert_ne!(matrices[0], matrices[5]);
}

/// Relative residuals of the nonlinear equations and the last iterate.
fn newton(problem: &NonlinearFlow) -> (Vec<f64>, Vec<f64>) {
    let mut steps = problem.start().unwrap();
    let mut residuals = vec![steps.relative_residual()];
    loop {
        same_pattern(&steps, problem.flow.grid);
        assert_eq!(steps.initial_guess(), None);
        let more = steps.advance(&solve(&steps)).unwrap();
        residuals.push(steps.relative_residual());
        if !more {
            return (residuals, steps.state().to_vec());
        }
    }
}

fn assert_quadratic(residuals: &[f64]) {
    assert!(residuals.len() >= 4, "{residuals:?}");
    assert!(*residuals.last().unwrap() <= 1e-10, "{residuals:?}");
    for pair in residuals.windows(2).skip(1) {
        // The constant depends on the problem; 10 is generous for all of these. The residual of the fine line is that of
        // second differences, h² of their terms: rounding alone leaves 1e-12 of it.
        assert!(pair[1] <= 10.0 * pair[0] * pair[0] + 1e-12, "{residuals:?}");
    }
}

#[test]
fn bratu_in_one_dimension_has_its_exact_solution() {
    let (lambda, n) = (2.0, 127);
    let flow = ConvectionDiffusion::default()
        .with_grid(Grid::line(n))
        .with_peclet(0.0);
    let problem = NonlinearFlow::default()
        .with_flow(flow)
        .with_nonlinearity(Nonlinearity::Reaction { lambda });
    let (residuals, u) = newton(&problem);
    assert_quadratic(&residuals);
    // θ = √(2 λ) cosh(θ / 4) by fixed-point iteration: contracts on the lower branch.
    let theta = (0..200).fold(0.0_f64, |t, _| (2.0 * lambda).sqrt() * (t / 4.0).cosh());
    for (i, u) in u.iter().enumerate() {
        let x = (i + 1) as f64 / (n + 1) as f64;
        let exact = -2.0 * (((x - 0.5) * theta / 2.0).cosh() / (theta / 4.0).cosh()).ln();
        // Second order: h² / 12 times the fourth derivative, here below 10.
        assert_relative_eq!(*u, exact, epsilon = 10.0 / 12.0 / (128.0 * 128.0));
    }
}

#[test]
fn reactions_change_the_diagonal_only_and_stay_definite() {
    let grid = Grid::rectangle(15, 15);
    let flow = ConvectionDiffusion::default()
        .with_grid(grid)
        .with_peclet(0.0);
    let problem = NonlinearFlow::default()
        .with_flow(flow)
        .with_nonlinearity(Nonlinearity::Reaction { lambda: 6.0 });
    let poisson = Poisson::new(grid).matrix().unwrap();
    let mut steps = problem.start().unwrap();
    let mut more = true;
    while more {
        let system = steps.system();
        for (a, (p, (i, j))) in system.matrix.data().iter().zip(poisson.iter()) {
            assert!(if i == j { a < p } else { a == p });
        }
        assert_eq!(inertia(&system.matrix), (225, 0));
        let x = solve(&steps);
        more = steps.advance(&x).unwrap();
    }
    assert!(steps.relative_residual() <= 1e-10);
    // Above the turning point 6.8081 of the square there is no solution to converge to.
    let beyond = problem.with_nonlinearity(Nonlinearity::Reaction { lambda: 9.0 });
    let mut steps = beyond.start().unwrap();
    let ended = (0..20).find_map(|_| match steps.advance(&solve(&steps)) {
        Ok(true) => None,
        other => Some(other),
    });
    assert!(steps.relative_residual() > 1e-6, "{ended:?}");
}

#[test]
fn nonlinear_diffusion_is_poisson_after_kirchhoff() {
    let grid = Grid::rectangle(11, 8);
    let flow = ConvectionDiffusion::default()
        .with_grid(grid)
        .with_peclet(0.0);
    let (beta, source) = (30.0, 20.0);
    let problem = NonlinearFlow::default()
        .with_flow(flow)
        .with_nonlinearity(Nonlinearity::Diffusion { beta, source })
        .with_tolerance(1e-12);
    let (residuals, u) = newton(&problem);
    assert!(*residuals.last().unwrap() <= 1e-12);
    let poisson = Poisson::new(grid).generate().unwrap();
    let (_, v) = eliminate(&poisson.matrix, &poisson.rhs);
    for (u, v) in u.iter().zip(v.unwrap()) {
        let v = v * source / 144.0; // h = 1/12
        let exact = ((1.0 + 2.0 * beta * v).sqrt() - 1.0) / beta;
        assert_relative_eq!(*u, exact, max_relative = 1e-10);
    }
}

#[test]
fn nonlinear_flows_with_wind_converge_quadratically() {
    for scheme in [Scheme::Upwind, Scheme::Central] {
        for nonlinearity in [
            Nonlinearity::Reaction { lambda: 5.0 },
            Nonlinearity::Diffusion {
                beta: 2.0,
                source: 10.0,
            },
        ] {
            let flow = ConvectionDiffusion::default()
                .with_grid(Grid::rectangle(12, 12))
                .with_wind(Wind::Recirculating)
                .with_peclet(15.0)
                .with_scheme(scheme);
            let problem = NonlinearFlow::default()
                .with_flow(flow)
                .with_nonlinearity(nonlinearity);
            let (residuals, _) = newton(&problem);
            assert_quadratic(&residuals);
        }
    }
}

#[test]
fn jacobians_are_derivatives_of_the_right_hand_side() {
    let flow = ConvectionDiffusion::default().with_grid(Grid::rectangle(5, 4));
    for nonlinearity in [
        Nonlinearity::Reaction { lambda: 5.0 },
        Nonlinearity::Diffusion {
            beta: 3.0,
            source: 1.0,
        },
    ] {
        let start = NonlinearFlow::default()
            .with_flow(flow.clone())
            .with_nonlinearity(nonlinearity)
            .start()
            .unwrap();
        let at = |u: &[f64]| {
            let mut steps = start.clone();
            assert!(steps.advance(u).unwrap());
            steps.system().clone()
        };
        let u: Vec<f64> = (0..20).map(|i| (0.9 * i as f64).sin()).collect();
        let matrix = dense::full(&at(&u).matrix);
        for j in 0..20 {
            let (mut up, mut down) = (u.clone(), u.clone());
            up[j] += 1e-5;
            down[j] -= 1e-5;
            let (up, down) = (at(&up).rhs, at(&down).rhs);
            for i in 0..20 {
                // Central differences: 1e-10 of truncation and as much of rounding.
                let slope = (down[i] - up[i]) / 2e-5;
                assert_relative_eq!(slope, matrix[i][j], epsilon = 1e-8, max_relative = 1e-8);
            }
        }
    }
}

#[test]
fn bad_solutions_and_options_are_refused() {
    let mut steps = HeatEquation::default().start(0).unwrap();
    let error = steps.advance(&[0.0; 3]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the solution has length 3, but the problem has 1024 unknowns"
    );
    let mut x = vec![0.0; 1024];
    x[17] = f64::NAN;
    let error = steps.advance(&x).unwrap_err().to_string();
    assert_eq!(error, "the solution is not finite at position 17");
    assert_eq!(steps.step(), 0);
    // e^1000 is not finite; the sequence can go on with another step.
    let mut steps = NonlinearFlow::default().start().unwrap();
    let before = (steps.state().to_vec(), steps.system().clone());
    assert!(matches!(
        steps.advance(&[1000.0; 1024]),
        Err(ProblemError::NotFinite { index: 0, .. })
    ));
    assert_eq!((steps.state(), steps.system()), (&before.0[..], &before.1));
    assert!(steps.advance(&vec![0.1; 1024]).unwrap());
    assert!(norm(steps.state()) > 0.0);
    let heat = HeatEquation::default;
    for (bad, name) in [
        (heat().with_amplitude(1.0), "amplitude"),
        (heat().with_period(0.0), "period"),
        (heat().with_time_step(f64::NAN), "time_step"),
        (heat().with_steps(0), "steps"),
        (heat().with_source(f64::INFINITY), "source"),
        (heat().with_grid(Grid::line(0)), "grid.nx"),
        (
            heat().with_coefficient(Coefficient::Constant(-1.0)),
            "coefficient",
        ),
    ] {
        let error = bad.start(0).unwrap_err();
        assert!(matches!(error, ProblemError::InvalidOption { option, .. } if option == name));
    }
    let newton = NonlinearFlow::default;
    let diffusion =
        |beta, source| newton().with_nonlinearity(Nonlinearity::Diffusion { beta, source });
    let reaction = |lambda| newton().with_nonlinearity(Nonlinearity::Reaction { lambda });
    for (bad, name) in [
        (reaction(-1.0), "lambda"),
        (diffusion(f64::NAN, 1.0), "beta"),
        (diffusion(1.0, -1.0), "source"),
        (newton().with_tolerance(1.0), "tolerance"),
        (newton().with_max_steps(0), "max_steps"),
        (
            newton().with_flow(ConvectionDiffusion::default().with_peclet(-1.0)),
            "peclet",
        ),
    ] {
        let error = bad.start().unwrap_err();
        assert!(matches!(error, ProblemError::InvalidOption { option, .. } if option == name));
    }
}
