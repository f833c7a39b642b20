//! What an iteration of GMRES without restart costs: a product, an application, and the basis so far; nothing else grows.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{Diagonal, convection, rhs};
use la_krylov::{
    GmresOptions, Host, HostBasis, IdentityPreconditioner, LinearOperator, Preconditioner,
    PreconditionerError, PreconditionerKind, Reorthogonalization, VectorSpace, gmres_in,
};

/// What was done, in vectors of full length.
#[derive(Debug, Default)]
struct Counts {
    products: Cell<usize>,
    applications: Cell<usize>,
    /// Basis vectors that inner products and updates passed over.
    basis: Cell<usize>,
    /// Vectors copied, scaled, added or measured.
    vectors: Cell<usize>,
    bases: Cell<usize>,
}

fn add(counter: &Cell<usize>, n: usize) {
    counter.set(counter.get() + n);
}

/// The host, counting.
struct Counting {
    host: Host,
    counts: Rc<Counts>,
}

impl VectorSpace for Counting {
    type Scalar = f64;
    type Vector = [f64];
    type Owned = Vec<f64>;
    type Basis = HostBasis;

    fn dimension(&self) -> usize {
        self.host.dimension()
    }
    fn vector_dimension(&self, x: &[f64]) -> usize {
        x.len()
    }
    fn zeros(&self) -> Vec<f64> {
        self.host.zeros()
    }
    fn zeros_like(&self, x: &[f64]) -> Vec<f64> {
        self.host.zeros_like(x)
    }
    fn copy(&self, x: &[f64], y: &mut [f64]) {
        add(&self.counts.vectors, 1);
        self.host.copy(x, y);
    }
    fn fill(&self, x: &mut [f64], value: f64) {
        add(&self.counts.vectors, 1);
        self.host.fill(x, value);
    }
    fn scale(&self, alpha: f64, x: &mut [f64]) {
        add(&self.counts.vectors, 1);
        self.host.scale(alpha, x);
    }
    fn dot(&self, x: &[f64], y: &[f64]) -> f64 {
        add(&self.counts.vectors, 1);
        self.host.dot(x, y)
    }
    fn norm(&self, x: &[f64]) -> f64 {
        add(&self.counts.vectors, 1);
        self.host.norm(x)
    }
    fn axpy(&self, alpha: f64, x: &[f64], y: &mut [f64]) {
        add(&self.counts.vectors, 1);
        self.host.axpy(alpha, x, y);
    }
    fn xpby(&self, x: &[f64], beta: f64, y: &mut [f64]) {
        add(&self.counts.vectors, 1);
        self.host.xpby(x, beta, y);
    }
    fn basis(&self, columns: usize) -> HostBasis {
        add(&self.counts.bases, usize::from(columns > 0));
        self.host.basis(columns)
    }
    fn columns(&self, basis: &HostBasis) -> usize {
        self.host.columns(basis)
    }
    fn column<'b>(&self, basis: &'b HostBasis, j: usize) -> &'b [f64] {
        self.host.column(basis, j)
    }
    fn column_mut<'b>(&self, basis: &'b mut HostBasis, j: usize) -> &'b mut [f64] {
        self.host.column_mut(basis, j)
    }
    fn project(&self, basis: &HostBasis, w: &[f64], h: &mut [f64]) {
        add(&self.counts.basis, h.len());
        self.host.project(basis, w, h);
    }
    fn subtract(&self, basis: &HostBasis, h: &[f64], w: &mut [f64]) -> f64 {
        add(&self.counts.basis, h.len());
        self.host.subtract(basis, h, w)
    }
    fn lincomb(&self, basis: &HostBasis, y: &[f64], x: &mut [f64]) {
        add(&self.counts.basis, y.len());
        self.host.lincomb(basis, y, x);
    }
}

struct Operator<A> {
    inner: A,
    counts: Rc<Counts>,
}

impl<A: LinearOperator<Host>> LinearOperator<Counting> for Operator<A> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }
    fn cols(&self) -> usize {
        self.inner.cols()
    }
    fn apply(&self, space: &Counting, x: &[f64], y: &mut [f64]) {
        add(&self.counts.products, 1);
        self.inner.apply(&space.host, x, y);
    }
}

impl<M: Preconditioner<Host>> Preconditioner<Counting> for Operator<M> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }
    fn kind(&self) -> PreconditionerKind {
        self.inner.kind()
    }
    fn is_identity(&self) -> bool {
        self.inner.is_identity()
    }
    fn apply(&self, space: &Counting, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        add(&self.counts.applications, 1);
        self.inner.apply(&space.host, r, z)
    }
}

#[test]
fn only_the_orthogonalization_grows() {
    let side = 40;
    let a = convection(side, 3.0);
    let n = side * side;
    let b = rhs(n);
    for rule in [
        Reorthogonalization::Never,
        Reorthogonalization::WhenNeeded,
        Reorthogonalization::Always,
    ] {
        let counts = Rc::new(Counts::default());
        let space = Counting {
            host: Host::sequential(n),
            counts: Rc::clone(&counts),
        };
        let operator = Operator {
            inner: a.clone(),
            counts: Rc::clone(&counts),
        };
        let m = Operator {
            inner: Diagonal::of(&a),
            counts: Rc::clone(&counts),
        };
        let options = GmresOptions::default()
            .with_rtol(1e-8)
            .with_max_iters(n)
            .with_restart(n)
            .with_reorthogonalization(rule);
        let solution = gmres_in(space, &operator, &b, &m, &options).unwrap();
        assert!(solution.status.is_converged());
        let k = solution.iterations;
        assert!(
            k > 60,
            "{k} iterations are too few to tell growth from a constant"
        );
        assert_eq!(solution.restarts, 0);
        // The iterate and its true residual at the end.
        assert!(counts.products.get() <= k + 2, "{counts:?}");
        assert!(counts.applications.get() <= k + 1, "{counts:?}");
        assert_eq!(counts.bases.get(), 1, "the basis is allocated once");
        // 1 + 2 + ... + k twice over for projection and update, once for the iterate.
        let pass = k * (k + 1);
        let passed = counts.basis.get() - k;
        match rule {
            Reorthogonalization::Never => assert_eq!(passed, pass),
            Reorthogonalization::Always => assert_eq!(passed, 2 * pass),
            _ => assert!((pass..=2 * pass).contains(&passed), "{passed} {pass}"),
        }
        // Each new vector is copied and scaled; a constant number of vectors besides.
        assert!(
            counts.vectors.get() <= 2 * k + 20,
            "{counts:?} in {k} iterations"
        );
    }
}

#[test]
fn room_that_is_not_used_changes_nothing() {
    let a = convection(40, 3.0);
    let b = rhs(1600);
    let m = IdentityPreconditioner::new(1600);
    let solve = |restart: usize| {
        let options = GmresOptions::default()
            .with_rtol(1e-6)
            .with_max_iters(1600)
            .with_restart(restart);
        gmres_in(Host::sequential(1600), &a, &b, &m, &options).unwrap()
    };
    let (tight, roomy) = (solve(300), solve(1600));
    assert!(tight.iterations < 300, "{}", tight.iterations);
    assert_eq!((tight.iterations, &tight.x), (roomy.iterations, &roomy.x));
}
