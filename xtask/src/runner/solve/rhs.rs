//! Right-hand sides: from a file, or made from a seed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use la_krylov::{Host, LinearOperator};
use la_problems::CsrMatrix;
use la_problems::io::{DenseColumns, ReadOptions, read_dense};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Where the right-hand side comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rhs {
    /// A Matrix Market file.
    File(PathBuf),
    /// The one stored beside the matrix.
    Stored,
    /// b = (1, …, 1).
    Ones,
    /// b of independent standard normal numbers.
    Random(u64),
    /// b = A (1, …, 1).
    SolutionOnes,
    /// b = A x* with x* of independent standard normal numbers.
    SolutionRandom(u64),
}

impl FromStr for Rhs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seed = |seed: &str| {
            seed.parse()
                .map_err(|_| format!("the seed `{seed}` is not a whole number below 2^64"))
        };
        match text.split_once(':') {
            Some(("random", number)) => seed(number).map(Self::Random),
            Some(("solution-random", number)) => seed(number).map(Self::SolutionRandom),
            _ => Ok(match text {
                "stored" => Self::Stored,
                "ones" => Self::Ones,
                "solution-ones" => Self::SolutionOnes,
                "random" | "solution-random" => {
                    return Err(format!("a seed is missing; write `{text}:0`"));
                }
                "" => return Err("empty; give a file or e.g. `ones`".to_owned()),
                path => Self::File(path.into()),
            }),
        }
    }
}

impl fmt::Display for Rhs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stored => f.write_str("stored"),
            Self::Ones => f.write_str("ones"),
            Self::Random(seed) => write!(f, "random:{seed}"),
            Self::SolutionOnes => f.write_str("solution-ones"),
            Self::SolutionRandom(seed) => write!(f, "solution-random:{seed}"),
        }
    }
}

impl Rhs {
    /// `b`, and `x*` where `b` was made from it.
    pub(super) fn vectors(
        &self,
        a: &CsrMatrix,
        stored: Option<&DenseColumns>,
    ) -> Result<(Vec<f64>, Option<Vec<f64>>)> {
        let n = a.rows();
        Ok(match self {
            Self::File(path) => {
                let columns = read_dense(path, &ReadOptions::default()).context(
                    "--rhs takes a Matrix Market file, stored, ones, random:SEED, solution-ones or \
                     solution-random:SEED",
                )?;
                let what = path.display().to_string();
                (one_column(&columns, n, &what)?, None)
            }
            Self::Stored => match stored {
                Some(columns) => (one_column(columns, n, "the stored right-hand side")?, None),
                None => bail!(
                    "--rhs stored: the matrix file holds no right-hand side; give a file or e.g. --rhs ones"
                ),
            },
            Self::Ones => (vec![1.0; n], None),
            Self::Random(seed) => (normal(n, *seed), None),
            Self::SolutionOnes => image(a, vec![1.0; n]),
            Self::SolutionRandom(seed) => image(a, normal(n, *seed)),
        })
    }
}

fn one_column(columns: &DenseColumns, n: usize, what: &str) -> Result<Vec<f64>> {
    let (rows, cols) = (columns.rows, columns.cols);
    if cols != 1 && rows != 1 {
        bail!("{what}: holds {cols} right-hand sides; give a file with a single column");
    }
    if columns.values.len() != n {
        bail!(
            "{what}: has {} entries but the matrix has {n} rows; they must agree",
            columns.values.len()
        );
    }
    if let Some(row) = columns.values.iter().position(|v| !v.is_finite()) {
        bail!("{what}: row {}: the entry is not finite", row + 1);
    }
    Ok(columns.values.clone())
}

fn normal(n: usize, seed: u64) -> Vec<f64> {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    StandardNormal.sample_iter(rng).take(n).collect()
}

fn image(a: &CsrMatrix, x: Vec<f64>) -> (Vec<f64>, Option<Vec<f64>>) {
    let mut b = vec![0.0; x.len()];
    a.apply(&Host::new(x.len()), &x, &mut b);
    (b, Some(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_prints() {
        for text in [
            "b.mtx",
            "./ones",
            "stored",
            "ones",
            "random:7",
            "solution-ones",
            "solution-random:0",
        ] {
            assert_eq!(text.parse::<Rhs>().unwrap().to_string(), text);
        }
        assert_eq!("C:b.mtx".parse(), Ok(Rhs::File("C:b.mtx".into())));
    }

    #[test]
    fn seeds_are_whole_numbers() {
        assert!("random:-1".parse::<Rhs>().unwrap_err().contains("`-1`"));
        assert!("random".parse::<Rhs>().unwrap_err().contains("random:0"));
    }

    #[test]
    fn seeds_repeat_and_differ() {
        assert_eq!(normal(5, 1), normal(5, 1));
        assert_ne!(normal(5, 1), normal(5, 2));
    }
}
