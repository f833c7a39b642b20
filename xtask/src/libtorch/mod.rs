//! Finds LibTorch or provisions it, so that nobody has to install anything by hand.

mod detect;
mod install;
mod stamp;
mod version;
mod wheels;

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

pub(crate) use version::VERSION;

use crate::{console, project};

/// Where a LibTorch came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The environment variable `LIBTORCH`.
    Environment,
    /// The `torch` package of the Python on `PATH`.
    Python,
    /// A folder of the user's that `target/libtorch` links to.
    Linked,
    /// Provisioned below the target folder.
    Own,
}

/// A LibTorch that was looked at and found usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// The folder with `include` and `lib`.
    pub(crate) folder: PathBuf,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// Whether the CUDA libraries are there.
    pub(crate) cuda: bool,
}

impl fmt::Display for Libtorch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Environment => "from LIBTORCH",
            Origin::Python => "from Python's torch package",
            Origin::Linked => "linked",
            Origin::Own => "own copy, checksums verified",
        };
        let cuda = match (self.cuda, detect::nvidia_driver()) {
            (true, true) => "yes",
            (true, false) => "no (the libraries are there, an NVIDIA driver is not)",
            (false, true) => {
                "no (CPU libraries only; for the GPU, install Python's torch==2.11.0 and run \
                 `cargo xtask setup --force`)"
            }
            (false, false) => "no (CPU libraries only)",
        };
        writeln!(f, "LibTorch {VERSION} ({origin})")?;
        writeln!(f, "  folder: {}", self.folder.display())?;
        write!(f, "  CUDA:   {cuda}")?;
        if self.must_be_exported() {
            let folder = project::libtorch_dir();
            write!(
                f,
                "\n  for plain cargo commands: export LIBTORCH={}",
                folder.display()
            )?;
        }
        Ok(())
    }
}

/// What to do with what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Use what is found, provision what is missing.
    Keep,
    /// Look and provision anew, even if `target/libtorch` is in order.
    Force,
}

/// Finds a LibTorch, provisioning one if there is none, and makes `target/libtorch` lead to it.
pub(crate) fn ensure(mode: Mode) -> Result<Libtorch> {
    let own = project::libtorch_dir();
    let found = match detect::find(&own, mode)? {
        Some(found) => found,
        None => {
            provision(&own)?;
            detect::own(&own)?.context("the folder just provisioned is not usable")?
        }
    };
    if found.folder != own && (mode == Mode::Force || detect::own(&own)?.is_none()) {
        install::link(&found.folder, &own)?;
    }
    Ok(found)
}

fn provision(own: &std::path::Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "LibTorch {VERSION} is provisioned on Linux x86-64 only; install it yourself and set LIBTORCH \
             to its folder, or install Python's torch=={VERSION} and set LIBTORCH_USE_PYTORCH=1"
        );
    }
    console::say(&format!(
        "LibTorch {VERSION} is not there yet: fetching it once (530 MB)"
    ));
    let cache = project::cache_dir();
    let mut files = Vec::new();
    for wheel in wheels::WHEELS {
        files.push((wheel, wheels::obtain(wheel, &cache)?));
    }
    install::install(&files, own)
}

impl Libtorch {
    /// Whether plain cargo commands, which look into `target/libtorch`, have to be told the folder: with
    /// `CARGO_TARGET_DIR` it lies elsewhere.
    fn must_be_exported(&self) -> bool {
        self.origin != Origin::Environment
            && project::libtorch_dir() != project::root().join("target/libtorch")
    }

    /// Lets `command`, and what it starts, build with and load this LibTorch.
    pub(crate) fn apply_to(&self, command: &mut Command) {
        if self.must_be_exported() {
            command.env("LIBTORCH", project::libtorch_dir());
        }
        if matches!(self.origin, Origin::Environment | Origin::Python) {
            // The rpath of our binaries leads to target/libtorch; a folder of the user's comes first.
            let mut path = self.folder.join("lib").into_os_string();
            if let Some(rest) = std::env::var_os("LD_LIBRARY_PATH").filter(|v| !v.is_empty()) {
                path.push(":");
                path.push(rest);
            }
            command.env("LD_LIBRARY_PATH", path);
        }
    }
}
