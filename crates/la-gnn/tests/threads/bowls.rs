//! A training problem whose sums are exact, and on which something goes wrong at wish.

use la_gnn::GnnError;
use la_gnn::training::{Engine, Joining};

/// `½ ‖x − target‖²` with a target for each sample, in numbers whose sums are exact.
#[derive(Clone)]
pub(crate) struct Bowls {
    samples: usize,
    /// What goes wrong at an update on a process.
    wrong: fn(usize) -> Wrong,
    update: usize,
}

#[derive(PartialEq)]
pub(crate) enum Wrong {
    Nothing,
    NotFinite,
    Failure,
}

impl Bowls {
    pub(crate) fn new(samples: usize) -> Self {
        Self::with(samples, |_| Wrong::Nothing)
    }
    pub(crate) fn with(samples: usize, wrong: fn(usize) -> Wrong) -> Self {
        Self {
            samples,
            wrong,
            update: 0,
        }
    }
}

impl Engine for Bowls {
    fn samples(&self) -> usize {
        self.samples
    }
    fn begin(&mut self, update: usize) {
        self.update = update;
    }
    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        gradient.fill(0.0);
        let mut loss = 0.0;
        match (self.wrong)(self.update) {
            Wrong::Nothing => {}
            Wrong::NotFinite => loss = f64::NAN,
            Wrong::Failure => {
                return Err(GnnError::Matrix {
                    reason: "of this process is torn".into(),
                });
            }
        }
        let share = 1.0 / batch.len() as f64;
        for &sample in batch {
            for (k, (g, x)) in gradient.iter_mut().zip(values).enumerate() {
                let d = f64::from(*x) - (sample + 3 * k) as f64;
                loss += 0.5 * share * d * d;
                *g += share * d;
            }
        }
        Ok(loss)
    }
    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }
}
