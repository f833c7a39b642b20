//! Known facts of orders, bilinear elements, the biharmonic operator and point clouds.

use std::f64::consts::PI;

use la_problems::{
    Biharmonic, BilinearDiffusion, Coefficient, CsrMatrix, DelaunayPoisson, Diffusion, EdgeWeights,
    Grid, PlaneElasticity, PointCloud, Poisson, ProblemError, RandomGeometricGraph, permuted,
    random_order, reverse_cuthill_mckee,
};

/// Largest entry of `A v − λ v`, relative to the largest of `A`.
fn eigenpair_defect(a: &CsrMatrix, v: &[f64], lambda: f64) -> f64 {
    let top = a.data().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let rows = a.outer_iterator().zip(v);
    let defect = rows.map(|(row, vi)| row.iter().map(|(j, x)| x * v[j]).sum::<f64>() - lambda * vi);
    defect.fold(0.0_f64, |m, x| m.max(x.abs())) / top
}

/// The mode (k, l) of a rectangle.
fn mode(nx: usize, ny: usize, k: usize, l: usize) -> Vec<f64> {
    let wave =
        |i: usize, k: usize, n: usize| ((i + 1) as f64 * k as f64 * PI / (n + 1) as f64).sin();
    (0..nx * ny)
        .map(|i| wave(i % nx, k, nx) * wave(i / nx, l, ny))
        .collect()
}

fn bandwidth(a: &CsrMatrix) -> usize {
    a.iter()
        .map(|(_, (i, j))| (i as usize).abs_diff(j as usize))
        .max()
        .unwrap_or(0)
}

fn is_symmetric(a: &CsrMatrix, tolerance: f64) -> bool {
    let top = a.data().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    a.iter().all(|(x, (i, j))| {
        a.get(j as usize, i as usize)
            .is_some_and(|y| (x - y).abs() <= tolerance * top)
    })
}

#[test]
fn bilinear_elements_have_their_spectrum() {
    let (nx, ny, eps) = (7, 5, 0.03);
    let problem = BilinearDiffusion::new(Grid::rectangle(nx, ny)).with_epsilon(eps);
    let a = problem.matrix().unwrap();
    for (k, l) in [(1, 1), (7, 5), (3, 2)] {
        let cos = |k: usize, n: usize| (k as f64 * PI / (n + 1) as f64).cos();
        let (x, y) = (cos(k, nx), cos(l, ny));
        let lambda = (2.0 - 2.0 * x) * (2.0 + y) / 3.0 + eps * (2.0 - 2.0 * y) * (2.0 + x) / 3.0;
        assert!(eigenpair_defect(&a, &mode(nx, ny, k, l), lambda) < 1e-14);
    }
    // A quarter turn exchanges the directions.
    let turned = BilinearDiffusion::new(Grid::rectangle(ny, nx))
        .with_epsilon(eps)
        .with_angle(PI / 2.0);
    let turned = turned.matrix().unwrap();
    for (x, (i, j)) in a.iter() {
        let at = |i: usize| i / nx + ny * (i % nx);
        let y = turned.get(at(i as usize), at(j as usize)).unwrap();
        assert!((x - y).abs() < 1e-15);
    }
    let rotated = problem.with_angle(0.4).matrix().unwrap();
    assert!(is_symmetric(&rotated, 1e-16) && rotated.nnz() == a.nnz());
}

#[test]
fn biharmonic_has_the_squared_spectrum() {
    let problem = Biharmonic::new(Grid::rectangle(6, 9));
    let a = problem.matrix().unwrap();
    for (k, l) in [(1, 1), (6, 9), (2, 5)] {
        let lambda = problem.eigenvalue([k, l, 1]);
        assert!(eigenpair_defect(&a, &mode(6, 9, k, l), lambda) < 1e-14);
    }
    assert!(is_symmetric(&a, 0.0));
    assert!(
        a.outer_iterator()
            .all(|row| row.indices().windows(2).all(|w| w[0] < w[1]))
    );
    assert!(Biharmonic::new(Grid::rectangle(0, 3)).generate().is_err());
}

#[test]
fn orders_are_permutations_and_permuting_is_a_similarity() {
    let grid = Grid::cuboid(6, 5, 7);
    let a = Poisson::new(grid).matrix().unwrap();
    for order in [
        grid.nested_dissection_order(),
        grid.red_black_order(),
        random_order(210, 8),
        reverse_cuthill_mckee(&a),
    ] {
        let b = permuted(&a, &order).unwrap();
        assert_eq!(b.nnz(), a.nnz());
        for (x, (i, j)) in b.iter() {
            assert_eq!(a.get(order[i as usize], order[j as usize]), Some(x));
        }
    }
    let colours = permuted(&a, &grid.red_black_order()).unwrap();
    let first = 105;
    assert!(
        colours
            .iter()
            .all(|(_, (i, j))| i == j || ((i as usize) < first) != ((j as usize) < first))
    );
}

#[test]
fn permuted_systems_have_permuted_solutions() {
    let system = Diffusion::default()
        .with_grid(Grid::rectangle(4, 4))
        .generate(0)
        .unwrap();
    let order = random_order(16, 1);
    let other = system.permuted(&order).unwrap();
    let x: Vec<f64> = (0..16).map(|i| f64::from(i) - 3.0).collect();
    for (new, &old) in order.iter().enumerate() {
        let product = |a: &CsrMatrix, row: usize, at: &dyn Fn(usize) -> f64| {
            a.outer_view(row)
                .unwrap()
                .iter()
                .map(|(j, v)| v * at(j))
                .sum::<f64>()
        };
        let (p, q) = (
            product(&other.matrix, new, &|j| x[order[j]]),
            product(&system.matrix, old, &|j| x[j]),
        );
        assert!((p - q).abs() < 1e-10, "{p} {q}"); // entries up to 4000
        assert_eq!(other.rhs[new], system.rhs[old]);
    }
    for bad in [vec![0; 16], (0..15).collect(), (1..17).collect()] {
        let error = system.permuted(&bad).unwrap_err();
        assert!(matches!(
            error,
            ProblemError::InvalidOption {
                option: "order",
                ..
            }
        ));
    }
}

#[test]
fn reverse_cuthill_mckee_finds_narrow_bands_again() {
    let a = Poisson::new(Grid::rectangle(12, 40)).matrix().unwrap();
    let shuffled = permuted(&a, &random_order(480, 4)).unwrap();
    assert!(bandwidth(&shuffled) > 300);
    let found = permuted(&shuffled, &reverse_cuthill_mckee(&shuffled)).unwrap();
    assert!(bandwidth(&found) <= 13, "{}", bandwidth(&found));
    assert_eq!(reverse_cuthill_mckee(&CsrMatrix::eye(3)).len(), 3);
    assert!(reverse_cuthill_mckee(&CsrMatrix::zero((0, 0))).is_empty());
}

#[test]
fn meshes_of_point_clouds_give_m_matrices() {
    for cloud in [PointCloud::Rectangle { width: 2.0 }, PointCloud::Gaussian] {
        let family = DelaunayPoisson::default()
            .with_points(400)
            .with_cloud(cloud);
        let a = family.generate(3).unwrap().matrix;
        assert_eq!(a, family.generate(3).unwrap().matrix);
        assert_ne!(a, family.generate(4).unwrap().matrix);
        assert!(is_symmetric(&a, 0.0));
        for (x, (i, j)) in a.iter().filter(|(_, (i, j))| i != j) {
            let scale = a.get(i as usize, i as usize).unwrap();
            assert!(*x < 1e-9 * scale, "({i}, {j}) {x}");
        }
    }
    let few = DelaunayPoisson::default().with_points(3).generate(0);
    assert!(matches!(
        few,
        Err(ProblemError::InvalidOption {
            option: "points",
            ..
        })
    ));
}

#[test]
fn elasticity_is_symmetric_and_coupled() {
    let system = PlaneElasticity::default()
        .with_points(400)
        .generate(2)
        .unwrap();
    let a = &system.matrix;
    assert!((740..=760).contains(&system.n()), "{}", system.n());
    assert!(is_symmetric(a, 1e-15));
    let off = a.iter().filter(|(_, (i, j))| i != j);
    let (positive, all) = off.fold((0.0, 0.0), |(p, s), (x, _)| (p + x.max(0.0), s + x.abs()));
    assert!((0.1..0.5).contains(&(positive / all)), "{}", positive / all);
}

#[test]
fn rough_coefficients_and_weights() {
    let blocks = |points| Coefficient::Blocks {
        points,
        low: 1.0,
        high: 100.0,
    };
    let family = Diffusion::default().with_grid(Grid::rectangle(4, 4));
    let a = family
        .clone()
        .with_coefficient(blocks(2))
        .matrix(0)
        .unwrap();
    let harmonic = 2.0 / (1.0 + 0.01);
    assert_eq!(a.get(0, 1), Some(&-1.0));
    approx::assert_relative_eq!(*a.get(1, 2).unwrap(), -harmonic, max_relative = 1e-15);
    assert_eq!(a.get(2, 3), Some(&-100.0));
    assert_eq!(a.get(10, 11), Some(&-1.0));
    assert!(
        family
            .clone()
            .with_coefficient(blocks(0))
            .matrix(0)
            .is_err()
    );

    let white = |sigma| Coefficient::WhiteLogNormal { sigma };
    let logs: Vec<f64> = {
        // κ of the first point is the flux to the boundary: a_00 − |a_01|.
        let draw = |seed| {
            Diffusion::default()
                .with_grid(Grid::line(2))
                .with_coefficient(white(1.5))
                .matrix(seed)
                .unwrap()
        };
        (0..4000)
            .map(|seed| {
                let a = draw(seed);
                (a.get(0, 0).unwrap() + a.get(0, 1).unwrap()).ln()
            })
            .collect()
    };
    let mean = logs.iter().sum::<f64>() / 4000.0;
    let deviation = (logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
    // Four standard errors.
    assert!(
        mean.abs() < 0.1 && (deviation - 1.5).abs() < 0.07,
        "{mean} {deviation}"
    );
    assert!(family.with_coefficient(white(f64::NAN)).matrix(0).is_err());

    let graph = RandomGeometricGraph::default().with_n(500).with_shift(0.0);
    let graph = graph.with_weights(EdgeWeights::LogNormal { sigma: 1.0 });
    let a = graph.generate(1).unwrap().matrix;
    let logs: Vec<f64> = a
        .iter()
        .filter(|(_, (i, j))| i < j)
        .map(|(x, _)| (-x).ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    assert!(mean.abs() < 0.1, "{mean}");
    let bad = graph.with_weights(EdgeWeights::LogNormal { sigma: 11.0 });
    assert!(bad.generate(1).is_err());
}
