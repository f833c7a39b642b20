//! What cargo says about the workspace: its packages and their features.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::project;

/// Features that need a library which not every machine has, or that take linking away.
const NOT_EVERYWHERE: [&str; 3] = ["torch", "mpi", "doc-only"];

/// The workspace's packages with the names of their features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    features: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let output = project::cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let metadata: Value = serde_json::from_slice(json)?;
        let packages = metadata["packages"]
            .as_array()
            .context("cargo metadata lists no packages")?;
        let features = packages
            .iter()
            .filter_map(|package| {
                let features = package["features"].as_object()?.keys().cloned().collect();
                Some((package["name"].as_str()?.to_owned(), features))
            })
            .collect();
        Ok(Self { features })
    }

    /// Every feature that works on every machine, as `package/feature`: one set for most of the tests, so
    /// that little is compiled twice.
    pub(crate) fn portable_features(&self) -> String {
        self.features_with(&[])
    }

    /// [`Workspace::portable_features`] and `others` of the packages that have them.
    pub(crate) fn features_with(&self, others: &[&str]) -> String {
        let wanted = |feature: &str| {
            others.contains(&feature) || feature != "default" && !NOT_EVERYWHERE.contains(&feature)
        };
        self.pairs(wanted).join(",")
    }

    /// The packages that have the feature `name`.
    pub(crate) fn packages_with(&self, name: &str) -> Vec<&str> {
        let having = self
            .features
            .iter()
            .filter(|(_, list)| list.iter().any(|f| f == name));
        having.map(|(package, _)| package.as_str()).collect()
    }

    fn pairs(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let each = self
            .features
            .iter()
            .flat_map(|(p, list)| list.iter().map(move |f| (p, f)));
        each.filter(|(_, feature)| wanted(feature))
            .map(|(p, f)| format!("{p}/{f}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"packages": [
        {"name": "la-gnn", "features": {"default": [], "torch": [], "doc-only": [], "rayon": []}},
        {"name": "la-precond", "features": {"learned": []}},
        {"name": "xtask", "features": {"runner": [], "torch": []}}]}"#;

    #[test]
    fn portable_features_need_no_library() {
        let workspace = Workspace::parse(JSON.as_bytes()).unwrap();
        assert_eq!(
            workspace.portable_features(),
            "la-gnn/rayon,la-precond/learned,xtask/runner"
        );
        assert_eq!(
            workspace.features_with(&["doc-only"]),
            "la-gnn/doc-only,la-gnn/rayon,la-precond/learned,xtask/runner"
        );
        assert_eq!(workspace.packages_with("torch"), ["la-gnn", "xtask"]);
    }

    #[test]
    fn other_json_is_an_error() {
        assert!(Workspace::parse(b"{}").is_err());
        assert!(Workspace::parse(b"no json").is_err());
    }
}
