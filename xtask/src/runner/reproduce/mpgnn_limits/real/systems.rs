//! The systems: definite matrices of the data folder in an order, scaled if asked, with two right-hand sides.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use la_krylov::{Host, LinearOperator, VectorSpace};
use la_precond::classical::Ordering;
use la_problems::io::{ReadOptions, read_matrix};
use la_problems::{CsrMatrix, Grid, RightHandSide, permuted};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Names of the right-hand sides: A·1 / ‖A·1‖, and independent normal entries.
pub(super) const SIDES: [&str; 2] = ["ones", "gaussian"];

/// In which order rows are eliminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// As in the file.
    Natural,
    /// Reverse Cuthill–McKee.
    Rcm,
    /// Approximate minimum degree.
    Amd,
}

impl Order {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Natural => "natural",
            Self::Rcm => "rcm",
            Self::Amd => "amd",
        }
    }

    fn ordering(self) -> Ordering {
        match self {
            Self::Natural => Ordering::Natural,
            Self::Rcm => Ordering::ReverseCuthillMcKee,
            Self::Amd => Ordering::MinimumDegree,
        }
    }
}

/// A definite matrix of the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) name: String,
    /// Near-duplicates have one family: the letters of the name, and all cylindrical shells.
    pub(super) family: String,
    pub(super) n: usize,
    pub(super) nnz: usize,
    file: PathBuf,
}

/// A matrix with its right-hand sides.
#[derive(Debug, Clone)]
pub(super) struct System {
    pub(super) a: CsrMatrix,
    pub(super) sides: Vec<Vec<f64>>,
}

/// The definite matrices with at most so many rows, small ones first; none where there is no data folder.
pub(super) fn cases(max_rows: usize) -> Result<Option<Vec<Case>>> {
    let Some(root) = std::env::var_os("LA_DATA_DIR") else {
        return Ok(None);
    };
    let folder = Path::new(&root).join("matrices");
    manifest(&folder, max_rows).map(Some)
}

fn manifest(folder: &Path, max_rows: usize) -> Result<Vec<Case>> {
    let path = folder.join("manifest.csv");
    let shown = path.display();
    let mut reader =
        csv::Reader::from_path(&path).with_context(|| format!("{shown}: cannot read"))?;
    let head = reader.headers()?.clone();
    let column = |name: &str| {
        let found = head.iter().position(|h| h == name);
        found.with_context(|| format!("{shown}: column `{name}` is missing"))
    };
    let columns = ["name", "group", "n", "nnz", "spd", "file"].map(column);
    let [name, group, n, nnz, spd, file] = columns;
    let (name, group, n, nnz, spd, file) = (name?, group?, n?, nnz?, spd?, file?);
    let mut cases = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: damaged"))?;
        let text = |k: usize| record.get(k).unwrap_or_default();
        let number = |k: usize| {
            let parsed = text(k).parse::<usize>();
            parsed.with_context(|| format!("{shown}: {}: `{}`", text(name), text(k)))
        };
        if text(spd) == "yes" && number(n)? <= max_rows {
            cases.push(Case {
                name: text(name).to_owned(),
                family: family(text(group), text(name)),
                n: number(n)?,
                nnz: number(nnz)?,
                file: folder.join(text(file)),
            });
        }
    }
    ensure!(!cases.is_empty(), "{shown}: lists no definite matrix");
    cases.sort_by(|a, b| (a.n, &a.name).cmp(&(b.n, &b.name)));
    Ok(cases)
}

fn family(group: &str, name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphabetic);
    match group {
        "Cylshell" => "cylshell".to_owned(),
        // ex10 and ex10hs are one problem.
        "FIDAP" => "ex".to_owned(),
        _ => letters.collect::<String>().to_lowercase(),
    }
}

#[cfg(test)]
impl Case {
    pub(super) fn named(name: &str, family: &str) -> Self {
        Self {
            name: name.to_owned(),
            family: family.to_owned(),
            n: 1,
            nnz: 1,
            file: PathBuf::new(),
        }
    }
}

impl Case {
    /// The matrix and its right-hand sides in an order; with `scaled` rows and columns are divided by the roots of the diagonal.
    pub(super) fn system(&self, order: Order, scaled: bool) -> Result<System> {
        let file = read_matrix(&self.file, &ReadOptions::default())
            .with_context(|| self.file.display().to_string())?;
        let mut a = file.matrix;
        if scaled {
            equilibrate(&mut a);
        }
        let order = order.ordering().order(a.view())?;
        let gaussian =
            RightHandSide::Gaussian.vector(&Grid::line(a.rows()), seed(&[&self.name, "rhs"]));
        let a = permuted(&a, &order)?;
        let space = Host::new(a.rows());
        let mut image = vec![0.0; a.rows()];
        a.apply(&space, &vec![1.0; a.rows()], &mut image);
        let norm = space.norm(&image);
        image.iter_mut().for_each(|v| *v /= norm);
        // The same vector in every order.
        let gaussian = order.iter().map(|&i| gaussian[i]).collect();
        Ok(System {
            a,
            sides: vec![image, gaussian],
        })
    }
}

/// `D⁻¹ A D⁻¹` with `D² = diag A`.
fn equilibrate(a: &mut CsrMatrix) {
    let n = a.rows();
    let root: Vec<f64> = (0..n)
        .map(|i| a.get(i, i).copied().unwrap_or(1.0).sqrt())
        .collect();
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            *value /= root[i] * root[j];
        }
    }
}

/// A seed that a text decides.
pub(super) fn seed(texts: &[&str]) -> u64 {
    let hash = Sha256::digest(texts.join("/").as_bytes());
    hash.iter()
        .take(8)
        .fold(0, |seed, &byte| (seed << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_filtered_and_near_duplicates_share_a_family() {
        let folder = tempfile::tempdir().unwrap();
        let lines = [
            "name,group,n,nnz,spd,file",
            "big,HB,20,9,yes,HB/big.mtx",
            "bcsstk19,HB,9,30,yes,HB/bcsstk19.mtx",
            "general,HB,3,9,no,HB/general.mtx",
            "bcsstk34,Boeing,8,30,yes,Boeing/bcsstk34.mtx",
        ];
        std::fs::write(folder.path().join("manifest.csv"), lines.join("\n")).unwrap();
        let cases = manifest(folder.path(), 10).unwrap();
        let names: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["bcsstk34", "bcsstk19"]);
        assert_eq!(cases[0].family, cases[1].family);
        assert_eq!(
            family("Cylshell", "s1rmq4m1"),
            family("Cylshell", "s3rmt3m3")
        );
        assert_eq!(family("HB", "494_bus"), family("HB", "1138_bus"));
        assert_ne!(family("HB", "nos1"), family("HB", "gr_30_30"));
    }

    #[test]
    fn scaling_gives_a_unit_diagonal() {
        let mut a = CsrMatrix::new(
            (2, 2),
            vec![0, 2, 4],
            vec![0, 1, 0, 1],
            vec![4.0, 2.0, 2.0, 9.0],
        );
        equilibrate(&mut a);
        assert_eq!(a.data(), [1.0, 2.0 / 6.0, 2.0 / 6.0, 1.0]);
    }
}
