//! One piece of work, done by us and by others turn by turn, and what is recorded of it.

use anyhow::{Context, Result};
use xtask::report::Unit;

use super::peers::{Peers, Program};
use super::record::Record;

/// One repetition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Seconds of wall time.
    pub(crate) seconds: f64,
    /// Iterations, or entries of a factor.
    pub(crate) count: u64,
    /// Relative, recomputed after the clock has stopped; NaN where there is none.
    pub(crate) residual: f64,
}

impl Outcome {
    /// Nothing but the time counts.
    pub(super) fn timed(seconds: f64) -> Self {
        Self {
            seconds,
            count: 0,
            residual: f64::NAN,
        }
    }
}

/// Does its work once.
type Turn<'a> = Box<dyn FnMut() -> Result<Outcome> + 'a>;

/// Whom we are compared with.
pub(super) struct Rival<'a> {
    method: &'static str,
    /// What the ratio ought to be at most.
    goal: Option<f64>,
    /// Another program, whose iterations and residual are checked against ours.
    peer: bool,
    turn: Turn<'a>,
}

impl<'a> Rival<'a> {
    /// Something of our own.
    pub(super) fn ours(
        method: &'static str,
        goal: Option<f64>,
        turn: impl FnMut() -> Result<Outcome> + 'a,
    ) -> Option<Self> {
        Some(Self {
            method,
            goal,
            peer: false,
            turn: Box::new(turn),
        })
    }

    /// A library in this process that does work of its own.
    pub(super) fn linked(
        method: &'static str,
        goal: Option<f64>,
        turn: impl FnMut() -> Result<Outcome> + 'a,
    ) -> Option<Self> {
        Some(Self {
            method,
            goal,
            peer: true,
            turn: Box::new(turn),
        })
    }

    /// Another program's `work` with its `number`; none where nobody asked for the program.
    pub(super) fn peer(
        peers: &'a Peers,
        (program, method): (Program, &'static str),
        problem: &'a str,
        (work, number): (&'static str, String),
        goal: Option<f64>,
    ) -> Option<Self> {
        let peer = peers.get(program)?;
        let turn: Turn<'a> = Box::new(move || match peer {
            Ok(peer) => peer.borrow_mut().time(work, problem, &number),
            Err(why) => Err(anyhow::anyhow!("{why}")),
        });
        Some(Self {
            method,
            goal,
            peer: true,
            turn,
        })
    }
}

/// What is done, and what of it is recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contest<'a> {
    pub(super) problem: &'a str,
    /// Our method.
    pub(super) method: &'a str,
    /// What takes the seconds, such as `setup_seconds`; ratios are recorded with `_ratio` after it.
    pub(super) quantity: &'a str,
    pub(super) repetitions: u16,
    /// The relative residual to be reached. Counts are iterations then, and are recorded.
    pub(super) rtol: Option<f64>,
}

/// How far apart iterations may be, absolutely and relatively, in work that should be the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Same(pub(super) f64, pub(super) f64);

/// What the contestants did last, by method: ours first, then the rivals that are there.
pub(super) type Last = Vec<(String, Outcome)>;

impl Contest<'_> {
    /// Lets all do their work: one round that does not count, then the repetitions, each beginning with another
    /// contestant. A rival that fails in the first round is recorded as missing.
    pub(super) fn run<'a>(
        self,
        record: &mut Record,
        same: Option<Same>,
        mut ours: impl FnMut() -> Result<Outcome>,
        rivals: impl IntoIterator<Item = Option<Rival<'a>>>,
    ) -> Result<Last> {
        let ratio = format!("{}_ratio", self.quantity);
        ours().with_context(|| format!("{} on {}", self.method, self.problem))?;
        let mut present = Vec::new();
        for mut rival in rivals.into_iter().flatten() {
            match (rival.turn)() {
                Ok(_) => present.push(rival),
                Err(error) => {
                    let why = format!("{:#}", error.root_cause());
                    record.missing(self.problem, rival.method, &ratio, &why)?;
                }
            }
        }
        let count = present.len() + 1;
        let mut outcomes = vec![Vec::new(); count];
        for round in 0..usize::from(self.repetitions) {
            for turn in 0..count {
                let c = (round + turn) % count;
                let outcome = match c {
                    0 => ours(),
                    _ => (present[c - 1].turn)(),
                };
                outcomes[c].push(outcome?);
            }
        }
        let seconds = |c: usize| -> Vec<f64> {
            let all: &Vec<Outcome> = &outcomes[c];
            all.iter().map(|o| o.seconds).collect()
        };
        let last = |c: usize| outcomes[c].last().copied().context("no repetition");

        record.seconds(self.problem, self.method, self.quantity, &seconds(0))?;
        let own = last(0)?;
        self.solved(record, self.method, "iterations", own)?;
        let mut result = vec![(self.method.to_owned(), own)];
        for (c, rival) in (1..).zip(&present) {
            let (theirs, method) = (last(c)?, rival.method);
            record.seconds(self.problem, method, self.quantity, &seconds(c))?;
            let times = (seconds(0), seconds(c));
            record.ratio_within(self.problem, method, &ratio, &times.0, &times.1, rival.goal)?;
            let name = match rival.peer {
                true => "iterations_peer",
                false => "iterations",
            };
            self.solved(record, method, name, theirs)?;
            if let Some(Same(absolute, relative)) = same.filter(|_| rival.peer) {
                let count = theirs.count as f64;
                record.agreement(
                    self.problem,
                    method,
                    "iterations_difference",
                    (own.count as f64 - count).abs(),
                    absolute.max(relative * count),
                )?;
            }
            result.push((method.to_owned(), theirs));
        }
        Ok(result)
    }

    /// Iterations and true residual of a solve.
    fn solved(&self, record: &mut Record, method: &str, name: &str, last: Outcome) -> Result<()> {
        let Some(rtol) = self.rtol else {
            return Ok(());
        };
        record.value(
            self.problem,
            method,
            name,
            Unit::Iterations,
            last.count as f64,
        )?;
        // One percent for what the recurrence of a peer loses to rounding.
        let allowed = 1.01 * rtol;
        let residual = last.residual;
        record.agreement(self.problem, method, "relative_residual", residual, allowed)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::{Args, Size};
    use super::*;

    fn record() -> Record {
        let args = Args {
            ranks: None,
            areas: Vec::new(),
            peers: false,
            threads: 1,
            repetitions: 1,
            size: Size::Smoke,
            output: None,
        };
        Record::new("krylov", &args, ".".into())
    }

    #[test]
    fn turns_alternate_and_the_first_round_does_not_count() -> Result<()> {
        let (log, mut calls) = (RefCell::new(String::new()), 0.0);
        let contest = Contest {
            problem: "p",
            method: "ours",
            quantity: "seconds",
            repetitions: 2,
            rtol: None,
        };
        let mut first = true;
        let ours = || {
            log.borrow_mut().push('a');
            calls += 1.0;
            Ok(Outcome::timed(calls))
        };
        let other = || {
            log.borrow_mut().push('b');
            Ok(Outcome::timed(8.0))
        };
        let broken = || {
            anyhow::ensure!(!std::mem::take(&mut first), "not installed");
            Ok(Outcome::timed(1.0))
        };
        let mut record = record();
        let last = contest.run(
            &mut record,
            None,
            ours,
            [
                Rival::ours("other", Some(0.5), other),
                Rival::ours("broken", None, broken),
            ],
        )?;
        assert_eq!(*log.borrow(), "ababba");
        assert_eq!(last[0].1.seconds, 3.0);
        let rows: Vec<_> = record
            .results()
            .measurements
            .iter()
            .map(|m| {
                (
                    m.method.as_str(),
                    m.quantity.as_str(),
                    m.value,
                    m.verdict.to_string(),
                )
            })
            .collect();
        let none = "no reference".to_owned();
        assert_eq!(
            rows,
            [
                ("broken", "seconds_ratio", None, none.clone()),
                ("ours", "seconds", Some(2.5), none.clone()),
                ("other", "seconds", Some(8.0), none),
                ("other", "seconds_ratio", Some(2.5 / 8.0), "met".to_owned()),
            ]
        );
        Ok(())
    }
}
