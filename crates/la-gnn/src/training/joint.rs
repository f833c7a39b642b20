//! An update of several processes: one message.

use super::Engine;
use super::exchange::{Exchange, agree};
use super::share::{Places, Share};
use crate::GnnError;

/// What a process says of itself beside its gradient; the numbers add up.
const NOT_FINITE: u8 = 1;
const FAILED: u8 = 2;
const WANTS_TO_STOP: u8 = 4;

/// Loss and gradient of batches that are divided among processes.
pub(super) struct Joint<'x> {
    exchange: &'x dyn Exchange,
    /// Gradient, numerator, denominator, and what every process says.
    message: Vec<f64>,
    parameters: usize,
}

impl<'x> Joint<'x> {
    pub(super) fn new(exchange: &'x dyn Exchange, parameters: usize) -> Self {
        Self {
            exchange,
            message: vec![0.0; parameters + 2 + exchange.size()],
            parameters,
        }
    }

    /// Loss of the batch; overwrites `gradient`. `stop`: whether this process wants the run to end after this update.
    pub(super) fn loss_and_gradient(
        &mut self,
        engine: &mut dyn Engine,
        values: &[f32],
        batch: &[usize],
        seed: u64,
        stop: bool,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let (rank, size) = (self.exchange.rank(), self.exchange.size());
        let places = Places::of(batch, rank, size);
        let own = engine.share(values, places, seed, gradient);
        self.message.fill(0.0);
        let mut says = if stop { WANTS_TO_STOP } else { 0 };
        match &own {
            Ok(share) => {
                let sum: f64 = gradient.iter().sum();
                if !(share.numerator.is_finite()
                    && share.denominator.is_finite()
                    && sum.is_finite())
                {
                    says |= NOT_FINITE;
                }
                self.message[..self.parameters].copy_from_slice(gradient);
                self.message[self.parameters] = share.numerator;
                self.message[self.parameters + 1] = share.denominator;
            }
            Err(_) => says |= FAILED,
        }
        self.message[self.parameters + 2 + rank] = f64::from(says);
        self.exchange.sum(&mut self.message)?;
        if self.who(FAILED).next().is_some() {
            // On all processes alike: the numbers of all are known to all.
            return agree(self.exchange, own).and(Err(GnnError::OtherRank { rank }));
        }
        let share = own?;
        let [numerator, denominator] = [0, 1].map(|k| self.message[self.parameters + k]);
        let (value, scale) = Share::joined(share.joining, numerator, denominator);
        for (to, sum) in gradient.iter_mut().zip(&self.message) {
            *to = scale * sum;
        }
        Ok(value)
    }

    /// Processes that said so with the last gradient.
    fn who(&self, what: u8) -> impl Iterator<Item = usize> {
        let said = self.message[self.parameters + 2..].iter().enumerate();
        said.filter(move |(_, says)| **says as u8 & what != 0)
            .map(|(rank, _)| rank)
    }

    /// Whether a process wants the run to end.
    pub(super) fn stops(&self) -> bool {
        self.who(WANTS_TO_STOP).next().is_some()
    }

    /// Names the processes without a finite loss or gradient, in words that follow a number.
    pub(super) fn blame(&self) -> String {
        let ranks: Vec<String> = self.who(NOT_FINITE).map(|rank| rank.to_string()).collect();
        match &ranks[..] {
            [] => String::new(),
            ranks => format!(", from rank {}", ranks.join(", ")),
        }
    }
}
