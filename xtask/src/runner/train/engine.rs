//! The engine of a run and its training data.

use std::sync::Arc;

use anyhow::{Result, bail};
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::NativeEngine;
use la_gnn::training;
use la_problems::Split;
use rayon::prelude::*;

use super::{Engine, Run};
use crate::progress;

/// The engine that the run asks for, with its graphs in memory.
pub(super) fn build(run: &Run) -> Result<(Box<dyn training::Engine>, &'static str)> {
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

fn samples(run: &Run) -> u64 {
    run.family
        .len(Split::Train)
        .map_or(run.samples, |len| len.min(run.samples)) as u64
}

fn native(run: &Run) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let count = samples(run);
    let bar = progress::bar("training matrices", count);
    let graphs = (0..count)
        .into_par_iter()
        .map(|i| {
            let problem = run.family.problem(Split::Train, i)?;
            let graph = LowerGraph::<f32>::prepare(problem.matrix.view(), &run.config)?;
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

#[cfg(feature = "torch")]
fn torch(run: &Run) -> Result<(Box<dyn training::Engine>, &'static str)> {
    use la_gnn::native::equilibrate;
    use la_gnn::native::neuralif::Loss;
    use la_gnn::neuralif::Parameters;
    use la_gnn::torch::{
        Device, Generated, LossOptions, NeuralIf, Objective, Power, Sample, TorchEngine,
    };

    let options = match run.loss {
        Loss::Default => LossOptions::default(),
        Loss::Normalized => LossOptions::default().with_objective(Objective::Normalized),
        Loss::Squared => LossOptions::default().with_power(Power::HalfSquare),
        other => bail!("the loss {other:?} exists in the native engine only; use --engine native"),
    };
    let device = Device::parse(&run.device)?.to_tch();
    // The engine is given its parameters at every update; these only fix the configuration.
    let model = NeuralIf::new(
        &Parameters::initialize(&run.config, run.options.seed)?,
        tch_kind(),
        device,
    )?;
    let (family, equilibrated) = (run.family.clone(), run.config.equilibrate);
    let source = Generated::new(samples(run) as usize, move |i| {
        let failed = |e: anyhow::Error| la_gnn::GnnError::Matrix {
            reason: format!("{e:#}"),
        };
        let problem = family.problem(Split::Train, i as u64).map_err(failed)?;
        if equilibrated {
            Sample::from_matrix(equilibrate(problem.matrix.view())?.0.view())
        } else {
            Sample::from_matrix(problem.matrix.view())
        }
    });
    Ok((Box::new(TorchEngine::new(model, source, options)?), "torch"))
}

#[cfg(feature = "torch")]
fn tch_kind() -> la_gnn::torch::tch::Kind {
    la_gnn::torch::tch::Kind::Float
}

#[cfg(not(feature = "torch"))]
fn torch(_: &Run) -> Result<(Box<dyn training::Engine>, &'static str)> {
    bail!(
        "this program was built without LibTorch; start it with `cargo xtask train`, which builds it with LibTorch"
    )
}
