//! A folder of data with its checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// A folder that is being filled.
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<String>,
}

impl Folder {
    /// Starts in a new or empty folder.
    pub(super) fn create(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
        let mut entries =
            fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
        ensure!(entries.next().is_none(), "{} is not empty", root.display());
        let (root, files) = (root.to_owned(), Vec::new());
        Ok(Self { root, files })
    }

    /// The place of a file, `/` between folders; they are created.
    pub(super) fn file(&mut self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot create {}", parent.display()))?;
        }
        self.files.push(name.to_owned());
        Ok(path)
    }

    /// Writes a text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes `checksums.sha256`, in the form that `sha256sum --check` reads, and says how many files there are.
    pub(super) fn finish(mut self) -> Result<usize> {
        self.files.sort();
        let mut list = String::new();
        for name in &self.files {
            let path = self.root.join(name);
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for byte in Sha256::digest(&bytes) {
                write!(list, "{byte:02x}")?;
            }
            writeln!(list, "  {name}")?;
        }
        let path = self.root.join("checksums.sha256");
        fs::write(&path, list).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(self.files.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_with_their_checksums() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let root = temp.path().join("data");
        let mut folder = Folder::create(&root)?;
        folder.text("a/abc", "abc")?;
        assert_eq!(folder.finish()?, 2);
        // FIPS 180-4, example of "abc".
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/abc\n";
        assert_eq!(fs::read_to_string(root.join("checksums.sha256"))?, line);
        assert!(Folder::create(&root).is_err());
        Ok(())
    }
}
