//! Iterations until the residuals are small.

use std::time::Instant;

use super::choice::own_alphas;
use super::collective::total;
use super::exchange::Exchange;
use super::measure::{self, Look, Measure};
use super::objective::LocalObjective;
use super::options::Adapt;
use super::solver::{Admm, Pending};
use super::{AdmmReport, AdmmStatus, AdmmStep, Form, LocalFailure, StepSizes};

/// When residuals were looked at.
struct Seen {
    iteration: usize,
    alpha: f64,
    seconds: f64,
}

impl Seen {
    fn write(&self, measured: &Measure, report: &mut AdmmReport) {
        (report.primal, report.dual) = (measured.primal.sqrt(), measured.dual.sqrt());
        report.alpha = self.alpha;
        report.history.push(AdmmStep {
            iteration: self.iteration,
            primal: report.primal,
            dual: report.dual,
            alpha: self.alpha,
            seconds: self.seconds,
        });
    }
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Goes on from the present iterates until both residuals are within their tolerances, or another rule of the options says stop.
    ///
    /// All processes leave together and with the same status: that one of them failed or is out of time is part of the sum in which residuals are added up.
    pub fn solve(&mut self) -> AdmmReport {
        let begin = Instant::now();
        let first = self.iteration;
        let mut report = AdmmReport {
            status: AdmmStatus::IterationLimit,
            iterations: 0,
            rounds: 0,
            primal: f64::NAN,
            dual: f64::NAN,
            alpha: self.alpha,
            history: Vec::new(),
            policy_given_up: None,
            failure: None,
            #[cfg(feature = "serde")]
            checkpoint: None,
            traffic: self.exchange.traffic(),
            time: begin.elapsed(),
        };
        self.remember();
        let mut under_way: Option<Seen> = None;
        #[cfg(feature = "serde")]
        let mut saved = (first, Instant::now());
        loop {
            let watched = self.is_watched();
            self.step();
            let done = self.iteration - first;
            let last = done == self.options.max_iters;
            if !last && !done.is_multiple_of(self.options.check_every) {
                if watched {
                    self.watch_policy();
                }
                continue;
            }
            let now = Seen {
                iteration: self.iteration,
                alpha: self.last_alpha(),
                seconds: begin.elapsed().as_secs_f64(),
            };
            let out_of_time = self
                .options
                .time_limit
                .is_some_and(|t| begin.elapsed() >= t);
            report.iterations = done;
            // What was begun at the last look has had time to arrive.
            let before = under_way.take().map(|seen| {
                let measured = self.finish_measure();
                seen.write(&measured, &mut report);
                (measured, seen.alpha)
            });
            self.start_measure(out_of_time);
            // The residuals of an earlier iterate only decide whether those of this one are waited for.
            let wait = last || before.as_ref().is_some_and(|(seen, _)| self.ends(seen));
            if self.options.pipelined && !wait && !self.sums_in_iterations() {
                under_way = Some(now);
                if let Some((measured, alpha)) = before {
                    self.adapt(&measured, alpha);
                }
                continue;
            }
            let measured = self.finish_measure();
            now.write(&measured, &mut report);
            if watched {
                self.judge_policy(&measured);
            }
            if let Some(status) = self.verdict(&measured, last) {
                report.status = status;
                break;
            }
            self.adapt(&measured, self.last_alpha());
            #[cfg(feature = "serde")]
            self.save_if_due(&mut saved, &mut report);
        }
        let exchanges = match self.options.form {
            Form::Nodes => 2,
            Form::Edges => 1,
        };
        report.rounds = exchanges * report.iterations;
        report.policy_given_up = self.watch.given_up;
        report.failure = self.failed.take();
        report.traffic = self.exchange.traffic();
        report.time = begin.elapsed();
        report
    }

    /// One iteration of [`Admm::solve`]: α is adapted where the options say so, but nothing ends. For those who watch every iterate.
    ///
    /// # Errors
    /// As [`Admm::iterate`].
    pub fn advance(&mut self) -> Result<(), (usize, LocalFailure)> {
        self.remember();
        let watched = self.is_watched();
        self.step();
        if watched {
            self.watch_policy();
        }
        let looks = self.iteration.is_multiple_of(self.options.check_every);
        if looks && self.options.adapt != Adapt::None {
            self.start_measure(false);
            let measured = self.finish_measure();
            self.adapt(&measured, self.last_alpha());
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Keeps what the spectral estimate compares with.
    fn remember(&mut self) {
        if matches!(self.options.adapt, Adapt::Spectral { .. }) {
            self.before.numbers.resize(3 * self.own(), 0.0);
        }
    }

    /// Writes a checkpoint where one is due, `saved` being the iteration and the time of the last one.
    #[cfg(feature = "serde")]
    fn save_if_due(&mut self, saved: &mut (usize, Instant), report: &mut AdmmReport) {
        let Some(checkpoint) = self.options.checkpoint.clone() else {
            return;
        };
        let done = self.iteration - saved.0;
        let mut due = checkpoint.every_iters.is_some_and(|count| done >= count);
        if let Some(time) = checkpoint.every {
            // Clocks differ: the first process decides.
            let flag = self.exchange.rank() == 0 && saved.1.elapsed() >= time;
            let flag = [f64::from(u8::from(flag))];
            due |= total(flag.into_iter(), &self.options, &mut self.exchange) > 0.0;
        }
        if due {
            report.checkpoint = self.save(&checkpoint.path).err();
            *saved = (self.iteration, Instant::now());
        }
    }

    /// Whether what was seen at the last look is needed at the next one.
    #[cfg(feature = "serde")]
    pub(super) fn adapts_by_looks(&self) -> bool {
        matches!(self.options.adapt, Adapt::Spectral { .. })
    }

    pub(super) fn start_measure(&mut self, out_of_time: bool) {
        let stop = out_of_time || self.failed.is_some();
        let look = Look {
            form: self.options.form,
            rows: self.shard.rows(),
            starts: self.shard.starts(0..self.shard.owned()),
            n: self.n,
            x: &self.x[..self.own()],
            y: &self.y,
            v: &self.v,
            g: &self.g,
            last: self
                .pending
                .steps(&self.node_alpha)
                .unwrap_or(StepSizes::Global {
                    alpha: 0.0,
                    gamma: 1.0,
                }),
        };
        let exact = self.options.deterministic;
        let (before, words) = (&mut self.before, &mut self.words);
        measure::start(&look, before, exact, stop, words, &mut self.exchange);
    }

    pub(super) fn finish_measure(&mut self) -> Measure {
        let exact = self.options.deterministic;
        measure::finish(exact, &mut self.words, &mut self.exchange)
    }

    /// α of the last iteration, the mean of own agents where each has its own.
    fn last_alpha(&self) -> f64 {
        match self.pending {
            Pending::Global { alpha, .. } => alpha,
            Pending::Nodes { .. } => {
                let own = own_alphas(&self.shard, &self.node_alpha);
                own.sum::<f64>() / self.shard.owned().max(1) as f64
            }
            Pending::None => self.alpha,
        }
    }

    fn within_tolerances(&self, measured: &Measure) -> bool {
        let absolute = self.options.eps_abs * (self.total as f64).sqrt();
        let relative = self.options.eps_rel;
        measured.primal.sqrt() <= absolute + relative * measured.copies.sqrt()
            && measured.dual.sqrt() <= absolute + relative * measured.prices.sqrt()
    }

    fn ends(&self, measured: &Measure) -> bool {
        let finite = (measured.primal + measured.dual).is_finite();
        measured.stops > 0.0 || !finite || self.within_tolerances(measured)
    }

    fn verdict(&mut self, measured: &Measure, last: bool) -> Option<AdmmStatus> {
        if measured.stops > 0.0 {
            // Which of the two it was is known to one process at first.
            let failures = f64::from(u8::from(self.failed.is_some()));
            let failures = total([failures].into_iter(), &self.options, &mut self.exchange);
            return Some(if failures > 0.0 {
                AdmmStatus::LocalFailure
            } else {
                AdmmStatus::TimeLimit
            });
        }
        if !(measured.primal + measured.dual).is_finite() {
            self.failed = self.failed.take().or_else(|| self.non_finite_agent());
            return Some(AdmmStatus::NonFinite);
        }
        if self.within_tolerances(measured) {
            Some(AdmmStatus::Converged)
        } else {
            last.then_some(AdmmStatus::IterationLimit)
        }
    }

    /// The first own agent whose x is not finite.
    fn non_finite_agent(&self) -> Option<(usize, LocalFailure)> {
        let own = &self.x[..self.own()];
        let node = own.iter().position(|x| !x.is_finite())? / self.n;
        let agent = self.shard.ids()[self.shard.agent_of(node)];
        Some((agent as usize, LocalFailure::NonFinite))
    }

    /// From what was measured where α was `seen`; what an α has led to says nothing about another one.
    fn adapt(&mut self, measured: &Measure, seen: f64) {
        let in_tail = matches!(self.pending, Pending::Global { alpha, .. } if alpha == self.alpha);
        if !in_tail || seen != self.alpha || self.changes >= self.options.max_changes {
            return;
        }
        if let Some(alpha) = self.options.adapt.next(self.alpha, measured) {
            self.alpha = alpha;
            self.changes += 1;
        }
    }

    /// The sum of the local functions at the local points, over all processes.
    pub fn objective(&mut self) -> f64 {
        let (shard, n, x) = (&self.shard, self.n, &self.x);
        let values = self.objectives.iter().enumerate().map(|(i, f)| {
            let nodes = shard.nodes(i..i + 1);
            f.value(&x[nodes.start * n..nodes.end * n])
        });
        total(values, &self.options, &mut self.exchange)
    }

    /// The mean of x over all agents (n), or of each variable over the agents that have it (N), on all processes. One sum over all processes for each number.
    pub fn mean(&mut self) -> Vec<f64> {
        let own = &self.x[..self.own()];
        if let Some((slots, holders)) = self.shard.shared() {
            // Own slots, variable by variable.
            let mut order: Vec<usize> = (0..slots.len()).collect();
            order.sort_by_key(|&slot| slots[slot]);
            let mut order = &order[..];
            let means = holders.iter().enumerate().map(|(c, &count)| {
                let (these, others) =
                    order.split_at(order.partition_point(|&s| slots[s] as usize <= c));
                order = others;
                let terms = these.iter().map(|&slot| own[slot]);
                total(terms, &self.options, &mut self.exchange) / f64::from(count)
            });
            return means.collect();
        }
        (0..self.n)
            .map(|c| {
                let terms = own.iter().skip(c).step_by(self.n).copied();
                total(terms, &self.options, &mut self.exchange) / self.agents as f64
            })
            .collect()
    }
}
