//! Tests of programs on ranks, written like any other test.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::{Launcher, World};

/// Set for the copies of a test program that `mpirun` starts.
const WORKER: &str = "LA_MPI_TEST_RANK";

/// How long the ranks of a test may wait for each other.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of a test on ranks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Exit code of `mpirun`; `None` after a signal.
    pub code: Option<i32>,
    /// What the ranks wrote to both streams.
    pub output: String,
    /// Until the last rank had ended.
    pub elapsed: Duration,
}

/// Runs the calling test on 1, 2, 3 … ranks: `body` is what every rank does.
///
/// The test program starts itself under `mpirun`, once for each entry of `ranks`, with the name of the test
/// as its filter; `name` is therefore the path that `cargo test -- --list` shows. Without `mpirun` the test
/// prints one line and passes.
///
/// # Panics
/// If a rank panics or returns a code other than zero.
///
/// # Examples
/// ```no_run
/// #[test]
/// fn sums() {
///     la_mpi::testing::on_ranks("sums", &[1, 2, 3], |world| {
///         let mut one = [1.0];
///         world.all_sum(&mut one);
///         assert_eq!(one[0], world.size() as f64);
///     });
/// }
/// ```
pub fn on_ranks(name: &str, ranks: &[usize], body: impl FnOnce(&World)) {
    for_each(name, ranks, body, |ranks, outcome| {
        assert_eq!(
            outcome.code,
            Some(0),
            "{name} on {ranks} ranks:\n{}",
            outcome.output
        );
    });
}

/// Runs the calling test on `ranks` ranks, where it is meant to fail, and hands `check` what came of it.
pub fn failing_on_ranks(
    name: &str,
    ranks: usize,
    body: impl FnOnce(&World),
    check: impl Fn(&Outcome),
) {
    for_each(name, &[ranks], body, |_, outcome| check(&outcome));
}

fn for_each(
    name: &str,
    ranks: &[usize],
    body: impl FnOnce(&World),
    check: impl Fn(usize, Outcome),
) {
    if std::env::var_os(WORKER).is_some() {
        let world = World::init().expect("one test per program");
        world.set_watchdog(Some(PATIENCE));
        body(&world);
        return;
    }
    let Some(launcher) = Launcher::find() else {
        skip();
        return;
    };
    for &ranks in ranks {
        check(ranks, start(&launcher, name, ranks));
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the line that `cargo xtask test` counts"
)]
fn skip() {
    println!("skipped: no mpirun on PATH");
}

fn start(launcher: &Launcher, name: &str, ranks: usize) -> Outcome {
    let program = std::env::current_exe().expect("a test program knows where it is");
    let folder = session_folder();
    let mut command = launcher.command(ranks, program);
    command
        .args([name, "--exact", "--include-ignored", "--nocapture"])
        .args(["--test-threads", "1"])
        .env(WORKER, "1")
        .env("TMPDIR", &folder)
        // The ranks share the cores of one machine.
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().expect("mpirun answered before");
    let output = read(&mut child);
    let status = child.wait().expect("mpirun is our child");
    // What is left there harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    Outcome {
        code: status.code(),
        output,
        elapsed: started.elapsed(),
    }
}

/// A folder for the files of one `mpirun`. In one that several share, the first to end may remove what another is about to use (Open MPI 4: "mkdir was unable to create the desired
/// directory").
fn session_folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("la-mpi-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("the folder of temporary files can be written");
    folder
}

/// Both streams to their ends, so that neither fills up.
fn read(child: &mut Child) -> String {
    let mut errors = child.stderr.take().expect("the stream is piped");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        errors.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut bytes = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        // A stream that breaks off ends the text; the exit code tells what happened.
        let _ = output.read_to_end(&mut bytes);
    }
    if let Ok(Ok(more)) = reader.join() {
        bytes.extend(more);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
