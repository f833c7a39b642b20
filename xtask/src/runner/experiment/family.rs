//! Families of problems by name: generators, files, folders.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use la_problems::io::{ReadOptions, read_matrix};
use la_problems::{
    CsrMatrix, Density, LinearSystem, MeshChoice, MeshFamily, NeuralIfSynthetic, PoissonFem, Split,
};
use serde_json::json;

use super::Nonsymmetric;

/// One system with a name for reports.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) name: String,
    pub(crate) matrix: CsrMatrix,
    pub(crate) rhs: Vec<f64>,
}

/// Where problems come from.
#[derive(Debug, Clone)]
pub(crate) enum Family {
    /// `A = M Mᵀ + α I` of order n; with `shifted_density` the out-of-distribution variant.
    Synthetic { n: usize, shifted_density: bool },
    /// P1 finite elements on random domains.
    Poisson {
        min_n: usize,
        max_n: usize,
        mesh: Option<MeshFamily>,
    },
    /// Sets of nonsymmetric samples.
    Nonsymmetric(Nonsymmetric),
    /// Matrix files.
    Files(Vec<PathBuf>),
}

impl Family {
    /// Reads `synthetic`, `poisson`, a family of [`Nonsymmetric`], or the path of a matrix file or of a folder of them.
    pub(crate) fn parse(text: &str, n: usize) -> Result<Self> {
        if let Some(family) = Nonsymmetric::parse(text, n)? {
            return Ok(Self::Nonsymmetric(family));
        }
        match text {
            "synthetic" => Ok(Self::Synthetic {
                n,
                shifted_density: false,
            }),
            "poisson" => Ok(Self::Poisson {
                min_n: n / 2,
                max_n: 2 * n,
                mesh: None,
            }),
            path => Self::files(Path::new(path)),
        }
    }

    fn files(path: &Path) -> Result<Self> {
        if path.is_file() {
            return Ok(Self::Files(vec![path.to_path_buf()]));
        }
        if !path.is_dir() {
            bail!(
                "`{}` is no file, no folder and no family; families are `synthetic`, `poisson`, {}",
                path.display(),
                Nonsymmetric::NAMES
            );
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(|| format!("cannot list {}", path.display()))?
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|p| {
                let name = p.to_string_lossy().to_lowercase();
                let name = name.strip_suffix(".gz").unwrap_or(&name);
                [".mtx", ".rua", ".rsa", ".rb", ".hb"]
                    .iter()
                    .any(|ending| name.ends_with(ending))
            })
            .collect();
        files.sort();
        if files.is_empty() {
            bail!(
                "{} holds no .mtx, .rb, .hb, .rua or .rsa file",
                path.display()
            );
        }
        Ok(Self::Files(files))
    }

    /// Problem `index` of a split. Files are dealt out: every fifth to validation, the others to training.
    pub(crate) fn problem(&self, split: Split, index: u64) -> Result<Problem> {
        let seed = split.seed(index);
        let named = |name: String, system: LinearSystem| Problem {
            name,
            matrix: system.matrix,
            rhs: system.rhs,
        };
        match self {
            Self::Synthetic { n, shifted_density } => {
                let density = if *shifted_density {
                    Density::OutOfDistribution
                } else {
                    Density::Nominal
                };
                let system = NeuralIfSynthetic::default()
                    .with_n(*n)
                    .with_density(density)
                    .generate(seed)?;
                Ok(named(format!("synthetic-{seed}"), system))
            }
            Self::Poisson { min_n, max_n, mesh } => {
                let mut options = PoissonFem::testing().with_size_range(*min_n, *max_n);
                if let Some(mesh) = mesh {
                    options = options.with_family(MeshChoice::Fixed(*mesh));
                }
                Ok(named(
                    format!("poisson-{seed}"),
                    options.generate(seed)?.system,
                ))
            }
            Self::Nonsymmetric(family) => family.problem(split, index, None),
            Self::Files(files) => {
                let of_split = dealt(files, split);
                let path = of_split[index as usize % of_split.len()];
                let file = read_matrix(path, &ReadOptions::default())?;
                let n = file.matrix.rows();
                let name = path
                    .file_name()
                    .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                Ok(Problem {
                    name,
                    matrix: file.matrix,
                    rhs: vec![1.0; n],
                })
            }
        }
    }

    /// How many different problems a split has; `None` for generators, which never end.
    pub(crate) fn len(&self, split: Split) -> Option<usize> {
        match self {
            Self::Files(files) => Some(dealt(files, split).len()),
            _ => None,
        }
    }

    /// The generator's parameters, for the metadata of weights.
    pub(crate) fn describe(&self, samples: usize) -> serde_json::Value {
        match self {
            Self::Synthetic { n, shifted_density } => {
                json!({ "family": "synthetic", "n": n, "shifted_density": shifted_density, "samples": samples })
            }
            Self::Poisson { min_n, max_n, .. } => {
                json!({ "family": "poisson", "min_n": min_n, "max_n": max_n, "samples": samples })
            }
            Self::Nonsymmetric(family) => family.describe(samples),
            Self::Files(files) => {
                let names: Vec<_> = files
                    .iter()
                    .filter_map(|f| f.file_name())
                    .map(|f| f.to_string_lossy())
                    .collect();
                json!({ "family": "files", "files": names, "samples": samples })
            }
        }
    }
}

/// The first problems of a split, made when they are first asked for.
pub(crate) struct Problems<'f> {
    family: &'f Family,
    split: Split,
    made: Vec<OnceCell<Problem>>,
}

impl<'f> Problems<'f> {
    pub(crate) fn new(family: &'f Family, split: Split, count: u64) -> Self {
        Self {
            family,
            split,
            made: (0..count).map(|_| OnceCell::new()).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.made.len()
    }

    /// Problem `k < len`.
    pub(crate) fn get(&self, k: usize) -> Result<&Problem> {
        let cell = &self.made[k];
        if let Some(problem) = cell.get() {
            return Ok(problem);
        }
        let problem = self.family.problem(self.split, k as u64)?;
        Ok(cell.get_or_init(|| problem))
    }
}

/// Files of a split; with fewer than five files every split sees all of them.
fn dealt(files: &[PathBuf], split: Split) -> Vec<&PathBuf> {
    if files.len() < 5 {
        return files.iter().collect();
    }
    let held_out = |k: usize| k % 5 == 4;
    files
        .iter()
        .enumerate()
        .filter(|(k, _)| held_out(*k) != matches!(split, Split::Train))
        .map(|(_, f)| f)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_dealt_out_without_overlap() {
        let files: Vec<PathBuf> = (0..11).map(|i| PathBuf::from(format!("{i}.mtx"))).collect();
        let (train, validation) = (
            dealt(&files, Split::Train),
            dealt(&files, Split::Validation),
        );
        assert_eq!((train.len(), validation.len()), (9, 2));
        assert!(train.iter().all(|f| !validation.contains(f)));
        assert_eq!(dealt(&files[..3], Split::Train).len(), 3);
    }

    #[test]
    fn unknown_families_are_refused_by_name() {
        let error = Family::parse("no-such-thing", 10).unwrap_err().to_string();
        assert!(
            error.contains("no-such-thing") && error.contains("synthetic"),
            "{error}"
        );
    }
}
