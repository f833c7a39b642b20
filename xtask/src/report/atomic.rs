//! Files that are written whole or not at all.
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ReportError;

/// Writes `contents` to `path`, creating its folder: first to a new file beside it, which then takes its name.
///
/// A reader sees the old file or the new one, and an interrupted run leaves the old one. Two runs that write the same
/// file at once each write a file of their own; the later name change wins.
///
/// # Errors
/// [`ReportError::Io`], naming the file and what failed; the temporary file is removed.
pub fn write_atomic(path: &Path, contents: &[u8]) -> Result<(), ReportError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let fail = |action| {
        move |source| ReportError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail("create the folder of"))?;
    let name = path
        .file_name()
        .ok_or_else(|| fail("write")(std::io::ErrorKind::InvalidFilename.into()))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(
        ".{}.{}-{number}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = fs::File::create_new(&temporary)
        .and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a temporary file that was never created cannot be removed.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(fail("write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/results.json");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn failure_names_the_file_and_cleans_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        let error = write_atomic(&path, b"x").unwrap_err();
        assert!(
            matches!(
                error,
                ReportError::Io {
                    action: "write",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
