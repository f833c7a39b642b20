//! The known facts of the finite difference families: spectrum, number of nonzeros, symmetry, signs.

use std::f64::consts::PI;

use approx::assert_relative_eq;
use la_problems::{
    AnisotropicDiffusion, Coefficient, ConvectionDiffusion, Diffusion, Grid, NearlySingular,
    Poisson, ProblemError, RandomGeometricGraph, RandomRegularGraph, Scheme, Wind,
};

mod cg;
mod checks;

use checks::{assert_eigenpair, assert_symmetric, is_m_matrix, multiply};

/// Products of sines, the modes of every aligned Dirichlet problem.
fn sine_mode(grid: &Grid, k: [usize; 3]) -> Vec<f64> {
    let value = |i| {
        let x = grid.coordinates(grid.cell(i));
        (0..grid.dimension())
            .map(|d| (PI * k[d] as f64 * x[d]).sin())
            .product()
    };
    (0..grid.num_points()).map(value).collect()
}

fn grids() -> [Grid; 6] {
    [
        Grid::line(7),
        Grid::line(1),
        Grid::rectangle(5, 4),
        Grid::rectangle(1, 3),
        Grid::cuboid(4, 3, 5),
        Grid::cuboid(2, 1, 1),
    ]
}

#[test]
fn poisson_has_its_eigenvalues_and_nonzeros() {
    for grid in grids() {
        let problem = Poisson::new(grid);
        let a = problem.matrix().unwrap();
        let n = grid.num_points();
        let missing: usize = grid.shape().iter().map(|nd| 2 * n / nd).sum();
        assert_eq!(a.nnz(), (2 * grid.dimension() + 1) * n - missing);
        assert_symmetric(&a);
        assert!(is_m_matrix(&a));
        for k in (0..n).map(|i| grid.cell(i).map(|k| k + 1)) {
            assert_eigenpair(&a, problem.eigenvalue(k), &sine_mode(&grid, k));
        }
    }
}

#[test]
fn aligned_anisotropic_diffusion_has_its_eigenvalues() {
    let grid = Grid::rectangle(6, 5);
    let a = AnisotropicDiffusion::default()
        .with_grid(grid)
        .with_epsilon(0.01)
        .matrix()
        .unwrap();
    assert!(is_m_matrix(&a));
    for (k, l) in [(1, 1), (6, 5), (2, 4)] {
        let s = |k: f64, n: f64| 4.0 * (k * PI / (2.0 * (n + 1.0))).sin().powi(2);
        let lambda = s(k as f64, 6.0) + 0.01 * s(l as f64, 5.0);
        assert_eigenpair(&a, lambda, &sine_mode(&grid, [k, l, 1]));
    }
}

#[test]
fn rotated_anisotropic_diffusion_is_positive_definite() {
    for step in 0..12 {
        let angle = PI * f64::from(step) / 12.0;
        let problem = AnisotropicDiffusion::default().with_grid(Grid::rectangle(12, 9));
        let system = problem.with_angle(angle).generate().unwrap();
        assert_symmetric(&system.matrix);
        assert!(
            cg::solve(&system.matrix, &system.rhs, 1e-10).is_some(),
            "angle {angle}"
        );
    }
    let rotated = AnisotropicDiffusion::default()
        .with_angle(0.5)
        .matrix()
        .unwrap();
    assert!(!is_m_matrix(&rotated));
}

/// Nine points differentiate quadratics exactly: -div(K grad(x y)) = -2 K_xy.
#[test]
fn rotated_anisotropic_diffusion_is_exact_for_quadratics() {
    let grid = Grid::rectangle(5, 5);
    let (eps, angle) = (0.1_f64, 0.7_f64);
    let problem = AnisotropicDiffusion::default()
        .with_grid(grid)
        .with_epsilon(eps);
    let a = problem.with_angle(angle).matrix().unwrap();
    let xy: Vec<f64> = (0..25)
        .map(|i| grid.cell(i))
        .map(|c| (c[0] * c[1]) as f64)
        .collect();
    let expected = -2.0 * (1.0 - eps) * angle.cos() * angle.sin();
    assert_relative_eq!(multiply(&a, &xy)[12], expected, max_relative = 1e-12);
}

#[test]
fn constant_coefficient_gives_the_poisson_matrix() {
    for grid in grids() {
        let one = Diffusion::default()
            .with_grid(grid)
            .with_coefficient(Coefficient::Constant(1.0));
        assert_eq!(one.matrix(0).unwrap(), Poisson::new(grid).matrix().unwrap());
    }
}

#[test]
fn varying_coefficients_keep_symmetry_signs_and_pattern() {
    let coefficients = [
        Coefficient::Checkerboard {
            cells: 4,
            low: 1.0,
            high: 1e4,
        },
        Coefficient::Inclusion { inside: 1e-3 },
        Coefficient::LogNormal {
            sigma: 2.0,
            correlation_length: 0.2,
        },
    ];
    for grid in [Grid::rectangle(9, 8), Grid::cuboid(5, 4, 6)] {
        let poisson = Poisson::new(grid).matrix().unwrap();
        for coefficient in coefficients {
            let options = Diffusion::default()
                .with_grid(grid)
                .with_coefficient(coefficient);
            let system = options.generate(3).unwrap();
            let a = &system.matrix;
            assert_symmetric(a);
            assert!(is_m_matrix(a));
            assert_eq!(a.indices(), poisson.indices());
            let faces = a
                .iter()
                .zip(poisson.data())
                .filter(|((_, (i, j)), _)| i != j);
            let (low, high) = faces.fold((f64::MAX, 0.0_f64), |(low, high), ((v, _), _)| {
                (low.min(-v), high.max(-v))
            });
            assert!(high > 2.0 * low, "the coefficient varies");
            assert!(cg::solve(a, &system.rhs, 1e-10).is_some());
        }
    }
}

#[test]
fn harmonic_mean_across_a_jump_by_hand() {
    // Two cells with κ = 1 and 3: face 2 / (1 + 1/3) = 1.5.
    let checkerboard = Coefficient::Checkerboard {
        cells: 2,
        low: 1.0,
        high: 3.0,
    };
    let options = Diffusion::default()
        .with_grid(Grid::line(2))
        .with_coefficient(checkerboard);
    assert_eq!(options.matrix(0).unwrap().data(), &[2.5, -1.5, -1.5, 4.5]);
}

#[test]
fn log_normal_field_has_its_deviation_and_depends_on_the_seed() {
    let field = Coefficient::LogNormal {
        sigma: 1.5,
        correlation_length: 0.02,
    };
    let options = Diffusion::default()
        .with_grid(Grid::rectangle(60, 60))
        .with_coefficient(field);
    let logs: Vec<f64> = options
        .matrix(1)
        .unwrap()
        .diag()
        .data()
        .iter()
        .map(|d| (d / 4.0).ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let deviation =
        (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
    // The sum over four faces smooths the field, so the deviation comes out somewhat below 1.5.
    assert!((1.0..1.8).contains(&deviation), "{deviation}");
    assert_eq!(options.matrix(1).unwrap(), options.matrix(1).unwrap());
    assert_ne!(options.matrix(1).unwrap(), options.matrix(2).unwrap());
}

#[test]
fn upwind_convection_gives_m_matrices_and_central_only_for_small_cells() {
    for wind in [Wind::Constant([1.0, -0.7, 0.3]), Wind::Recirculating] {
        let problem = ConvectionDiffusion::default()
            .with_wind(wind)
            .with_peclet(500.0);
        assert!(is_m_matrix(&problem.matrix().unwrap()));
        let central = problem.clone().with_scheme(Scheme::Central);
        assert!(!is_m_matrix(&central.matrix().unwrap()));
        assert!(is_m_matrix(&central.with_peclet(10.0).matrix().unwrap()));
    }
}

#[test]
fn convection_diffusion_without_wind_is_poisson() {
    for scheme in [Scheme::Upwind, Scheme::Central] {
        for grid in grids() {
            let problem = ConvectionDiffusion::default()
                .with_grid(grid)
                .with_peclet(0.0);
            let a = problem.with_scheme(scheme).matrix().unwrap();
            assert_eq!(a, Poisson::new(grid).matrix().unwrap());
        }
    }
}

#[test]
fn symmetric_part_of_central_differences_is_poisson() {
    let grid = Grid::cuboid(4, 3, 3);
    let problem = ConvectionDiffusion::default()
        .with_grid(grid)
        .with_peclet(30.0);
    let a = problem.with_scheme(Scheme::Central).matrix().unwrap();
    let t = a.transpose_view().to_csr();
    let poisson = Poisson::new(grid).matrix().unwrap();
    for ((x, y), p) in a.data().iter().zip(t.data()).zip(poisson.data()) {
        assert_relative_eq!(0.5 * (x + y), *p, max_relative = 1e-13);
    }
}

/// First order upwind is exact for linear functions: the operator applied to x gives Pe h² w_x.
#[test]
fn convection_of_linear_functions_is_exact() {
    for scheme in [Scheme::Upwind, Scheme::Central] {
        let grid = Grid::rectangle(5, 5);
        let problem = ConvectionDiffusion::default()
            .with_grid(grid)
            .with_scheme(scheme);
        let a = problem
            .with_wind(Wind::Constant([-2.0, 1.0, 0.0]))
            .matrix()
            .unwrap();
        let x: Vec<f64> = (0..25).map(|i| grid.coordinates(grid.cell(i))[0]).collect();
        assert_relative_eq!(
            multiply(&a, &x)[12],
            20.0 * -2.0 / 36.0,
            max_relative = 1e-12
        );
    }
}

#[test]
fn options_out_of_range_are_named() {
    let option = |result: Result<(), ProblemError>| match result {
        Err(ProblemError::InvalidOption { option, .. }) => option,
        other => panic!("{other:?}"),
    };
    let line = Grid::line(4);
    assert_eq!(
        option(Poisson::new(Grid::rectangle(3, 0)).validate()),
        "grid.ny"
    );
    let anisotropic = AnisotropicDiffusion::default();
    assert_eq!(
        option(anisotropic.clone().with_grid(line).validate()),
        "grid.dimension"
    );
    assert_eq!(
        option(anisotropic.clone().with_epsilon(0.0).validate()),
        "epsilon"
    );
    assert_eq!(option(anisotropic.with_angle(f64::NAN).validate()), "angle");
    let diffusion = |c| Diffusion::default().with_coefficient(c).validate();
    assert_eq!(
        option(diffusion(Coefficient::Constant(-1.0))),
        "coefficient"
    );
    let field = Coefficient::LogNormal {
        sigma: f64::NAN,
        correlation_length: 1.0,
    };
    assert_eq!(option(diffusion(field)), "coefficient.sigma");
    let board = Coefficient::Checkerboard {
        cells: 0,
        low: 1.0,
        high: 1.0,
    };
    assert_eq!(option(diffusion(board)), "coefficient.cells");
    assert_eq!(
        option(diffusion(Coefficient::Inclusion { inside: 0.0 })),
        "coefficient.inside"
    );
    let convection = ConvectionDiffusion::default();
    assert_eq!(
        option(convection.clone().with_peclet(-1.0).validate()),
        "peclet"
    );
    let vortex = convection.with_wind(Wind::Recirculating).with_grid(line);
    assert_eq!(option(vortex.validate()), "grid.dimension");
    assert_eq!(
        option(
            RandomGeometricGraph::default()
                .with_mean_degree(0.0)
                .validate()
        ),
        "mean_degree"
    );
    assert_eq!(
        option(
            RandomGeometricGraph::default()
                .with_shift(f64::NAN)
                .validate()
        ),
        "shift"
    );
    assert_eq!(
        option(RandomRegularGraph::default().with_n(4).validate()),
        "degree"
    );
    assert_eq!(
        option(
            RandomRegularGraph::default()
                .with_n(9)
                .with_degree(3)
                .validate()
        ),
        "degree"
    );
    assert_eq!(option(NearlySingular::default().with_n(1).validate()), "n");
    let huge = Poisson::new(Grid::cuboid(usize::MAX, usize::MAX, 2)).generate();
    assert!(matches!(huge, Err(ProblemError::TooLarge { .. })));
}
