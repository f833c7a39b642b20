//! The file that says a provisioned folder is complete.
//!
//! It is the last thing written before the folder gets its name, and lists the size of every library, so
//! that a folder that was interrupted or changed is not taken for a whole one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

const FILE: &str = ".provisioned.json";

/// Writes the stamp of `folder`, which was made from the wheels `(name, sha256)`.
pub(crate) fn write(folder: &Path, wheels: &[(&str, &str)]) -> Result<()> {
    let mut libraries = Map::new();
    for entry in fs::read_dir(folder.join("lib"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        libraries.insert(name, json!(entry.path().metadata()?.len()));
    }
    let wheels: Map<String, Value> = wheels
        .iter()
        .map(|(name, sha256)| ((*name).to_owned(), json!(sha256)))
        .collect();
    let stamp = json!({ "schema": 1, "wheels": wheels, "libraries": libraries });
    let path = folder.join(FILE);
    fs::write(&path, format!("{stamp:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that the stamp is there and that every library it names has its size.
pub(crate) fn verify(folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is missing: not complete", path.display()))?;
    let stamp: Value = serde_json::from_str(&text)?;
    let Some(libraries) = stamp["libraries"].as_object().filter(|map| !map.is_empty()) else {
        bail!("{} names no libraries", path.display());
    };
    for (name, size) in libraries {
        let library = folder.join("lib").join(name);
        let found = library
            .metadata()
            .with_context(|| format!("{} is missing", library.display()))?
            .len();
        ensure!(
            Some(found) == size.as_u64(),
            "{} has {found} bytes instead of {size}",
            library.display()
        );
    }
    Ok(())
}
