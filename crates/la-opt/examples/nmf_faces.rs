//! Parts of faces: `LA_DATA_DIR=… cargo run --release -p la-opt --example nmf_faces -- [FOLDER]`
//!
//! Factorises the Yale faces (4096 pixels, 165 pictures) at rank 10 by three methods and prints their errors; with a folder, the ten pictures that
//! the faces are sums of are written there as PGM files.

use std::path::Path;

use la_opt::nmf::{AoAdmm, Data, DualStart, Method, NmfOptions, Nndsvd, TruncatedSvd, factorize};
use la_problems::nmf::{DenseSet, NonnegativeSet};

const RANK: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::var("LA_DATA_DIR")? + "/nmf";
    let (yale, mean) = NonnegativeSet::Yale.read(folder)?.scaled();
    let data = Data::dense(yale.rows, yale.columns, &yale.values[..])?;
    let svd = TruncatedSvd::new(&data, RANK, 0)?;
    println!(
        "{} x {}, mean grey {mean:.1}; no factors of rank {RANK} are closer than {:.4}",
        yale.rows,
        yale.columns,
        svd.rmse(&data)
    );

    let start = Nndsvd::default().start_from(&data, &svd)?;
    println!(
        "{:34} {:>7} {:>7} {:>7} {:>7} {:>7}   status",
        "RMSE after so many iterations", 0, 1, 10, 30, 100
    );
    let mut last = start.clone();
    for (name, method) in [
        (
            "AO-ADMM, rho = 1",
            Method::AoAdmm(AoAdmm::published(DualStart::Warm)),
        ),
        (
            "AO-ADMM, rho = trace / rank",
            Method::AoAdmm(AoAdmm::default()),
        ),
        ("extrapolated HALS", Method::default()),
    ] {
        let options = NmfOptions::default()
            .with_method(method)
            .with_max_iters(100);
        let start = Nndsvd::default().start_from(&data, &svd)?;
        let solution = factorize(&data, &start, options)?;
        print!("{name:34}");
        for k in [0, 1, 10, 30, 100] {
            match solution.history.get(k) {
                Some(step) => print!(" {:.5}", step.rmse),
                None => print!("       -"),
            }
        }
        println!("   {}", solution.status);
        last = solution.factors;
    }
    if let Some(folder) = std::env::args().nth(1) {
        for c in 0..RANK {
            let pixels: Vec<f64> = last.w.iter().skip(c).step_by(RANK).copied().collect();
            write_picture(
                &yale,
                &pixels,
                &Path::new(&folder).join(format!("part{c}.pgm")),
            )?;
        }
    }
    Ok(())
}

/// White is the largest entry.
fn write_picture(
    set: &DenseSet,
    pixels: &[f64],
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let lines = set.lines(pixels).ok_or("not a picture")?;
    let (height, width, _) = set.picture.ok_or("not a picture")?;
    let white = lines.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(*x));
    let mut bytes = format!("P5\n{width} {height}\n255\n").into_bytes();
    bytes.extend(lines.iter().map(|x| (255.0 * x / white) as u8));
    std::fs::write(path, bytes)?;
    Ok(())
}
