//! What a solver does in every iteration, and one training update on a small graph.
#![allow(missing_docs, reason = "criterion's macros may define public items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{Loss, NativeEngine};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::training::Engine;
use la_krylov::{
    CgOptions, GmresOptions, Host, IdentityPreconditioner, LinearOperator, Preconditioner, cg,
    gmres,
};
use la_precond::classical::{Ic0, Ilu, SmoothedAggregation};
use la_problems::{Grid, NeuralIfSynthetic, Poisson};

fn iteration(c: &mut Criterion) {
    let poisson = Poisson::new(Grid::rectangle(300, 300));
    let system = poisson.generate().expect("a valid grid");
    let (a, b, n) = (&system.matrix, &system.rhs, system.n());
    let factor = Ic0::default().factor(a.view()).expect("an M-matrix");
    let (space, mut x, mut y) = (Host::sequential(n), b.clone(), vec![0.0; n]);
    let mut group = c.benchmark_group("poisson2d-n90000");
    group.bench_function("spmv", |bencher| {
        bencher.iter(|| a.apply(&space, black_box(b), &mut y));
    });
    group.bench_function("triangular-solves", |bencher| {
        bencher.iter(|| {
            x.copy_from_slice(b);
            factor.solve_in_place(&mut x);
        });
    });
    group.sample_size(10);
    let options = CgOptions::default().with_rtol(0.0).with_max_iters(20);
    let identity = IdentityPreconditioner::new(n);
    group.bench_function("cg-20-iterations", |bencher| {
        bencher.iter(|| cg(a, black_box(b), &identity, &options));
    });
    group.bench_function("cg-ic0-20-iterations", |bencher| {
        bencher.iter(|| cg(a, black_box(b), &factor, &options));
    });
    let lu = Ilu::default().factor(a.view()).expect("an M-matrix");
    let options = GmresOptions::default().with_rtol(0.0).with_max_iters(20);
    group.bench_function("gmres-ilu0-20-iterations", |bencher| {
        bencher.iter(|| gmres(a, black_box(b), &lu, &options));
    });
    let multigrid = SmoothedAggregation::default();
    let multigrid = multigrid.build(a.view()).expect("an M-matrix");
    group.bench_function("sa-amg-cycle", |bencher| {
        bencher.iter(|| multigrid.apply(&space, black_box(b), &mut y));
    });
}

fn update(c: &mut Criterion) {
    let family = NeuralIfSynthetic::default()
        .with_n(500)
        .with_nonzeros_per_row(5.0);
    let a = family.generate(0).expect("valid options").matrix;
    let graph = Arc::new(LowerGraph::from_matrix(a.view()).expect("a full diagonal"));
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 0).expect("valid options");
    let mut engine =
        NativeEngine::new(&parameters.config, Loss::Default, vec![graph]).expect("valid options");
    let mut gradient = vec![0.0; parameters.values.len()];
    c.bench_function("neuralif/update-n500", |bencher| {
        bencher.iter(|| {
            gradient.fill(0.0);
            engine.loss_and_gradient(black_box(&parameters.values), &[0], 1, &mut gradient)
        });
    });
}

criterion_group!(benches, iteration, update);
criterion_main!(benches);
