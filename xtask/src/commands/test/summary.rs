//! Reads what test programs print, and adds it up.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What came of the tests of one command.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that ran and passed.
    passed: usize,
    /// Tests that failed; a program that did not build or crashed counts as one.
    failed: usize,
    /// Tests marked slow that were not asked for.
    ignored: usize,
    /// The lines of tests that found something missing and did nothing.
    skips: Vec<String>,
}

/// Goes through the output of `cargo test … -- --show-output` line by line.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    counts: Counts,
    in_successes: bool,
}

impl Reader {
    /// Takes one line in and says whether it is worth showing: failures and results are.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        if line.starts_with("skipped:") {
            self.counts.skips.push(line.to_owned());
            return true;
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.counts.passed += number_before(result, " passed");
            self.counts.failed += number_before(result, " failed");
            self.counts.ignored += number_before(result, " ignored");
            return number_before(result, " passed") + number_before(result, " failed") > 0;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => {}
        }
        let passed = line.starts_with("test ") && line.ends_with(" ... ok");
        let running = line.starts_with("running ") && line.ends_with(['t', 's']);
        !(self.in_successes || passed || running || line.is_empty())
    }

    /// The counts, once the command has ended.
    pub(crate) fn finish(mut self, success: bool) -> Counts {
        if !success && self.counts.failed == 0 {
            self.counts.failed = 1;
        }
        // A test that skipped itself is reported as passed by the test program.
        self.counts.passed = self.counts.passed.saturating_sub(self.counts.skips.len());
        self.counts
    }
}

/// The number that stands before `word`, as in `3 passed; 0 failed`.
fn number_before(text: &str, word: &str) -> usize {
    let before = text
        .split(word)
        .next()
        .filter(|before| before.len() < text.len());
    let digits = before.and_then(|before| before.rsplit(' ').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// All commands together.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    rows: Vec<(String, Counts, Duration)>,
    left_out: Vec<(String, String)>,
}

impl Summary {
    /// Adds the counts of one command.
    pub(crate) fn add(&mut self, title: &str, counts: Counts, time: Duration) {
        self.rows.push((title.to_owned(), counts, time));
    }

    /// Notes a group of tests that was not run.
    pub(crate) fn leave_out(&mut self, title: &str, reason: &str) {
        self.left_out.push((title.to_owned(), reason.to_owned()));
    }

    /// Whether something ran and nothing failed.
    pub(crate) fn passed(&self) -> bool {
        let passed: usize = self.rows.iter().map(|(_, counts, _)| counts.passed).sum();
        passed > 0 && self.rows.iter().all(|(_, counts, _)| counts.failed == 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nSummary of the tests")?;
        let mut total = Counts::default();
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (title, counts, time) in &self.rows {
            writeln!(
                f,
                "  {title:<12} {:>5} passed {:>3} failed {:>3} ignored {:>3} skipped themselves {:>5.0} s",
                counts.passed,
                counts.failed,
                counts.ignored,
                counts.skips.len(),
                time.as_secs_f64()
            )?;
            total.passed += counts.passed;
            total.failed += counts.failed;
            total.ignored += counts.ignored + counts.skips.len();
            for skip in &counts.skips {
                *reasons.entry(skip).or_default() += 1;
            }
        }
        for (title, reason) in &self.left_out {
            writeln!(f, "  {title:<12} left out: {reason}")?;
        }
        for (reason, times) in reasons {
            writeln!(f, "  {times} x {reason}")?;
        }
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            total.passed, total.failed, total.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ignored, slow: a minute

successes:

---- b stdout ----
skipped: LA_DATA_DIR is not set
more of b

successes:
    a
    b

failures:

---- c stdout ----
assertion failed

failures:
    c

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(text: &str) -> (Reader, String) {
        let mut reader = Reader::default();
        let shown: Vec<&str> = text.lines().filter(|line| reader.read(line)).collect();
        (reader, shown.join("\n"))
    }

    #[test]
    fn counts_are_added_up_and_noise_is_hidden() {
        let (reader, shown) = read(OUTPUT);
        insta::assert_snapshot!(shown);
        let counts = reader.finish(false);
        assert_eq!((counts.passed, counts.failed, counts.ignored), (1, 1, 1));
        assert_eq!(counts.skips, ["skipped: LA_DATA_DIR is not set"]);
    }

    #[test]
    fn a_command_that_fails_without_a_failed_test_counts_as_one() {
        assert_eq!(read("").0.finish(false).failed, 1);
        assert_eq!(read("").0.finish(true).failed, 0);
    }

    #[test]
    fn nothing_run_is_not_a_success() {
        let mut summary = Summary::default();
        assert!(!summary.passed());
        summary.add(
            "workspace",
            Counts {
                passed: 1,
                ..Counts::default()
            },
            Duration::ZERO,
        );
        assert!(summary.passed());
        summary.add(
            "LibTorch",
            Counts {
                failed: 1,
                ..Counts::default()
            },
            Duration::ZERO,
        );
        assert!(!summary.passed());
    }

    #[test]
    fn the_last_line_has_the_plain_form() {
        let mut summary = Summary::default();
        summary.add(
            "workspace",
            read(OUTPUT).0.finish(false),
            Duration::from_secs(75),
        );
        summary.leave_out("LibTorch", "--no-torch was given");
        insta::assert_snapshot!(summary);
    }
}
