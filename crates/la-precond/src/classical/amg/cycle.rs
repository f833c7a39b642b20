//! V-, W- and K-cycles.

use la_krylov::Real;

use super::block::BlockCsr;
use super::coarse::Coarsest;
use super::options::{Cycle, Smoother};
use super::sweep::{LevelMatrix, restrict};

/// A level that is not the coarsest.
#[derive(Debug, Clone)]
pub(super) struct Level<T> {
    pub(super) matrix: LevelMatrix<T>,
    pub(super) prolongator: BlockCsr<T>,
    /// Its transpose, where threads share the restriction.
    pub(super) restrictor: Option<BlockCsr<T>>,
}

impl<T: Real> Level<T> {
    /// Bytes of what leads to the next level and back.
    pub(super) fn transfer_bytes(&self) -> usize {
        self.prolongator.bytes() + self.restrictor.as_ref().map_or(0, BlockCsr::bytes)
    }
}

/// Vectors of one level.
#[derive(Debug, Clone)]
pub(super) struct Vectors<T> {
    pub(super) b: Vec<T>,
    pub(super) x: Vec<T>,
    r: Vec<T>,
    spare: Vec<T>,
    /// First correction and products with A: for W- and K-cycles.
    first: Vec<T>,
    product: Vec<T>,
    second: Vec<T>,
}

impl<T: Real> Vectors<T> {
    /// `finest` levels are visited once in every cycle.
    pub(super) fn new(n: usize, smoother: Smoother, cycle: Cycle, finest: bool) -> Self {
        let zeros = |wanted: bool| vec![T::ZERO; if wanted { n } else { 0 }];
        let again = !finest && cycle != Cycle::V;
        Self {
            b: zeros(true),
            x: zeros(true),
            r: zeros(true),
            spare: zeros(smoother.is_polynomial()),
            first: zeros(again),
            product: zeros(again && cycle == Cycle::K),
            second: zeros(again && cycle == Cycle::K),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let parts = [
            &self.b,
            &self.x,
            &self.r,
            &self.spare,
            &self.first,
            &self.product,
            &self.second,
        ];
        parts.iter().map(|v| v.len() * size_of::<T>()).sum()
    }
}

/// A hierarchy as the cycles see it.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a, T> {
    pub(super) levels: &'a [Level<T>],
    pub(super) coarsest: &'a Coarsest<T>,
    pub(super) smoother: Smoother,
    pub(super) cycle: Cycle,
    /// Rows are shared by threads.
    pub(super) par: bool,
}

impl<T: Real> Plan<'_, T> {
    /// `x ≈ A⁻¹ b` on the first level, with `b` and `x` in the first vectors. Overwrites what belongs
    /// to the levels below.
    pub(super) fn run(self, vectors: &mut [Vectors<T>]) {
        let Some((fine, below)) = vectors.split_first_mut() else {
            return;
        };
        let Some((level, rest)) = self.levels.split_first() else {
            self.coarsest
                .solve(self.par, &fine.b, &mut fine.x, &mut fine.r, &mut fine.spare);
            return;
        };
        let (m, p) = (&level.matrix, &level.prolongator);
        self.smoother.before(
            self.par,
            m,
            &fine.b,
            &mut fine.x,
            &mut fine.r,
            &mut fine.spare,
        );
        let Some(coarse) = below.first_mut() else {
            return;
        };
        match &level.restrictor {
            Some(r) if self.par => {
                coarse.b.fill(T::ZERO);
                r.add_product_shared(true, &fine.r, &mut coarse.b);
            }
            _ => restrict(p, &fine.r, &mut coarse.b),
        }
        let next = Self {
            levels: rest,
            ..self
        };
        match self.cycle {
            _ if rest.is_empty() => next.run(below),
            Cycle::V => next.run(below),
            Cycle::W => next.twice(below),
            Cycle::K => next.accelerated(below),
        }
        p.add_product_shared(self.par, &below[0].x, &mut fine.x);
        self.smoother.after(
            self.par,
            m,
            &fine.b,
            &mut fine.x,
            &mut fine.r,
            &mut fine.spare,
        );
    }

    /// Two cycles, the second for the residual of the first.
    fn twice(self, vectors: &mut [Vectors<T>]) {
        self.run(vectors);
        let m = &self.levels[0].matrix;
        let v = &mut vectors[0];
        m.residual(self.par, &v.b, &v.x, &mut v.r);
        std::mem::swap(&mut v.b, &mut v.r);
        std::mem::swap(&mut v.x, &mut v.first);
        self.run(vectors);
        let v = &mut vectors[0];
        for (x, first) in v.x.iter_mut().zip(&v.first) {
            *x += *first;
        }
    }

    /// Up to two steps of flexible conjugate gradients, preconditioned by the cycle; the second is left
    /// out if the first reduced the residual to a quarter. Overwrites `b`.
    ///
    /// Y. Notay, P. S. Vassilevski, *Numer. Linear Algebra Appl.* 15, 473–487, 2008, algorithm 3.1.
    fn accelerated(self, vectors: &mut [Vectors<T>]) {
        self.run(vectors);
        let m = &self.levels[0].matrix;
        let v = &mut vectors[0];
        std::mem::swap(&mut v.x, &mut v.first);
        m.product(self.par, &v.first, &mut v.product);
        let (rho, alpha) = (dot(&v.first, &v.product), dot(&v.first, &v.b));
        let before = dot(&v.b, &v.b);
        if !(rho > 0.0 && alpha.is_finite()) {
            // A without energy along c: take the plain correction.
            v.x.copy_from_slice(&v.first);
            return;
        }
        let step = T::from_f64(alpha / rho);
        for (b, p) in v.b.iter_mut().zip(&v.product) {
            *b -= step * *p;
        }
        if dot(&v.b, &v.b) <= 0.0625 * before {
            for (x, c) in v.x.iter_mut().zip(&v.first) {
                *x = step * *c;
            }
            return;
        }
        self.run(vectors);
        let v = &mut vectors[0];
        m.product(self.par, &v.x, &mut v.second);
        let (gamma, beta) = (dot(&v.x, &v.product), dot(&v.x, &v.second));
        let alpha2 = dot(&v.x, &v.b);
        let rho2 = beta - gamma * gamma / rho;
        let (first, second) = if rho2 > f64::EPSILON * beta {
            (alpha / rho - gamma * alpha2 / (rho * rho2), alpha2 / rho2)
        } else {
            (alpha / rho, 0.0)
        };
        let (first, second) = (T::from_f64(first), T::from_f64(second));
        for (x, c) in v.x.iter_mut().zip(&v.first) {
            *x = first * *c + second * *x;
        }
    }
}

fn dot<T: Real>(x: &[T], y: &[T]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x.to_f64() * y.to_f64()).sum()
}
