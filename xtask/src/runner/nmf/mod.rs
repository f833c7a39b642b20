//! `nmf`: nonnegative factors of a matrix from a file.

mod args;
mod output;
mod source;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use la_opt::nmf::{Data, Loss, NmfSolution, factorize};

pub(crate) use args::Args;

/// Runs `nmf`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let options = args.options()?;
    let folder = &args.output;
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "--output {}: cannot make this folder; name another",
            folder.display()
        )
    })?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()
        .context("cannot start the threads")?;
    pool.install(|| {
        let data = source::read(&args.matrix, args.missing)?;
        if let Some((height, width)) = args.picture {
            ensure!(
                [data.rows(), data.columns()].contains(&(height * width)),
                "--picture {height}x{width} has {} pixels, but V has {} rows and {} columns",
                height * width,
                data.rows(),
                data.columns()
            );
        }
        let began = Instant::now();
        let start = args.start(&data)?;
        let seconds = began.elapsed().as_secs_f64();
        let loss = options.method.loss();
        let solution = factorize(&data, &start, options)?;
        print!("{}", text(args, &data, loss, &solution, seconds));
        output::write(folder, &name(args.method), loss, &data, &solution)?;
        println!(
            "w.npy, h.npy, history.csv and history.svg are in {}",
            folder.display()
        );
        if let Some(sides) = args.picture {
            let factor = output::pictures(folder, &solution.factors, sides)?;
            println!(
                "{factor}-0.pgm to {factor}-{}.pgm are pictures of its columns",
                args.rank - 1
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The value as it is written on the command line.
fn name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Root of the mean square of the known entries.
fn root_mean_square(data: &Data<'_>) -> f64 {
    (data.squared_norm() / data.known() as f64)
        .sqrt()
        .max(f64::MIN_POSITIVE)
}

/// What came out.
fn text(
    args: &Args,
    data: &Data<'_>,
    loss: Loss,
    solution: &NmfSolution,
    start_seconds: f64,
) -> String {
    let (rows, columns) = (data.rows(), data.columns());
    let all = rows.saturating_mul(columns);
    let missing = match all - data.known() {
        0 => String::new(),
        count => format!(", {count} entries missing"),
    };
    let scale = root_mean_square(data);
    let sum = (data.mean() * data.known() as f64).max(f64::MIN_POSITIVE);
    let divergence = match (loss, solution.history.first()) {
        (Loss::KullbackLeibler, Some(first)) => format!(
            "divergence {:.6e}, {:.4} of the sum of V; at the start {:.4}\n",
            solution.loss,
            solution.loss / sum,
            first.loss / sum,
        ),
        _ => String::new(),
    };
    let zeros = |factor: &[f64]| {
        let zeros = factor.iter().filter(|&&x| x == 0.0).count();
        100.0 * zeros as f64 / factor.len().max(1) as f64
    };
    format!(
        "{}: {rows} x {columns}{missing}, mean {:.4}\n\
         rank {}, {} from {}\n\
         {} after {} iterations\n{divergence}\
         error {:.6} (root of the mean square), {:.4} of that of V; at the start {:.4}\n\
         zeros: {:.1} % of W, {:.1} % of H\n\
         {start_seconds:.3} s for the start, {:.3} s for the iterations\n",
        args.matrix.display(),
        data.mean(),
        args.rank,
        name(args.method),
        name(args.start_name()),
        solution.status,
        solution.iterations,
        solution.rmse,
        solution.rmse / scale,
        solution
            .history
            .first()
            .map_or(f64::NAN, |s| s.rmse / scale),
        zeros(&solution.factors.w),
        zeros(&solution.factors.h),
        solution.solve_time.as_secs_f64(),
    )
}
