//! Matching and scaling on matrices without a usable diagonal: circuits, saddle points, permuted rows, and matrices that
//! are singular by their pattern.

mod common;

use common::{Csr, times};
use la_krylov::{GmresOptions, Solution, Status, gmres};
use la_precond::classical::{Ilu, Ilut, Matching, Ordering, Reordered};
use la_precond::{IncompleteLu, IncompleteLuBuilder};
use la_problems::{
    Circuit, LinearSystem, PermutedDominant, Pressure, StokesCavity, StructurallySingular,
};

/// What ILU(0) can be expected to do on a system.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Some dominance is there once the rows are in place: no fill is needed.
    Easy,
    /// A factor without fill may lose all of it.
    NeedsFill,
}

struct Case {
    name: String,
    system: LinearSystem,
    kind: Kind,
}

/// Nonsingular systems whose matrices have zeros on the diagonal.
fn nonsingular() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |name, system: LinearSystem, kind| cases.push(Case { name, system, kind });
    for seed in 0..10 {
        for decades in [0.0, 3.0, 12.0] {
            let problem = PermutedDominant::default()
                .with_n(500)
                .with_decades(decades);
            let system = problem.generate(seed).unwrap();
            let name = format!("permuted rows, {decades} decades, seed {seed}");
            push(name, system, Kind::Easy);
        }
        for (decades, controlled) in [(3.0, 0), (3.0, 50), (9.0, 50)] {
            let problem = Circuit::default()
                .with_nodes(800)
                .with_sources(200)
                .with_controlled(controlled)
                .with_decades(decades);
            let system = problem.generate(seed).unwrap();
            let name = format!("circuit, {controlled} controlled, {decades} decades, seed {seed}");
            let kind = if decades < 5.0 {
                Kind::Easy
            } else {
                Kind::NeedsFill
            };
            push(name, system, kind);
        }
    }
    for (cells, viscosity) in [(8, 1.0), (20, 1.0), (20, 1e-4), (32, 1.0)] {
        let problem = StokesCavity::default()
            .with_cells(cells)
            .with_viscosity(viscosity);
        let name = format!("Stokes, {cells} cells, viscosity {viscosity}");
        push(name, problem.generate().unwrap(), Kind::NeedsFill);
    }
    cases
}

/// Factors, and GMRES with them; the residual is computed again.
fn solve(
    system: &LinearSystem,
    builder: &dyn IncompleteLuBuilder,
) -> (IncompleteLu, Solution<Vec<f64>>) {
    let factor = builder.build(system.matrix.view()).unwrap();
    let options = GmresOptions::default().with_restart(60);
    let solution = gmres(&system.matrix, &system.rhs, &factor, &options).unwrap();
    if solution.status == Status::Converged {
        assert!(relative_residual(system, &solution.x) <= 1.01e-8);
    }
    (factor, solution)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn relative_residual(system: &LinearSystem, x: &[f64]) -> f64 {
    let ax = times(&system.matrix, x);
    let r: Vec<f64> = system.rhs.iter().zip(&ax).map(|(b, ax)| b - ax).collect();
    norm(&r) / norm(&system.rhs).max(f64::MIN_POSITIVE)
}

#[test]
fn threshold_factors_after_matching_solve_every_nonsingular_system() {
    for Case { name, system, .. } in nonsingular() {
        for tolerance in [0.0, 0.1] {
            let builder = Reordered::new(Ilut::default().with_pivot_tolerance(tolerance));
            let (factor, solution) = solve(&system, &builder);
            assert_eq!(solution.status, Status::Converged, "{name}");
            assert!(solution.iterations <= 40, "{name}: {}", solution.iterations);
            assert_eq!(factor.stats().structural_rank, Some(system.n()), "{name}");
            // Pivoting may meet a small pivot in the last columns of a badly scaled circuit.
            assert!(
                factor.stats().replaced_pivots <= 2,
                "{name}: {}",
                factor.stats()
            );
        }
    }
}

#[test]
fn factors_without_fill_solve_the_easy_ones_and_fail_on_none_while_built() {
    for Case { name, system, kind } in nonsingular() {
        for ordering in [Ordering::ReverseCuthillMcKee, Ordering::Natural] {
            let builder = Reordered::new(Ilu::default()).with_ordering(ordering);
            let (factor, solution) = solve(&system, &builder);
            assert_eq!(factor.stats().structural_rank, Some(system.n()), "{name}");
            assert_eq!(factor.stats().replaced_pivots, 0, "{name}");
            if kind == Kind::Easy {
                assert_eq!(solution.status, Status::Converged, "{name}");
                assert!(solution.iterations <= 80, "{name}: {}", solution.iterations);
            }
            assert!(solution.x.iter().all(|v| v.is_finite()), "{name}");
        }
    }
}

#[test]
fn without_matching_permuted_rows_are_not_solved() {
    // What the other tests of this file measure is the work of the matching.
    for seed in 0..10 {
        let problem = PermutedDominant::default().with_n(500);
        let system = problem.generate(seed).unwrap();
        let (factor, solution) = solve(&system, &Ilut::default());
        assert_ne!(solution.status, Status::Converged, "seed {seed}");
        assert!(
            factor.stats().replaced_pivots > 100,
            "seed {seed}: {}",
            factor.stats()
        );
        assert_eq!(factor.stats().structural_rank, None);
    }
}

#[test]
fn the_matching_is_the_planted_one() {
    for seed in 0..20 {
        let problem = PermutedDominant::default().with_n(300).with_decades(4.0);
        let matrix = problem.generate(seed).unwrap().matrix;
        let matching = Matching::maximum_product(matrix.view()).unwrap();
        let planted = problem.matching(seed).unwrap();
        assert!(
            matching
                .columns
                .iter()
                .zip(&planted)
                .all(|(&j, &k)| j as usize == k)
        );
    }
}

#[test]
fn structural_ranks_and_missing_pivots_are_counted() {
    for (n, deficiency, confined) in [
        (300, 0, 100),
        (300, 1, 2),
        (300, 5, 20),
        (300, 20, 20),
        (300, 30, 100),
        (1000, 7, 400),
        (50, 50, 50),
    ] {
        let problem = StructurallySingular::default()
            .with_n(n)
            .with_deficiency(deficiency)
            .with_confined(confined);
        let builders: [&dyn IncompleteLuBuilder; 4] = [
            &Reordered::new(Ilut::default()),
            &Reordered::new(Ilut::default().with_pivot_tolerance(0.1)),
            &Reordered::new(Ilu::default()),
            &Reordered::new(Ilu::default().with_level(1)),
        ];
        for (builder, seed) in builders
            .into_iter()
            .flat_map(|b| (0..4).map(move |s| (b, s)))
        {
            let system = problem.generate(seed).unwrap();
            let (factor, solution) = solve(&system, builder);
            let stats = factor.stats();
            let case = format!("n {n}, deficiency {deficiency}, seed {seed}: {stats}");
            assert_eq!(
                stats.structural_rank,
                Some(problem.structural_rank()),
                "{case}"
            );
            // Each row that no column is left for gives one pivot that is not there.
            assert_eq!(stats.replaced_pivots, deficiency, "{case}");
            // The right-hand side is in the range: a solution exists.
            assert_eq!(solution.status, Status::Converged, "{case}");
            assert!(solution.iterations <= 20, "{case}, {}", solution.iterations);
        }
    }
}

#[test]
fn singular_saddle_points_of_full_structural_rank_are_solved_too() {
    for cells in [6, 12, 20] {
        let problem = StokesCavity::default().with_cells(cells);
        let system = problem.with_pressure(Pressure::Free).generate().unwrap();
        let (factor, solution) = solve(&system, &Reordered::new(Ilut::default()));
        // The pattern does not show that pressures are known up to a constant only.
        assert_eq!(factor.stats().structural_rank, Some(system.n()));
        assert_eq!(solution.status, Status::Converged);
    }
}

#[test]
fn inconsistent_singular_systems_do_not_converge() {
    let problem = StructurallySingular::default()
        .with_deficiency(3)
        .with_confined(3);
    let mut system = problem.generate(0).unwrap();
    // Three rows are empty; no x reaches a right-hand side that is not 0 there.
    system.rhs = vec![1.0; system.n()];
    let (factor, solution) = solve(&system, &Reordered::new(Ilut::default()));
    assert_eq!(factor.stats().structural_rank, Some(197));
    assert_ne!(solution.status, Status::Converged);
    let best = (3.0_f64 / 200.0).sqrt();
    assert!(solution.relative_residual() >= 0.999 * best);
    assert!(solution.x.iter().all(|v| v.is_finite()));
}

#[test]
fn powers_of_two_leave_counts_unchanged() {
    let scaled = |a: &Csr, s: f64| a.map(|v| v * s);
    for Case { name, system, .. } in nonsingular().into_iter().step_by(7) {
        let plain = solve(&system, &Reordered::new(Ilut::default())).1;
        for (matrix_power, rhs_power) in [(40, 0), (-60, 0), (0, 30), (12, -25)] {
            let (s, t) = (2.0_f64.powi(matrix_power), 2.0_f64.powi(rhs_power));
            let rhs = system.rhs.iter().map(|b| b * t).collect();
            let other = LinearSystem::new(scaled(&system.matrix, s), rhs);
            let solution = solve(&other, &Reordered::new(Ilut::default())).1;
            assert_eq!(solution.iterations, plain.iterations, "{name}");
            let expected = plain.x.iter().map(|x| x * t / s);
            assert!(
                solution.x.iter().zip(expected).all(|(x, y)| *x == y),
                "{name}"
            );
        }
    }
}
