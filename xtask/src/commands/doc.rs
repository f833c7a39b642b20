//! `doc`: the crates' documentation and the book.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::step;
use crate::workspace::Workspace;
use crate::{cli, console, mpi, project};

pub(crate) fn run(options: &cli::Doc) -> Result<bool> {
    let workspace = Workspace::load()?;
    let others: &[&str] = match mpi::for_tests() {
        Ok(_) => &["mpi"],
        Err(reason) => {
            console::say(&format!("without the pages on MPI ({reason})"));
            &[]
        }
    };
    let mut rustdoc = project::cargo();
    rustdoc.args(["doc", "--workspace", "--no-deps", "--features"]);
    rustdoc.arg(workspace.features_with(others));
    rustdoc.env("RUSTDOCFLAGS", "-D warnings");
    if options.open {
        rustdoc.arg("--open");
    }
    let mut good = step("documentation of the crates", &mut rustdoc)?;
    let book = project::root().join("docs");
    if !book.join("book.toml").exists() {
        return Ok(good);
    }
    let mdbook = Command::new("mdbook")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if mdbook.is_ok_and(|status| status.success()) {
        let mut build = Command::new("mdbook");
        build
            .arg("build")
            .arg(&book)
            .arg("--dest-dir")
            .arg(project::target_dir().join("book"));
        good &= step("book", &mut build)?;
    } else {
        console::say("skipped: the book (mdbook is not installed; cargo install mdbook)");
    }
    Ok(good)
}
