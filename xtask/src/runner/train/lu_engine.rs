//! The engine of a training run of learned LU, with every training matrix and its solutions in memory.

use anyhow::{Context, Result, bail};
use la_gnn::GnnError;
use la_gnn::learned_lu::{Base, LearnedLuConfig};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{LuEngine, LuTrainingGraph};
use la_gnn::native::neuralif::InversePair;
use la_gnn::training;
use la_krylov::sprs::CsMatViewI;
use la_krylov::{GmresOptions, gmres};
use la_precond::classical::{Complete, Ilu};
use la_problems::{CsrMatrix, Split};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::engine::samples;
use super::{Engine, Run};
use crate::experiment::Problem;
use crate::progress;

/// The engine that the run asks for.
pub(super) fn learned_lu(
    run: &Run<LearnedLuConfig>,
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

/// `make` for every training matrix.
fn prepared<T: Send>(
    run: &Run<LearnedLuConfig>,
    make: impl Fn(&Problem, Vec<Solved>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let count = samples(run);
    let bar = progress::bar("training matrices", count);
    let all = (0..count)
        .into_par_iter()
        .map(|i| {
            let problem = run.family.problem(Split::Train, i)?;
            let solved = solutions(&problem.matrix, run, Split::Train.seed(i))
                .with_context(|| format!("solving with {}", problem.name))?;
            let made = make(&problem, solved)
                .with_context(|| format!("training matrix {}", problem.name))?;
            bar.inc(1);
            Ok(made)
        })
        .collect();
    bar.finish_and_clear();
    all
}

fn native(run: &Run<LearnedLuConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    let graphs = prepared(run, |problem, solved| {
        let pairs: Vec<InversePair> = solved
            .into_iter()
            .map(|s| InversePair { x: s.x, y: s.given })
            .collect();
        let a = problem.matrix.view();
        Ok(LuTrainingGraph::new(a, &run.config, &pairs, ilu0)?)
    })?;
    Ok((
        Box::new(LuEngine::new(&run.config, run.loss.loss.clone(), graphs)?),
        "native",
    ))
}

#[cfg(feature = "torch")]
fn torch(run: &Run<LearnedLuConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    use la_gnn::learned_lu::Parameters;
    use la_gnn::torch::{Device, LearnedLu, Sample, TorchEngine, tch::Kind};

    let device = Device::parse(&run.device)?.to_tch();
    // The engine is given its parameters at every update; these only fix the configuration.
    let parameters = Parameters::initialize(&run.config, run.options.seed)?;
    let model = LearnedLu::new(&parameters, Kind::Float, device)?;
    let samples = prepared(run, |problem, solved| {
        let a = problem.matrix.view();
        let mut sample = Sample::for_learned_lu(a, Some(&problem.rhs), &run.config)?;
        if run.config.base == Base::Ilu0 {
            let base = ilu0(sample.matrix().view())?;
            sample = sample.with_base(base)?;
        }
        let pairs = solved
            .into_iter()
            .map(|s| InversePair { x: s.x, y: s.seen });
        Ok(std::sync::Arc::new(sample.with_pairs(pairs.collect())?))
    })?;
    let engine = TorchEngine::new(model, samples, run.loss.loss.clone())?
        .with_kept_entries(super::engine::KEPT_ENTRIES);
    Ok((Box::new(engine), "torch"))
}

#[cfg(not(feature = "torch"))]
fn torch(_: &Run<LearnedLuConfig>) -> Result<(Box<dyn training::Engine>, &'static str)> {
    super::engine::without_torch()
}

/// A solution and its right-hand side: of the matrix as it is given, and as the network sees it.
struct Solved {
    x: Vec<f64>,
    given: Vec<f64>,
    #[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
    seen: Vec<f64>,
}

/// Solutions of systems with a matrix whose right-hand sides are standard normal as the network sees them. The matrix is factored
/// once.
fn solutions(a: &CsrMatrix, run: &Run<LearnedLuConfig>, seed: u64) -> Result<Vec<Solved>> {
    if run.loss.pairs == 0 {
        return Ok(Vec::new());
    }
    let graph = CoatesGraph::<f64>::prepare(a.view(), &run.config)?;
    let direct = Complete::default().factor(a.view())?;
    let options = GmresOptions::default().with_rtol(1e-10);
    (0..run.loss.pairs as u64)
        .map(|k| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            // Streams 0 and 1 belong to the generators.
            rng.set_stream(2 + k);
            let seen: Vec<f64> = (0..a.rows())
                .map(|_| StandardNormal.sample(&mut rng))
                .collect();
            let given = match graph.scale() {
                Some(scale) => seen.iter().zip(scale).map(|(y, s)| y * s).collect(),
                None => seen.clone(),
            };
            let solution = gmres(a, &given, &direct, &options)?;
            solution.require_converged()?;
            Ok(Solved {
                x: solution.x,
                given,
                seen,
            })
        })
        .collect()
}

/// Entries of ILU(0) in the order of the matrix, pivots in L.
fn ilu0(a: CsMatViewI<'_, f64, u32>) -> Result<Vec<f64>, GnnError> {
    let factor = Ilu::default().factor(a).map_err(|e| GnnError::Matrix {
        reason: format!("has no ILU(0): {e}"),
    })?;
    let pivot = |j: usize| 1.0 / factor.inverse_diagonal()[j];
    let mut entries = Vec::with_capacity(a.nnz());
    for i in 0..a.rows() {
        entries.extend(factor.lower_row(i).map(|(j, l)| l * pivot(j)));
        entries.push(pivot(i));
        entries.extend(factor.scaled_upper_row(i).map(|(_, u)| u));
    }
    Ok(entries)
}
