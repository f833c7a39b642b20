//! Waiting for other ranks, and losing patience.

use std::fmt;
use std::time::{Duration, Instant};

use super::World;

/// Exit code of all ranks after the watchdog has found a wait that lasts too long.
const TIMED_OUT: i32 = 124;

impl World {
    /// Tests until `done`, yielding the core now and then; the one place where anything waits.
    pub(crate) fn wait<R>(
        &self,
        what: impl fmt::Display,
        request: &mut R,
        done: impl Fn(&mut R) -> bool,
        missing: impl Fn(&mut R) -> (Vec<usize>, Vec<usize>),
    ) -> Duration {
        let started = Instant::now();
        let mut tests = 0u32;
        while !done(request) {
            tests = tests.wrapping_add(1);
            // Long enough for a message that is about to come, short enough to leave the core to a rank
            // that shares it.
            if tests < 200 {
                std::hint::spin_loop();
                continue;
            }
            std::thread::yield_now();
            if let Some(limit) = self.inner.watchdog.get()
                && started.elapsed() > limit
            {
                let (silent, deaf) = missing(request);
                self.give_up(started.elapsed(), &what, &silent, &deaf);
            }
        }
        let waited = started.elapsed();
        self.inner.waited.set(self.inner.waited.get() + waited);
        waited
    }

    fn give_up(
        &self,
        waited: Duration,
        what: &dyn fmt::Display,
        silent: &[usize],
        deaf: &[usize],
    ) -> ! {
        let mut said = format!(
            "rank {} of {}: waited {:.1} s in {what}",
            self.rank(),
            self.size(),
            waited.as_secs_f64()
        );
        if !silent.is_empty() {
            said += &format!("; nothing came from ranks {silent:?}");
        }
        if !deaf.is_empty() {
            said += &format!("; not taken by ranks {deaf:?}");
        }
        crate::say(&(said + "; all ranks end"));
        self.abort(TIMED_OUT)
    }
}

/// A collective operation does not know who has not joined.
pub(crate) fn nothing<R>(_: &mut R) -> (Vec<usize>, Vec<usize>) {
    (Vec::new(), Vec::new())
}
