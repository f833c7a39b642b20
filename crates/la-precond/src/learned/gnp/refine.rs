//! From the network of one matrix to that of the next.

use std::f64::consts::PI;
use std::ops::ControlFlow;
use std::sync::Arc;

use la_gnn::GnnError;
use la_gnn::gnp::Parameters;
use la_gnn::native::gnp::{Matrix, Trainer};
use la_gnn::training::gnp::{GnpEngine, GnpState};
use sprs::CsMatViewI;

use super::{Gnp, GnpReport};
use crate::PrecondError;

/// Highest learning rate of [`Gnp::refine`] over that of the first training.
const RATE: f64 = 2.0;
/// Part of the steps in which it rises to that.
const RISING: f64 = 1.0 / 6.0;

impl Gnp {
    /// Trains on for another matrix, from the parameters as they are: for sequences of matrices that change little, at a part of
    /// the steps of a first training.
    ///
    /// The momentum of Adam starts anew. The learning rate rises to twice that of the first training over the first sixth of the
    /// steps, while Adam's means know little, and falls to zero along a cosine: a first training ends in the noise of its constant
    /// rate, and what few steps gain is mostly that. See [the measurements](super#what-was-measured).
    ///
    /// # Errors
    /// Those of [`GnpBuilder::train`](super::GnpBuilder::train).
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (first, second) = (la_precond::sprs::CsMatI::<f64, u32>::eye(3), la_precond::sprs::CsMatI::<f64, u32>::eye(3));
    /// use la_precond::learned::gnp::GnpBuilder;
    ///
    /// let (m, _) = GnpBuilder::paper().train(first.view())?;
    /// let (m, report) = m.refine(second.view(), 200)?;
    /// # Ok(()) }
    /// ```
    pub fn refine(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        steps: usize,
    ) -> Result<(Gnp, GnpReport), PrecondError> {
        let builder = self.builder.clone().with_steps(steps);
        let engine = |_: CsMatViewI<'_, f64, u32>, matrix: &Arc<Matrix>, start: &Parameters| {
            let inner = Trainer::new(start, Arc::clone(matrix))?;
            Ok(Box::new(Scheduled::new(inner, steps)) as Box<dyn GnpEngine>)
        };
        let mut hook = |_: &_| ControlFlow::Continue(());
        let (mut m, report) = builder.train_with(a, &self.parameters, engine, None, &mut hook)?;
        m.builder.training = self.builder.training.clone();
        Ok((m, report))
    }
}

/// An engine whose learning rate rises and falls.
struct Scheduled<E> {
    inner: E,
    /// Updates done, and those of the whole run.
    done: usize,
    steps: usize,
}

impl<E> Scheduled<E> {
    fn new(inner: E, steps: usize) -> Self {
        Self {
            inner,
            done: 0,
            steps: steps.max(1),
        }
    }

    /// Learning rate of the next step over that of a first training.
    fn rate(&self) -> f64 {
        let (done, steps) = (self.done as f64, self.steps as f64);
        let rise = ((done + 1.0) / (RISING * steps).max(1.0)).min(1.0);
        let fall = 0.5 * (1.0 + (PI * (done + 0.5) / steps).cos());
        RATE * rise * fall
    }
}

impl<E: GnpEngine> GnpEngine for Scheduled<E> {
    fn order(&self) -> usize {
        self.inner.order()
    }

    fn loss_and_gradient(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError> {
        self.inner.loss_and_gradient(b, columns)
    }

    fn keep(&mut self) -> Result<(), GnnError> {
        self.inner.keep()
    }

    fn update(&mut self, learning_rate: f64) -> Result<(), GnnError> {
        let rate = learning_rate * self.rate();
        self.done += 1;
        self.inner.update(rate)
    }

    fn kept(&self) -> Result<Option<Parameters>, GnnError> {
        self.inner.kept()
    }

    fn parameters(&self) -> Result<Parameters, GnnError> {
        self.inner.parameters()
    }

    fn state(&self) -> Result<GnpState, GnnError> {
        self.inner.state()
    }

    fn restore(&mut self, state: &GnpState) -> Result<(), GnnError> {
        // Where the rate stands goes with the updates done.
        self.done = state.optimizer.updates;
        self.inner.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let rates: Vec<f64> = (0..30)
            .map(|done| Scheduled {
                inner: (),
                done,
                steps: 30,
            })
            .map(|engine| engine.rate())
            .collect();
        let top = rates.iter().copied().fold(0.0, f64::max);
        assert!(top > 0.9 * RATE && top <= RATE, "{top}");
        assert!(rates[0] < 0.3 * top && rates[29] < 0.01 * top, "{rates:?}");
        let at = rates.iter().position(|r| *r == top).unwrap();
        assert!(rates[..=at].is_sorted() && rates[at..].is_sorted_by(|a, b| a >= b));
        // A single step is possible.
        assert!(Scheduled::new((), 1).rate() > 0.0);
    }
}
