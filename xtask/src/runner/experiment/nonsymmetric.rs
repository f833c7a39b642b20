//! Families of nonsymmetric problems by name.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use la_problems::io::{ReadOptions, read_matrix};
use la_problems::{
    ConvectionSamples, CsrMatrix, DiagonalEntries, Grid, LinearSystem, Perturbation,
    PerturbedPoisson, PerturbedValues, RightHandSide, Split, ValueNoise, WindChoice,
};
use serde_json::json;

use super::Problem;

/// A set of nonsymmetric samples.
#[derive(Debug, Clone)]
pub(crate) enum Nonsymmetric {
    /// A Poisson matrix plus noise.
    Perturbed {
        name: String,
        family: PerturbedPoisson,
    },
    /// Upwind convection-diffusion with random wind and cell Péclet number.
    Convection {
        name: String,
        family: ConvectionSamples,
    },
    /// The same in a cube, blown about by eddies; `mixed` draws the side of every sample, from half of `side` to all of it.
    Eddies { side: usize, mixed: bool },
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

/// Cell Péclet numbers of [`Nonsymmetric::Eddies`]; the wind reaches 1 nowhere or in few places.
const EDDIES: [f64; 2] = [0.1, 1000.0];

impl Nonsymmetric {
    /// The names that [`parse`](Self::parse) knows.
    pub(crate) const NAMES: &str = "`sparse-uniform`, `perturbed-nonzeros`, `convection-diffusion`, `convection-3d`, `convection-3d-mixed` and `values:FILE,FILE...`";

    /// The family of this name; `None` for other names. Grids have the side that comes nearest to `n` points.
    ///
    /// The noisy Poisson matrices take options, `sparse-uniform:strength=2,missing=0.05`: a factor on the noise, and the part of the
    /// diagonal that is left out or, with `zero`, a stored zero; `convection-diffusion:peclet=100` has this cell Péclet number always.
    pub(crate) fn parse(text: &str, n: usize) -> Result<Option<Self>> {
        if let Some(files) = text.strip_prefix("values:") {
            return Self::values(files.split(',').map(PathBuf::from).collect()).map(Some);
        }
        let (base, options) = text.split_once(':').unwrap_or((text, ""));
        let side = ((n as f64).sqrt().round() as usize).max(1);
        let grid = Grid::rectangle(side, side);
        let mut family = match base {
            "sparse-uniform" | "perturbed-nonzeros" => {
                let mut family = PerturbedPoisson::default().with_grid(grid);
                if base == "perturbed-nonzeros" {
                    family = family.with_perturbation(Perturbation::Nonzeros);
                }
                Self::Perturbed {
                    name: text.replace(':', "-").replace('=', ""),
                    family,
                }
            }
            "convection-diffusion" | "convection" => Self::Convection {
                name: text
                    .replacen(base, "convection-diffusion", 1)
                    .replace(':', "-")
                    .replace('=', ""),
                family: ConvectionSamples::default().with_grid(grid),
            },
            "convection-3d" | "convection-3d-mixed" => Self::Eddies {
                side: ((n as f64).cbrt().round() as usize).max(1),
                mixed: base.ends_with("mixed"),
            },
            _ => return Ok(None),
        };
        for option in options.split(',').filter(|o| !o.is_empty()) {
            family
                .option(option)
                .with_context(|| format!("option `{option}` of `{text}`"))?;
        }
        Ok(Some(family))
    }

    /// Takes in `key=value`.
    fn option(&mut self, option: &str) -> Result<()> {
        let (key, value) = option.split_once('=').context("it has no `=`")?;
        let value: f64 = value.parse().context("its value is no number")?;
        match (self, key) {
            (Self::Perturbed { family, .. }, "strength") => family.strength = value,
            (Self::Perturbed { family, .. }, "missing") => {
                family.diagonal = DiagonalEntries::Missing(value);
            }
            (Self::Perturbed { family, .. }, "zero") => {
                family.diagonal = DiagonalEntries::Zero(value);
            }
            (Self::Convection { family, .. }, "peclet") => family.cell_peclet = [value; 2],
            _ => bail!(
                "not known; noisy Poisson matrices have `strength`, `missing` and `zero`, convection-diffusion has `peclet`"
            ),
        }
        Ok(())
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
            Self::Perturbed { name, family } => (name.clone(), family.grid, family.generate(seed)?),
            Self::Convection { name, family } => {
                (name.clone(), family.grid, family.generate(seed)?)
            }
            Self::Eddies { side, mixed } => {
                let least = side.div_ceil(2);
                let side = if *mixed {
                    least + index as usize % (side - least + 1)
                } else {
                    *side
                };
                let grid = Grid::cuboid(side, side, side);
                let family = ConvectionSamples::default()
                    .with_grid(grid)
                    .with_wind(WindChoice::Eddies)
                    .with_cell_peclet(EDDIES[0], EDDIES[1]);
                ("convection-3d".into(), grid, family.generate(seed)?)
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
        let grid = |name: &str, grid: &Grid| json!({ "family": name, "n": grid.num_points(), "samples": samples });
        match self {
            Self::Perturbed { name, family } => grid(name, &family.grid),
            Self::Convection { name, family } => grid(name, &family.grid),
            Self::Eddies { side, mixed } => {
                let name = if *mixed {
                    "convection-3d-mixed"
                } else {
                    "convection-3d"
                };
                json!({ "family": name, "n": side.pow(3), "samples": samples })
            }
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
        let cube = |name| Nonsymmetric::parse(name, 1000).unwrap().unwrap();
        let rows = |name, index| {
            let problem = cube(name).problem(Split::Train, index, None).unwrap();
            problem.matrix.rows()
        };
        assert_eq!([0, 3].map(|i| rows("convection-3d", i)), [1000, 1000]);
        assert_eq!([0, 5].map(|i| rows("convection-3d-mixed", i)), [125, 1000]);
        let near = Nonsymmetric::parse("convection", 1000).unwrap().unwrap();
        let problem = near.problem(Split::Test, 0, None).unwrap();
        assert_eq!(problem.matrix.rows(), 32 * 32);
    }

    #[test]
    fn options_of_a_family_are_read() {
        let matrix = |text: &str| {
            let family = Nonsymmetric::parse(text, 100).unwrap().unwrap();
            family.problem(Split::Test, 0, None).unwrap()
        };
        let (plain, doubled) = (
            matrix("sparse-uniform"),
            matrix("sparse-uniform:strength=2"),
        );
        assert!(doubled.name.starts_with("sparse-uniform-strength2-"));
        let noiseless = matrix("sparse-uniform:strength=0").matrix;
        // The noise of strength 2 is twice that of strength 1.
        let twice = &(&plain.matrix - &noiseless) * 2.0;
        let rest = &(&doubled.matrix - &noiseless) - &twice;
        assert!(rest.data().iter().all(|v| v.abs() < 1e-14));
        let holes = matrix("perturbed-nonzeros:missing=1").matrix;
        assert!((0..100).all(|i| holes.get(i, i).is_none()));
        let zeros = matrix("sparse-uniform:zero=1,strength=0.5").matrix;
        assert!((0..100).all(|i| zeros.get(i, i) == Some(&0.0)));
        let (mild, wild) = (
            matrix("convection:peclet=0.1"),
            matrix("convection-diffusion:peclet=50"),
        );
        assert_eq!(wild.name, mild.name.replace("peclet0.1", "peclet50"));
        assert_ne!(mild.matrix, wild.matrix);
        for wrong in [
            "sparse-uniform:peclet=1",
            "convection:strength=2",
            "sparse-uniform:strength",
            "sparse-uniform:strength=much",
        ] {
            let error = format!("{:#}", Nonsymmetric::parse(wrong, 100).unwrap_err());
            assert!(error.contains(wrong), "{error}");
        }
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
