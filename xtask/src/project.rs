//! Where things are: the workspace, its target folder, LibTorch, the download cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace's root manifest.
pub(crate) fn root() -> PathBuf {
    // `cargo run` sets the variable at run time; a binary that was moved falls back on the place it was
    // built in.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.join("src/runner").is_dir())
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// The target folder: `CARGO_TARGET_DIR` or `target` below the workspace.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target"),
    }
}

/// The folder that plain `cargo test` looks for LibTorch in (see `.cargo/config.toml`).
pub(crate) fn libtorch_dir() -> PathBuf {
    target_dir().join("libtorch")
}

/// Where downloads are kept: `LA_CACHE_DIR` or `target/download`.
pub(crate) fn cache_dir() -> PathBuf {
    match std::env::var_os("LA_CACHE_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => target_dir().join("download"),
    }
}

/// The folder of real matrices and fixtures, if the environment names one.
pub(crate) fn data_dir() -> Option<PathBuf> {
    let folder = std::env::var_os("LA_DATA_DIR")?;
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}

/// A `cargo` command that starts in the workspace.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    // What `cargo run` set for this program says nothing about the next one.
    for (key, _) in std::env::vars_os() {
        let Some(name) = key.to_str() else { continue };
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}
