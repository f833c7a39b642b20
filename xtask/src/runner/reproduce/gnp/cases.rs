//! The matrices: those of the data folder that the selection rule admits, and generated ones.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use la_precond::learned::gnp::prescaled;
use la_problems::io::{ReadOptions, read_matrix};
use la_problems::{
    Circuit, ConvectionDiffusion, CsrMatrix, Grid, PermutedDominant, StokesCavity,
    TridiagonalToeplitz,
};

use super::super::file::ExperimentFile;
use super::settings::{Experiment, ProfileSettings};

/// One matrix before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Application area.
    pub(super) area: String,
    pub(crate) n: usize,
    pub(crate) nnz: usize,
    /// 2-norm condition number of the collection, or the estimate of the data folder.
    pub(super) condition: Option<f64>,
    pub(super) symmetric: bool,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Generated(Generated),
}

#[derive(Debug, Clone, Copy)]
enum Generated {
    Laplacian(usize),
    Convection(usize),
    Stokes(usize),
    Circuit(usize),
    Permuted(usize),
}

/// A matrix divided by γ.
pub(crate) struct Scaled {
    pub(crate) a: CsrMatrix,
    pub(super) gamma: f64,
}

impl Case {
    /// A generated matrix by its name: `laplacian-1d-N`, `convection-N` and `stokes-N` on N × N cells, `circuit-N`,
    /// `permuted-N`.
    pub(crate) fn generated(name: &str) -> Result<Self> {
        let (family, size) = name
            .rsplit_once('-')
            .with_context(|| format!("`{name}` has no size"))?;
        let size: usize = size
            .parse()
            .with_context(|| format!("`{name}` has no size"))?;
        let (generated, symmetric) = match family {
            "laplacian-1d" => (Generated::Laplacian(size), true),
            "convection" => (Generated::Convection(size), false),
            "stokes" => (Generated::Stokes(size), true),
            "circuit" => (Generated::Circuit(size), false),
            "permuted" => (Generated::Permuted(size), false),
            _ => bail!("`{name}` is no generated matrix"),
        };
        let a = generated.matrix()?;
        Ok(Self {
            name: name.into(),
            area: "generated".into(),
            n: a.rows(),
            nnz: a.nnz(),
            condition: None,
            symmetric,
            source: Source::Generated(generated),
        })
    }

    /// Reads or generates the matrix and divides it by γ; explicit zeros go.
    pub(crate) fn load(&self) -> Result<Scaled> {
        let a = match &self.source {
            Source::File(path) => {
                let file = read_matrix(path, &ReadOptions::default())?;
                file.matrix
            }
            Source::Generated(generated) => generated.matrix()?,
        };
        let (a, gamma) = prescaled(a.view()).with_context(|| self.name.clone())?;
        Ok(Scaled { a, gamma })
    }
}

impl Generated {
    fn matrix(self) -> Result<CsrMatrix> {
        Ok(match self {
            Self::Laplacian(n) => TridiagonalToeplitz::default().with_n(n).matrix()?,
            Self::Convection(m) => ConvectionDiffusion::default()
                .with_grid(Grid::rectangle(m, m))
                .matrix()?,
            Self::Stokes(cells) => StokesCavity::default().with_cells(cells).generate()?.matrix,
            Self::Circuit(nodes) => Circuit::default().with_nodes(nodes).generate(0)?.matrix,
            Self::Permuted(n) => PermutedDominant::default().with_n(n).generate(0)?.matrix,
        })
    }
}

/// The matrices of a profile, small ones first, and what is to be said about them.
pub(super) fn cases(settings: &ProfileSettings) -> Result<(Vec<Case>, Vec<String>)> {
    let mut cases = Vec::new();
    let mut notes = Vec::new();
    for name in &settings.generated {
        cases.push(Case::generated(name)?);
    }
    match std::env::var_os("LA_DATA_DIR") {
        None => notes.push("LA_DATA_DIR is not set: generated matrices only.".into()),
        Some(root) => {
            let folder = Path::new(&root).join("matrices");
            let mut chosen = selection(&folder, settings)?;
            if let Some(only) = &settings.only {
                let there = |name: &&String| chosen.iter().any(|case| case.name == **name);
                if let Some(missing) = only.iter().find(|name| !there(name)) {
                    bail!(
                        "the data folder has no matrix `{missing}` that meets the selection rule with n up to {}",
                        settings.max_n
                    );
                }
                chosen.retain(|case| only.contains(&case.name));
            }
            notes.push(format!(
                "{} matrices of the data folder meet the selection rule with n up to {}.",
                chosen.len(),
                settings.max_n
            ));
            cases.extend(chosen);
        }
    }
    ensure!(!cases.is_empty(), "there is no matrix to solve with");
    cases.sort_by(|a, b| (a.n, &a.name).cmp(&(b.n, &b.name)));
    Ok((cases, notes))
}

/// Matrices of the data folder by name.
pub(crate) fn named(names: &[&str]) -> Result<Vec<Case>> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let profile = Experiment::load()?.profile("full")?.clone();
    Ok(cases(&profile.restricted(&names, &[])?)?.0)
}

/// Order of the smallest matrix, and entries of the largest, that the paper takes.
const MIN_N: usize = 1_000;
const MAX_N: usize = 100_000;
const MAX_NNZ: usize = 2_000_000;

/// Square, real, not positive definite, not diagonal, of the paper's sizes.
fn selection(folder: &Path, settings: &ProfileSettings) -> Result<Vec<Case>> {
    let manifest = folder.join("manifest.csv");
    let shown = manifest.display();
    let mut reader =
        csv::Reader::from_path(&manifest).with_context(|| format!("{shown}: cannot read"))?;
    let head = reader.headers()?.clone();
    let column = |name: &str| {
        head.iter()
            .position(|h| h == name)
            .with_context(|| format!("{shown}: column `{name}` is missing"))
    };
    let [name, file, n, nnz, spd, diagonal] =
        ["name", "file", "n", "nnz", "spd", "diagonal"].map(column);
    let (name, file, n, nnz, spd, diagonal) = (name?, file?, n?, nnz?, spd?, diagonal?);
    // Facts that are shown and decide nothing.
    let [area, symmetric, published, estimated] =
        ["kind", "symmetric", "cond2_collection", "cond1_est"].map(|name| column(name).ok());
    let mut cases = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: damaged"))?;
        let text = |k: usize| record.get(k).unwrap_or_default();
        let fact = |k: Option<usize>| k.map_or("", text);
        let number = |k: usize| -> Result<usize> {
            text(k)
                .parse()
                .with_context(|| format!("{shown}: {}: `{}` is no number", text(name), text(k)))
        };
        let (n, nnz) = (number(n)?, number(nnz)?);
        let admitted = text(spd) == "no"
            && text(diagonal) == "no"
            && (MIN_N..=MAX_N.min(settings.max_n)).contains(&n)
            && nnz < MAX_NNZ;
        if admitted {
            cases.push(Case {
                name: text(name).into(),
                area: fact(area).into(),
                n,
                nnz,
                condition: fact(published)
                    .parse()
                    .or_else(|_| fact(estimated).parse())
                    .ok(),
                symmetric: fact(symmetric) == "yes",
                source: Source::File(folder.join(text(file))),
            });
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_matrices_are_named() {
        for name in [
            "laplacian-1d-1024",
            "convection-32",
            "stokes-12",
            "circuit-300",
            "permuted-200",
        ] {
            let case = Case::generated(name).unwrap();
            assert_eq!(case.load().unwrap().a.rows(), case.n, "{name}");
        }
        assert!(Case::generated("laplacian-1d").is_err());
        assert!(Case::generated("hilbert-10").is_err());
    }

    #[test]
    fn the_selection_rule() {
        let folder = tempfile::tempdir().unwrap();
        let lines = [
            "name,n,nnz,spd,diagonal,kind,symmetric,cond2_collection,cond1_est,file",
            "good,1000,5000,no,no,economic problem,no,,3e4,g/good.mtx",
            "small,999,5000,no,no,x,no,1,1,g/small.mtx",
            "definite,1000,5000,yes,no,x,yes,1,1,g/d.mtx",
            "diagonal,1000,1000,no,yes,x,yes,1,1,g/e.mtx",
            "full,2000,2000000,no,no,x,no,1,1,g/f.mtx",
            "large,4000,9000,no,no,x,no,1,1,g/l.mtx",
        ];
        std::fs::write(folder.path().join("manifest.csv"), lines.join("\n")).unwrap();
        let mut settings = Experiment::load()
            .unwrap()
            .profile("quick")
            .unwrap()
            .clone();
        settings.max_n = 3000;
        let found = selection(folder.path(), &settings).unwrap();
        let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["good"]);
        assert_eq!(found[0].condition, Some(3e4));
        assert_eq!(found[0].area, "economic problem");
    }
}
