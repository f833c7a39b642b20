//! What a run has measured so far, so that a run that was cut off is taken up and not repeated.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xtask::report::Results;

use super::Request;
use crate::experiment::interrupt;

/// The finished parts of a run: one line of JSON each, in the folder `unfinished` beside the report.
///
/// The folder goes when the run has ended. A part is taken from it only if the same program was asked for the same
/// thing; otherwise everything starts anew.
pub(crate) struct Ledger {
    folder: PathBuf,
    file: File,
    parts: HashMap<String, Value>,
    /// Seconds of the earlier sittings.
    before: f64,
    start: Instant,
}

/// What has to agree for a part to be taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Origin {
    paper: String,
    profile: String,
    train: bool,
    device: String,
    seed: u64,
    peers: bool,
    matrices: Vec<String>,
    methods: Vec<String>,
    chapters: Vec<String>,
    threads: usize,
    commit: String,
    /// Length and time of the program: another build measures other times.
    program: (u64, u128),
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    key: String,
    /// Seconds of all sittings when the part was finished.
    elapsed: f64,
    value: Value,
}

impl Ledger {
    /// Takes up the run that was cut off in `folder`, or begins a new one there.
    pub(crate) fn open(folder: &Path, paper: &str, request: &Request) -> Result<Self> {
        interrupt::install();
        let origin = Origin::of(paper, request)?;
        let folder = folder.join("unfinished");
        let path = folder.join("parts.jsonl");
        let parts = match File::open(&path) {
            Ok(file) => earlier(file, &origin),
            Err(_) => None,
        };
        if parts.is_none() && folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let parts = parts.unwrap_or_default();
        if !parts.is_empty() {
            println!(
                "taking up the run that was cut off: {} parts of it are measured",
                parts.len()
            );
        }
        // Written anew, so that a line that was cut off does not stay in the middle.
        let mut text = serde_json::to_string(&origin)? + "\n";
        for part in &parts {
            text += &(serde_json::to_string(part)? + "\n");
        }
        xtask::report::write_atomic(&path, text.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            folder,
            file,
            before: parts.last().map_or(0.0, |p| p.elapsed),
            parts: parts.into_iter().map(|p| (p.key, p.value)).collect(),
            start: Instant::now(),
        })
    }

    /// The part `key` of the run: from this sitting or an earlier one, or computed and written down now.
    pub(crate) fn part<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &str,
        compute: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if let Some(value) = self.parts.get(key) {
            return serde_json::from_value(value.clone()).with_context(|| {
                format!(
                    "the part `{key}` in {} cannot be read; remove that folder to begin anew",
                    self.folder.display()
                )
            });
        }
        if interrupt::requested() {
            bail!("interrupted; the same command goes on where it stopped");
        }
        let value = compute()?;
        self.record(key, &value)?;
        Ok(value)
    }

    /// Writes a part down.
    fn record<T: Serialize>(&mut self, key: &str, value: &T) -> Result<()> {
        let part = Part {
            key: key.into(),
            elapsed: self.seconds(),
            value: serde_json::to_value(value)?,
        };
        let line = serde_json::to_string(&part)? + "\n";
        self.file
            .write_all(line.as_bytes())
            .with_context(|| format!("cannot write to {}", self.folder.display()))?;
        self.parts.insert(part.key, part.value);
        Ok(())
    }

    /// Parts that do not depend on each other, as many at a time as there are threads; `compute` is given the place of its key, and `done`
    /// hears of every part that was computed now.
    pub(crate) fn parts<T: Serialize + DeserializeOwned + Send>(
        &mut self,
        keys: &[String],
        compute: impl Fn(usize) -> Result<T> + Sync,
        mut done: impl FnMut(usize, &T),
    ) -> Result<Vec<T>> {
        let open: Vec<usize> = (0..keys.len()).filter(|&k| !self.knows(&keys[k])).collect();
        let next = AtomicUsize::new(0);
        let threads = rayon::current_num_threads().min(open.len());
        std::thread::scope(|scope| -> Result<()> {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..threads {
                let (sender, open, next, compute) = (sender.clone(), &open, &next, &compute);
                scope.spawn(move || {
                    while let Some(&k) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let value = compute(k);
                        let failed = value.is_err();
                        if sender.send((k, value)).is_err() || failed {
                            // Nobody listens any more, or nothing more is to be begun.
                            next.store(open.len(), Ordering::Relaxed);
                            break;
                        }
                    }
                });
            }
            drop(sender);
            // What other threads finish after a failure or an interrupt is not lost.
            let mut failure = None;
            for (k, value) in receiver {
                match value {
                    Ok(value) => {
                        self.record(&keys[k], &value)?;
                        done(k, &value);
                    }
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            failure.map_or(Ok(()), Err)
        })?;
        let known = |key: &String| self.part(key, || bail!("no value of {key}"));
        keys.iter().map(known).collect()
    }

    /// Whether the part is known already.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.parts.contains_key(key)
    }

    /// A file that lives as long as the run is unfinished: a checkpoint of training.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Seconds of all sittings.
    pub(crate) fn seconds(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    /// Writes what is known so far to `unfinished/results.json`, for whoever waits.
    pub(crate) fn publish(&self, results: &Results) -> Result<()> {
        Ok(results.write(&self.path("results.json"))?)
    }

    /// The run has ended and its report is written: nothing is left to take up.
    pub(crate) fn close(self) -> Result<()> {
        drop(self.file);
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

impl Origin {
    fn of(paper: &str, request: &Request) -> Result<Self> {
        let program = std::env::current_exe()?.metadata()?;
        let time = program.modified()?.duration_since(UNIX_EPOCH)?;
        Ok(Self {
            paper: paper.into(),
            profile: request.profile.name().into(),
            train: request.train,
            device: request.device.clone(),
            seed: request.seed,
            peers: request.peers,
            matrices: request.matrices.clone(),
            methods: request.methods.clone(),
            chapters: request.chapters.clone(),
            threads: rayon::current_num_threads(),
            commit: crate::commit(),
            program: (program.len(), time.as_nanos()),
        })
    }
}

/// The parts of an earlier sitting of the same run; `None` if it was another run, or no run at all.
fn earlier(file: File, origin: &Origin) -> Option<Vec<Part>> {
    let mut lines = BufReader::new(file).lines().map_while(Result::ok);
    let written: Origin = serde_json::from_str(&lines.next()?).ok()?;
    // The last line may have been cut off by whatever ended the program.
    (written == *origin).then(|| {
        lines
            .map_while(|line| serde_json::from_str(&line).ok())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Profile;
    use super::*;

    fn request(seed: u64) -> Request {
        Request {
            profile: Profile::Smoke,
            train: false,
            device: "cpu".into(),
            seed,
            ..Request::default()
        }
    }

    #[test]
    fn independent_parts_come_in_the_order_of_their_keys_and_none_is_begun_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), "paper", &request(0)).unwrap();
        let keys: Vec<String> = (0..20).map(|k| format!("part {k}")).collect();
        ledger.part(&keys[3], || Ok(300_usize)).unwrap();
        let mut heard = 0;
        let parts = ledger.parts(&keys, Ok, |_, _| heard += 1).unwrap();
        let mut expected: Vec<usize> = (0..20).collect();
        expected[3] = 300;
        assert_eq!((parts, heard), (expected, 19));

        let keys: Vec<String> = (0..1000).map(|k| format!("other {k}")).collect();
        let begun = AtomicUsize::new(0);
        let one = |k: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            match k {
                0 => bail!("no part 0"),
                // Longer than a failure takes to be noticed.
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
            Ok(k)
        };
        let error = ledger.parts(&keys, one, |_, _| ()).unwrap_err();
        assert_eq!(error.to_string(), "no part 0");
        assert!(!ledger.knows(&keys[0]));
        assert!(begun.into_inner() < 1000);
    }

    fn write(folder: &Path, seed: u64, keys: &[&str]) -> Vec<bool> {
        let mut ledger = Ledger::open(folder, "paper", &request(seed)).unwrap();
        let mut computed = Vec::new();
        for key in keys {
            let mut fresh = false;
            let value: String = ledger
                .part(key, || {
                    fresh = true;
                    Ok(format!("value of {key}"))
                })
                .unwrap();
            assert_eq!(value, format!("value of {key}"));
            computed.push(fresh);
        }
        computed
    }

    #[test]
    fn a_run_that_was_cut_off_goes_on_and_another_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), 0, &["a", "b"]), [true, true]);
        assert_eq!(
            write(folder.path(), 0, &["a", "b", "c"]),
            [false, false, true]
        );
        // The last line without its end, as a killed program leaves it.
        let path = folder.path().join("unfinished/parts.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        assert_eq!(
            write(folder.path(), 0, &["a", "b", "c"]),
            [false, false, true]
        );
        assert_eq!(write(folder.path(), 0, &["c"]), [false]);
        // Another seed is another run. What is asked for twice is computed once.
        assert_eq!(write(folder.path(), 1, &["a", "a"]), [true, false]);
        fs::write(&path, b"\xff\xfe not a ledger").unwrap();
        assert_eq!(write(folder.path(), 1, &["a"]), [true]);
        let ledger = Ledger::open(folder.path(), "paper", &request(1)).unwrap();
        ledger.close().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
