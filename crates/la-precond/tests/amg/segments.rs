//! Matrices that are large enough to be relaxed in several segments, and threads.

use std::sync::LazyLock;

use crate::common::{Csr, poisson2d};
use crate::{lattice, smoothers, vector};
use la_krylov::{CgOptions, Host, Preconditioner, cg};
use la_precond::classical::{Multigrid, NearNullSpace, SmoothedAggregation, Smoother};

/// Three segments on the finest level.
static POISSON: LazyLock<Csr> = LazyLock::new(|| poisson2d(400));

/// Elasticity, with blocks of two: two segments.
static ELASTIC: LazyLock<(Csr, NearNullSpace)> = LazyLock::new(|| {
    let (a, points) = lattice(130);
    (a, NearNullSpace::rigid_body_2d(&points))
});

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn apply(m: &impl Preconditioner, r: &[f64]) -> Vec<f64> {
    let mut z = vec![f64::NAN; r.len()];
    m.apply(&Host::sequential(r.len()), r, &mut z).unwrap();
    z
}

fn residual(a: &Csr, b: &[f64], x: &[f64]) -> Vec<f64> {
    let row = |(i, row): (usize, la_precond::sprs::CsVecViewI<'_, f64, u32>)| {
        b[i] - row.iter().map(|(j, v)| v * x[j]).sum::<f64>()
    };
    a.outer_iterator().enumerate().map(row).collect()
}

fn check(a: &Csr, m: &Multigrid, what: Smoother) {
    let n = a.rows();
    let (u, v) = (vector(n, 1), vector(n, 2));
    let (mu, mv) = (apply(m, &u), apply(m, &v));
    // Symmetric up to rounding, and definite.
    let size = (dot(&u, &mu) * dot(&v, &mv)).sqrt();
    assert!(
        (dot(&u, &mv) - dot(&v, &mu)).abs() < 1e-12 * size,
        "{what:?}"
    );
    assert!(dot(&u, &mu) > 0.0 && dot(&v, &mv) > 0.0);
    // x + M⁻¹ (b − A x) reduces the energy of the error every time.
    let mut x = vec![0.0; n];
    let mut energy = f64::INFINITY;
    for _ in 0..4 {
        let r = residual(a, &u, &x);
        // ½ xᵀA x − bᵀx = −½ xᵀ(r + b)
        let sum: Vec<f64> = r.iter().zip(&u).map(|(r, b)| r + b).collect();
        let now = -0.5 * dot(&x, &sum);
        assert!(now < energy, "{what:?} {now} {energy}");
        energy = now;
        for (x, z) in x.iter_mut().zip(apply(m, &r)) {
            *x += z;
        }
    }
}

#[test]
fn cycles_over_segments_are_symmetric_and_converge() {
    for smoother in smoothers() {
        let options = SmoothedAggregation::default().with_smoother(smoother);
        check(&POISSON, &options.build(POISSON.view()).unwrap(), smoother);
    }
    let (a, space) = &*ELASTIC;
    for smoother in [
        Smoother::SymmetricGaussSeidel { sweeps: 2 },
        Smoother::GaussSeidel { sweeps: 1 },
    ] {
        let options = SmoothedAggregation::default().with_smoother(smoother);
        check(a, &options.build_with(a.view(), space).unwrap(), smoother);
    }
}

/// CG to 1e-8 for b = 1 takes about as many iterations as on smaller grids, which are swept whole: 9
/// on a 100 × 100 grid.
#[test]
fn segments_are_hardly_felt() {
    let count = |a: &Csr, m: &Multigrid| {
        let b = vec![1.0; a.rows()];
        let options = CgOptions::default().with_rtol(1e-8);
        let solution = cg(a, &b, m, &options).unwrap();
        assert!(solution.status.is_converged());
        solution.iterations
    };
    let plane = SmoothedAggregation::default().build(POISSON.view());
    let plane = count(&POISSON, &plane.unwrap());
    let (a, space) = &*ELASTIC;
    let elastic = SmoothedAggregation::default().build_with(a.view(), space);
    let elastic = count(a, &elastic.unwrap());
    assert!(plane <= 12 && elastic <= 22, "{plane} {elastic}");
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit_of_a_cycle() {
    use la_precond::classical::Cycle;
    let (a, space) = &*ELASTIC;
    let mut hierarchies = Vec::new();
    for smoother in smoothers() {
        let options = SmoothedAggregation::default().with_smoother(smoother);
        hierarchies.push(options.build(POISSON.view()).unwrap());
    }
    for cycle in [Cycle::V, Cycle::W, Cycle::K] {
        let options = SmoothedAggregation::default().with_cycle(cycle);
        hierarchies.push(options.build_with(a.view(), space).unwrap());
    }
    for m in &hierarchies {
        let r = vector(m.dimension(), 3);
        let alone = apply(m, &r);
        for threads in [1, 2, 3] {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = builder.build().unwrap();
            for _ in 0..2 {
                let mut z = vec![f64::NAN; r.len()];
                pool.install(|| m.apply(&Host::new(r.len()), &r, &mut z))
                    .unwrap();
                assert!(alone == z, "{threads} threads, {:?}", m.options());
            }
        }
    }
}
