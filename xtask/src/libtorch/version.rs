//! Which version of LibTorch a folder holds.

use std::fs;
use std::path::Path;

/// The only version that `tch` 0.24 accepts.
pub(crate) const VERSION: &str = "2.11.0";

/// The version of the LibTorch below `folder`, without a local part such as `+cu130`.
///
/// Looks, in this order, at `build-version` (official archives), `version.py` (Python's package) and the
/// headers. `None` if nothing of that can be read.
pub(crate) fn of_folder(folder: &Path) -> Option<String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    read("build-version")
        .and_then(|text| of_build_version(&text))
        .or_else(|| read("version.py").and_then(|text| of_python(&text)))
        .or_else(|| read("include/torch/headeronly/version.h").and_then(|text| of_header(&text)))
        .or_else(|| {
            read("include/torch/csrc/api/include/torch/version.h").and_then(|text| of_header(&text))
        })
}

fn of_build_version(text: &str) -> Option<String> {
    let version = text.trim().split('+').next()?;
    let looks_right = version.starts_with(|c: char| c.is_ascii_digit());
    looks_right.then(|| version.to_owned())
}

/// `__version__ = '2.11.0+cu130'` in `version.py`.
fn of_python(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    of_build_version(line.split(['\'', '"']).nth(1)?)
}

/// `#define TORCH_VERSION_MAJOR 2` and its two companions.
fn of_header(text: &str) -> Option<String> {
    let number = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("#define") && words.next() == Some(name)).then(|| words.next())?
        })
    };
    let major = number("TORCH_VERSION_MAJOR")?;
    let minor = number("TORCH_VERSION_MINOR")?;
    let patch = number("TORCH_VERSION_PATCH")?;
    Some(format!("{major}.{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_part_is_cut_off() {
        assert_eq!(of_build_version("2.11.0+cpu\n").as_deref(), Some("2.11.0"));
        assert_eq!(of_build_version("\n"), None);
    }

    #[test]
    fn the_python_file_is_read() {
        let text = "from typing import Optional\n__version__ = '2.11.0+cu130'\ndebug = False\n";
        assert_eq!(of_python(text).as_deref(), Some("2.11.0"));
        assert_eq!(of_python("debug = False\n"), None);
    }

    #[test]
    fn the_header_is_read() {
        let text = "#pragma once\n#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n\
                    #define TORCH_VERSION_PATCH 0\n#define TORCH_VERSION \\\n";
        assert_eq!(of_header(text).as_deref(), Some("2.11.0"));
        assert_eq!(of_header("#define TORCH_VERSION_MAJOR 2\n"), None);
    }

    #[test]
    fn build_version_comes_before_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let header = folder.path().join("include/torch/headeronly");
        fs::create_dir_all(&header).unwrap();
        fs::write(
            header.join("version.h"),
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 6\n#define TORCH_VERSION_PATCH 1\n",
        )
        .unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.6.1"));
        fs::write(folder.path().join("build-version"), "2.11.0+cpu").unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.11.0"));
    }
}
