//! `lint`: formatting, clippy, licences.

use anyhow::Result;

use super::{has_cargo_command, step};
use crate::workspace::Workspace;
use crate::{console, mpi, project};

pub(crate) fn run() -> Result<bool> {
    let mut format = project::cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut good = step("formatting", &mut format)?;

    let workspace = Workspace::load()?;
    let mut clippy = project::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--features"]);
    clippy.args([&workspace.portable_features(), "--", "-D", "warnings"]);
    good &= step("clippy", &mut clippy)?;

    // With `doc-only`, the code that uses LibTorch is checked where there is no LibTorch. The whole workspace,
    // so that what it depends on is the same as above and is not checked again.
    let mut others = vec!["torch", "doc-only"];
    let mut title = "clippy with LibTorch".to_owned();
    match mpi::for_tests() {
        Ok(_) => {
            others.push("mpi");
            title.push_str(" and MPI");
        }
        Err(reason) => console::say(&format!("skipped: clippy with MPI ({reason})")),
    }
    let mut all = project::cargo();
    all.args(["clippy", "--workspace", "--all-targets", "--features"]);
    all.args([&workspace.features_with(&others), "--", "-D", "warnings"]);
    good &= step(&title, &mut all)?;

    if has_cargo_command("deny") {
        let mut deny = project::cargo();
        deny.args(["deny", "check", "bans", "licenses", "sources"]);
        good &= step("licences and sources", &mut deny)?;
    } else {
        console::say("skipped: licences and sources (cargo install cargo-deny)");
    }
    Ok(good)
}
