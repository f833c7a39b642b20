//! The data set of the limits of message passing.

use anyhow::{Result, ensure};
use la_problems::Split;

use super::Make;
use super::folder::Folder;
use super::{grids, tridiagonal};
use crate::progress;

/// Splits of the tridiagonal sets.
const SPLITS: [(Split, &str); 3] = [
    (Split::Train, "train"),
    (Split::Validation, "validation"),
    (Split::Test, "test"),
];

/// Writes everything.
pub(super) fn write(make: &Make) -> Result<()> {
    for (name, count) in [("train", make.train), ("validation", make.validation)] {
        ensure!(
            count <= 10_000,
            "--{name} is {count}: seeds of splits would meet beyond 10000"
        );
    }
    ensure!(
        make.n.iter().all(|&n| n >= 2),
        "--n: orders must be at least 2"
    );
    let mut folder = Folder::create(&make.output)?;
    let mut sets = String::from("set,law,n,split,matrices,mean_lambda\n");
    let tasks = tridiagonal::LAWS.len() * make.n.len() + grids::SETS.len();
    let bar = progress::bar("sets", tasks as u64);
    for law in tridiagonal::LAWS {
        for &n in &make.n {
            for ((split, name), count) in
                SPLITS
                    .into_iter()
                    .zip([make.train, make.validation, make.test])
            {
                let lambda = tridiagonal::write(&mut folder, law, n, (split, name), count)?;
                sets += &format!("tridiagonal/{law}-n{n},{law},{n},{name},{count},{lambda:.4}\n");
            }
            bar.inc(1);
        }
    }
    for set in grids::SETS {
        grids::write(&mut folder, set, make.sparse)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    folder.text("sets.csv", &sets)?;
    folder.text("README.md", README)?;
    let files = folder.finish()?;
    println!("{files} files in {}", make.output.display());
    Ok(())
}

const README: &str = include_str!("../../../data/mpgnn-limits.md");
