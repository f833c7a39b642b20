//! The loops over one chunk. Each is a zip of exact chunks, which the compiler vectorises without
//! bounds checks; sums keep `LANES` independent partial sums.

use super::reduce::Job;
use crate::Real;

/// Independent partial sums: enough to hide the latency of vector additions.
const LANES: usize = 16;

/// Adds the partial sums pairwise.
fn fold(mut sums: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

/// `xᵀ y`.
pub(super) struct Dot<'a, T> {
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
}

impl<T: Real> Job for Dot<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at(mid);
        let (y0, y1) = self.y.split_at(mid);
        (Self { x: x0, y: y0 }, Self { x: x1, y: y1 })
    }
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (x, x_rest) = self.x.as_chunks::<LANES>();
        let (y, y_rest) = self.y.as_chunks::<LANES>();
        for (x, y) in x.iter().zip(y) {
            for i in 0..LANES {
                sums[i] += x[i].to_f64() * y[i].to_f64();
            }
        }
        for (s, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
            *s += x.to_f64() * y.to_f64();
        }
        fold(sums)
    }
}

/// `Σ (scale x)²`.
pub(super) struct ScaledSquares<'a, T> {
    pub(super) scale: f64,
    pub(super) x: &'a [T],
}

impl<T: Real> Job for ScaledSquares<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at(mid);
        (
            Self {
                scale: self.scale,
                x: x0,
            },
            Self {
                scale: self.scale,
                x: x1,
            },
        )
    }
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (x, rest) = self.x.as_chunks::<LANES>();
        for x in x {
            for i in 0..LANES {
                let v = x[i].to_f64() * self.scale;
                sums[i] += v * v;
            }
        }
        for (s, x) in sums.iter_mut().zip(rest) {
            let v = x.to_f64() * self.scale;
            *s += v * v;
        }
        fold(sums)
    }
}

/// `x = alpha x`.
pub(super) struct Scale<'a, T> {
    pub(super) alpha: T,
    pub(super) x: &'a mut [T],
}

impl<T: Real> Job for Scale<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at_mut(mid);
        (
            Self {
                alpha: self.alpha,
                x: x0,
            },
            Self {
                alpha: self.alpha,
                x: x1,
            },
        )
    }
    fn run(self) -> f64 {
        for x in self.x {
            *x *= self.alpha;
        }
        0.0
    }
}

/// `y = alpha x`.
pub(super) struct ScaledCopy<'a, T> {
    pub(super) alpha: T,
    pub(super) x: &'a [T],
    pub(super) y: &'a mut [T],
}

impl<T: Real> Job for ScaledCopy<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let alpha = self.alpha;
        let (x0, x1) = self.x.split_at(mid);
        let (y0, y1) = self.y.split_at_mut(mid);
        (
            Self {
                alpha,
                x: x0,
                y: y0,
            },
            Self {
                alpha,
                x: x1,
                y: y1,
            },
        )
    }
    fn run(self) -> f64 {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = self.alpha * *x;
        }
        0.0
    }
}

/// `y = y + alpha x`.
pub(super) struct Axpy<'a, T> {
    pub(super) alpha: T,
    pub(super) x: &'a [T],
    pub(super) y: &'a mut [T],
}

impl<T: Real> Job for Axpy<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at(mid);
        let (y0, y1) = self.y.split_at_mut(mid);
        (
            Self {
                alpha: self.alpha,
                x: x0,
                y: y0,
            },
            Self {
                alpha: self.alpha,
                x: x1,
                y: y1,
            },
        )
    }
    fn run(self) -> f64 {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y += self.alpha * *x;
        }
        0.0
    }
}

/// `y = x + beta y`.
pub(super) struct Xpby<'a, T> {
    pub(super) x: &'a [T],
    pub(super) beta: T,
    pub(super) y: &'a mut [T],
}

impl<T: Real> Job for Xpby<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at(mid);
        let (y0, y1) = self.y.split_at_mut(mid);
        (
            Self {
                x: x0,
                beta: self.beta,
                y: y0,
            },
            Self {
                x: x1,
                beta: self.beta,
                y: y1,
            },
        )
    }
    fn run(self) -> f64 {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = *x + self.beta * *y;
        }
        0.0
    }
}

/// `y = y + alpha x`, then `Σ y²`.
pub(super) struct AxpyNorm<'a, T> {
    pub(super) alpha: T,
    pub(super) x: &'a [T],
    pub(super) y: &'a mut [T],
}

impl<T: Real> Job for AxpyNorm<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let (x0, x1) = self.x.split_at(mid);
        let (y0, y1) = self.y.split_at_mut(mid);
        (
            Self {
                alpha: self.alpha,
                x: x0,
                y: y0,
            },
            Self {
                alpha: self.alpha,
                x: x1,
                y: y1,
            },
        )
    }
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (x, x_rest) = self.x.as_chunks::<LANES>();
        let (y, y_rest) = self.y.as_chunks_mut::<LANES>();
        for (x, y) in x.iter().zip(y) {
            for i in 0..LANES {
                y[i] += self.alpha * x[i];
                sums[i] += y[i].to_f64() * y[i].to_f64();
            }
        }
        for (s, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
            *y += self.alpha * *x;
            *s += y.to_f64() * y.to_f64();
        }
        fold(sums)
    }
}

/// `x = x + alpha p`, then `p = z + beta p`.
pub(super) struct AxpyXpby<'a, T> {
    pub(super) alpha: T,
    pub(super) p: &'a mut [T],
    pub(super) x: &'a mut [T],
    pub(super) z: &'a [T],
    pub(super) beta: T,
}

impl<T: Real> Job for AxpyXpby<'_, T> {
    type Part = f64;

    fn len(&self) -> usize {
        self.x.len()
    }
    fn split_at(self, mid: usize) -> (Self, Self) {
        let Self { alpha, beta, .. } = self;
        let (p0, p1) = self.p.split_at_mut(mid);
        let (x0, x1) = self.x.split_at_mut(mid);
        let (z0, z1) = self.z.split_at(mid);
        (
            Self {
                alpha,
                p: p0,
                x: x0,
                z: z0,
                beta,
            },
            Self {
                alpha,
                p: p1,
                x: x1,
                z: z1,
                beta,
            },
        )
    }
    fn run(self) -> f64 {
        for ((p, x), z) in self.p.iter_mut().zip(self.x).zip(self.z) {
            *x += self.alpha * *p;
            *p = *z + self.beta * *p;
        }
        0.0
    }
}
