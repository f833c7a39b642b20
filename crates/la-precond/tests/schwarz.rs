//! Additive Schwarz: its definition, subdomains, convergence, bad input.

mod common;

use common::{Csr, dense, noise, poisson2d, relative_error, symmetric};
use faer::prelude::Solve;
use la_krylov::{
    CgOptions, Definiteness, Host, IdentityPreconditioner, Preconditioner, PreconditionerError,
    PreconditionerKind, cg,
};
use la_precond::PrecondError;
use la_precond::classical::{
    Combination, Cycle, Ic0, Jacobi, Partition, Schwarz, SmoothedAggregation,
};
use la_precond::sprs::CsMatViewI;

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..n).map(|_| next()).collect()
}

/// A direct local solver.
struct Exact(faer::Mat<f64>);

impl Preconditioner for Exact {
    fn dimension(&self) -> usize {
        self.0.nrows()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        let right = faer::Mat::from_fn(r.len(), 1, |i, _| r[i]);
        let x = self.0.partial_piv_lu().solve(&right);
        z.copy_from_slice(x.col_as_slice(0));
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}

fn exact(a: CsMatViewI<'_, f64, u32>) -> Result<Exact, PrecondError> {
    Ok(Exact(dense(a)))
}

#[test]
fn it_is_its_definition() {
    let a = poisson2d(7);
    let full = dense(a.view());
    let r = vector(49, 1);
    for combination in [
        Combination::Additive,
        Combination::Restricted,
        Combination::Weighted,
    ] {
        for overlap in 0..3 {
            let m = Schwarz::new(Partition::Grown(4))
                .with_overlap(overlap)
                .with_combination(combination)
                .build(a.view(), exact)
                .unwrap();
            let plain = Schwarz::new(Partition::Grown(4)).with_overlap(0);
            let owners = plain.build(a.view(), exact).unwrap();
            let counts: Vec<f64> = (0..49)
                .map(|i| {
                    let subdomains = (0..m.num_subdomains()).filter_map(|k| m.subdomain(k));
                    subdomains.filter(|s| s.contains(&i)).count() as f64
                })
                .collect();
            let weight = |i: usize| match combination {
                Combination::Weighted => 1.0 / counts[i].sqrt(),
                _ => 1.0,
            };
            let mut expected = vec![0.0; 49];
            for k in 0..m.num_subdomains() {
                let part = m.subdomain(k).unwrap();
                let at = |i: usize| part[i] as usize;
                let local = faer::Mat::from_fn(part.len(), part.len(), |i, j| full[(at(i), at(j))]);
                let right = faer::Mat::from_fn(part.len(), 1, |i, _| weight(at(i)) * r[at(i)]);
                let x = local.partial_piv_lu().solve(&right);
                for (i, x) in x.col_as_slice(0).iter().enumerate() {
                    let own = owners.subdomain(k).unwrap().contains(&part[i]);
                    if combination != Combination::Restricted || own {
                        expected[at(i)] += weight(at(i)) * x;
                    }
                }
            }
            let mut z = vec![f64::NAN; 49];
            m.apply(&Host::new(49), &r, &mut z).unwrap();
            assert!(relative_error(&z, &expected) < 1e-13);
        }
    }
}

#[test]
fn subdomains_cover_everything_once() {
    // A grid and, apart from it, a pair.
    let grid = poisson2d(9);
    let mut entries = vec![(81, 81, 1.0), (82, 82, 1.0), (82, 81, 0.5)];
    for (i, row) in grid.outer_iterator().enumerate() {
        entries.extend(row.iter().filter(|(j, _)| *j <= i).map(|(j, v)| (i, j, *v)));
    }
    let a = symmetric(83, entries);
    let given: Vec<u32> = (0..83).map(|i| (i * 7 % 3) as u32).collect();
    for partition in [
        Partition::Contiguous(5),
        Partition::Contiguous(1000),
        Partition::Grown(5),
        Partition::Grown(1),
        Partition::Given(given),
    ] {
        let schwarz = Schwarz::new(partition.clone()).with_overlap(0);
        let m = schwarz.build(a.view(), Jacobi::new).unwrap();
        let mut seen = vec![0; 83];
        for k in 0..m.num_subdomains() {
            let part = m.subdomain(k).unwrap();
            assert!(part.windows(2).all(|w| w[0] < w[1]));
            part.iter().for_each(|i| seen[*i as usize] += 1);
        }
        assert_eq!(seen, [1; 83], "{partition:?}");
        // Without overlap, diagonal scaling in every subdomain is diagonal scaling.
        let (r, mut z, mut y) = (vector(83, 2), vec![0.0; 83], vec![0.0; 83]);
        m.apply(&Host::new(83), &r, &mut z).unwrap();
        let jacobi = Jacobi::new(a.view()).unwrap();
        jacobi.apply(&Host::new(83), &r, &mut y).unwrap();
        assert_eq!(z, y);
    }
}

#[test]
fn overlap_pays_and_one_subdomain_is_the_local_solver() {
    let a = poisson2d(24);
    let b = vector(576, 3);
    let options = CgOptions::default().with_rtol(1e-8);
    let count = |parts: usize, overlap: usize| {
        let schwarz = Schwarz::new(Partition::Grown(parts)).with_overlap(overlap);
        let m = schwarz.build(a.view(), exact).unwrap();
        let solution = cg(&a, &b, &m, &options).unwrap();
        assert!(solution.status.is_converged());
        solution.iterations
    };
    let counts = [0, 1, 3].map(|overlap| count(6, overlap));
    assert!(counts[2] < counts[1] && counts[1] < counts[0], "{counts:?}");
    assert!(count(1, 0) <= 2);
    let none = cg(&a, &b, &IdentityPreconditioner::new(576), &options).unwrap();
    assert!(2 * counts[1] < none.iterations);
}

#[test]
fn inexact_solvers_want_weights() {
    let a = poisson2d(40);
    let b = vector(1600, 3);
    let count = |overlap: usize, combination: Combination| {
        let schwarz = Schwarz::new(Partition::Grown(8))
            .with_overlap(overlap)
            .with_combination(combination);
        let m = schwarz
            .build(a.view(), |l| Ic0::default().factor(l))
            .unwrap();
        let solution = cg(&a, &b, &m, &CgOptions::default()).unwrap();
        assert!(solution.status.is_converged());
        solution.iterations
    };
    let none = count(0, Combination::Additive);
    let added = count(1, Combination::Additive);
    let weighted = count(1, Combination::Weighted);
    assert!(weighted < none && none < added, "{weighted} {none} {added}");
}

#[test]
fn kinds_follow_the_local_solvers() {
    let a = poisson2d(12);
    let schwarz = Schwarz::new(Partition::Contiguous(3));
    let m = schwarz
        .build(a.view(), |l| Ic0::default().factor(l))
        .unwrap();
    assert_eq!(m.definiteness(), Definiteness::SymmetricPositiveDefinite);
    assert_eq!(m.kind(), PreconditionerKind::Fixed);
    let (r, mut z) = (vector(144, 4), vec![0.0; 144]);
    let space = Host::new(144);
    let counted = allocation_counter::measure(|| m.apply(&space, &r, &mut z).unwrap());
    assert_eq!(counted.count_total, 0);
    let restricted = schwarz.clone().with_combination(Combination::Restricted);
    let m = restricted
        .build(a.view(), |l| Ic0::default().factor(l))
        .unwrap();
    assert_eq!(m.definiteness(), Definiteness::General);
    assert!(cg(&a, &r, &m, &CgOptions::default()).is_err());
    let amg = SmoothedAggregation::default().with_cycle(Cycle::K);
    let m = schwarz.build(a.view(), |l| amg.build(l)).unwrap();
    assert_eq!(m.kind(), PreconditionerKind::Variable);
}

#[test]
fn bad_input_is_named() {
    let a = poisson2d(3);
    let build = |partition: Partition, a: &Csr| {
        let schwarz = Schwarz::new(partition);
        schwarz
            .build(a.view(), |l| Ic0::default().factor(l))
            .unwrap_err()
    };
    let error = build(Partition::Contiguous(0), &a);
    assert!(matches!(
        error,
        PrecondError::InvalidOption {
            option: "partition",
            ..
        }
    ));
    let error = build(Partition::Given(vec![0; 8]), &a);
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch {
            found: 8,
            expected: 9,
            ..
        }
    ));
    for gap in [2, u32::MAX] {
        let mut of = vec![0; 9];
        of[4] = gap;
        let error = build(Partition::Given(of), &a);
        assert!(matches!(
            error,
            PrecondError::InvalidOption {
                option: "partition",
                ..
            }
        ));
    }
    let broken = a.map(|v| -v);
    assert!(matches!(
        build(Partition::Contiguous(2), &broken),
        PrecondError::NonPositiveDiagonal { row: 0, .. }
    ));
    let wrong = Schwarz::new(Partition::Contiguous(2))
        .build(a.view(), |_| Ok(IdentityPreconditioner::new(1)));
    assert!(matches!(
        wrong.unwrap_err(),
        PrecondError::DimensionMismatch { found: 1, .. }
    ));
}

#[test]
fn any_number_of_layers_may_be_asked_for() {
    let a = poisson2d(4);
    let build = |m: CsMatViewI<'_, f64, u32>| Ic0::default().factor(m);
    let schwarz = Schwarz::new(Partition::Contiguous(2)).with_overlap(usize::MAX);
    let m = schwarz.build(a.view(), build).unwrap();
    assert_eq!(m.subdomain(0).map(<[u32]>::len), Some(16));
}
