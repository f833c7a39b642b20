//! Set-up, refresh and application of smoothed aggregation on the five-point Laplacian.

use divan::Bencher;
use divan::black_box;
use la_krylov::{Host, Preconditioner};
use la_precond::classical::{Multigrid, SmoothedAggregation, Smoother};
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

fn hierarchy(a: &CsMatI<f64, u32>, smoother: Smoother) -> Multigrid {
    let options = SmoothedAggregation::default().with_smoother(smoother);
    options.build(a.view()).expect("the Laplacian is definite")
}

#[divan::bench(args = SIDES)]
fn set_up(bencher: Bencher, k: usize) {
    let a = poisson(k);
    bencher.bench_local(|| hierarchy(black_box(&a), Smoother::SymmetricGaussSeidel { sweeps: 1 }));
}

#[divan::bench(args = SIDES)]
fn refresh(bencher: Bencher, k: usize) {
    let a = poisson(k);
    let mut m = hierarchy(&a, Smoother::SymmetricGaussSeidel { sweeps: 1 });
    bencher.bench_local(|| m.refresh(black_box(a.view())));
}

fn apply<T: la_krylov::Real>(bencher: Bencher, m: &Multigrid<T>) {
    let r = vec![1.0; m.dimension()];
    let mut z = r.clone();
    let space = Host::sequential(r.len());
    bencher.bench_local(|| m.apply(&space, black_box(&r), &mut z));
}

#[divan::bench(args = SIDES)]
fn cycle_symmetric_gauss_seidel(bencher: Bencher, k: usize) {
    let smoother = Smoother::SymmetricGaussSeidel { sweeps: 1 };
    apply(bencher, &hierarchy(&poisson(k), smoother));
}

#[divan::bench(args = SIDES)]
fn cycle_in_single_precision(bencher: Bencher, k: usize) {
    let m = hierarchy(&poisson(k), Smoother::SymmetricGaussSeidel { sweeps: 1 });
    let m: Multigrid<f32> = m.cast().expect("values of the Laplacian fit");
    apply(bencher, &m);
}

#[divan::bench(args = SIDES)]
fn cycle_gauss_seidel(bencher: Bencher, k: usize) {
    apply(
        bencher,
        &hierarchy(&poisson(k), Smoother::GaussSeidel { sweeps: 1 }),
    );
}

#[divan::bench(args = SIDES)]
fn cycle_chebyshev(bencher: Bencher, k: usize) {
    apply(
        bencher,
        &hierarchy(&poisson(k), Smoother::Chebyshev { degree: 2 }),
    );
}
