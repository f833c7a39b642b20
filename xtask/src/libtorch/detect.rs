//! Looks for a LibTorch that is already on the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::version::{self, VERSION};
use super::{Libtorch, Mode, Origin, stamp};
use crate::project;

/// Whether an NVIDIA driver is loaded.
pub(crate) fn nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists() || Path::new("/dev/nvidiactl").exists()
}

/// Finds a usable LibTorch: the user's own first, then `own_folder` (unless `mode` asks for a new one), then
/// what Python happens to have.
///
/// # Errors
/// If the user asked for one of theirs (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`) and it is not usable.
pub(crate) fn find(own_folder: &Path, mode: Mode) -> Result<Option<Libtorch>> {
    if let Some(folder) = users_folder(own_folder) {
        let found = check(&folder, Origin::Environment).with_context(|| {
            format!(
                "the environment variable LIBTORCH names {}, which is not usable; unset LIBTORCH so that \
                 `cargo xtask setup` fetches LibTorch {VERSION}, or set it to a folder of that version",
                folder.display()
            )
        })?;
        return Ok(Some(found));
    }
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let found = match pythons_folder() {
            Some(folder) => check(&folder, Origin::Python),
            None => Err(anyhow::anyhow!("this Python has no package torch")),
        };
        return found.map(Some).with_context(|| {
            format!(
                "LIBTORCH_USE_PYTORCH is set, but Python's torch is not usable; install torch=={VERSION} \
                 in that Python, or unset LIBTORCH_USE_PYTORCH so that `cargo xtask setup` fetches it"
            )
        });
    }
    if mode == Mode::Keep
        && let Some(found) = own(own_folder)?
    {
        return Ok(Some(found));
    }
    // A torch of another version is no error here: nobody asked for it.
    Ok(pythons_folder().and_then(|folder| check(&folder, Origin::Python).ok()))
}

/// The LibTorch at `target/libtorch`, if it is complete: a provisioned folder with its stamp, or a link.
///
/// # Errors
/// If the link cannot be read.
pub(crate) fn own(folder: &Path) -> Result<Option<Libtorch>> {
    let Ok(meta) = folder.symlink_metadata() else {
        return Ok(None);
    };
    if meta.is_symlink() {
        return Ok(check(folder, Origin::Linked).ok());
    }
    // A folder without a valid stamp was not finished, or was changed later.
    if stamp::verify(folder).is_err() {
        return Ok(None);
    }
    check(folder, Origin::Own).map(Some)
}

/// Checks that `folder` is a LibTorch of the right version.
pub(crate) fn check(folder: &Path, origin: Origin) -> Result<Libtorch> {
    for part in ["include", "lib/libtorch_cpu.so", "lib/libc10.so"] {
        let path = folder.join(part);
        if !path.exists() {
            bail!("{} is missing", path.display());
        }
    }
    match version::of_folder(folder) {
        Some(found) if found == VERSION => {}
        Some(found) => bail!("it is LibTorch {found}, and LibTorch {VERSION} is needed"),
        None => bail!("its version cannot be read (no build-version, version.py or version.h)"),
    }
    let cuda = folder.join("lib/libtorch_cuda.so").exists();
    Ok(Libtorch {
        folder: folder.to_path_buf(),
        origin,
        cuda,
    })
}

/// `LIBTORCH`, unless it is only the default that `.cargo/config.toml` sets.
fn users_folder(own_folder: &Path) -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
    let default = project::root().join("target/libtorch");
    let is_default = [own_folder, default.as_path()]
        .iter()
        .any(|known| same_place(&folder, known));
    (!is_default).then_some(folder)
}

fn same_place(a: &Path, b: &Path) -> bool {
    a.components().eq(b.components())
}

/// The folder of Python's torch package, found without importing it.
fn pythons_folder() -> Option<PathBuf> {
    const SCRIPT: &str = "import importlib.util\n\
        spec = importlib.util.find_spec('torch')\n\
        print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else '')";
    let interpreter = if env::var_os("VIRTUAL_ENV").is_some() {
        "python"
    } else {
        "python3"
    };
    let output = Command::new(interpreter)
        .args(["-c", SCRIPT])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let folder = text.trim();
    (output.status.success() && !folder.is_empty()).then(|| PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fake(folder: &Path, version: &str) {
        fs::create_dir_all(folder.join("include")).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(folder.join("lib/libtorch_cpu.so"), "x").unwrap();
        fs::write(folder.join("lib/libc10.so"), "x").unwrap();
        fs::write(folder.join("build-version"), version).unwrap();
    }

    #[test]
    fn a_complete_folder_of_the_right_version_is_accepted() {
        let temp = tempfile::tempdir().unwrap();
        fake(temp.path(), "2.11.0+cpu");
        let found = check(temp.path(), Origin::Environment).unwrap();
        assert!(!found.cuda);
        fs::write(temp.path().join("lib/libtorch_cuda.so"), "x").unwrap();
        assert!(check(temp.path(), Origin::Environment).unwrap().cuda);
    }

    #[test]
    fn a_wrong_version_is_named() {
        let temp = tempfile::tempdir().unwrap();
        fake(temp.path(), "2.6.0");
        let error = check(temp.path(), Origin::Environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is LibTorch 2.6.0, and LibTorch 2.11.0 is needed"
        );
    }

    #[test]
    fn a_missing_library_is_named() {
        let temp = tempfile::tempdir().unwrap();
        fake(temp.path(), "2.11.0");
        fs::remove_file(temp.path().join("lib/libc10.so")).unwrap();
        let error = check(temp.path(), Origin::Environment).unwrap_err();
        assert!(
            error.to_string().ends_with("lib/libc10.so is missing"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_a_stamp_is_not_trusted() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("libtorch");
        fake(&folder, "2.11.0");
        assert_eq!(own(&folder).unwrap(), None);
        stamp::write(&folder, &[("torch", "ab")]).unwrap();
        assert_eq!(own(&folder).unwrap().unwrap().origin, Origin::Own);
        fs::write(folder.join("lib/libtorch_cpu.so"), "longer").unwrap();
        assert_eq!(own(&folder).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_a_dangling_one_ignored() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().join("real");
        let link = temp.path().join("libtorch");
        fake(&real, "2.11.0");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(own(&link).unwrap().unwrap().origin, Origin::Linked);
        fs::remove_dir_all(&real).unwrap();
        assert_eq!(own(&link).unwrap(), None);
    }
}
