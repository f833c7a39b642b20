//! The known facts of matrices with zeros on the diagonal and of structurally singular ones.

mod checks;
mod dense;

use approx::assert_relative_eq;
use checks::{assert_eigenpair, assert_symmetric, multiply, norm};
use dense::{eliminate, inertia};
use la_problems::{
    Circuit, CsrMatrix, PermutedDominant, Pressure, ProblemError, StokesCavity,
    StructurallySingular,
};

/// Size of the largest matching, by augmenting paths.
fn structural_rank(a: &CsrMatrix) -> usize {
    fn augment(a: &CsrMatrix, i: usize, seen: &mut [bool], row_of: &mut [Option<usize>]) -> bool {
        let row = a.outer_view(i).unwrap();
        for (j, _) in row.iter().filter(|(_, v)| **v != 0.0) {
            if !std::mem::replace(&mut seen[j], true)
                && row_of[j].is_none_or(|other| augment(a, other, seen, row_of))
            {
                row_of[j] = Some(i);
                return true;
            }
        }
        false
    }
    let mut row_of = vec![None; a.cols()];
    let grow = |i: &usize| augment(a, *i, &mut vec![false; a.cols()], &mut row_of);
    (0..a.rows()).filter(grow).count()
}

fn zeros_on_diagonal(a: &CsrMatrix) -> usize {
    (0..a.rows())
        .filter(|&i| a.get(i, i).is_none_or(|v| *v == 0.0))
        .count()
}

#[test]
fn permuted_dominant_matrices_have_their_matching() {
    for (seed, decades) in [(0, 0.0), (1, 6.0), (2, 0.5)] {
        let problem = PermutedDominant::default().with_n(60).with_decades(decades);
        let system = problem.generate(seed).unwrap();
        let a = &system.matrix;
        assert_eq!((zeros_on_diagonal(a), structural_rank(a)), (60, 60));
        let matching = problem.matching(seed).unwrap();
        // A single cycle.
        let mut at = 0;
        let length = (1..=60).find(|_| {
            at = matching[at];
            at == 0
        });
        assert_eq!(length, Some(60));
        if decades == 0.0 {
            for (i, row) in a.outer_iterator().enumerate() {
                let large = a.get(i, matching[i]).unwrap().abs();
                let sum: f64 = row.data().iter().map(|v| v.abs()).sum();
                assert_relative_eq!(large, 1.5 * (sum - large), max_relative = 1e-12);
            }
            let (rank, x) = eliminate(a, &system.rhs);
            assert_eq!(rank, 60);
            assert!(x.unwrap().iter().all(|x| (x - 1.0).abs() < 1e-11));
        }
    }
    let scaled = PermutedDominant::default()
        .with_decades(6.0)
        .generate(3)
        .unwrap();
    let sizes = || scaled.matrix.data().iter().map(|v| v.abs());
    assert!(sizes().fold(0.0, f64::max) > 1e12 * sizes().fold(f64::MAX, f64::min));
}

#[test]
fn stokes_cavities_are_saddle_points() {
    let problem = StokesCavity::default().with_cells(6).with_viscosity(0.25);
    let system = problem.generate().unwrap();
    let a = &system.matrix;
    let (velocities, pressures) = (60, 35);
    assert_eq!(
        (system.n(), problem.velocities()),
        (velocities + pressures, velocities)
    );
    assert_symmetric(a);
    assert_eq!(inertia(a), (velocities, pressures));
    assert_eq!(
        (zeros_on_diagonal(a), structural_rank(a)),
        (pressures, system.n())
    );
    let (rank, x) = eliminate(a, &system.rhs);
    assert_eq!(rank, system.n());
    let x = x.unwrap();
    // The lid moves to the right: so does the fluid below it, and the fluid at the bottom moves back.
    assert!((0..5).all(|i| x[25 + i] > 0.0 && x[i] < 0.0));
    // Free of divergence in every cell, the pinned one included.
    let free = problem.with_pressure(Pressure::Free).generate().unwrap();
    let mut whole = x.clone();
    whole.push(0.0);
    let residual = multiply(&free.matrix, &whole);
    for (r, b) in residual.iter().zip(&free.rhs) {
        assert_relative_eq!(r, b, epsilon = 1e-12);
    }
    // The symmetry of the cavity: u is even about the middle, the flow at mid-width is horizontal.
    for y in 0..6 {
        for i in 0..5 {
            assert_relative_eq!(x[i + 5 * y], x[4 - i + 5 * y], epsilon = 1e-12);
        }
    }
}

#[test]
fn free_pressure_is_known_up_to_a_constant() {
    let problem = StokesCavity::default()
        .with_cells(5)
        .with_pressure(Pressure::Free);
    let system = problem.generate().unwrap();
    let velocities = problem.velocities();
    let kernel: Vec<f64> = (0..system.n())
        .map(|i| f64::from(i >= velocities))
        .collect();
    assert_eigenpair(&system.matrix, 0.0, &kernel);
    let (rank, _) = eliminate(&system.matrix, &system.rhs);
    assert_eq!(
        (rank, structural_rank(&system.matrix)),
        (system.n() - 1, system.n())
    );
    // uᵀ L u ≥ ‖Gᵀ u‖² for any velocity; the matrix applied to (u, 0) is (L u, Gᵀ u).
    for k in 1..20 {
        let wave = |i: usize| {
            if i < velocities {
                (0.37 * (i * k) as f64).sin()
            } else {
                0.0
            }
        };
        let u: Vec<f64> = (0..system.n()).map(wave).collect();
        let image = multiply(&system.matrix, &u);
        let energy: f64 = image.iter().zip(&u).map(|(a, u)| a * u).sum();
        assert!(energy >= norm(&image[velocities..]).powi(2));
    }
}

#[test]
fn circuits_hold_the_voltages_of_their_sources() {
    for seed in 0..5 {
        let problem = Circuit::default()
            .with_nodes(40)
            .with_sources(12)
            .with_controlled(4);
        let system = problem.generate(seed).unwrap();
        let a = &system.matrix;
        assert_eq!((zeros_on_diagonal(a), structural_rank(a)), (12, 52));
        let (rank, x) = eliminate(a, &system.rhs);
        assert_eq!(rank, 52);
        let x = x.unwrap();
        let controlling = a.outer_view(40).unwrap();
        assert_eq!((controlling.nnz(), controlling.data()), (1, &[1.0][..]));
        let (controlling, voltage) = (controlling.indices()[0] as usize, system.rhs[40]);
        assert_relative_eq!(x[controlling], voltage, max_relative = 1e-12);
        for k in 1..12 {
            let row = a.outer_view(40 + k).unwrap();
            let ends = row.iter().filter(|(_, v)| v.abs() == 1.0);
            let difference: f64 = ends.map(|(j, v)| v * x[j]).sum();
            let expected = if k < 8 {
                system.rhs[40 + k]
            } else {
                4.0 * voltage
            };
            assert_relative_eq!(difference, expected, max_relative = 1e-11);
            assert_eq!(
                a.get(40 + k, controlling).copied(),
                (k >= 8).then_some(-4.0)
            );
        }
    }
}

#[test]
fn circuits_without_controlled_sources_are_symmetric() {
    let problem = Circuit::default()
        .with_nodes(40)
        .with_sources(15)
        .with_controlled(0);
    let system = problem.generate(1).unwrap();
    assert_symmetric(&system.matrix);
    assert_eq!(inertia(&system.matrix), (40, 15));
    let resistors = Circuit::default().with_sources(0).generate(2).unwrap();
    assert_eq!(zeros_on_diagonal(&resistors.matrix), 0);
    assert!(checks::is_m_matrix(&resistors.matrix));
    // Sources in all places that a forest has.
    let full = Circuit::default()
        .with_nodes(20)
        .with_sources(20)
        .with_controlled(19);
    assert_eq!(
        eliminate(&full.generate(0).unwrap().matrix, &[0.0; 40]).0,
        40
    );
}

#[test]
fn structurally_singular_matrices_have_the_promised_rank() {
    for (n, d, r, per_row) in [
        (60, 5, 20, 4),
        (60, 1, 2, 3),
        (40, 4, 4, 3),
        (30, 0, 10, 3),
        (25, 25, 25, 2),
        (30, 10, 30, 2),
        (1, 1, 1, 1),
    ] {
        let problem = StructurallySingular::default()
            .with_n(n)
            .with_deficiency(d)
            .with_confined(r)
            .with_per_row(per_row);
        for seed in 0..3 {
            let system = problem.generate(seed).unwrap();
            assert_eq!(structural_rank(&system.matrix), n - d);
            assert_eq!(problem.structural_rank(), n - d);
            assert_eq!(eliminate(&system.matrix, &system.rhs).0, n - d);
            assert_eq!(multiply(&system.matrix, &vec![1.0; n]), system.rhs);
        }
    }
}

#[test]
fn seeds_repeat_and_differ() {
    let dominant = PermutedDominant::default();
    assert_eq!(dominant.generate(4).unwrap(), dominant.generate(4).unwrap());
    assert_ne!(dominant.generate(4).unwrap(), dominant.generate(5).unwrap());
    let circuit = Circuit::default();
    assert_eq!(circuit.generate(4).unwrap(), circuit.generate(4).unwrap());
    assert_ne!(circuit.generate(4).unwrap(), circuit.generate(5).unwrap());
    let singular = StructurallySingular::default();
    assert_ne!(singular.generate(4).unwrap(), singular.generate(5).unwrap());
}

#[test]
fn bad_options_are_refused() {
    let name = |error: ProblemError| match error {
        ProblemError::InvalidOption { option, .. } => option,
        other => panic!("{other}"),
    };
    let dominant = PermutedDominant::default;
    for (bad, expected) in [
        (dominant().with_n(1), "n"),
        (dominant().with_dominance(1.0), "dominance"),
        (dominant().with_decades(f64::NAN), "decades"),
    ] {
        assert_eq!(name(bad.generate(0).unwrap_err()), expected);
        assert!(bad.matching(0).is_err());
    }
    let stokes = StokesCavity::default;
    assert_eq!(
        name(stokes().with_cells(1).generate().unwrap_err()),
        "cells"
    );
    let bad = stokes().with_viscosity(0.0).generate().unwrap_err();
    assert_eq!(name(bad), "viscosity");
    let circuit = Circuit::default;
    for (bad, expected) in [
        (circuit().with_nodes(0), "nodes"),
        (circuit().with_resistors_per_node(0), "resistors_per_node"),
        (circuit().with_decades(-1.0), "decades"),
        (circuit().with_sources(201), "sources"),
        (circuit().with_controlled(40), "controlled"),
    ] {
        assert_eq!(name(bad.generate(0).unwrap_err()), expected);
    }
    let singular = StructurallySingular::default;
    for (bad, expected) in [
        (singular().with_n(0), "n"),
        (singular().with_confined(201), "confined"),
        (singular().with_deficiency(21), "deficiency"),
    ] {
        assert_eq!(name(bad.generate(0).unwrap_err()), expected);
    }
    for huge in [
        dominant().with_n(1 << 40).validate(),
        stokes().with_cells(1 << 20).validate(),
        circuit().with_nodes(1 << 40).validate(),
        singular().with_n(1 << 40).validate(),
    ] {
        assert!(matches!(huge, Err(ProblemError::TooLarge { .. })));
    }
}
