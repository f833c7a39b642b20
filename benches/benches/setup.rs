//! Set-up of each preconditioner, from CSR arrays in memory to a usable factor.
#![allow(missing_docs, reason = "criterion's macros may define public items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_precond::classical::{Ic0, Ic0Symbolic, Ict, Ilu, Ilut, SmoothedAggregation};
use la_precond::learned::NeuralIf;
use la_problems::{CsrMatrix, Grid, NeuralIfSynthetic, Poisson};

fn problems() -> [(&'static str, CsrMatrix); 2] {
    let poisson = Poisson::new(Grid::rectangle(200, 200));
    let synthetic = NeuralIfSynthetic::default().with_n(2_000);
    [
        ("poisson2d-n40000", poisson.matrix().expect("a valid grid")),
        (
            "synthetic-n2000",
            synthetic.generate(0).expect("valid options").matrix,
        ),
    ]
}

fn setup(c: &mut Criterion) {
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 0).expect("valid options");
    let learned = NeuralIf::from_parameters(&parameters).expect("valid parameters");
    for (name, a) in problems() {
        let mut group = c.benchmark_group(format!("setup/{name}"));
        group.sample_size(10);
        let symbolic = Ic0Symbolic::new(a.view()).expect("a symmetric pattern");
        group.bench_function("ic0", |b| {
            b.iter(|| Ic0::default().factor(black_box(a.view())));
        });
        group.bench_function("ic0-numeric", |b| {
            b.iter(|| symbolic.factor(black_box(a.view()), &Ic0::default()));
        });
        group.bench_function("ict", |b| {
            b.iter(|| Ict::default().factor(black_box(a.view())));
        });
        group.bench_function("ilu0", |b| {
            b.iter(|| Ilu::default().factor(black_box(a.view())));
        });
        let ilut = Ilut::default().with_drop_tol(1e-2);
        group.bench_function("ilut", |b| {
            b.iter(|| ilut.factor(black_box(a.view())));
        });
        group.bench_function("sa-amg", |b| {
            b.iter(|| SmoothedAggregation::default().build(black_box(a.view())));
        });
        group.bench_function("neuralif", |b| {
            b.iter(|| learned.factor(black_box(a.view())));
        });
    }
}

criterion_group!(benches, setup);
criterion_main!(benches);
