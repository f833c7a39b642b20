//! The command line: help texts, usage errors, exit codes.

use assert_cmd::Command;

fn xtask() -> Command {
    Command::cargo_bin("xtask").unwrap()
}

fn help_of(args: &[&str]) -> String {
    let output = xtask().args(args).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_texts() {
    insta::assert_snapshot!("help", help_of(&[]));
    for command in ["setup", "data", "test", "lint", "doc", "ci"] {
        insta::assert_snapshot!(format!("help_{command}"), help_of(&[command]));
    }
}

#[test]
fn usage_errors_exit_1_in_every_command() {
    for args in [
        &[][..],
        &["no-such-command"],
        &["setup", "--no-such-flag"],
        &["data"],
        &["data", "fetch", "--no-such-flag"],
        &["test", "extra"],
        &["lint", "extra"],
        &["doc", "extra"],
        &["ci", "--no-such-flag"],
    ] {
        let output = xtask().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("Usage:"),
            "{args:?}"
        );
    }
}

#[test]
fn the_version_is_the_workspaces() {
    xtask()
        .arg("--version")
        .assert()
        .success()
        .stdout("cargo xtask 0.1.0\n");
}
