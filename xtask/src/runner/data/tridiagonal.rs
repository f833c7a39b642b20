//! Tridiagonal matrices and their bidiagonal factors as arrays.

use anyhow::Result;
use la_problems::{FactorSample, GeneratorLaw, SemiseparableFactors, Split, SwitchFactors};

use super::folder::Folder;
use crate::npy;

/// Laws of the matrices.
pub(super) const LAWS: [&str; 3] = ["half-normal", "uniform", "switch"];

fn generate(law: &str, n: usize, seed: u64) -> Result<FactorSample> {
    let set = SemiseparableFactors::default().with_n(n);
    Ok(match law {
        "switch" => SwitchFactors::default().with_n(n).generate(seed)?,
        "uniform" => set.with_law(GeneratorLaw::UNIFORM).generate(seed)?,
        _ => set.generate(seed)?,
    })
}

/// Writes one split of one law; the mean of λ.
pub(super) fn write(
    folder: &mut Folder,
    law: &str,
    n: usize,
    (split, name): (Split, &str),
    count: u64,
) -> Result<f64> {
    let place = |part: &str| format!("tridiagonal/{law}-n{n}/{name}-{part}");
    let (mut diagonal, mut below) = (Vec::new(), Vec::new());
    let (mut factor_diagonal, mut factor_below) = (Vec::new(), Vec::new());
    let mut table = String::from("index,seed,lambda\n");
    let mut sum = 0.0;
    for index in 0..count {
        let seed = split.seed(index);
        let sample = generate(law, n, seed)?;
        diagonal.extend(sample.matrix.diagonal);
        below.extend(sample.matrix.below);
        factor_diagonal.extend(sample.factor.diagonal);
        factor_below.extend(sample.factor.below);
        sum += sample.expansion;
        table += &format!("{index},{seed},{:e}\n", sample.expansion);
    }
    for (part, values, columns) in [
        ("a-diagonal.npy", &diagonal, n),
        ("a-below.npy", &below, n - 1),
        ("l-diagonal.npy", &factor_diagonal, n),
        ("l-below.npy", &factor_below, n - 1),
    ] {
        if columns > 0 {
            npy::write_rows(&folder.file(&place(part))?, values, columns)?;
        }
    }
    folder.text(&place("index.csv"), &table)?;
    Ok(sum / count.max(1) as f64)
}
