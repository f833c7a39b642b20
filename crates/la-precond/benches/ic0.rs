//! Set-up and application of incomplete Cholesky factors on the five-point Laplacian.

use divan::Bencher;
use divan::black_box;
use la_precond::classical::{Ic0, Ic0Symbolic, Ict};
use la_precond::sprs::{CsMatI, TriMatI};

const SIDES: [usize; 2] = [100, 500];

fn main() {
    divan::main();
}

fn poisson(k: usize) -> CsMatI<f64, u32> {
    let mut t = TriMatI::new((k * k, k * k));
    for i in 0..k * k {
        t.add_triplet(i, i, 4.0);
        for j in [(i % k > 0).then(|| i - 1), i.checked_sub(k)]
            .into_iter()
            .flatten()
        {
            t.add_triplet(i, j, -1.0);
            t.add_triplet(j, i, -1.0);
        }
    }
    t.to_csr()
}

#[divan::bench(args = SIDES)]
fn ic0(bencher: Bencher<'_, '_>, k: usize) {
    let a = poisson(k);
    bencher.bench_local(|| Ic0::default().factor(black_box(a.view())));
}

#[divan::bench(args = SIDES)]
fn ic0_refactor(bencher: Bencher<'_, '_>, k: usize) {
    let a = poisson(k);
    let symbolic =
        Ic0Symbolic::new(a.view()).expect("the Laplacian has a sorted, symmetric pattern");
    bencher.bench_local(|| symbolic.factor(black_box(a.view()), &Ic0::default()));
}

#[divan::bench(args = SIDES)]
fn ict(bencher: Bencher<'_, '_>, k: usize) {
    let a = poisson(k);
    bencher.bench_local(|| Ict::default().factor(black_box(a.view())));
}

#[divan::bench(args = SIDES)]
fn solve(bencher: Bencher<'_, '_>, k: usize) {
    let factor = Ic0::default()
        .factor(poisson(k).view())
        .expect("IC(0) exists for an M-matrix");
    let mut x = vec![1.0; k * k];
    bencher.bench_local(|| factor.solve_in_place(black_box(&mut x)));
}
