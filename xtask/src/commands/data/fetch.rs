//! Takes matrices out of the packages that carry them.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use zip::ZipArchive;

use super::manifest::{Matrix, Source};
use crate::{checksum, pip, project};

const PYAMG: pip::Package = pip::Package {
    name: "pyamg",
    version: "5.4.1",
    platform: "manylinux_2_28_x86_64",
    file: "pyamg-5.4.1-cp312-cp312-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    sha256: "91992dd46bae10b01b923c69f0a00bb8700d7c6f8da3098487fa3b7aa3b431fe",
    bytes: 2_390_468,
};

/// Puts the file of `matrix` into the cache; it gets its name there only after its checksum was verified.
pub(crate) fn fetch(matrix: &Matrix, cache: &Path) -> Result<()> {
    let Source::Package { package, path } = &matrix.source else {
        bail!(
            "{} belongs to the mirror folder, where it is missing or damaged",
            matrix.name
        );
    };
    let target = matrix.file(cache);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = target.with_extension(format!("partial-{}", std::process::id()));
    let fetched = match package.split_once(':') {
        Some(("cargo", name)) => crate_folder(name).and_then(|folder| {
            let file = folder.join(path);
            fs::copy(&file, &partial).with_context(|| format!("cannot copy {}", file.display()))?;
            Ok(())
        }),
        Some(("pip", "pyamg")) => pip::obtain(&PYAMG, cache).and_then(|wheel| {
            let mut archive = ZipArchive::new(BufReader::new(File::open(wheel)?))?;
            std::io::copy(&mut archive.by_name(path)?, &mut File::create(&partial)?)?;
            Ok(())
        }),
        _ => bail!("{}: the package `{package}` is not known", matrix.name),
    };
    let placed = fetched.and_then(|()| {
        checksum::expect(&partial, &matrix.sha256)?;
        fs::rename(&partial, &target).context("cannot move the matrix into the cache")
    });
    if placed.is_err() {
        // The first error is the one to report.
        fs::remove_file(&partial).ok();
    }
    placed.with_context(|| format!("cannot fetch {}", matrix.name))
}

/// The source folder of a crate that the workspace depends on.
fn crate_folder(name: &str) -> Result<PathBuf> {
    let output = project::cargo()
        .args(["metadata", "--format-version", "1"])
        .output()?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package["name"] == name)
        .and_then(|package| package["manifest_path"].as_str())
        .with_context(|| format!("the workspace does not depend on {name}"))?;
    Ok(Path::new(manifest)
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default())
}
