//! Training of a graph neural preconditioner: a network for one matrix.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use la_gnn::gnp::Parameters;
use la_gnn::native::gnp::{Matrix, Trainer};
use la_gnn::training::Alone;
use la_gnn::training::gnp::{Ended, GnpEngine, GnpStep};
use la_gnn::{GnnError, Provenance, Weights};
use la_precond::learned::gnp::{GnpBuilder, GnpReport, fingerprint};
use la_precond::sprs::CsMatViewI;
use la_problems::CsrMatrix;
use la_problems::io::{ReadOptions, read_matrix};
use serde_json::json;

use super::{Engine, Variant, files};
use crate::experiment::interrupt;
use crate::progress;

/// Steps of the paper.
const STEPS: usize = 2000;
/// A loss that stays above this share of that of the zero network has learned nothing.
const NOTHING: f64 = 0.99;

/// What is asked for.
pub(super) struct Request {
    pub(super) matrix: Option<String>,
    pub(super) variant: Variant,
    pub(super) steps: Option<usize>,
    pub(super) learning_rate: f64,
    pub(super) seed: u64,
    pub(super) from: Option<String>,
    pub(super) engine: Engine,
    pub(super) device: String,
    pub(super) output: PathBuf,
}

/// The reading of the method that has this name; it stands in the weight file.
pub(crate) fn reading(name: &str) -> Result<GnpBuilder> {
    Ok(match name {
        "paper" => GnpBuilder::paper(),
        "paper-text" => GnpBuilder::paper_text(),
        "improved" => GnpBuilder::improved(),
        "definite" => GnpBuilder::definite(),
        _ => bail!(
            "`{name}` is no reading of graph neural preconditioners: paper, paper-text, improved or definite"
        ),
    })
}

/// Trains, or goes on with a training that was interrupted, and writes the weight file.
pub(super) fn run(request: &Request) -> Result<ExitCode> {
    let name = match request.variant {
        Variant::Paper => "paper",
        Variant::PaperText => "paper-text",
        Variant::Improved => "improved",
        Variant::Definite => "definite",
        Variant::Equilibrated | Variant::General => {
            bail!("gnp has the variants paper, paper-text, improved and definite")
        }
    };
    let Some(file) = &request.matrix else {
        bail!("gnp is trained for one matrix: give it with --data A.mtx");
    };
    let a = read_matrix(Path::new(file), &ReadOptions::default())
        .with_context(|| format!("cannot read {file}"))?
        .matrix;
    let mut builder = reading(name)?
        .with_steps(request.steps.unwrap_or(STEPS))
        .with_seed(request.seed);
    builder.training.learning_rate = request.learning_rate;
    let start = match &request.from {
        None => Parameters::initialize(&builder.network, request.seed)?,
        Some(source) => {
            let wrong = || format!("cannot start from the weights `{source}`");
            let weights = Weights::named_or_file(source).with_context(wrong)?;
            let start = Parameters::from_weights(&weights).with_context(wrong)?;
            if start.config != builder.network {
                bail!(
                    "`{source}` has another network than variant {name}: {:?}",
                    start.config
                );
            }
            start
        }
    };
    files::make_folder_of(&request.output)?;
    let checkpoint = files::checkpoint_of(&Alone, &request.output);
    interrupt::install();
    let bar = progress::bar("training", builder.training.steps as u64);
    let mut hook = |seen: &GnpStep| {
        bar.set_position(seen.step as u64 + 1);
        bar.set_message(format!(
            "loss {:.4} of that of zero",
            seen.loss / seen.zero_loss
        ));
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let (engine, told) = engine(request)?;
    let trained = builder.train_with(a.view(), &start, engine, Some(&checkpoint), &mut hook);
    bar.finish_and_clear();
    let (gnp, report) = trained.with_context(|| files::did_not_go_on(&checkpoint))?;
    if report.ended == Ended::Interrupted {
        return Ok(files::stopped(&Alone, &checkpoint));
    }
    let provenance = provenance(request, name, &a, &report, told);
    gnp.parameters()
        .to_weights(provenance)
        .save(&request.output)?;
    let log = request.output.with_extension("log.csv");
    xtask::report::write_atomic(&log, table(&report).as_bytes())?;
    std::fs::remove_file(&checkpoint).ok();
    let best = best(&report);
    println!(
        "wrote {}: loss {best:.4} of that of the zero network, best at step {}, {:.0} s with the {told} engine",
        request.output.display(),
        report.best_step,
        report.seconds
    );
    if best > NOTHING {
        println!(
            "nothing was learned: this network will not help; try --variant improved, or a classical preconditioner"
        );
    }
    println!(
        "log: {}; use: cargo xtask solve {file} --precond gnp --weights {}",
        log.display(),
        request.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The least loss relative to that of the zero network on the same batch.
fn best(report: &GnpReport) -> f64 {
    let ratios = report.losses.iter().zip(&report.zero_losses);
    ratios
        .map(|(loss, zero)| f64::from(loss / zero))
        .fold(f64::INFINITY, f64::min)
}

/// What makes the engine, boxed: both kinds are asked for in the same way.
type Make = Box<
    dyn FnOnce(
        CsMatViewI<'_, f64, u32>,
        &Arc<Matrix>,
        &Parameters,
    ) -> Result<Box<dyn GnpEngine>, GnnError>,
>;

fn engine(request: &Request) -> Result<(Make, &'static str)> {
    let torch = match request.engine {
        Engine::Auto => request.device.starts_with("cuda"),
        Engine::Native => false,
        Engine::Torch => true,
    };
    if !torch {
        return Ok((
            Box::new(|_, graph, start| {
                let trainer = Trainer::new(start, Arc::clone(graph))?;
                Ok(Box::new(trainer) as Box<dyn GnpEngine>)
            }),
            "native",
        ));
    }
    #[cfg(feature = "torch")]
    {
        use la_gnn::torch::tch::Kind;
        use la_gnn::torch::{Device, GnpTrainer};
        let device = Device::parse(&request.device)?.to_tch();
        Ok((
            Box::new(move |a, _, start| {
                let trainer = GnpTrainer::new(a, start, Kind::Float, device)?;
                Ok(Box::new(trainer) as Box<dyn GnpEngine>)
            }),
            "torch",
        ))
    }
    #[cfg(not(feature = "torch"))]
    super::engine::without_torch()
}

fn provenance(
    request: &Request,
    name: &str,
    a: &CsrMatrix,
    report: &GnpReport,
    engine: &str,
) -> Provenance {
    let matrix = request.matrix.as_deref().map(Path::new);
    let matrix = matrix
        .and_then(Path::file_name)
        .map(|f| f.to_string_lossy());
    Provenance {
        recipe: json!({
            "variant": name, "steps": report.losses.len(), "learning_rate": request.learning_rate,
            "seed": request.seed, "from": request.from, "engine": engine,
        }),
        data: json!({
            "matrix": matrix, "n": a.rows(), "nnz": a.nnz(),
            "fingerprint": format!("{:016x}", fingerprint(a.view())),
        }),
        commit: crate::commit(),
        results: json!({
            "best_step": report.best_step, "best_loss_over_zero": best(report),
            "seconds": report.seconds, "ended": report.ended,
        }),
        ..Provenance::default()
    }
}

/// The log: step, loss, loss of the zero network, and held-out loss where one was taken.
fn table(report: &GnpReport) -> String {
    let mut text = String::from("step,loss,zero_loss,held_out\n");
    let mut held_out = report.held_out.iter().peekable();
    for (step, (loss, zero)) in report.losses.iter().zip(&report.zero_losses).enumerate() {
        let seen = held_out
            .next_if(|entry| entry.0 == step)
            .map_or_else(String::new, |entry| entry.1.to_string());
        let _ = writeln!(text, "{step},{loss},{zero},{seen}");
    }
    text
}
