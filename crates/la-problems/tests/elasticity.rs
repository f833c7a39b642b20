//! Linear elasticity: the documented facts.

use approx::assert_relative_eq;
use la_problems::{CsrMatrix, Grid, LinearElasticity, ProblemError, Support};

fn product(a: &CsrMatrix, x: &[f64]) -> Vec<f64> {
    a.outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect()
}

fn problems() -> Vec<LinearElasticity> {
    let mut all = Vec::new();
    for grid in [
        Grid::rectangle(5, 4),
        Grid::cuboid(4, 3, 2),
        Grid::rectangle(2, 2),
    ] {
        for support in [Support::AllSides, Support::OneSide, Support::None] {
            all.push(
                LinearElasticity::default()
                    .with_grid(grid)
                    .with_support(support)
                    .with_spacing([1.0, 0.5, 2.0])
                    .with_material(3.0, 0.4),
            );
        }
    }
    all
}

/// Pivots of a dense Cholesky factorisation; how many exceed `tolerance`.
fn rank(a: &CsrMatrix, tolerance: f64) -> usize {
    let n = a.rows();
    let mut m: Vec<f64> = a.to_dense().into_raw_vec_and_offset().0;
    let mut rank = 0;
    // With the largest remaining diagonal entry as pivot.
    for _ in 0..n {
        let p = (0..n)
            .max_by(|&i, &j| m[i * n + i].total_cmp(&m[j * n + j]))
            .unwrap();
        let pivot = m[p * n + p];
        if pivot <= tolerance {
            break;
        }
        rank += 1;
        let row: Vec<f64> = m[p * n..(p + 1) * n].to_vec();
        for i in 0..n {
            let factor = row[i] / pivot;
            for j in 0..n {
                m[i * n + j] -= factor * row[j];
            }
        }
    }
    let worst = (0..n).map(|i| m[i * n + i]).fold(0.0, f64::min);
    assert!(worst > -tolerance, "not semidefinite: {worst}");
    rank
}

#[test]
fn symmetric_bitwise() {
    for problem in problems() {
        let a = problem.matrix().unwrap();
        assert_eq!(a, a.transpose_view().to_csr());
    }
}

#[test]
fn definite_unless_free() {
    for problem in problems() {
        let a = problem.matrix().unwrap();
        let modes = if problem.grid.dimension() == 2 { 3 } else { 6 };
        let expected = match problem.support {
            Support::None => a.rows() - modes,
            _ => a.rows(),
        };
        assert_eq!(rank(&a, 1e-10), expected, "{problem:?}");
    }
}

#[test]
fn rigid_body_modes_are_free_of_energy() {
    for problem in problems() {
        let a = problem.matrix().unwrap();
        let d = problem.grid.dimension();
        for mode in problem.rigid_body_modes().unwrap() {
            for (row, v) in product(&a, &mode).iter().enumerate() {
                let cell = problem.grid.cell(row / d);
                let near = match problem.support {
                    Support::AllSides => {
                        let shape = problem.grid.shape();
                        (0..d).any(|k| cell[k] == 0 || cell[k] + 1 == shape[k])
                    }
                    Support::OneSide => cell[0] == 0,
                    _ => false,
                };
                assert!(near || v.abs() < 1e-12, "{problem:?}: row {row}: {v}");
            }
        }
    }
}

#[test]
fn the_stencil_of_pyamg() {
    // A, B = pyamg.gallery.linear_elasticity((3, 3)), version 5.4.1: rows of the middle node.
    let a = LinearElasticity::default()
        .with_grid(Grid::rectangle(3, 3))
        .matrix()
        .unwrap();
    let expected = [
        -28846.153846153848,
        -24038.46153846154,
        19230.769230769234,
        0.0,
        -28846.153846153848,
        24038.46153846154,
        -76923.07692307694,
        0.0,
        230769.23076923078,
        0.0,
        -76923.07692307694,
        0.0,
        -28846.153846153848,
        24038.46153846154,
        19230.769230769234,
        0.0,
        -28846.153846153848,
        -24038.46153846154,
    ];
    let middle = a.outer_view(8).unwrap();
    assert_eq!(middle.nnz(), 18);
    for (value, expected) in middle.data().iter().zip(expected) {
        assert_relative_eq!(*value, expected, max_relative = 1e-12, epsilon = 1e-9);
    }
}

#[test]
fn loads_are_volumes() {
    let grid = Grid::cuboid(4, 3, 2);
    let clamped = LinearElasticity::default()
        .with_grid(grid)
        .generate()
        .unwrap();
    let total: f64 = clamped.rhs.iter().sum();
    assert_relative_eq!(total, -24.0, max_relative = 1e-14);
    let beam = LinearElasticity::default()
        .with_grid(grid)
        .with_support(Support::OneSide);
    let total: f64 = beam.generate().unwrap().rhs.iter().sum();
    // Volume 4 × 2 × 1, less what hangs on the clamped points.
    assert_relative_eq!(total, -(3.5 * 2.0 * 1.0), max_relative = 1e-14);
    let free = beam.with_support(Support::None);
    let b = free.generate().unwrap().rhs;
    for mode in free.rigid_body_modes().unwrap() {
        let work: f64 = b.iter().zip(&mode).map(|(b, m)| b * m).sum();
        assert!(
            work.abs() < 1e-12,
            "the load of a free body is in equilibrium"
        );
    }
}

#[test]
fn options_out_of_range() {
    let base = LinearElasticity::default;
    for (problem, name) in [
        (base().with_grid(Grid::line(4)), "grid.dimension"),
        (base().with_grid(Grid::rectangle(0, 4)), "grid.nx"),
        (
            base()
                .with_grid(Grid::rectangle(1, 1))
                .with_support(Support::OneSide),
            "grid.ny",
        ),
        (base().with_spacing([1.0, 0.0, 1.0]), "spacing"),
        (base().with_material(f64::NAN, 0.3), "young"),
        (base().with_material(1.0, 0.5), "poisson_ratio"),
    ] {
        match problem.matrix().unwrap_err() {
            ProblemError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
    let large = base().with_grid(Grid::cuboid(2000, 2000, 2000));
    assert!(matches!(large.matrix(), Err(ProblemError::TooLarge { .. })));
}
