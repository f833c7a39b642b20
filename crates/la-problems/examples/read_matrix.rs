//! Reads a matrix file of any supported format and prints its facts.
//!
//! `cargo run -p la-problems --example read_matrix -- FILE [FILE ...]`; without a file, a Poisson matrix is written to a
//! temporary folder and read back.

use std::path::{Path, PathBuf};
use std::time::Instant;

use la_problems::io::{ReadOptions, Symmetry, read_matrix, write_matrix_market_file};
use la_problems::{Grid, Poisson};

fn main() -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let folder = tempfile::tempdir()?;
    if files.is_empty() {
        let path = folder.path().join("poisson.mtx.gz");
        let matrix = Poisson::new(Grid::rectangle(100, 100)).matrix()?;
        write_matrix_market_file(&path, matrix.view(), Symmetry::Symmetric)?;
        files.push(path);
    }
    files.iter().try_for_each(|file| print_facts(file))
}

fn print_facts(path: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let file = read_matrix(path, &ReadOptions::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let matrix = &file.matrix;
    let stored_diagonal = (0..matrix.rows())
        .filter(|&i| matrix.get(i, i).is_some())
        .count();
    println!("{}", path.display());
    println!(
        "  format      {:?}, {:?}, {:?}",
        file.info.format, file.info.field, file.info.symmetry
    );
    println!("  size        {} x {}", matrix.rows(), matrix.cols());
    println!(
        "  nonzeros    {} ({} in the file)",
        matrix.nnz(),
        file.info.stored_entries
    );
    println!("  diagonal    {stored_diagonal} entries stored");
    println!("  read in     {seconds:.3} s");
    if let Some(title) = &file.info.title {
        println!("  title       {title}");
    }
    if let Some(rhs) = &file.rhs {
        println!("  right-hand sides  {}", rhs.cols);
    }
    Ok(())
}
