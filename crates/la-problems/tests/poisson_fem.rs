//! Random finite element problems: size, symmetry, definiteness, and the solution on a known domain.

use la_problems::{
    CsrMatrix, MeshChoice, MeshFamily, PoissonFem, ProblemError, TriangleMesh, assemble_poisson,
};

mod cg;

fn small(family: MeshFamily) -> PoissonFem {
    PoissonFem::default()
        .with_size_range(400, 3000)
        .with_family(MeshChoice::Fixed(family))
}

fn multiply(a: &CsrMatrix, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}

#[test]
fn problems_are_symmetric_positive_definite_and_in_range() {
    for family in MeshFamily::ALL {
        for seed in 0..8 {
            let problem = small(family).generate(seed).unwrap();
            let a = &problem.system.matrix;
            assert_eq!(problem.family, family);
            assert!((400..=3000).contains(&a.rows()));
            assert_eq!(a, &a.transpose_view().to_csr());
            assert!((0..a.rows()).all(|i| a.get(i, i).is_some_and(|&d| d > 0.0)));
            assert!(a.nnz() < 8 * a.rows());
            let solved = cg::solve(a, &problem.system.rhs, 1e-8);
            assert!(
                solved.is_some(),
                "CG does not converge: {family:?}, seed {seed}"
            );
        }
    }
}

#[test]
fn row_sums_vanish_away_from_the_boundary_and_are_not_negative_elsewhere() {
    let problem = small(MeshFamily::Convex).generate(1).unwrap();
    let sums = multiply(&problem.system.matrix, &vec![1.0; problem.system.n()]);
    let scale = problem
        .system
        .matrix
        .data()
        .iter()
        .fold(0.0_f64, |m, v| m.max(v.abs()));
    let zero = sums.iter().filter(|s| s.abs() < 1e-10 * scale).count();
    assert!(zero > sums.len() / 2, "{zero} of {}", sums.len());
    assert!(sums.iter().all(|&s| s > -1e-10 * scale));
}

#[test]
fn same_seed_same_problem() {
    let options = PoissonFem::default().with_size_range(400, 3000);
    assert_eq!(options.generate(5).unwrap(), options.generate(5).unwrap());
    assert_ne!(
        options.generate(5).unwrap().system,
        options.generate(6).unwrap().system
    );
}

#[test]
fn uniform_choice_draws_every_family() {
    let options = PoissonFem::default().with_size_range(300, 3000);
    for family in MeshFamily::ALL {
        assert!(
            (0..40).any(|seed| options.generate(seed).unwrap().family == family),
            "{family:?}"
        );
    }
}

#[test]
fn default_sizes_are_reached() {
    let problem = PoissonFem::training().generate(0).unwrap();
    assert!((20_000..=150_000).contains(&problem.system.n()));
    let per_row = problem.system.matrix.nnz() as f64 / problem.system.n() as f64;
    assert!((6.5..7.1).contains(&per_row), "{per_row}");
}

#[test]
fn impossible_ranges_are_reported() {
    let options = PoissonFem::default()
        .with_size_range(1000, 1000)
        .with_max_attempts(3);
    let error = options.generate(0).unwrap_err();
    assert!(
        matches!(error, ProblemError::NoAcceptableSample { attempts: 3, .. }),
        "{error}"
    );
    for bad in [
        PoissonFem::default().with_size_range(0, 10),
        PoissonFem::default().with_size_range(10, 9),
        PoissonFem::default().with_base_points(2),
        PoissonFem::default().with_max_attempts(0),
        PoissonFem::default().with_size_range(10, usize::MAX),
    ] {
        assert!(
            matches!(bad.generate(0), Err(ProblemError::InvalidOption { .. })),
            "{bad:?}"
        );
    }
}

/// -Δu = 2π² sin(πx) sin(πy) on the unit square has u = sin(πx) sin(πy); the error is of second order in h.
#[test]
fn manufactured_solution_converges_with_second_order() {
    use std::f64::consts::PI;
    let exact = |[x, y]: [f64; 2]| (PI * x).sin() * (PI * y).sin();
    let square = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let mut mesh = TriangleMesh::new(square, vec![[0, 1, 2], [0, 2, 3]]).unwrap();
    let mut errors = Vec::new();
    for level in 0..6 {
        mesh = mesh.refine().unwrap();
        if level < 3 {
            continue;
        }
        let system = assemble_poisson(&mesh, |x| 2.0 * PI * PI * exact(x)).unwrap();
        let u = cg::solve(&system.matrix, &system.rhs, 1e-12).unwrap().0;
        let on_boundary = mesh.boundary_vertices();
        let interior = mesh
            .vertices()
            .iter()
            .zip(&on_boundary)
            .filter(|(_, on)| !**on);
        let error = interior.zip(&u).map(|((&x, _), u)| (u - exact(x)).abs());
        errors.push(error.fold(0.0, f64::max));
    }
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!(
            (1.9..2.1).contains(&order),
            "order {order}, errors {errors:?}"
        );
    }
}
