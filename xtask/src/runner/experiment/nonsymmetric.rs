//! Families of nonsymmetric problems by name.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use la_problems::io::{ReadOptions, read_matrix};
use la_problems::{
    ConvectionSamples, CsrMatrix, Grid, LinearSystem, Perturbation, PerturbedPoisson,
    PerturbedValues, RightHandSide, Split, ValueNoise,
};
use serde_json::json;

use super::Problem;

/// A set of nonsymmetric samples.
#[derive(Debug, Clone)]
pub(crate) enum Nonsymmetric {
    /// A Poisson matrix plus sparse uniform noise, `side` × `side` points.
    SparseUniform { side: usize },
    /// A Poisson matrix with noise on its nonzeros.
    PerturbedNonzeros { side: usize },
    /// Upwind convection-diffusion with random wind and cell Péclet number.
    Convection { side: usize },
    /// Given matrices in turn, their values times log-normal factors.
    Values { bases: Vec<Base>, spread: f64 },
}

/// A matrix in the middle of samples, with its name.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    name: String,
    matrix: CsrMatrix,
}

/// Standard deviation of the logarithm of the factors of [`Nonsymmetric::Values`].
pub(crate) const SPREAD: f64 = 0.1;

impl Nonsymmetric {
    /// The names that [`parse`](Self::parse) knows.
    pub(crate) const NAMES: &str =
        "`sparse-uniform`, `perturbed-nonzeros`, `convection-diffusion` and `values:FILE,FILE...`";

    /// The family of this name with matrices of order `n`, which grids need to be a square; `None` for other names.
    pub(crate) fn parse(text: &str, n: usize) -> Result<Option<Self>> {
        let side = || {
            let side = n.isqrt();
            ensure!(
                side >= 1 && side * side == n,
                "`{text}` lives on a square grid: n must be a square number, and {n} is none"
            );
            Ok(side)
        };
        Ok(Some(match text {
            "sparse-uniform" => Self::SparseUniform { side: side()? },
            "perturbed-nonzeros" => Self::PerturbedNonzeros { side: side()? },
            "convection-diffusion" => Self::Convection { side: side()? },
            _ => match text.strip_prefix("values:") {
                Some(files) => Self::values(files.split(',').map(PathBuf::from).collect())?,
                None => return Ok(None),
            },
        }))
    }

    /// Samples around the matrices of these files.
    pub(crate) fn values(files: Vec<PathBuf>) -> Result<Self> {
        let bases = files
            .iter()
            .map(|path| {
                let file = read_matrix(path, &ReadOptions::default())?;
                let name = path
                    .file_name()
                    .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                let name = name.split('.').next().unwrap_or_default().to_string();
                Ok(Base {
                    name,
                    matrix: file.matrix,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if bases.is_empty() {
            bail!("no files to take values from");
        }
        Ok(Self::Values {
            bases,
            spread: SPREAD,
        })
    }

    /// Problem `index` of a split, with its own right-hand side or another one.
    pub(crate) fn problem(
        &self,
        split: Split,
        index: u64,
        rhs: Option<RightHandSide>,
    ) -> Result<Problem> {
        let seed = split.seed(index);
        let (name, grid, system): (String, Grid, LinearSystem) = match self {
            Self::SparseUniform { side } => {
                let grid = Grid::rectangle(*side, *side);
                let family = PerturbedPoisson::default().with_grid(grid);
                ("sparse-uniform".into(), grid, family.generate(seed)?)
            }
            Self::PerturbedNonzeros { side } => {
                let grid = Grid::rectangle(*side, *side);
                let family = PerturbedPoisson::default()
                    .with_grid(grid)
                    .with_perturbation(Perturbation::Nonzeros);
                ("perturbed-nonzeros".into(), grid, family.generate(seed)?)
            }
            Self::Convection { side } => {
                let grid = Grid::rectangle(*side, *side);
                let family = ConvectionSamples::default().with_grid(grid);
                ("convection-diffusion".into(), grid, family.generate(seed)?)
            }
            Self::Values { bases, spread } => {
                let base = bases
                    .get(index as usize % bases.len().max(1))
                    .context("no matrix to take values from")?;
                let grid = Grid::line(base.matrix.rows());
                let family = PerturbedValues::new(base.matrix.clone())
                    .with_noise(ValueNoise::LogNormal(*spread));
                (base.name.clone(), grid, family.generate(seed)?)
            }
        };
        Ok(Problem {
            name: format!("{name}-{seed}"),
            rhs: rhs.map_or(system.rhs, |rhs| rhs.vector(&grid, seed)),
            matrix: system.matrix,
        })
    }

    /// The generator's parameters, for the metadata of weights.
    pub(crate) fn describe(&self, samples: usize) -> serde_json::Value {
        let grid = |name: &str, side: &usize| json!({ "family": name, "n": side * side, "samples": samples });
        match self {
            Self::SparseUniform { side } => grid("sparse-uniform", side),
            Self::PerturbedNonzeros { side } => grid("perturbed-nonzeros", side),
            Self::Convection { side } => grid("convection-diffusion", side),
            Self::Values { bases, spread } => {
                let names: Vec<&str> = bases.iter().map(|base| base.name.as_str()).collect();
                json!({ "family": "values", "files": names, "spread": spread, "samples": samples })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_read() {
        let family = Nonsymmetric::parse("sparse-uniform", 400).unwrap().unwrap();
        let problem = family.problem(Split::Test, 3, None).unwrap();
        assert_eq!(problem.name, "sparse-uniform-103603");
        assert_eq!((problem.matrix.rows(), problem.rhs.len()), (400, 400));
        let ones = family
            .problem(Split::Test, 3, Some(RightHandSide::Ones))
            .unwrap();
        assert_eq!(ones.matrix, problem.matrix);
        assert_eq!(ones.rhs, vec![1.0; 400]);
        assert!(Nonsymmetric::parse("synthetic", 400).unwrap().is_none());
        let error = Nonsymmetric::parse("convection-diffusion", 1000).unwrap_err();
        assert!(error.to_string().contains("square"), "{error}");
    }

    #[test]
    fn given_matrices_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for n in [2, 3] {
            let path = folder.path().join(format!("eye{n}.mtx"));
            la_problems::io::write_matrix_market_file(
                &path,
                CsrMatrix::eye(n).view(),
                la_problems::io::Symmetry::General,
            )
            .unwrap();
            files.push(path.display().to_string());
        }
        let family = Nonsymmetric::parse(&format!("values:{}", files.join(",")), 0)
            .unwrap()
            .unwrap();
        let rows: Vec<usize> = (0..4)
            .map(|i| family.problem(Split::Train, i, None).unwrap().matrix.rows())
            .collect();
        assert_eq!(rows, [2, 3, 2, 3]);
        let (first, third) = (
            family.problem(Split::Train, 0, None).unwrap(),
            family.problem(Split::Train, 2, None).unwrap(),
        );
        assert_eq!(first.name, "eye2-0");
        assert_ne!(first.matrix, third.matrix);
        assert!(Nonsymmetric::parse("values:no-such-file.mtx", 0).is_err());
    }
}
