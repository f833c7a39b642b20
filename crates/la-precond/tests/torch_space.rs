//! Solves with LibTorch's vectors, against those with vectors in main memory.
#![cfg(feature = "torch")]

use approx::assert_relative_eq;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp as native;
use la_krylov::{
    CgOptions, FgmresOptions, Host, IdentityPreconditioner, LinearOperator, Preconditioner,
    PreconditionerError, PreconditionerKind, TransposeOperator, VectorSpace, cg, cg_in, fgmres,
    fgmres_in,
};
use la_precond::sprs::{CsMatI, TriMatI};
use la_precond::torch::tch::{Device, Kind, Tensor};
use la_precond::torch::{self, SparseProduct, Torch, TorchGnp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Matrix = CsMatI<f64, u32>;

/// Convection and diffusion on a line with a few long connections; `symmetric` leaves both out.
fn matrix(n: usize, symmetric: bool) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        a.add_triplet(i, i, 0.55);
        let skew = if symmetric { 0.0 } else { 0.1 };
        if i > 0 {
            a.add_triplet(i, i - 1, -0.25 - skew);
        }
        if i + 1 < n {
            a.add_triplet(i, i + 1, -0.25 + skew);
        }
        if !symmetric && i % 3 == 0 {
            a.add_triplet(i, rng.random_range(0..n), 0.05);
        }
    }
    a.to_csr()
}

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn product(a: &Matrix, device: Device) -> SparseProduct {
    SparseProduct::new(a.view(), Kind::Double, device).unwrap()
}

#[track_caller]
fn assert_close(got: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1e-300f64, |m, v| m.max(v.abs()));
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= limit * scale, "{g} and {e}");
    }
}

#[test]
fn every_operation_is_that_of_the_host() {
    let n = 57;
    let (space, host) = (Torch::new(n, Device::Cpu), Host::new(n));
    let (x, y) = (vector(n, 1), vector(n, 2));
    let (tx, ty) = (space.vector(&x).unwrap(), space.vector(&y).unwrap());
    assert_eq!((space.dimension(), space.vector_dimension(&tx)), (n, n));
    assert_relative_eq!(space.dot(&tx, &ty), host.dot(&x, &y), max_relative = 1e-13);
    assert_relative_eq!(space.norm(&tx), host.norm(&x), max_relative = 1e-14);

    // Each pair does the same to its own copy of y.
    let check = |on_device: &dyn Fn(&mut Tensor), on_host: &dyn Fn(&mut Vec<f64>)| {
        let (mut t, mut h) = (space.zeros_like(&ty), y.clone());
        space.copy(&ty, &mut t);
        on_device(&mut t);
        on_host(&mut h);
        assert_close(&space.to_host(&t).unwrap(), &h, 1e-15);
    };
    check(&|t| space.axpy(0.3, &tx, t), &|h| host.axpy(0.3, &x, h));
    check(&|t| space.xpby(&tx, -1.7, t), &|h| host.xpby(&x, -1.7, h));
    check(&|t| space.scale(1e3, t), &|h| host.scale(1e3, h));
    check(&|t| space.fill(t, 2.5), &|h| host.fill(h, 2.5));

    let (mut basis, mut columns) = (space.basis(4), host.basis(4));
    for j in 0..4 {
        let v = vector(n, 10 + j as u64);
        space.set_column(&mut basis, j, 0.5, &space.vector(&v).unwrap());
        host.set_column(&mut columns, j, 0.5, &v);
        let own = space.to_host(space.column(&basis, j)).unwrap();
        assert_eq!(own, host.column(&columns, j));
    }
    assert_eq!(space.columns(&basis), 4);
    for used in 0..=4 {
        let (mut own, mut expected) = (vec![0.0; used], vec![0.0; used]);
        space.project(&basis, &tx, &mut own);
        host.project(&columns, &x, &mut expected);
        assert_close(&own, &expected, 1e-14);
        let coefficients = vector(used, 5);
        check(&|t| space.lincomb(&basis, &coefficients, t), &|h| {
            host.lincomb(&columns, &coefficients, h)
        });
        let (mut t, mut h) = (space.vector(&x).unwrap(), x.clone());
        let own = space.subtract(&basis, &coefficients, &mut t);
        let expected = host.subtract(&columns, &coefficients, &mut h);
        assert_relative_eq!(own, expected, max_relative = 1e-13);
        assert_close(&space.to_host(&t).unwrap(), &h, 1e-14);
    }
    assert_eq!(space.to_host(&space.zeros()).unwrap(), [0.0; 57]);
}

#[test]
fn norms_at_the_ends_of_the_range() {
    let space = Torch::new(2, Device::Cpu);
    let norm = |x: [f64; 2]| space.norm(&space.vector(&x).unwrap());
    assert_relative_eq!(norm([3e-300, 4e-300]), 5e-300, max_relative = 1e-14);
    assert_relative_eq!(norm([3e300, 4e300]), 5e300, max_relative = 1e-14);
    assert_relative_eq!(norm([3e-320, 4e-320]), 5e-320, max_relative = 1e-3);
    assert_eq!(norm([0.0, -0.0]), 0.0);
    assert_eq!(norm([f64::INFINITY, 1.0]), f64::INFINITY);
    assert!(norm([f64::NAN, 1.0]).is_nan());
    let empty = Torch::new(0, Device::Cpu);
    assert_eq!(empty.norm(&empty.zeros()), 0.0);
}

#[test]
fn products_are_those_of_the_matrix() {
    let a = matrix(40, false);
    let (space, host) = (Torch::new(40, Device::Cpu), Host::new(40));
    let own = product(&a, Device::Cpu);
    assert_eq!((LinearOperator::rows(&own), own.cols()), (40, 40));
    let x = vector(40, 3);
    let (mut y, mut expected) = (space.zeros(), vec![0.0; 40]);
    let tx = space.vector(&x).unwrap();
    LinearOperator::apply(&own, &space, &tx, &mut y);
    LinearOperator::apply(&a, &host, &x, &mut expected);
    assert_close(&space.to_host(&y).unwrap(), &expected, 1e-15);
    own.apply_transpose(&space, &tx, &mut y);
    a.apply_transpose(&host, &x, &mut expected);
    assert_close(&space.to_host(&y).unwrap(), &expected, 1e-15);
}

#[test]
fn solves_agree_with_those_in_main_memory() {
    let n = 400;
    let b = vector(n, 7);
    let m = IdentityPreconditioner::new(n);
    let space = Torch::new(n, Device::Cpu);
    let tb = space.vector(&b).unwrap();

    let a = matrix(n, false);
    let options = FgmresOptions::default().with_restart(20);
    let expected = fgmres(&a, &b, &m, &options).unwrap();
    let own = fgmres_in(space.clone(), &product(&a, Device::Cpu), &tb, &m, &options).unwrap();
    assert!(own.status.is_converged());
    assert_eq!(own.iterations, expected.iterations);
    assert_close(&space.to_host(&own.x).unwrap(), &expected.x, 1e-7);
    // Before rounding has grown: the first cycle, number by number.
    for (own, expected) in own.history.iter().zip(&expected.history).take(20) {
        assert_relative_eq!(
            own.recurrence_norm,
            expected.recurrence_norm,
            max_relative = 1e-10
        );
    }

    let a = matrix(n, true);
    let options = CgOptions::default();
    let expected = cg(&a, &b, &m, &options).unwrap();
    let own = cg_in(space.clone(), &product(&a, Device::Cpu), &tb, &m, &options).unwrap();
    assert!(own.status.is_converged());
    assert!(own.iterations.abs_diff(expected.iterations) <= 1);
    assert_close(&space.to_host(&own.x).unwrap(), &expected.x, 1e-7);
}

#[test]
fn no_vector_crosses_the_bus() {
    let n = 5_000;
    let space = Torch::new(n, Device::Cpu);
    let a = product(&matrix(n, false), Device::Cpu);
    let b = space.vector(&vector(n, 7)).unwrap();
    let m = IdentityPreconditioner::new(n);
    let restart = 15;
    let options = FgmresOptions::default()
        .with_restart(restart)
        .with_max_iters(60);
    let space = Torch::new(n, Device::Cpu);
    let solution = fgmres_in(space.clone(), &a, &b, &m, &options).unwrap();
    let traffic = space.traffic();
    assert!(solution.iterations > 20, "{}", solution.iterations);
    // Coefficients of one projection, or numbers one by one; with a second projection at most twice of it.
    assert!(traffic.largest <= restart + 1, "{traffic:?}");
    let cycles = solution.iterations.div_ceil(restart) + 1;
    assert!(
        traffic.transfers <= 8 * solution.iterations + 8 * cycles,
        "{traffic:?}, {} iterations",
        solution.iterations
    );
}

/// The native network in main memory.
struct Native(native::Network, native::Matrix);

impl Preconditioner for Native {
    fn dimension(&self) -> usize {
        self.1.order()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        let memory = &mut native::Workspace::default();
        self.0
            .apply(&self.1, r, z, memory)
            .map_err(|error| PreconditionerError {
                message: error.to_string(),
            })
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

#[test]
fn a_network_on_the_device_preconditions_as_the_native_one() {
    let n = 300;
    let a = matrix(n, false);
    let parameters = Parameters::initialize(&GnpConfig::paper(), 3).unwrap();
    let host = Native(
        native::Network::new(&parameters).unwrap(),
        native::Matrix::new(a.view()).unwrap(),
    );
    let own = TorchGnp::new(a.view(), &parameters, Device::Cpu).unwrap();
    assert_eq!(
        Preconditioner::<Torch>::kind(&own),
        PreconditionerKind::Variable
    );
    let space = Torch::new(n, Device::Cpu);
    let b = vector(n, 9);
    let options = FgmresOptions::default()
        .with_restart(10)
        .with_max_iters(100);
    let expected = fgmres(&a, &b, &host, &options).unwrap();
    let tb = space.vector(&b).unwrap();
    let solution = fgmres_in(space, &product(&a, Device::Cpu), &tb, &own, &options).unwrap();
    // Two networks in single precision: the first cycle agrees to what rounding leaves.
    for (own, expected) in solution.history.iter().zip(&expected.history).take(10) {
        assert_relative_eq!(
            own.recurrence_norm,
            expected.recurrence_norm,
            max_relative = 1e-3
        );
    }
    assert!(
        TorchGnp::new(
            matrix(5, true).slice_outer(0..3).view(),
            &parameters,
            Device::Cpu
        )
        .is_err()
    );
}

#[test]
fn a_gpu_solves_as_the_cpu_does() {
    let gpu = match torch::Device::parse("cuda:0") {
        Ok(device) => device.to_tch(),
        Err(reason) => {
            println!("skipped: solves on CUDA ({reason})");
            return;
        }
    };
    let n = 2_000;
    let a = matrix(n, false);
    let parameters = Parameters::initialize(&GnpConfig::paper(), 3).unwrap();
    let options = FgmresOptions::default().with_restart(10).with_max_iters(40);
    let solve = |device| {
        let space = Torch::new(n, device);
        let b = space.vector(&vector(n, 9)).unwrap();
        let m = TorchGnp::new(a.view(), &parameters, device).unwrap();
        fgmres_in(space, &product(&a, device), &b, &m, &options).unwrap()
    };
    let (own, expected) = (solve(gpu), solve(Device::Cpu));
    for (own, expected) in own.history.iter().zip(&expected.history).take(10) {
        assert_relative_eq!(
            own.recurrence_norm,
            expected.recurrence_norm,
            max_relative = 1e-3
        );
    }
}
