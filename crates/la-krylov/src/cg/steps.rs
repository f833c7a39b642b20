//! One step of conjugate gradients, cut in two by its product with A.

use std::borrow::{Borrow, BorrowMut};

use crate::run::{Run, Settled, Verdict, sign_status};
use crate::{LinearOperator, Monitor, Preconditioner, Status, VectorSpace};

/// Saad, Algorithm 9.1, on the scaled residual. The caller turns round: [`Steps::direction`], the
/// product `q = A p`, [`Steps::advance`].
pub(super) struct Steps<'r, S: VectorSpace, A: ?Sized, W: ?Sized> {
    run: Run<'r, S, A, W>,
    /// `‖r‖₂`
    norm: f64,
    /// `rᵀ M⁻¹ r`
    rz: f64,
    alpha: f64,
    /// The last step length and the β that follows it.
    previous: Option<(f64, f64)>,
    /// The next direction is the first after a start.
    first: bool,
    /// The step `alpha p` that `x` still lacks.
    pending: Option<f64>,
}

impl<'r, S, A, W> Steps<'r, S, A, W>
where
    S: VectorSpace,
    A: LinearOperator<S> + ?Sized,
    W: Monitor<S::Vector> + ?Sized,
{
    pub(super) fn new(mut run: Run<'r, S, A, W>) -> Self {
        run.reserve_tridiagonal();
        Self {
            norm: run.space.norm(run.state.r.borrow()),
            run,
            rz: 0.0,
            alpha: 0.0,
            previous: None,
            first: true,
            pending: None,
        }
    }

    /// Ends the solve.
    pub(super) fn finish(&mut self, status: Status) {
        self.run.finish(status);
    }

    /// The next direction `p`, after the step along the last one. `z` is room for `M⁻¹ r`.
    pub(super) fn direction<M: Preconditioner<S> + ?Sized>(
        &mut self,
        m: &M,
        p: &mut S::Vector,
        z: &mut S::Vector,
    ) -> Result<(), Status> {
        let run = &mut self.run;
        let space = run.space;
        let identity = m.is_identity();
        // z = M⁻¹ r, and rᵀ z
        let rz_next = if identity {
            self.norm * self.norm
        } else {
            let r = run.state.r.borrow();
            match m.apply(space, r, z) {
                Ok(()) => space.dot(r, z),
                Err(failure) => {
                    run.state.solution.failure = Some(failure);
                    f64::NAN
                }
            }
        };
        if !(rz_next > 0.0 && rz_next.is_finite()) {
            if let Some(step) = self.pending {
                space.axpy(step, p, run.state.solution.x.borrow_mut());
            }
            if run.state.solution.failure.is_some() {
                return Err(Status::PreconditionerFailure);
            }
            let bound = space.norm(run.state.r.borrow()) * space.norm(z);
            let negative = Status::IndefinitePreconditioner;
            return Err(sign_status::<S::Scalar>(rz_next, bound, negative));
        }
        let z_now = if identity { run.state.r.borrow() } else { &*z };
        self.previous = None;
        if self.first {
            space.copy(z_now, p);
        } else {
            // p = z + β p with β = (rᵀz)ₖ₊₁ / (rᵀz)ₖ, after x = x + α p
            let beta = rz_next / self.rz;
            self.previous = Some((self.alpha, beta));
            match self.pending.take() {
                Some(step) => {
                    space.axpy_xpby(step, p, run.state.solution.x.borrow_mut(), z_now, beta);
                    if run.observe(self.norm) {
                        return Err(Status::StoppedByMonitor);
                    }
                }
                None => space.xpby(z_now, beta, p),
            }
        }
        self.first = false;
        self.rz = rz_next;
        Ok(())
    }

    /// The step along `p`, given `q = A p`.
    pub(super) fn advance(&mut self, p: &S::Vector, q: &S::Vector) -> Result<(), Status> {
        let run = &mut self.run;
        let space = run.space;
        // α = rᵀz / pᵀAp
        let pq = space.dot(p, q);
        if !(pq > 0.0 && pq.is_finite()) {
            let bound = space.norm(p) * space.norm(q);
            return Err(sign_status::<S::Scalar>(
                pq,
                bound,
                Status::IndefiniteOperator,
            ));
        }
        self.alpha = self.rz / pq;
        let spectrum = &mut run.state.solution.spectrum;
        spectrum.push_step(self.previous, self.alpha);
        // r = r − α A p
        self.norm = space.axpy_norm(-self.alpha, q, run.state.r.borrow_mut());
        let step = self.alpha * run.unit;
        match run.residual_updated(self.norm)? {
            Verdict::Continue => self.pending = Some(step),
            Verdict::Settle => {
                space.axpy(step, p, run.state.solution.x.borrow_mut());
                match run.settle(self.norm) {
                    Settled::Done(status) => return Err(status),
                    Settled::Continue => {}
                    Settled::Restart => self.first = true,
                }
                self.norm = space.norm(run.state.r.borrow());
            }
        }
        Ok(())
    }
}
