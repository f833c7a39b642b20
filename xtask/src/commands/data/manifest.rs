//! The lists of matrices: the mirror's own, and the one of this workspace.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{checksum, project};

/// Matrices that travel inside packages of the registries.
const IN_REGISTRIES: &str = include_str!("../../../data/matrices.csv");

/// Where a matrix can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file of the mirror folder.
    Mirror(PathBuf),
    /// A file `path` of a package: `cargo:NAME` or `pip:NAME`.
    Package { package: String, path: String },
}

/// One matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Its name.
    pub(crate) name: String,
    /// Order.
    pub(crate) n: usize,
    /// Stored nonzeros of the full matrix.
    pub(crate) nnz: usize,
    /// Whether it is symmetric positive definite.
    pub(crate) spd: bool,
    /// Application area.
    pub(crate) kind: String,
    /// Where it can be had.
    pub(crate) source: Source,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
}

impl Matrix {
    /// The file on this machine, which may not be there yet.
    pub(crate) fn file(&self, cache: &Path) -> PathBuf {
        match &self.source {
            Source::Mirror(path) => path.clone(),
            Source::Package { path, .. } => cache
                .join("matrices")
                .join(path.rsplit('/').next().unwrap_or(path)),
        }
    }

    /// Whether the file is there with the right content.
    pub(crate) fn verify(&self, cache: &Path) -> Result<()> {
        checksum::expect(&self.file(cache), &self.sha256)
    }
}

/// Every known matrix: the mirror (`LA_DATA_DIR`) first, then what only the registries have.
pub(crate) fn load() -> Result<Vec<Matrix>> {
    let mut matrices = Vec::new();
    if let Some(folder) = project::data_dir() {
        let folder = folder.join("matrices");
        let path = folder.join("manifest.csv");
        let context = || format!("cannot read {}", path.display());
        let file = File::open(&path).with_context(context)?;
        matrices = read(file, |row| Ok(Source::Mirror(folder.join(row("file")?))))
            .with_context(context)?;
    }
    let others = read(IN_REGISTRIES.as_bytes(), |row| {
        Ok(Source::Package {
            package: row("source")?,
            path: row("path")?,
        })
    })?;
    for other in others {
        if !matrices.iter().any(|known| known.name == other.name) {
            matrices.push(other);
        }
    }
    Ok(matrices)
}

type Row<'a> = dyn Fn(&str) -> Result<String> + 'a;

fn read(
    reader: impl std::io::Read,
    source: impl Fn(&Row<'_>) -> Result<Source>,
) -> Result<Vec<Matrix>> {
    let mut reader = csv::Reader::from_reader(reader);
    let headers = reader.headers()?.clone();
    let mut matrices = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = |name: &str| -> Result<String> {
            let column = headers.iter().position(|header| header == name);
            match column.and_then(|column| record.get(column)) {
                Some(value) => Ok(value.to_owned()),
                None => bail!("line {line}: there is no column {name}"),
            }
        };
        let number = |name: &str| -> Result<usize> {
            let value = row(name)?;
            value
                .parse()
                .with_context(|| format!("line {line}: {name} is not a number: `{value}`"))
        };
        matrices.push(Matrix {
            name: row("name")?,
            n: number("n")?,
            nnz: number("nnz")?,
            spd: row("spd")? == "yes",
            kind: row("kind")?,
            source: source(&row)?,
            sha256: row("sha256")?,
        });
    }
    Ok(matrices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_this_workspace_is_sound() {
        let matrices = read(IN_REGISTRIES.as_bytes(), |row| {
            Ok(Source::Package {
                package: row("source")?,
                path: row("path")?,
            })
        })
        .unwrap();
        assert!(
            matrices
                .iter()
                .all(|matrix| matrix.sha256.len() == 64 && matrix.n > 0)
        );
        let yao = matrices.iter().find(|matrix| matrix.name == "YAO").unwrap();
        assert_eq!((yao.n, yao.nnz, yao.spd), (4005, 10008, false));
        assert_eq!(yao.file(Path::new("c")), Path::new("c/matrices/YAO.mtx"));
    }

    #[test]
    fn a_bad_number_is_named_with_its_line() {
        let text = "name,n,nnz,spd,kind,source,path,sha256\na,x,1,no,k,s,p,0\n";
        let source = |_: &Row<'_>| Ok(Source::Mirror(PathBuf::new()));
        let error = read(text.as_bytes(), source).unwrap_err();
        assert_eq!(error.to_string(), "line 2: n is not a number: `x`");
        let error = read("name\na\n".as_bytes(), source).unwrap_err();
        assert_eq!(error.to_string(), "line 2: there is no column n");
    }
}
