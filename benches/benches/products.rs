//! The product with a sparse matrix, and the two products of an Arnoldi step.
#![allow(missing_docs, reason = "criterion's macros may define public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{CsrMatrix, Host, LinearOperator, TransposeOperator, VectorSpace};

/// Rows of `width` entries spread over `n` columns.
fn banded(n: usize, width: usize) -> CsMatI<f64, u32> {
    let mut t = TriMatI::new((n, n));
    for i in 0..n {
        for k in 0..width {
            t.add_triplet(i, (i + k * k) % n, ((i + k) as f64).sin());
        }
    }
    t.to_csr()
}

fn products(c: &mut Criterion) {
    for (n, width) in [(100_000, 5), (20_000, 50)] {
        let a = banded(n, width);
        let compact = CsrMatrix::<f64>::from_sprs(a.view()).expect("it fits 32 bits");
        let space = Host::sequential(n);
        let x = vec![1.0; n];
        let mut y = vec![0.0; n];
        let mut group = c.benchmark_group(format!("product-n{n}-width{width}"));
        group.throughput(Throughput::Bytes(compact.product_bytes() as u64));
        group.bench_function("sprs", |b| {
            b.iter(|| a.apply(&space, black_box(&x), &mut y))
        });
        group.bench_function("csr", |b| {
            b.iter(|| compact.apply(&space, black_box(&x), &mut y))
        });
        group.bench_function("csr-transposed", |b| {
            b.iter(|| compact.apply_transpose(&space, black_box(&x), &mut y));
        });
        let (from, mut to) = (space.basis(4), space.basis(4));
        group.bench_function("csr-4-columns", |b| {
            b.iter(|| compact.apply_columns(&space, black_box(&from), 0..4, &mut to));
        });
    }
}

fn orthogonalization(c: &mut Criterion) {
    let n = 200_000;
    let space = Host::sequential(n);
    let mut basis = space.basis(16);
    let mut w = vec![1.0; n];
    for j in 0..16 {
        space.set_column(&mut basis, j, 1e-3, &w);
    }
    let mut h = [0.0; 16];
    let mut group = c.benchmark_group("basis-n200000-columns16");
    group.bench_function("project", |b| {
        b.iter(|| space.project(black_box(&basis), &w, &mut h))
    });
    group.bench_function("dots", |b| {
        b.iter(|| {
            for (j, h) in h.iter_mut().enumerate() {
                *h = space.dot(space.column(black_box(&basis), j), &w);
            }
        });
    });
    group.bench_function("subtract", |b| {
        b.iter(|| space.subtract(black_box(&basis), &[1e-9; 16], &mut w));
    });
}

criterion_group!(benches, products, orthogonalization);
criterion_main!(benches);
