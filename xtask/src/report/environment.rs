//! The machine and the commit an experiment ran on.
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Where and when an experiment ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Environment {
    /// Git commit of the source, with `-dirty` after it when tracked files were changed; `unknown` outside a checkout.
    pub commit: String,
    /// Processor model; `unknown` where the system does not tell.
    pub cpu: String,
    /// Threads the experiment may use, at least 1.
    pub threads: usize,
    /// Version of LibTorch, if the program was built with it.
    pub libtorch: Option<String>,
    /// Start of the experiment, RFC 3339 in UTC.
    pub started: String,
    /// Wall time of the whole experiment in seconds.
    pub seconds: f64,
}

impl Environment {
    /// Looks at the checkout at `root` and at the machine, now; `seconds` is 0 until [`Environment::set_elapsed`].
    ///
    /// # Examples
    /// ```
    /// let environment = xtask::report::Environment::capture(".".as_ref(), 2, None);
    /// assert!(environment.started.ends_with('Z'));
    /// ```
    #[must_use]
    pub fn capture(root: &Path, threads: usize, libtorch: Option<String>) -> Self {
        Self {
            commit: commit(root).unwrap_or_else(|| "unknown".to_owned()),
            cpu: std::fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| cpu_model(&text))
                .unwrap_or_else(|| "unknown".to_owned()),
            threads: threads.max(1),
            libtorch,
            started: rfc3339(SystemTime::now()),
            seconds: 0.0,
        }
    }

    /// Records how long the experiment took.
    pub fn set_elapsed(&mut self, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
    }
}

fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() {
        hash
    } else {
        hash + "-dirty"
    })
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    // x86 says "model name", other architectures one of the rest.
    ["model name", "Processor", "cpu", "uarch"]
        .into_iter()
        .find_map(|field| {
            cpuinfo.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                (name.trim() == field && !value.is_empty()).then_some(value)
            })
        })
}

/// A time as RFC 3339 in UTC with whole seconds, `2026-03-01T12:34:56Z`. Times before 1970 read as 1970.
///
/// # Examples
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// assert_eq!(xtask::report::rfc3339(UNIX_EPOCH + Duration::from_secs(951_782_399)), "2000-02-28T23:59:59Z");
/// ```
///
/// # References
/// The calendar step is the inverse of the Julian-day computation in eras of 400 years (146 097 days), counted from
/// 1 March 0000 so that the leap day is the last of its year.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_known_by_heart() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn cpu_model_of_two_architectures() {
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some  CPU @ 2.00GHz\n";
        assert_eq!(cpu_model(x86).as_deref(), Some("Some CPU @ 2.00GHz"));
        assert_eq!(
            cpu_model("cpu\t\t: POWER9, altivec\n").as_deref(),
            Some("POWER9, altivec")
        );
        assert_eq!(cpu_model("nothing"), None);
    }

    #[test]
    fn commit_of_a_checkout_and_of_none() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(commit(&folder.path().join("missing")), None);
        let git = |arguments: &[&str]| {
            let identity = [
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.org",
                "-c",
                "commit.gpgsign=false",
            ];
            Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(identity)
                .args(arguments)
                .output()
        };
        if !git(&["init", "-q"]).is_ok_and(|o| o.status.success()) {
            return Ok(()); // no git on this machine
        }
        let file = folder.path().join("a");
        std::fs::write(&file, "1")?;
        git(&["add", "a"])?;
        git(&["commit", "-q", "-m", "a"])?;
        let clean = commit(folder.path()).unwrap();
        assert!(
            clean.len() >= 40 && clean.bytes().all(|b| b.is_ascii_hexdigit()),
            "{clean}"
        );
        std::fs::write(&file, "2")?;
        assert_eq!(commit(folder.path()).unwrap(), format!("{clean}-dirty"));
        Ok(())
    }
}
