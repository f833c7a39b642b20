//! `setup` on machines that lack something, with a target folder and a Python of the test's own.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

const WHEEL: &str = "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl";

/// A machine with nothing on PATH but what the test puts there.
struct Machine {
    temp: TempDir,
}

impl Machine {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("bin")).unwrap();
        Self { temp }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Installs a shell script as `python3`; `pip --version` succeeds, and torch is not installed.
    fn with_python(self, download: &str) -> Self {
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n*'pip --version'*) exit 0;;\n-c*) exit 0;;\nesac\n{download}\n"
        );
        let path = self.path("bin/python3");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn setup(&self) -> Command {
        let mut command = Command::cargo_bin("xtask").unwrap();
        command.arg("setup").env_clear();
        command.env("PATH", self.path("bin"));
        command.env("CARGO_TARGET_DIR", self.path("target"));
        command
    }

    /// What `setup` says on standard error when it fails.
    fn failure(&self) -> String {
        let output = self.setup().output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        text.replace(self.temp.path().to_str().unwrap(), "TEMP")
    }
}

fn fake_libtorch(folder: &Path, version: &str) {
    fs::create_dir_all(folder.join("include")).unwrap();
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
    fs::write(folder.join("lib/libc10.so"), "").unwrap();
    fs::write(folder.join("build-version"), version).unwrap();
}

#[test]
fn without_python_the_remedies_are_named() {
    insta::assert_snapshot!(Machine::new().failure());
}

#[test]
fn what_pip_said_last_is_shown() {
    let machine =
        Machine::new().with_python("echo 'ERROR: no connection to the index' >&2; exit 1");
    insta::assert_snapshot!(machine.failure());
}

#[test]
fn a_download_with_the_wrong_checksum_is_refused_and_not_kept() {
    // The argument after --dest is the folder to write to.
    let machine = Machine::new().with_python(&format!(
        "while [ \"$1\" != --dest ]; do shift; done\n/bin/mkdir -p \"$2\"\necho other > \"$2/{WHEEL}\""
    ));
    let text = machine.failure();
    assert!(text.contains("refused: SHA-256 is"), "{text}");
    let left = fs::read_dir(machine.path("target/download"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "the refused file must not stay");
    assert!(!machine.path("target/libtorch").exists());
}

#[test]
fn a_damaged_file_in_the_cache_is_not_used() {
    let machine = Machine::new().with_python("exit 1");
    fs::create_dir_all(machine.path("target/download")).unwrap();
    fs::write(machine.path("target/download").join(WHEEL), "half a wheel").unwrap();
    let text = machine.failure();
    assert!(text.contains("fetching it again"), "{text}");
    assert!(!machine.path("target/download").join(WHEEL).exists());
}

#[test]
fn a_half_written_folder_is_not_trusted() {
    let machine = Machine::new().with_python("exit 1");
    fake_libtorch(&machine.path("target/libtorch"), "2.11.0");
    let text = machine.failure();
    assert!(text.contains("is not there yet"), "{text}");
}

#[test]
fn a_wrong_version_in_libtorch_is_named_with_the_remedy() {
    let machine = Machine::new();
    fake_libtorch(&machine.path("own"), "2.6.0+cpu");
    let output = machine
        .setup()
        .env("LIBTORCH", machine.path("own"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(text.replace(machine.temp.path().to_str().unwrap(), "TEMP"));
}

#[test]
fn a_libtorch_of_the_users_is_linked_and_nothing_downloaded() {
    let machine = Machine::new();
    fake_libtorch(&machine.path("own"), "2.11.0+cpu");
    let output = machine
        .setup()
        .env("LIBTORCH", machine.path("own"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("LibTorch 2.11.0 (from LIBTORCH)\n"),
        "{text}"
    );
    assert!(!machine.path("target/download").exists());
    assert_eq!(
        fs::read_link(machine.path("target/libtorch")).unwrap(),
        machine.path("own")
    );

    // The link is enough from now on.
    let output = machine.setup().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("LibTorch 2.11.0 (linked)\n"), "{text}");
}
