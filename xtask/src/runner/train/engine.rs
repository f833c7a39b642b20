//! The engine of a run and its training data.

use std::sync::Arc;

use anyhow::{Result, bail};
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::NativeEngine;
use la_gnn::neuralif::NeuralIfConfig;
#[cfg(feature = "torch")]
use la_gnn::neuralpcg::FactorForm;
use la_gnn::neuralpcg::NeuralPcgConfig;
use la_gnn::training;
#[cfg(feature = "torch")]
use la_gnn::{
    GnnError,
    native::{equilibrate, neuralif::Loss},
    torch::tch::Kind,
    torch::{Device, Generated, LossOptions, Objective, Power, Sample, SampleSource, TorchEngine},
};
use la_problems::Split;
use rayon::prelude::*;

use super::{Architecture, Engine, Run};
use crate::progress;

/// The engine that the run asks for, with its graphs in memory.
pub(super) fn neuralif(
    run: &Run<NeuralIfConfig>,
) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let cuda = run.device.starts_with("cuda");
    match run.engine {
        Engine::Native if cuda => bail!(
            "the native engine runs on the CPU; use --engine torch for {}",
            run.device
        ),
        Engine::Native => native(run),
        Engine::Auto if !cuda => native(run),
        Engine::Auto | Engine::Torch => torch(run),
    }
}

pub(super) fn samples<C: Architecture>(run: &Run<C>) -> u64 {
    run.family
        .len(Split::Train)
        .map_or(run.samples, |len| len.min(run.samples)) as u64
}

fn native(run: &Run<NeuralIfConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let count = samples(run);
    let bar = progress::bar("training matrices", count);
    let graphs = (0..count)
        .into_par_iter()
        .map(|i| {
            let problem = run.family.problem(Split::Train, i)?;
            let graph =
                LowerGraph::<f32>::prepare_for_training(problem.matrix.view(), &run.config)?;
            bar.inc(1);
            Ok(Arc::new(graph))
        })
        .collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    Ok((
        Box::new(NativeEngine::new(&run.config, run.loss, graphs)?),
        "native",
    ))
}

/// `make` for every training matrix, when it is asked for.
#[cfg(feature = "torch")]
fn generated<C, F>(run: &Run<C>, make: F) -> impl SampleSource + use<C, F>
where
    C: Architecture,
    F: Fn(la_problems::CsrMatrix, Vec<f64>) -> Result<Sample, GnnError>,
{
    let family = run.family.clone();
    Generated::new(samples(run) as usize, move |i| {
        let problem = family
            .problem(Split::Train, i as u64)
            .map_err(|e| GnnError::Matrix {
                reason: format!("{e:#}"),
            })?;
        make(problem.matrix, problem.rhs)
    })
}

#[cfg(feature = "torch")]
fn loss_options(loss: Loss) -> Result<LossOptions> {
    let objective = |objective| LossOptions::default().with_objective(objective);
    Ok(match loss {
        Loss::Default => LossOptions::default(),
        Loss::Normalized => objective(Objective::Normalized),
        Loss::Squared => LossOptions::default().with_power(Power::HalfSquare),
        Loss::Kaporin => objective(Objective::Kaporin),
        Loss::KaporinPower(m) => objective(Objective::KaporinPower(m)),
        other => bail!("the loss {other:?} exists in the native engine only; use --engine native"),
    })
}

#[cfg(feature = "torch")]
fn torch(run: &Run<NeuralIfConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let device = Device::parse(&run.device)?.to_tch();
    // The engine is given its parameters at every update; these only fix the configuration.
    let parameters = la_gnn::neuralif::Parameters::initialize(&run.config, run.options.seed)?;
    let model = la_gnn::torch::NeuralIf::new(&parameters, Kind::Float, device)?;
    let equilibrated = run.config.equilibrate;
    let source = generated(run, move |a, _| {
        if equilibrated {
            Sample::from_matrix(equilibrate(a.view())?.0.view())
        } else {
            Sample::from_matrix(a.view())
        }
    });
    let engine = TorchEngine::new(model, source, loss_options(run.loss)?)?;
    Ok((Box::new(engine), "torch"))
}

/// The LibTorch engine; there is no other for this architecture.
#[cfg(feature = "torch")]
pub(super) fn neuralpcg(
    run: &Run<NeuralPcgConfig>,
) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let device = Device::parse(&run.device)?.to_tch();
    let parameters = la_gnn::neuralpcg::Parameters::initialize(&run.config, run.options.seed)?;
    let model = la_gnn::torch::NeuralPcg::new(&parameters, Kind::Float, device)?;
    let config = run.config.clone();
    let source = generated(run, move |a, b| match config.form {
        FactorForm::Triangle => Sample::for_general_neuralpcg(a.view(), &config),
        _ => Sample::for_neuralpcg(a.view(), Some(&b), &config),
    });
    let engine =
        TorchEngine::new(model, source, loss_options(run.loss)?)?.with_kept_entries(KEPT_ENTRIES);
    Ok((Box::new(engine), "torch"))
}

/// Entries of batches that stay in memory: about a gigabyte.
#[cfg(feature = "torch")]
pub(super) const KEPT_ENTRIES: usize = 8_000_000;

#[cfg(not(feature = "torch"))]
pub(super) fn without_torch<T>() -> Result<T> {
    bail!(
        "this program was built without LibTorch; start it with `cargo xtask train`, which builds it with LibTorch"
    )
}

#[cfg(not(feature = "torch"))]
fn torch(_: &Run<NeuralIfConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    without_torch()
}

#[cfg(not(feature = "torch"))]
pub(super) fn neuralpcg(
    _: &Run<NeuralPcgConfig>,
) -> Result<(Box<dyn training::Engine>, &'static str)> {
    without_torch()
}
