//! Level-scheduled sweeps give the bits of the sequential ones.
#![cfg(feature = "rayon")]

mod common;

use common::{Csr, noise, poisson2d, random_gram, symmetric};
use la_krylov::{Host, Preconditioner};
use la_precond::IncompleteCholesky;
use la_precond::classical::{Ic0, LevelScheduled};

fn check(factor: &IncompleteCholesky) -> LevelScheduled<f64> {
    let n = factor.dimension();
    let mut next = noise(1);
    let r: Vec<f64> = (0..n).map(|_| next()).collect();
    let (mut z, mut scheduled_z) = (vec![0.0; n], vec![0.0; n]);
    let scheduled = LevelScheduled::new(factor);
    let space = Host::new(n);
    factor.apply(&space, &r, &mut z).unwrap();
    scheduled.apply(&space, &r, &mut scheduled_z).unwrap();
    assert_eq!(z, scheduled_z);
    scheduled
}

#[test]
fn narrow_levels() {
    let grid = Ic0::default().factor(poisson2d(30).view()).unwrap();
    let scheduled = check(&grid);
    assert_eq!(scheduled.levels(), 59); // anti-diagonals of the grid
    assert_eq!(scheduled.parallel_fraction(), 0.0);
    check(
        &Ic0::default()
            .factor(random_gram(400, 6, 60.0, 4).view())
            .unwrap(),
    );
    check(&Ic0::default().factor(Csr::zero((0, 0)).view()).unwrap());
}

#[test]
fn wide_levels_run_in_parallel() {
    // Two colours: the second half depends on the first only.
    let half = 20_000;
    let mut next = noise(2);
    let mut place = || ((next() + 1.0) / 2.0 * half as f64) as usize % half;
    let mut lower: Vec<_> = (0..2 * half).map(|i| (i, i, 30.0)).collect();
    for i in half..2 * half {
        let mut cols: Vec<_> = (0..10).map(|_| place()).collect();
        cols.sort_unstable();
        cols.dedup();
        lower.extend(cols.into_iter().map(|j| (i, j, -1.0 / (1 + j % 7) as f64)));
    }
    let factor = Ic0::default()
        .factor(symmetric(2 * half, lower).view())
        .unwrap();
    let scheduled = check(&factor);
    assert_eq!(scheduled.levels(), 2);
    assert!(scheduled.parallel_fraction() > 0.9);
}
