//! What a corrector is trained for.

use la_gnn::corrector::CorrectorConfig;
use la_gnn::native::mpgnn::{Cosine, EdgeLoss, EdgeTask};
use sprs::CsMatViewI;

use super::super::builder_error;
use super::spectrum::{Spectral, SpectralGoal};
use super::view::{MatrixView, entries};
use crate::PrecondError;
use crate::classical::KOptimal;

/// What the entries of a factor are trained for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FactorGoal {
    /// The direction of the K-optimal factor: `1 − cos`.
    KOptimal,
    /// The spectrum of the preconditioned matrix, by dense algebra.
    Spectrum(SpectralGoal),
}

/// A matrix to learn from, for [`EdgeEngine`](la_gnn::native::mpgnn::EdgeEngine) with the network and the limit of `config`.
///
/// # Errors
/// As [`LearnedCorrector::factor`](super::LearnedCorrector::factor); as [`KOptimal::factor`] and [`Spectral::new`].
///
/// # Examples
/// ```
/// use la_gnn::corrector::{CorrectorConfig, Parameters};
/// use la_gnn::native::mpgnn::EdgeEngine;
/// use la_precond::learned::{FactorGoal, corrector_task};
/// use la_problems::TriangularGrid;
///
/// let config = CorrectorConfig::default();
/// let a = TriangularGrid::default().generate(0)?;
/// let task = corrector_task(a.view(), &config, FactorGoal::KOptimal)?;
/// let engine = EdgeEngine::new(&config.network(), config.limit, vec![task])?;
/// // IC(0) is not far from K-optimal.
/// let loss = engine.mean_loss(&Parameters::initialize(&config, 0)?.values)?;
/// assert!(0.001 < loss && loss < 0.05);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn corrector_task(
    a: CsMatViewI<'_, f64, u32>,
    config: &CorrectorConfig,
    goal: FactorGoal,
) -> Result<EdgeTask, PrecondError> {
    let view = MatrixView::new(a, config.input)?;
    let loss: Box<dyn EdgeLoss> = match goal {
        FactorGoal::KOptimal => {
            let wanted = entries(&KOptimal::default().factor(a)?);
            let failed = |error| builder_error("learned-corrector", &error);
            Box::new(Cosine::new(&wanted).map_err(failed)?)
        }
        FactorGoal::Spectrum(goal) => Box::new(Spectral::new(a, goal)?),
    };
    Ok(EdgeTask {
        graph: view.graph,
        nodes: view.nodes,
        edges: view.edges,
        base: view.base,
        loss,
    })
}
