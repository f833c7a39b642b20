//! The known facts of graph Laplacians, Toeplitz, singular and diagonal matrices.

use std::f64::consts::PI;

use approx::assert_relative_eq;
use la_problems::{
    ConvectionDiffusion, EdgeWeights, Grid, NearlySingular, ProblemError, RandomGeometricGraph,
    RandomRegularGraph, Scheme, TridiagonalToeplitz, diagonal,
};

mod checks;

use checks::{assert_eigenpair, assert_symmetric, is_m_matrix, multiply, norm};

#[test]
fn geometric_graph_laplacians_have_constant_row_sums() {
    let weights = [
        EdgeWeights::Unit,
        EdgeWeights::InverseDistance,
        EdgeWeights::Uniform {
            low: 0.5,
            high: 2.0,
        },
    ];
    for weights in weights {
        let options = RandomGeometricGraph::default()
            .with_weights(weights)
            .with_shift(0.25);
        let a = options.generate(11).unwrap().matrix;
        assert_symmetric(&a);
        assert!(is_m_matrix(&a));
        assert_eigenpair(&a, 0.25, &vec![1.0; 1000]);
        let mean_degree = a.nnz() as f64 / 1000.0 - 1.0;
        assert!((8.0..10.5).contains(&mean_degree), "{mean_degree}");
    }
    let lonely = RandomGeometricGraph::default()
        .with_n(1)
        .generate(0)
        .unwrap();
    assert_eq!(lonely.matrix.data(), &[0.01]);
}

#[test]
fn regular_graph_laplacians_are_regular_and_simple() {
    for (n, degree) in [
        (1, 0),
        (2, 1),
        (5, 4),
        (9, 2),
        (100, 3),
        (1000, 7),
        (60, 20),
    ] {
        let options = RandomRegularGraph::default().with_n(n).with_degree(degree);
        for seed in 0..5 {
            let a = options
                .clone()
                .with_shift(0.5)
                .generate(seed)
                .unwrap()
                .matrix;
            assert_symmetric(&a);
            assert!(
                a.outer_iterator().all(|row| row.nnz() == degree + 1),
                "n {n}, d {degree}"
            );
            assert!(
                a.iter()
                    .all(|(&v, (i, j))| v == if i == j { degree as f64 + 0.5 } else { -1.0 })
            );
        }
    }
}

#[test]
fn nearly_singular_systems_have_their_spectrum_and_solution() {
    let problem = NearlySingular::default().with_n(9).with_shift(1e-3);
    let system = problem.generate().unwrap();
    for k in 0..9 {
        let mode = |j: usize| (k as f64 * PI * (j as f64 + 0.5) / 9.0).cos();
        let v: Vec<f64> = (0..9).map(mode).collect();
        assert_eigenpair(&system.matrix, problem.eigenvalue(k), &v);
    }
    let ax = multiply(&system.matrix, &problem.solution());
    for (x, y) in ax.iter().zip(&system.rhs) {
        assert_relative_eq!(x, y, epsilon = 1e-15);
    }
}

#[test]
fn inconsistent_systems_leave_the_promised_residual() {
    let problem = NearlySingular::inconsistent()
        .with_n(16)
        .with_inconsistency(0.5);
    let system = problem.generate().unwrap();
    let ax = multiply(&system.matrix, &problem.solution());
    let r: Vec<f64> = system.rhs.iter().zip(&ax).map(|(b, ax)| b - ax).collect();
    assert_relative_eq!(norm(&r), 0.5, max_relative = 1e-13);
    // The residual is orthogonal to the range of A: no x does better.
    assert!(norm(&multiply(&system.matrix, &r)) < 1e-14);
}

#[test]
fn edge_cases_of_diagonal_matrices() {
    assert_eq!(diagonal(&[]).unwrap().shape(), (0, 0));
    assert_eq!(diagonal(&[-2.0]).unwrap().get(0, 0), Some(&-2.0));
    assert!(matches!(
        diagonal(&[1.0, f64::NAN]),
        Err(ProblemError::InvalidOption { .. })
    ));
    let one = TridiagonalToeplitz::default().with_n(1).matrix().unwrap();
    assert_eq!(one.data(), &[2.0]);
}

#[test]
fn one_dimensional_central_convection_is_toeplitz_with_known_eigenvalues() {
    let c = 10.0 / 9.0;
    let problem = ConvectionDiffusion::default()
        .with_grid(Grid::line(8))
        .with_peclet(10.0);
    let a = problem.with_scheme(Scheme::Central).matrix().unwrap();
    let (lower, upper) = (-1.0 - 0.5 * c, -1.0 + 0.5 * c);
    let toeplitz = TridiagonalToeplitz::default()
        .with_n(8)
        .with_values(lower, 2.0, upper);
    let expected = toeplitz.matrix().unwrap();
    assert_eq!(a.indices(), expected.indices());
    for (x, y) in a.data().iter().zip(expected.data()) {
        assert_relative_eq!(x, y, max_relative = 1e-14);
    }
    for k in 1..=8 {
        let angle = k as f64 * PI / 9.0;
        let mode = |j: i32| (lower / upper).powf(0.5 * f64::from(j)) * (angle * f64::from(j)).sin();
        let v: Vec<f64> = (1..=8).map(mode).collect();
        // √(lower · upper) > 0 but both are negative: modes come in the opposite order.
        let lambda = toeplitz.eigenvalue(9 - k).unwrap();
        assert_eigenpair(&expected, lambda, &v);
        let formula = 2.0 + 2.0 * (1.0 - c * c / 4.0).sqrt() * ((9 - k) as f64 * PI / 9.0).cos();
        assert_relative_eq!(lambda, formula, max_relative = 1e-12);
    }
    assert_eq!(toeplitz.with_values(-1.0, 2.0, 1.0).eigenvalue(1), None);
}
