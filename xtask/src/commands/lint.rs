//! `lint`: formatting, clippy, licences.

use anyhow::Result;

use super::test::TORCH_AND_MPI;
use super::{has_cargo_command, step};
use crate::workspace::Workspace;
use crate::{console, mpi, project};

pub(crate) fn run() -> Result<bool> {
    let mut format = project::cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut good = step("formatting", &mut format)?;

    let workspace = Workspace::load()?;
    let mut clippy = project::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    clippy.args([
        "--features",
        &workspace.portable_features(),
        "--",
        "-D",
        "warnings",
    ]);
    good &= step("clippy", &mut clippy)?;

    // With `doc-only`, the code that uses LibTorch is checked where there is no LibTorch. The whole workspace, so that what it depends on is the same as
    // above and is not checked again.
    let mut torch = project::cargo();
    torch.args(["clippy", "--workspace", "--all-targets"]);
    let mut features = vec![workspace.portable_features()];
    for feature in ["torch", "doc-only"] {
        let packages = workspace.packages_with(feature).into_iter();
        features.extend(packages.map(|package| format!("{package}/{feature}")));
    }
    torch.args(["--features", &features.join(","), "--", "-D", "warnings"]);
    good &= step("clippy with LibTorch", &mut torch)?;

    match mpi::for_tests() {
        Ok(_) => {
            let mut ranks = project::cargo();
            ranks.args(["clippy", "--all-targets"]);
            let mut features = Vec::new();
            for package in workspace.packages_with("mpi") {
                ranks.args(["--package", package]);
                features.push(format!("{package}/mpi"));
            }
            for package in TORCH_AND_MPI {
                features.extend(["torch", "doc-only"].map(|f| format!("{package}/{f}")));
            }
            ranks.args(["--features", &features.join(","), "--", "-D", "warnings"]);
            good &= step("clippy with MPI", &mut ranks)?;
        }
        Err(reason) => console::say(&format!("skipped: clippy with MPI ({reason})")),
    }

    if has_cargo_command("deny") {
        let mut deny = project::cargo();
        deny.args(["deny", "check", "bans", "licenses", "sources"]);
        good &= step("licences and sources", &mut deny)?;
    } else {
        console::say("skipped: licences and sources (cargo install cargo-deny)");
    }
    Ok(good)
}
