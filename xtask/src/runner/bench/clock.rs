//! Interleaved timing.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};

/// One way of doing the work: does it once and gives the seconds it took.
pub(super) type Contestant<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// Seconds that `work` takes; its result is dropped after the clock has stopped.
pub(super) fn seconds<R>(work: impl FnOnce() -> R) -> f64 {
    timed(work).1
}

/// The result of `work` and the seconds it took.
pub(super) fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = black_box(work());
    (result, start.elapsed().as_secs_f64())
}

/// Seconds that `work` takes per call, over as many calls as fill about 20 ms.
pub(super) fn short(mut work: impl FnMut()) -> f64 {
    let once = seconds(&mut work).max(1e-9);
    let calls = (0.02 / once).clamp(1.0, 10_000.0) as u32;
    seconds(|| (0..calls).for_each(|_| work())) / f64::from(calls)
}

/// Lets the contestants take turns: one round that does not count, then `repetitions` rounds, each of which
/// begins with another contestant. Whatever else the machine does meanwhile falls on all of them alike.
///
/// The result holds the seconds of contestant `c` in round `r` at `[c][r]`.
pub(super) fn interleave(
    repetitions: u16,
    contestants: &mut [Contestant<'_>],
) -> Result<Vec<Vec<f64>>> {
    let count = contestants.len();
    let mut times = vec![Vec::with_capacity(repetitions.into()); count];
    for contestant in contestants.iter_mut() {
        contestant().context("in the round that does not count")?;
    }
    for round in 0..usize::from(repetitions) {
        for turn in 0..count {
            let c = (round + turn) % count;
            times[c].push(contestants[c]()?);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn turns_alternate_and_the_first_round_does_not_count() -> Result<()> {
        let log = RefCell::new(String::new());
        let contestant = |name: char| -> Contestant<'_> {
            let log = &log;
            let mut calls = 0.0;
            Box::new(move || {
                log.borrow_mut().push(name);
                calls += 1.0;
                Ok(calls)
            })
        };
        let times = interleave(2, &mut [contestant('a'), contestant('b')])?;
        assert_eq!(*log.borrow(), "ababba");
        assert_eq!(times, [[2.0, 3.0], [2.0, 3.0]]);
        Ok(())
    }
}
