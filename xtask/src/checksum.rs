//! SHA-256 of files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// The SHA-256 of a file in lower-case hexadecimal digits.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let context = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(context)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).with_context(context)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        write!(text, "{byte:02x}").context("cannot format a checksum")?;
    }
    Ok(text)
}

/// Refuses a file whose SHA-256 is not `expected`.
pub(crate) fn expect(path: &Path, expected: &str) -> Result<()> {
    let found = of_file(path)?;
    ensure!(
        found == expected,
        "checksum of {} refused: SHA-256 is {found}, expected {expected}",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_example_comes_out() {
        // FIPS 180-4, example of "abc".
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_file(&path).unwrap(), expected);
        expect(&path, expected).unwrap();
        std::fs::write(&path, "abd").unwrap();
        let error = expect(&path, expected).unwrap_err().to_string();
        assert!(
            error.contains("refused") && error.contains(expected),
            "{error}"
        );
    }
}
